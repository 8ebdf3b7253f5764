"""An estimate of an event's memory, for buffers that are bounded in bytes."""

import msgspec

from ringline.domain.events import Event

_ENCODE = msgspec.json.Encoder(enc_hook=str).encode
_EVENT_BYTES = 600  # what an event takes in addition to its data
_UNKNOWN_BYTES = 4096


def weight_of(event: Event) -> int:
    """Estimate the bytes that an event takes in memory."""
    try:
        return _EVENT_BYTES + len(_ENCODE(event.data))
    except (TypeError, ValueError):
        return _UNKNOWN_BYTES
