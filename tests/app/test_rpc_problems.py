"""Every problem that a request can have, over HTTP, to the letter (events socket, 4.4 to 4.9)."""

import io
from typing import Any
from uuid import UUID

import pytest
import structlog

from ringline.domain.log import Environment, Scope
from ringline.rpc.resources import RESOURCES
from ringline.services.id_generator import new_id
from ringline.web import rpc as web_rpc
from ringline.wire.rpc import PROBLEMS
from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.rpc_rows import Seeded, seed
from tests.serving import Service, on_shared_server

NOBODY = "0190b5a0-0000-7000-8000-00000000000a"


def chain(depth: int) -> list[Any]:
    """Return fields that follow call and conversation in turn."""
    fields: list[Any] = ["id"]
    for level in range(depth, 0, -1):
        fields = [{"conversation" if level % 2 else "call": fields}]
    return fields


def nested(depth: int) -> dict[str, Any]:
    return {"not": nested(depth - 1)} if depth else {"fullName": "Ada"}


#: type, shortMessage, request, vars, fields, path
ROWS: list[tuple[str, str, dict[str, Any], dict[str, Any], list[str], list[str]]] = [
    (
        "action_not_found",
        "Action not found",
        {"action": "no_such"},
        {"actionName": "no_such"},
        [],
        [],
    ),
    (
        "missing_required_parameter",
        "Missing required parameter",
        {"fields": ["id"]},
        {"parameter": "action"},
        [],
        [],
    ),
    (
        "missing_required_parameter",
        "Missing required parameter",
        {"action": "list_contacts"},
        {"parameter": "fields"},
        [],
        [],
    ),
    (
        "invalid_fields_type",
        "Invalid fields type",
        {"action": "list_contacts", "fields": "id"},
        {"received": "string"},
        [],
        [],
    ),
    (
        "empty_fields_array",
        "Empty fields array",
        {"action": "list_contacts", "fields": []},
        {},
        [],
        [],
    ),
    (
        "unknown_field",
        "Unknown field",
        {"action": "list_calls", "fields": [{"conversation": ["nope"]}]},
        {"field": "conversation.nope", "resource": "Conversation"},
        ["conversation.nope"],
        ["conversation"],
    ),
    (
        "duplicate_field",
        "Duplicate field",
        {"action": "list_contacts", "fields": ["id", "id"]},
        {"field": "id"},
        ["id"],
        [],
    ),
    (
        "requires_field_selection",
        "Field selection required",
        {"action": "list_calls", "fields": ["conversation"]},
        {"field": "conversation"},
        ["conversation"],
        [],
    ),
    (
        "requires_field_selection",
        "Field selection required",
        {"action": "list_calls", "fields": [{"conversation": []}]},
        {"field": "conversation"},
        ["conversation"],
        [],
    ),
    (
        "field_does_not_support_nesting",
        "Field does not support nesting",
        {"action": "list_calls", "fields": [{"id": ["x"]}]},
        {"field": "id"},
        ["id"],
        [],
    ),
    (
        "unsupported_field_combination",
        "Unsupported field combination",
        {"action": "list_calls", "fields": [{"conversation": 7}]},
        {"field": "conversation"},
        ["conversation"],
        [],
    ),
    (
        "invalid_field_selection",
        "Invalid field selection",
        {"action": "end_call", "fields": ["id"], "input": {"callUuid": "x"}},
        {},
        [],
        [],
    ),
    (
        "fields_too_deep",
        "Fields too deep",
        {"action": "list_calls", "fields": chain(21)},
        {"limit": 20},
        [],
        [],
    ),
    (
        "invalid_input_format",
        "Invalid input format",
        {"action": "create_contact", "input": None},
        {"received": "null"},
        [],
        [],
    ),
    (
        "invalid_pagination",
        "Invalid pagination",
        {"action": "list_contacts", "fields": ["id"], "page": [1]},
        {"received": "array"},
        [],
        [],
    ),
    (
        "invalid_page",
        "Invalid pagination",
        {"action": "list_contacts", "fields": ["id"], "page": {"limit": "20"}},
        {},
        [],
        [],
    ),
    (
        "invalid_keyset",
        "Invalid keyset",
        {"action": "list_contacts", "fields": ["id"], "page": {"limit": 2, "after": "x"}},
        {},
        [],
        [],
    ),
    (
        "missing_identity",
        "Missing identity",
        {"action": "update_call"},
        {"expectedKeys": "id, callUuid"},
        [],
        ["identity"],
    ),
    (
        "invalid_identity",
        "Invalid identity",
        {"action": "delete_contact", "identity": {"a": 1, "b": 2}},
        {"providedKeys": "a, b", "expectedKeys": "id"},
        [],
        ["identity"],
    ),
    (
        "invalid_primary_key",
        "Invalid primary key",
        {"action": "delete_contact", "identity": "x"},
        {},
        [],
        [],
    ),
    (
        "required",
        "Required field",
        {"action": "create_contact", "input": {"fullName": " "}},
        {"field": "fullName"},
        ["fullName"],
        [],
    ),
    (
        "invalid_attribute",
        "Invalid attribute",
        {"action": "create_contact", "input": {"fullName": "Ada", "email": 7}},
        {"field": "email"},
        ["email"],
        [],
    ),
    (
        "invalid_argument",
        "Invalid argument",
        {"action": "end_call", "input": {"callUuid": 7}},
        {"field": "callUuid"},
        ["callUuid"],
        [],
    ),
    (
        "not_found",
        "Not found",
        {"action": "update_contact", "identity": NOBODY, "input": {}},
        {},
        [],
        [],
    ),
    (
        "not_found",
        "Not found",
        {"action": "get_call_queue_entry", "input": {"callUuid": "x"}, "fields": ["id"]},
        {},
        [],
        [],
    ),
    (
        "unknown_error",
        "Unknown error",
        {
            "action": "list_conversation_items_by_public_id",
            "input": {"publicId": "x"},
            "fields": ["id"],
            "page": {"limit": 1},
        },
        {},
        [],
        [],
    ),
    (
        "filter_too_complex",
        "Filter too complex",
        {"action": "list_contacts", "fields": ["id"], "filter": nested(21)},
        {"limit": 20},
        [],
        [],
    ),
    (
        "internal_error",
        "Internal error",
        {"action": "create_contact", "input": {"fullName": "Ada", "nope": 1}},
        {"field": "nope", "action": "create_contact"},
        ["nope"],
        [],
    ),
]


@pytest.fixture
def rpc(service: Service) -> Rpc:
    return Rpc(service)


@pytest.fixture
def shared(shared_service: Service) -> Rpc:
    return Rpc(shared_service)


@on_shared_server
@pytest.mark.parametrize(
    ("type_", "short", "request_", "variables", "fields", "path"),
    ROWS,
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_problem_to_the_letter(
    shared: Rpc,
    type_: str,
    short: str,
    request_: dict[str, Any],
    variables: dict[str, Any],
    fields: list[str],
    path: list[str],
) -> None:
    answer = await shared.ask(request_)
    assert list(answer) == ["success", "errors"]
    (error,) = answer["errors"]
    assert (error["type"], error["shortMessage"]) == (type_, short)
    assert (error["vars"], error["fields"], error["path"]) == (variables, fields, path)
    assert isinstance(error["message"], str)
    assert set(error) - {"details", "code"} == {
        "type",
        "message",
        "shortMessage",
        "vars",
        "fields",
        "path",
    }


#: Not here: they need a state of the server, and are tested where that state is made.
ELSEWHERE = {
    "forbidden": "test_rpc_requests.py, test_a_team_action_takes_a_live_key",
    "invalid_changes": "test_rpc_setup.py",
    "invalid_query": "test_rpc_constraints.py",
    "invalid_token": "accept_team_invitation",
    "not_configured": "actions that need telephony",
    "query_timeout": "test_a_query_that_takes_too_long",
    "result_too_large": "test_rpc_reading.py",
}


def test_the_catalogue_is_covered() -> None:
    assert {row[0] for row in ROWS} | set(ELSEWHERE) == set(PROBLEMS)


@on_shared_server
@pytest.mark.parametrize(
    ("request_", "reason", "fields"),
    [
        ({"filter": {"nope": 1}}, "unknown_filter_field", ["nope"]),
        ({"filter": {"fullName": {"nope": 1}}}, "unknown_filter_operator", ["fullName"]),
        ({"filter": 7}, "invalid_filter", []),
        ({"filter": {"id": {"eq": "x"}}}, "invalid_filter_value", ["id"]),
        ({"sort": "nope"}, "unknown_sort_field", ["nope"]),
        ({"sort": 7}, "invalid_sort", []),
        ({"input": {"nope": 1}}, "unknown_input", ["nope"]),
    ],
)
async def test_the_family_without_a_type_of_its_own(
    shared: Rpc, request_: dict[str, Any], reason: str, fields: list[str]
) -> None:
    error = await shared.problem("list_contacts", fields=["id"], **request_)
    assert (error["type"], error["code"]) == ("internal_error", "internal_error")
    assert error["shortMessage"] == "Internal error"
    assert error["details"]["reason"] == reason
    assert error["fields"] == fields


async def test_several_problems_are_told_at_once(rpc: Rpc) -> None:
    errors = await rpc.problems("create_contact", input={"email": 1, "phoneE164": "5", "x": 1})
    assert sorted((error["type"], error["fields"][0]) for error in errors) == [
        ("internal_error", "x"),
        ("invalid_attribute", "email"),
        ("invalid_attribute", "phoneE164"),
        ("required", "fullName"),
    ]


async def test_validation_tells_where(rpc: Rpc) -> None:
    errors = await rpc.validate("create_contact", input={"email": 1, "x": 1})
    assert [(error["type"], error["fields"], error["path"]) for error in errors] == [
        ("invalid_attribute", ["email"], ["email"]),
        ("required", ["fullName"], ["fullName"]),
    ]
    (error,) = await rpc.validate("update_contact", identity=NOBODY, input={"email": 1})
    assert error["type"] == "not_found"
    (error,) = await rpc.validate("update_contact", input={"email": 1})
    assert error["type"] == "missing_identity"
    assert await rpc.validate("list_contacts", filter={"nope": 1}, sort="nope") == []
    (error,) = await rpc.validate("list_contacts", fields=["nope"])
    assert error["type"] == "unknown_field"


async def test_input_comes_before_not_found(rpc: Rpc) -> None:
    error = await rpc.problem("update_contact", identity=NOBODY, input={"email": 7})
    assert error["type"] == "invalid_attribute"
    error = await rpc.problem("update_contact", identity="x", input={"email": 7})
    assert error["type"] == "invalid_primary_key"


async def test_a_team_action_takes_a_live_key(service: Service, rpc: Rpc) -> None:
    for action in ("invite_team_member", "accept_team_invitation", "remove_team_member"):
        error = await Rpc(service, service.keys.test_key).problem(action)
        assert (error["type"], error["shortMessage"], error["message"]) == (
            "forbidden",
            "Forbidden",
            "forbidden",
        )
        assert (await rpc.problems(action))[0]["type"] != "forbidden"


async def fail_inserts(database: TestDatabase, sqlstate: str) -> None:
    """Let every new contact end in an error of the database."""
    async with database.connection() as connection:
        await connection.execute(
            "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" RAISE EXCEPTION SQLSTATE '{sqlstate}'; END $$"
        )
        await connection.execute(
            "CREATE TRIGGER fail BEFORE INSERT ON ringline.contacts"
            " FOR EACH ROW EXECUTE FUNCTION public.fail()"
        )


async def test_a_query_that_takes_too_long(database: TestDatabase, rpc: Rpc) -> None:
    await fail_inserts(database, "57014")
    error = await rpc.problem("create_contact", input={"fullName": "Ada"})
    assert (error["type"], error["shortMessage"]) == ("query_timeout", "Query timeout")
    assert await rpc.run("list_contacts", fields=["id"]) == []


@pytest.mark.parametrize("sqlstate", ["55P03", "40P01", "57P01", "53300", "08006"])
async def test_what_passes_by_itself_is_503(
    database: TestDatabase, rpc: Rpc, sqlstate: str
) -> None:
    await fail_inserts(database, sqlstate)
    async with rpc.post({"action": "create_contact", "input": {"fullName": "Ada"}}) as answer:
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        (error,) = (await answer.json())["errors"]
        assert (error["type"], error["shortMessage"]) == ("unavailable", "Unavailable")
    assert await rpc.run("list_contacts", fields=["id"]) == []


async def test_a_defect_is_told_without_its_text(
    database: TestDatabase, rpc: Rpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(web_rpc, "_log", structlog.wrap_logger(structlog.PrintLogger(log)))
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE ringline.contacts DROP COLUMN notes")
    secret = "the heron counts seven violet umbrellas"
    error = await rpc.problem("create_contact", input={"fullName": secret, "notes": secret})
    assert (error["type"], error["shortMessage"]) == ("unknown_error", "Unknown error")
    logged = log.getvalue()
    assert "rpc_failed" in logged
    assert "42703" in logged
    assert secret not in logged
    assert "Traceback" not in logged


@pytest.fixture
async def seeded(database: TestDatabase, service: Service) -> Seeded:
    return await seed(database, Scope(service.keys.workspace_id, Environment.LIVE))


async def test_a_wait_is_found_by_its_id_or_by_its_call(
    database: TestDatabase, rpc: Rpc, seeded: Seeded
) -> None:
    entry = seeded.id_of(RESOURCES["CallQueueEntry"])
    fields = ["id", "callUuid", "queueName"]
    found = [
        await rpc.run("get_call_queue_entry", input=given, fields=fields)
        for given in (
            {"id": entry},
            {"callUuid": seeded.call_uuid},
            {"call_uuid": seeded.call_uuid, "id": None},
        )
    ]
    assert found == [{"id": entry, "callUuid": seeded.call_uuid, "queueName": seeded.public_id}] * 3
    later = new_id()
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO ringline.call_queue_entries (workspace_id, environment, id, queue_id,"
            " call_id, status, entered_at) SELECT workspace_id, environment, $1, queue_id,"
            " call_id, 'waiting', entered_at + interval '1 second'"
            " FROM ringline.call_queue_entries WHERE id = $2",
            later,
            UUID(entry),
        )
    latest = await rpc.run(
        "get_call_queue_entry", input={"callUuid": seeded.call_uuid}, fields=["id"]
    )
    assert latest == {"id": str(later)}
    both = {"id": str(later), "callUuid": "another"}
    assert (await rpc.problem("get_call_queue_entry", input=both, fields=["id"]))["type"] == (
        "not_found"
    )


async def test_items_are_found_by_their_conversation(rpc: Rpc, seeded: Seeded) -> None:
    action = "list_conversation_items_by_public_id"
    given = {"publicId": seeded.public_id}
    found = await rpc.run(action, input=given, fields=["content"])
    assert found == [{"content": "Hello"}]
    assert await rpc.run(action, input=given, fields=["id"], filter={"role": "tool"}) == []
    assert await rpc.run(action, input={"publicId": "nobody's"}, fields=["id"]) == []
    error = await rpc.problem(
        action, input={"publicId": "nobody's"}, fields=["id"], filter={"nope": 1}
    )
    assert error["details"]["reason"] == "unknown_filter_field"


async def test_the_documented_examples(service: Service, rpc: Rpc) -> None:
    """As the documentation of the surface shows them (4.9, 5.3)."""
    body = {
        "action": "create_contact",
        "input": {"fullName": "Ada Lovelace", "phoneE164": "+15551234567"},
        "fields": ["id", "fullName", "phoneE164"],
    }
    made = await rpc.ask(body)
    assert made["success"] is True
    assert made["data"] == {**body["input"], "id": made["data"]["id"]}
    listed = await rpc.ask(
        {"action": "list_contacts", "fields": ["id", "fullName"], "page": {"limit": 20}}
    )
    assert listed["success"] is True
    assert listed["data"]["results"] == [{"id": made["data"]["id"], "fullName": "Ada Lovelace"}]
    assert listed["data"]["hasMore"] is False
    assert await rpc.ask(body | {"input": {"fullName": "Ada"}}, "validate") == {"success": True}
