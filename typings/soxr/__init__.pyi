from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

_Quality = Literal["QQ", "LQ", "MQ", "HQ", "VHQ"]
_Dtype = TypeVar("_Dtype", np.float32, np.float64, np.int32, np.int16)

class ResampleStream:
    def __init__(
        self,
        in_rate: float,
        out_rate: float,
        num_channels: int,
        dtype: str | type[Any] = "float32",
        quality: _Quality = "HQ",
        vr: bool = False,
    ) -> None: ...
    def resample_chunk(self, x: NDArray[_Dtype], last: bool = False) -> NDArray[_Dtype]: ...
    def num_clips(self) -> int: ...
    def delay(self) -> float: ...
    def clear(self) -> None: ...

def resample(
    x: NDArray[_Dtype], in_rate: float, out_rate: float, quality: _Quality = "HQ"
) -> NDArray[_Dtype]: ...
