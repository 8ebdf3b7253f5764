"""The frames of the relay benchmark: 40 ms of audio that carry the moment they were made."""

from __future__ import annotations

import base64
import time

RATE_HZ, FRAME_MS = 24_000, 40
FRAME_S = FRAME_MS / 1000
SIZE = RATE_HZ * 2 * FRAME_MS // 1000

#: A moment is the first eight bytes; twelve bytes are sixteen characters of base64.
_STAMP, _HEAD, _HEAD_TEXT = 8, 12, 16
_REST = bytes(SIZE - _HEAD)
_REST_TEXT = base64.b64encode(_REST).decode()


def make() -> tuple[bytes, str]:
    """Make a frame of now: its samples, and the same as base64."""
    head = time.monotonic_ns().to_bytes(_STAMP, "little") + bytes(_HEAD - _STAMP)
    return head + _REST, base64.b64encode(head).decode() + _REST_TEXT


def age_ms(pcm: bytes) -> float:
    """Return how long ago a frame was made."""
    return (time.monotonic_ns() - int.from_bytes(pcm[:_STAMP], "little")) / 1e6


def age_of_text_ms(audio: str | bytes) -> float:
    """Return how long ago a frame was made, by its base64."""
    return age_ms(base64.b64decode(audio[:_HEAD_TEXT]))
