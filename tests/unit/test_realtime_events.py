"""What the realtime voice page says of events and members is what the code reads and writes."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from ringline.domain.agent import RequestedTurnDetection, Tool
from ringline.domain.config_members import MEMBERS, SessionConfig
from ringline.domain.members import Member
from ringline.domain.session_config import ConfigProblem
from ringline.web.member_schemas import read, written
from ringline.wire import realtime, realtime_events, realtime_mint
from ringline.wire.errors import V3_ERRORS
from ringline.wire.realtime_events import CLIENT, SERVER
from tests.realtime_examples import CLIENT_EXAMPLES, SERVER_EXAMPLES

CONFIG = {member.name: member for member in MEMBERS}


def fits(schema: dict[str, Any], value: object) -> None:
    jsonschema.Draft202012Validator(schema).validate(value)


def fields(struct: type[msgspec.Struct]) -> dict[str, bool]:
    """Return the members that a struct is read of, and which of them it requires."""
    return {field.encode_name: field.required for field in msgspec.structs.fields(struct)}


def required(members: tuple[Member, ...]) -> dict[str, bool]:
    return {member.name: member.default is None for member in members}


def test_the_tables_hold_the_events_that_are_read() -> None:
    assert set(CLIENT) == set(realtime.CLIENT_EVENTS)
    for name, struct in realtime.CLIENT_EVENTS.items():
        assert required(CLIENT[name].members) == fields(struct)


@pytest.mark.parametrize("name", CLIENT)
def test_an_example_of_a_clients_event_is_read(name: str) -> None:
    for example in CLIENT_EXAMPLES[name]:
        assert isinstance(realtime.decode(example), realtime.CLIENT_EVENTS[name])
        fits(read(CLIENT[name].members), json.loads(example))


@pytest.mark.parametrize("name", SERVER)
def test_a_servers_event_has_the_members_of_its_row(name: str) -> None:
    seen: set[str] = set()
    for example in SERVER_EXAMPLES[name]:
        said: dict[str, object] = json.loads(example)
        assert said.pop("type") == name
        fits(written(SERVER[name].members), said)
        seen |= said.keys()
    assert seen == {member.name for member in SERVER[name].members}


def test_no_event_is_written_that_has_no_row() -> None:
    assert set(SERVER_EXAMPLES) == set(SERVER)
    assert realtime_events.CLIENT.keys().isdisjoint(SERVER)


def test_the_mint_reads_and_answers_what_its_tables_say() -> None:
    body = realtime_mint._Body  # pyright: ignore[reportPrivateUsage]
    assert required(realtime_mint.ASKED) == fields(body)
    assert {member.name: member.null for member in realtime_mint.ASKED} == dict.fromkeys(
        fields(body), True
    )


@pytest.mark.parametrize(
    ("member", "struct"),
    [("turn_detection", RequestedTurnDetection), ("tools", Tool)],
)
def test_objects_of_the_config_have_the_members_of_the_table(
    member: str, struct: type[msgspec.Struct]
) -> None:
    assert required(CONFIG[member].members) == fields(struct)
    for field, row in zip(msgspec.structs.fields(struct), CONFIG[member].members, strict=True):
        if not field.required:
            default = {} if field.default is msgspec.NODEFAULT else field.default
            assert json.loads(row.default or "") == default


def test_the_defaults_of_the_table_are_those_of_a_session() -> None:
    session = SessionConfig(model="local/attendant")
    for row in MEMBERS:
        if row.default is None or not hasattr(session, row.name):
            continue  # a format: there is but one
        try:
            said = json.loads(row.default)
        except ValueError:  # in words: the model's own
            assert not getattr(session, row.name)
            continue
        has = msgspec.to_builtins(getattr(session, row.name))
        if row.members and not row.many:
            said = {one.name: json.loads(one.default or "") for one in row.members} | said
        assert (list(has) if row.many else has) == said


@pytest.mark.parametrize("name", CONFIG)
def test_a_mint_refuses_a_member_with_a_documented_error(name: str) -> None:
    for bad in ("opus", 7, True, [{}], {"type": 7}):
        body = json.dumps({"config": {name: bad}}).encode()
        asked = realtime_mint.read_mint(body, {"local/attendant": None})
        assert not isinstance(asked, ConfigProblem) or asked.code in V3_ERRORS
