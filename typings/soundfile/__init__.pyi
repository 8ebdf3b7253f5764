from collections.abc import Iterator
from os import PathLike
from types import TracebackType
from typing import IO, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

class SoundFileError(Exception): ...

class LibsndfileError(SoundFileError):
    code: int
    error_string: str

class SoundFile:
    samplerate: int
    channels: int
    frames: int
    def __init__(self, file: str | IO[bytes], mode: Literal["r"] = "r") -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def blocks(
        self, blocksize: int, *, dtype: Literal["float32"], always_2d: Literal[True]
    ) -> Iterator[NDArray[np.float32]]: ...

def write(
    file: str | PathLike[str], data: NDArray[Any], samplerate: int, subtype: str | None = None
) -> None: ...
