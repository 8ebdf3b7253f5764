"""The events of test sends: one of each type, as real ones are (live streams, 3.8)."""

import itertools
import json
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.events import EVENT_TYPES, TurnCompleted, read_data
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Position
from ringline.domain.sample_events import BAKERY, CUSTOMER, SAMPLES, Sample, sample_event
from ringline.domain.webhook_types import sent_type
from ringline.wire.endpoint_envelope import EndpointEnvelope
from ringline.wire.webhook_trials import TRIAL_TYPES, encode_trial
from tests.samples import a_scope

SCOPE = a_scope()
NOW = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
AGENT = UUID(int=7)


def a_sample() -> Sample:
    numbers = itertools.count(100)
    return Sample(NOW, lambda: UUID(int=next(numbers)), AGENT)


def test_every_durable_type_has_a_sample() -> None:
    assert set(SAMPLES) == {name for name, data in EVENT_TYPES.items() if data.durable}


@pytest.mark.parametrize("type_", SAMPLES)
def test_a_sample_is_an_event_like_any_other(type_: str) -> None:
    event = sample_event(type_, a_sample())
    assert event.type == type_
    assert (event.call is not None) is type_.startswith("call.")
    stored = msgspec.json.encode(event.data)
    assert read_data(type_, stored) == event.data, "it could be in the log"
    body = EndpointEnvelope().encode(event, Position("", 0), scope=SCOPE)
    assert body is not None
    assert json.loads(body)["type"] == sent_type(type_)


def test_a_sample_of_a_turn_has_a_side() -> None:
    for role in TurnRole:
        data = sample_event("call.turn_completed", a_sample(), said_by=role).data
        assert isinstance(data, TurnCompleted)
        assert data.role is role
        assert (data.latency is not None) is (role is TurnRole.AGENT)


@pytest.mark.parametrize("type_", TRIAL_TYPES)
def test_the_body_of_a_test(type_: str) -> None:
    event_id, raw = encode_trial(type_, a_sample(), scope=SCOPE)
    body = json.loads(raw)
    assert list(body) == [
        "event_id",
        "event_type",
        "channel",
        "agent_id",
        "number",
        "from",
        "timestamp",
        "payload",
    ]
    assert (body["event_id"], body["event_type"]) == (event_id, type_)
    assert body["channel"] == ("sms" if type_.startswith("message.") else "voice")
    assert body["agent_id"] == format_id(Prefix.AGENT, AGENT)
    assert (body["number"], body["from"]) == (BAKERY, CUSTOMER)
    assert body["payload"]


def test_what_existing_clients_need_is_in_a_test() -> None:
    """The keys that public clients of the format read (live streams, 8)."""

    def payload(type_: str) -> dict[str, object]:
        return json.loads(encode_trial(type_, a_sample(), scope=SCOPE)[1])["payload"]

    assert {"call_id", "direction", "from_number", "to_number"} <= set(payload("call.initiated"))
    assert {"call_id", "turn_id", "text"} <= set(payload("call.transcription"))
    completed = payload("call.completed")
    assert isinstance(completed["duration_seconds"], int)
    assert completed["status"] == "completed"
    message = payload("message.received")
    assert message["message_id"]
    assert message["body"]
    assert message["encoding"] == "GSM-7"
