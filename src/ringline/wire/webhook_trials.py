"""The bodies of test events in the envelope of agents (live streams, 3.2, 3.7 and 3.8)."""

from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Position, Scope
from ringline.domain.sample_events import BAKERY, CUSTOMER, Sample, sample_event
from ringline.wire.envelope import Envelope
from ringline.wire.strict_json import encode
from ringline.wire.times import seconds

_MESSAGE = "message.received"
#: The canonical types of the sample events, by the type that is sent.
_OF_CALLS = {
    "call.initiated": "call.answered",
    "call.transcription": "call.turn_completed",
    "call.completed": "call.ended",
}
#: The types that a test may have.
TRIAL_TYPES = (*_OF_CALLS, _MESSAGE)

#: A test event is in no log.
_NOWHERE = Position("", 0)


def encode_trial(type_: str, sample: Sample, *, scope: Scope) -> tuple[str, bytes]:
    """Return the id and the body of a test event of one of `TRIAL_TYPES`."""
    if type_ == _MESSAGE:
        return _message(sample)
    event = sample_event(_OF_CALLS[type_], sample)
    body = Envelope().encode(event, _NOWHERE, scope=scope)
    assert body is not None, f"envelopes show {type_}"
    return format_id(Prefix.EVENT, event.id), body


def _message(sample: Sample) -> tuple[str, bytes]:
    event_id = format_id(Prefix.EVENT, sample.new_id())
    body = {
        "event_id": event_id,
        "event_type": _MESSAGE,
        "channel": "sms",
        "agent_id": format_id(Prefix.AGENT, sample.agent_id),
        "number": BAKERY,
        "from": CUSTOMER,
        "timestamp": seconds(sample.now),
        "payload": {
            "message_id": format_id(Prefix.MESSAGE, sample.new_id()),
            "conversation_id": format_id(Prefix.CONVERSATION, sample.new_id()),
            "body": "Hello! Is the Ikeja branch open today?",
            "encoding": "GSM-7",
        },
    }
    return event_id, encode(body)
