"""What the page of OpenAI's protocol says of events is what the codec reads and writes."""

import json
from typing import Any

import msgspec
import pytest

from ringline.domain.members import Member
from ringline.web.member_schemas import written
from ringline.wire import openai_client_secrets
from ringline.wire import openai_server_events as events
from ringline.wire.openai_server_errors import OWN_ERRORS
from ringline.wire.openai_server_tables import CLIENT, OPENAI_ERRORS, SERVER, TOLD
from ringline.wire.realtime_errors import ERRORS
from tests.openai_examples import OPENAI_CLIENT_EXAMPLES, OPENAI_SERVER_EXAMPLES
from tests.outside_types import openai_client, openai_server
from tests.unit.test_realtime_events import fields, fits, required


def test_the_tables_hold_the_events_that_are_read() -> None:
    assert set(CLIENT) == set(events.CLIENT_EVENTS)
    for name, struct in events.CLIENT_EVENTS.items():
        assert required(CLIENT[name].members) | {"event_id": False} == fields(struct)


@pytest.mark.parametrize("name", CLIENT)
def test_an_example_of_a_clients_event_is_read_and_is_the_vendors(name: str) -> None:
    assert OPENAI_CLIENT_EXAMPLES[name]
    for example in OPENAI_CLIENT_EXAMPLES[name]:
        assert isinstance(events.decode(example), events.CLIENT_EVENTS[name])
        assert openai_client(json.loads(example)) == []


def test_no_event_is_written_that_has_no_row() -> None:
    assert set(OPENAI_SERVER_EXAMPLES) == set(SERVER)


@pytest.mark.parametrize("name", SERVER)
def test_a_servers_event_has_the_members_of_its_row(name: str) -> None:
    (example,) = OPENAI_SERVER_EXAMPLES[name]
    told: dict[str, Any] = json.loads(example)
    assert openai_server(told) == []
    assert told.pop("type") == name
    assert told.pop("event_id").startswith("event_")
    fits(written(SERVER[name].members), told)
    assert set(told) == {member.name for member in SERVER[name].members}


def test_the_mint_reads_what_its_table_says() -> None:
    body = openai_client_secrets._Body  # pyright: ignore[reportPrivateUsage]
    asked = openai_client_secrets.ASKED
    assert required(asked) == fields(body)
    (expiry,) = (member for member in asked if member.name == "expires_after")
    struct = openai_client_secrets._ExpiresAfter  # pyright: ignore[reportPrivateUsage]
    assert required(expiry.members) == fields(struct)
    for field, row in zip(msgspec.structs.fields(struct), expiry.members, strict=True):
        assert json.loads(row.default or "") == field.default


def test_an_error_has_one_row() -> None:
    assert set(OWN_ERRORS).isdisjoint(ERRORS)
    assert set(ERRORS) >= TOLD
    for code, row in OPENAI_ERRORS.items():
        assert row.code == code
        assert isinstance(row.status, int)


def test_members_of_events_are_told() -> None:
    def told(members: tuple[Member, ...]) -> bool:
        return all(member.means and told(member.members) for member in members)

    for event in (*CLIENT.values(), *SERVER.values()):
        assert event.means
        assert told(event.members)
