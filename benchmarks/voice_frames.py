"""Frames of 40 ms that carry the moment they were made, so quietly that nobody hears speech.

The relay benchmark writes the moment as loud samples. Some voices listen to the caller with a
detector of ours, which such a click could wake: here each of the sixteen digits of a moment is
a sample of at most 15.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass

FRAME_MS = 40
FRAME_S = FRAME_MS / 1000

_DIGITS = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))
_HEX = bytes.maketrans(bytes(range(16)), b"0123456789abcdef")
_LOUD = b"\x00\x20\x00\xe0"
_STAMP = 32
#: A multiple of three bytes is a whole number of characters of base64.
_HEAD, _HEAD_TEXT = 36, 48


def _stamp() -> bytes:
    stamp = bytearray(_HEAD)
    stamp[0:_STAMP:2] = time.monotonic_ns().to_bytes(8).hex().encode().translate(_DIGITS)
    return bytes(stamp)


@dataclass(frozen=True, slots=True)
class Frames:
    """Makes and reads the frames of one rate."""

    rate_hz: int
    #: The rest of a frame is loud, for a voice that takes silence for a pause.
    loud: bool = False

    @property
    def size(self) -> int:
        """The bytes of a frame."""
        return self.rate_hz * 2 * FRAME_MS // 1000

    def pcm_of_now(self) -> bytes:
        rest = self.size - _HEAD
        return _stamp() + (_LOUD * (rest // len(_LOUD)) if self.loud else bytes(rest))

    def base64_of_now(self) -> str:
        return base64.b64encode(self.pcm_of_now()).decode()

    def age_of_text_ms(self, audio: str | bytes) -> float:
        """Return how long ago a frame was made, by its base64."""
        digits = base64.b64decode(audio[:_HEAD_TEXT])[0:_STAMP:2].translate(_HEX)
        return (time.monotonic_ns() - int(digits, 16)) / 1e6
