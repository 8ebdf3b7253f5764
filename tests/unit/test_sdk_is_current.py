"""The SDK's generated code follows from the tables as they are, and tells the truth."""

import json
from pathlib import Path

import pytest

import ringline
from ringline.domain.events import EventData, ThreadEvent
from ringline.domain.spelling import camel
from ringline.rpc.actions import ACTIONS
from ringline.wire.conversation_members import frame_of, payload
from ringline.wire.events_socket import NAMES
from ringline.wire.message_payloads import THREAD_EVENTS
from ringline.wire.payload_members import payload_of
from ringline.wire.realtime_errors import ERRORS, Ends
from ringline.wire.realtime_events import CLIENT, SERVER, RealtimeEvent
from sdk.event_payloads import payload_types
from sdk.generate import generated

JS = Path(__file__).parents[2] / "sdk" / "js"


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_generated_code_is_current(path: Path) -> None:
    assert path.read_text("utf-8") == generated()[path], "run: python -m sdk.generate"


def test_every_action_has_its_functions() -> None:
    functions = (JS / "src/functions.ts").read_text("utf-8")
    for name in ACTIONS:
        spelt = camel(name)
        assert f"  {spelt},\n" in functions
        assert f"  validate{spelt[0].upper()}{spelt[1:]},\n" in functions


@pytest.mark.parametrize("data", NAMES, ids=lambda data: data.type)
def test_an_events_type_has_the_members_of_its_payload(data: type[EventData]) -> None:
    types = (JS / "src/generated.ts").read_text("utf-8")
    name = "".join(word.capitalize() for word in NAMES[data].split("_"))
    _, found, rest = types.partition(f"export interface {name}Event {{\n")
    assert found
    body = [line.strip() for line in rest.partition("}\n")[0].splitlines()]
    assert body == [f"{member}: {type_};" for member, type_ in payload_types(data).items()]
    names = [name.removesuffix("?") for name in payload_types(data)]
    assert names == [member.name for member in payload_of(data)]


@pytest.mark.parametrize(
    "event", [*CLIENT.values(), *SERVER.values()], ids=lambda event: event.name
)
def test_a_realtime_event_has_its_members(event: RealtimeEvent) -> None:
    types = (JS / "src/realtime.ts").read_text("utf-8")
    _, found, rest = types.partition(f'  "{event.name}": {{\n')
    assert found
    lines = [line.strip() for line in rest.partition("\n  };\n")[0].splitlines()]
    members = [line.partition(": ")[0] for line in lines if not line.startswith("/** ")]
    optional = {one.name for one in event.members if one.optional or one.default is not None}
    assert [name.removesuffix("?") for name in members] == [
        "type",
        *(member.name for member in event.members),
    ]
    assert {name.removesuffix("?") for name in members if name.endswith("?")} == optional


@pytest.mark.parametrize("kind", THREAD_EVENTS, ids=lambda kind: kind.type)
def test_an_event_of_a_thread_has_its_members(kind: type[ThreadEvent]) -> None:
    types = (JS / "src/conversation_events.ts").read_text("utf-8")
    _, found, rest = types.partition(f'  "{kind.type}": {{\n')
    assert found
    lines = [line.strip() for line in rest.partition("\n  };\n")[0].splitlines()]
    assert lines[1] == f'event_type: "{kind.type}";'
    assert [line.partition(": ")[0] for line in lines] == [one.name for one in frame_of(kind)]
    (inner,) = (line for line in lines if line.startswith("payload: "))
    for member in payload(kind):
        assert f"{member.name}: " in inner


def test_codes_that_end_a_session_have_a_type() -> None:
    types = (JS / "src/realtime.ts").read_text("utf-8")
    _, _, rest = types.partition("export type SessionEndCode =")
    listed = [line.strip(' |"') for line in rest.partition(";")[0].splitlines() if line]
    assert listed == [code for code, error in ERRORS.items() if error.ends is not Ends.NEVER]
    assert "error: { code: SessionEndCode; message: string" in types
    assert "error: { code: SessionErrorCode; message: string" in types


def test_the_package_has_the_servers_version() -> None:
    package = json.loads((JS / "package.json").read_text("utf-8"))
    assert package["version"] == ringline.__version__
    assert list(package["dependencies"]) == ["phoenix"]
    lock = json.loads((JS / "package-lock.json").read_text("utf-8"))
    third_party = {name: entry for name, entry in lock["packages"].items() if name}
    assert [name for name, entry in third_party.items() if "integrity" not in entry] == []
    assert [name for name, entry in third_party.items() if "resolved" in entry] == []
