"""The frames of the relay benchmark: 40 ms of audio that carry the moment they were made.

Both relays have the same provider in their process: it hears and says JSON text, as a
provider's connection would carry it. What it says is put together without a JSON encoder, so
that what is measured is the relay's work and not the provider's.
"""

from __future__ import annotations

import base64
import time

RATE_HZ, FRAME_MS = 24_000, 40
FRAME_S = FRAME_MS / 1000
SIZE = RATE_HZ * 2 * FRAME_MS // 1000

#: A moment is the first eight bytes; twelve bytes are sixteen characters of base64.
_STAMP, _HEAD, _HEAD_TEXT = 8, 12, 16
_REST_TEXT = base64.b64encode(bytes(SIZE - _HEAD)).decode()


def base64_of_now() -> str:
    """Make a frame of now, as base64."""
    head = time.monotonic_ns().to_bytes(_STAMP, "little") + bytes(_HEAD - _STAMP)
    return base64.b64encode(head).decode() + _REST_TEXT


def said() -> str:
    """Make what the provider says: an event with a frame of now."""
    return f'{{"type": "response.output_audio.delta", "delta": "{base64_of_now()}"}}'


def heard_age_ms(message: str) -> float:
    """Return how long ago the frame was made that the provider hears in an event."""
    start = message.index('"audio":') + 8
    start = message.index('"', start) + 1
    return age_of_text_ms(message[start : start + _HEAD_TEXT])


def age_of_text_ms(audio: str | bytes) -> float:
    """Return how long ago a frame was made, by its base64."""
    stamp = base64.b64decode(audio[:_HEAD_TEXT])[:_STAMP]
    return (time.monotonic_ns() - int.from_bytes(stamp, "little")) / 1e6
