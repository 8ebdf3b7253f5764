"""The bodies of test events in the envelope of agents (live streams, 3.2, 3.7 and 3.8)."""

from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Position, Scope
from ringline.domain.sample_events import Sample, sample_event
from ringline.wire.envelope import Envelope

#: The canonical types of the sample events, by the type that is sent.
_CANONICAL = {
    "call.initiated": "call.answered",
    "call.transcription": "call.turn_completed",
    "call.completed": "call.ended",
    "message.received": "message.received",
}
#: The types that a test may have.
TRIAL_TYPES = tuple(_CANONICAL)

#: A test event is in no log.
_NOWHERE = Position("", 0)


def encode_trial(type_: str, sample: Sample, *, scope: Scope) -> tuple[str, bytes]:
    """Return the id and the body of a test event of one of `TRIAL_TYPES`."""
    event = sample_event(_CANONICAL[type_], sample)
    body = Envelope().encode(event, _NOWHERE, scope=scope)
    assert body is not None, f"envelopes show {type_}"
    return format_id(Prefix.EVENT, event.id), body
