"""What the page of payloads says of each event is what its surfaces write."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import jsonschema
import pytest

from ringline.domain.events import EVENT_TYPES, EventData, ThreadEvent
from ringline.domain.members import Member
from ringline.web.member_schemas import written
from ringline.wire import (
    conversation_members,
    envelope_members,
    events_socket,
    listed_members,
    payload_members,
    receiver_members,
)
from ringline.wire.listed_events import listed
from ringline.wire.message_payloads import THREAD_EVENTS
from tests import payload_examples
from tests.payload_examples import EPOCH, MIRRORED, NOTICES, STORED
from tests.payload_reference import envelopes
from tests.unit import test_dialects


def fits(members: Sequence[Member], value: object) -> None:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(written(members), format_checker=checker).validate(value)


def sample(data: type[EventData]) -> Iterator[Any]:
    """Yield an event of a type: that of the page, and a bare one whose nulls are null."""
    yield from (stored for stored in STORED if type(stored.event.data) is data)
    bare = test_dialects.event(test_dialects.DATA[data])
    if data.type.startswith("call."):
        yield payload_examples.StoredEvent(7, bare)


def test_the_page_has_an_example_of_every_event() -> None:
    assert {type(stored.event.data) for stored in STORED} == set(EVENT_TYPES.values())
    assert set(payload_members.SOCKET) == set(events_socket.NAMES)
    assert set(envelopes()) == set(envelope_members.PAYLOADS)
    assert set(EVENT_TYPES.values()) == set(listed_members.OWN)


@pytest.mark.parametrize("data", events_socket.NAMES, ids=lambda data: data.type)
def test_the_events_socket(data: type[EventData]) -> None:
    for stored in sample(data):
        spelt = payload_examples.on_socket(stored)
        assert spelt is not None
        assert spelt[0] == events_socket.NAMES[data]
        fits(payload_members.payload_of(data), json.loads(spelt[1]))


@pytest.mark.parametrize("data", EVENT_TYPES.values(), ids=lambda data: data.type)
def test_the_envelope_and_its_payload(data: type[EventData]) -> None:
    for stored in sample(data):
        frame = payload_examples.in_envelope(stored)
        if frame is not None:
            said = json.loads(frame)
            fits(envelope_members.COMMON, said)
            fits(envelope_members.PAYLOADS[said["event_type"]], said["payload"])


@pytest.mark.parametrize("data", EVENT_TYPES.values(), ids=lambda data: data.type)
def test_a_frame_of_the_transcript(data: type[EventData]) -> None:
    for stored in sample(data):
        frame = payload_examples.in_transcript(stored)
        if frame is not None:
            _, _, text = frame.partition("data: ")
            fits(payload_members.TRANSCRIPT, json.loads(text))


@pytest.mark.parametrize("data", THREAD_EVENTS, ids=lambda data: data.type)
def test_a_frame_of_the_conversation(data: type[ThreadEvent]) -> None:
    """Its documented members stand in the payload and, the same, at the top level (2.4)."""
    common = {member.name for member in conversation_members.COMMON}
    for stored in sample(data):
        frame = payload_examples.in_conversation(stored)
        assert frame is not None
        position, _, text = frame.partition("data: ")
        assert position == f"id: {payload_examples.position_of(stored)}\n"
        said = json.loads(text)
        fits(conversation_members.FRAME, said)
        fits(conversation_members.frame_of(data), said)
        mirrored = {member.name for member in conversation_members.documented(data)}
        assert said.keys() == common | mirrored
        assert {name: said[name] for name in mirrored}.items() <= said["payload"].items()
        assert not mirrored & common, "no name stands for two things"


@pytest.mark.parametrize("notice", NOTICES)
def test_a_notice(notice: str) -> None:
    said = json.loads(notice)
    fits(envelope_members.NOTICES[said["event_type"]], said)


def test_what_is_mirrored() -> None:
    fits(receiver_members.TOOL, json.loads(MIRRORED))


@pytest.mark.parametrize("data", listed_members.OWN, ids=lambda data: data.type)
def test_list_events_and_the_topic_log(data: type[EventData]) -> None:
    for stored in sample(data):
        said = json.loads(payload_examples.in_log(stored))
        assert set(said) == {member.name for member in listed_members.row_of(data)}
        fits(listed_members.row_of(data), said)
        fits(listed_members.data_of(data), said["data"])
        if data.durable:
            assert said == json.loads(payload_examples.encode(listed(stored, EPOCH)))
