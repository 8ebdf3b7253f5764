"""The SDK's generated code follows from the tables as they are, and tells the truth."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

import ringline
from ringline.domain.events import (
    CallAnswered,
    CallAudit,
    CallCreated,
    CallEnded,
    CallRef,
    Event,
    EventData,
    ParticipantJoined,
    ParticipantLeft,
    TranscriptDelta,
    TurnCompleted,
)
from ringline.domain.log import Environment, LogKey, Position
from ringline.rpc.actions import ACTIONS
from ringline.rpc.names import camel
from ringline.wire.events_socket import NAMES, encode_payload
from sdk.event_payloads import COMMON, DURABLE, PAYLOADS
from sdk.generate import generated

JS = Path(__file__).parents[2] / "sdk" / "js"
ID = UUID(int=1)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
CALL = CallRef(
    id=ID,
    uuid="call-1",
    direction="inbound",
    from_number="+15550100",
    to_number="+15550123",
    transport="sip",
)
PERSON = {"participant_id": ID, "member_uuid": "m", "role": "caller", "joined_at": NOW}
ITEM = {"turn_id": ID, "item_id": "i", "role": "caller", "text": "Hello."}

#: An event of every type that the socket shows.
EVENTS: tuple[EventData, ...] = (
    CallCreated(status="ringing", source="pstn", started_at=NOW),
    CallAnswered(answered_at=NOW, started_at=NOW, answered_by="ai_agent"),
    CallEnded(
        status="completed",
        hangup_cause="caller_hangup",
        started_at=NOW,
        answered_at=NOW,
        ended_at=NOW,
        duration_seconds=1,
    ),
    ParticipantJoined(**PERSON),
    ParticipantLeft(**PERSON, left_at=NOW),
    TranscriptDelta(**ITEM, delta="Hello.", sequence=0),
    TurnCompleted(**ITEM, transcript_id=ID),
    CallAudit(audit_type="note", code="c"),
)


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_generated_code_is_current(path: Path) -> None:
    assert path.read_text("utf-8") == generated()[path], "run: python -m sdk.generate"


def test_every_action_has_its_functions() -> None:
    functions = (JS / "src/functions.ts").read_text("utf-8")
    for name in ACTIONS:
        spelt = camel(name)
        assert f"  {spelt},\n" in functions
        assert f"  validate{spelt[0].upper()}{spelt[1:]},\n" in functions


def test_every_event_is_tried() -> None:
    assert {type(data) for data in EVENTS} == set(NAMES) == set(PAYLOADS)


@pytest.mark.parametrize("data", EVENTS, ids=lambda data: data.type)
def test_an_events_type_has_the_members_of_its_payload(data: EventData) -> None:
    log = LogKey(ID, Environment.LIVE)
    spelt = encode_payload(Event(ID, NOW, data, CALL), Position("abcdefgh", 1), log)
    assert spelt is not None
    written = json.loads(spelt[1])
    described = {**COMMON, **(DURABLE if data.durable else {}), **PAYLOADS[type(data)]}
    assert written.keys() == described.keys()
    for name, value in written.items():
        match value:
            case None:
                assert described[name].endswith("| null"), name
            case int():
                assert described[name] == "number", name
            case dict():
                assert described[name] == "UntypedMap", name
            case _:
                words = described[name]
                assert words.split(" ")[0] in ("string", "Uuid", "Timestamp") or (
                    f'"{value}"' in words
                ), name


def test_the_package_has_the_servers_version() -> None:
    package = json.loads((JS / "package.json").read_text("utf-8"))
    assert package["version"] == ringline.__version__
    assert list(package["dependencies"]) == ["phoenix"]
    lock = json.loads((JS / "package-lock.json").read_text("utf-8"))
    third_party = {name: entry for name, entry in lock["packages"].items() if name}
    assert [name for name, entry in third_party.items() if "integrity" not in entry] == []
    assert [name for name, entry in third_party.items() if "resolved" in entry] == []
