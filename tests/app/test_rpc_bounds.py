"""What one request may take and be answered, over HTTP (contract, 13)."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from ringline.domain import limits
from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.serving import Service

MOST = limits.LONG_TEXT_BYTES.most


@pytest.fixture
def rpc(service: Service) -> Rpc:
    return Rpc(service)


async def contact(rpc: Rpc, **given: Any) -> str:
    values = {"fullName": "Ada", **given}
    return (await rpc.run("create_contact", input=values, fields=["id"]))["id"]


async def write(database: TestDatabase, contact_id: str, notes: str) -> None:
    """Write notes as they may be from before there was a bound."""
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE ringline.contacts SET notes = $2 WHERE id = $1", UUID(contact_id), notes
        )


async def test_a_stored_text_is_bounded_in_bytes(rpc: Rpc) -> None:
    contact_id = await contact(rpc, notes="ä" * (MOST // 2))
    for way, request in (
        ("create_contact", {}),
        ("update_contact", {"identity": contact_id}),
    ):
        given = {"fullName": "Ada", "notes": "ä" * (MOST // 2) + "x"}
        problem = await rpc.problem(way, input=given, **request)
        assert (problem["type"], problem["fields"]) == ("invalid_attribute", ["notes"])
        assert problem["message"] == f"must have at most {MOST} bytes"
        assert problem["vars"] == {"field": "notes", "max": MOST}
        (validated,) = await rpc.validate(way, input=given, **request)
        assert validated["type"] == "invalid_attribute"


async def test_a_row_that_is_longer_already_is_kept(rpc: Rpc, database: TestDatabase) -> None:
    contact_id = await contact(rpc)
    notes = "x" * 7_500_000
    await write(database, contact_id, notes)
    fields = ["fullName", "notes"]
    assert await rpc.run("list_contacts", fields=fields) == [{"fullName": "Ada", "notes": notes}]
    given = {"fullName": "Bob"}
    changed = await rpc.run("update_contact", identity=contact_id, input=given, fields=fields)
    assert changed == {"fullName": "Bob", "notes": notes}
    page = await rpc.run("list_contacts", fields=fields, page={"limit": 20}, sort="notes")
    assert page["results"] == [changed]
    told = (await rpc.run("list_events", input={"after": 1}))["events"]
    assert [event["data"]["notes"] for event in told] == [notes]
    short = await rpc.run(
        "update_contact", identity=contact_id, input={"notes": "x"}, fields=fields
    )
    assert short["notes"] == "x"


async def test_an_answer_is_measured_as_it_is_sent(rpc: Rpc, database: TestDatabase) -> None:
    contact_id = await contact(rpc)
    await write(database, contact_id, "\x01" * 3_000_000)  # six bytes each in JSON
    fields = ["id", "notes"]
    limit = {"limit": limits.ANSWER_BYTES.most}
    for page in ({}, {"page": {"limit": 1}}):
        problem = await rpc.problem("list_contacts", fields=fields, **page)
        assert (problem["type"], problem["vars"]) == ("result_too_large", limit)
    changes: dict[str, dict[str, object]] = {"update_contact": {"fullName": "Bob"}}
    for action in ("update_contact", "delete_contact"):
        given = changes.get(action, {})
        problem = await rpc.problem(action, identity=contact_id, input=given, fields=fields)
        assert (problem["type"], problem["vars"]) == ("result_too_large", limit)
    assert await rpc.run("list_contacts", fields=["fullName"]) == [{"fullName": "Ada"}]


async def test_what_is_too_much_is_refused_by_its_name(rpc: Rpc) -> None:
    fields = ["id"]
    for request, type_ in (
        ({"filter": {"and": [{"and": []}] * 60_000}}, "filter_too_complex"),
        ({"filter": {"id": {"in": [1] * 190_000}}}, "filter_too_complex"),
        ({"sort": ["id"] * 190_000}, "internal_error"),
        ({"sort": "id," * 190_000}, "internal_error"),
        ({"fields": [{}] * 90_000}, "result_too_large"),
        ({"fields": ["id"] * 190_000}, "result_too_large"),
        ({"page": {"before": "x", "after": "x" * 7_000_000}}, "invalid_keyset"),
    ):
        problem = await rpc.problem("list_contacts", **{"fields": fields, **request})
        assert problem["type"] == type_
    inputs = {f"x{number}": 1 for number in range(190_000)}
    assert len(await rpc.problems("create_contact", input=inputs)) == limits.PROBLEMS.most
    kinds = {"type": ["call.ended"] * 190_000}
    assert (await rpc.problem("list_events", input=kinds))["type"] == "invalid_argument"
    acl = {"name": "g", "username": "u", "realm": "r", "inboundAcl": ["x"] * 1_001}
    problem = await rpc.problem("create_gateway", input=acl)
    assert (problem["type"], problem["vars"]["max"]) == ("invalid_attribute", 1_000)


async def test_reads_that_begin_together_are_all_answered(rpc: Rpc) -> None:
    """Each may be large, so a few at a time have room; the others wait for it."""

    async def read() -> int:
        body = {"action": "list_call_transcripts", "fields": ["id", "text", {"call": ["id"]}]}
        async with rpc.post(body) as answer:
            return answer.status

    together = limits.IN_FLIGHT_BYTES.most // limits.ANSWER_BYTES.most * 5
    assert await asyncio.gather(*(read() for _ in range(together))) == [200] * together
