"""Which problem wins, and what stands in `identity` (events socket, 4.3 and 4.5)."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from ringline.domain import limits
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.rpc.action import Action
from ringline.rpc.actions import ACTIONS
from ringline.rpc.identity import Identity, read_identity
from ringline.rpc.request import find_action, read_request
from ringline.rpc.selection import Selection
from ringline.services.callers import Caller, Operator
from ringline.wire.rpc import RpcProblem, RpcRefused

LIVE = Caller(Scope(UUID(int=1), Environment.LIVE), UUID(int=2))
TEST = Caller(Scope(UUID(int=1), Environment.TEST), UUID(int=2))
OPERATOR = Caller(LIVE.scope, LIVE.key_id, Operator(UUID(int=3), "op@example.com"))
SOME_ID = UUID("0190b5a0-0000-7000-8000-00000000000a")


def refused(body: object, caller: Caller = LIVE, **how: bool) -> RpcProblem:
    with pytest.raises(RpcRefused) as raised:
        read_request(caller, body, **how)
    (problem,) = raised.value.problems
    return problem


#: From the first step to the last: each body has every later problem too.
STEPS: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("missing_required_parameter", {}, {"parameter": "action"}),
    ("action_not_found", {"action": "nope"}, {"actionName": "nope"}),
    ("missing_required_parameter", {"action": "list_contacts"}, {"parameter": "fields"}),
    ("unknown_field", {"fields": ["nope"]}, {"field": "nope", "resource": "Contact"}),
    ("invalid_input_format", {"fields": ["id"]}, {"received": "string"}),
    ("invalid_pagination", {"input": {}}, {"received": "number"}),
]


def test_the_first_step_wins() -> None:
    body: dict[str, object] = {"input": "no object", "page": 7}
    for type_, added, variables in STEPS:
        body |= added
        problem = refused(body)
        assert (problem.type, problem.vars) == (type_, variables)
    asked = read_request(LIVE, body | {"page": {}})
    assert asked.selection == Selection(("id",))


@pytest.mark.parametrize(
    "body", [None, [], "list_contacts", 7, True, {"action": ""}, {"action": None}]
)
def test_a_body_without_an_action_lacks_one(body: object) -> None:
    problem = refused(body)
    assert (problem.type, problem.short_message) == (
        "missing_required_parameter",
        "Missing required parameter",
    )
    assert problem.vars == {"parameter": "action"}
    assert find_action(body) is None


@pytest.mark.parametrize("name", [7, ["list_contacts"], {}, True, "LIST_CONTACTS", "listContacts"])
def test_an_action_is_named_as_the_table_names_it(name: object) -> None:
    problem = refused({"action": name, "fields": ["id"]})
    assert (problem.type, problem.short_message) == ("action_not_found", "Action not found")
    assert problem.vars == {"actionName": name if isinstance(name, str) else ""}
    assert find_action({"action": name}) is None


@pytest.mark.parametrize(
    ("fields", "type_", "variables"),
    [
        (None, "missing_required_parameter", {"parameter": "fields"}),
        ("id", "invalid_fields_type", {"received": "string"}),
        ({"id": 1}, "invalid_fields_type", {"received": "object"}),
        (7, "invalid_fields_type", {"received": "number"}),
        (True, "invalid_fields_type", {"received": "boolean"}),
        ([], "empty_fields_array", {}),
    ],
)
@pytest.mark.parametrize("action", ["list_contacts", "get_call_queue_entry"])
def test_reads_need_fields(
    action: str, fields: object, type_: str, variables: dict[str, Any]
) -> None:
    problem = refused({"action": action, "fields": fields})
    assert (problem.type, problem.vars) == (type_, variables)


@pytest.mark.parametrize("fields", [None, []])
def test_writes_and_validation_need_no_fields(fields: object) -> None:
    for action in ("create_contact", "update_contact", "delete_contact", "end_call"):
        assert read_request(LIVE, {"action": action, "fields": fields}).selection is None
    read = {"action": "list_contacts", "fields": fields}
    assert read_request(LIVE, read, validating=True).selection is None


def test_validation_checks_the_fields_that_are_there() -> None:
    body = {"action": "list_contacts", "fields": ["nope"]}
    assert refused(body, validating=True).type == "unknown_field"
    body = {"action": "list_contacts", "fields": "id"}
    assert refused(body, validating=True).type == "invalid_fields_type"


def test_a_generic_action_has_no_fields() -> None:
    problem = refused({"action": "end_call", "fields": ["id"]})
    assert (problem.type, problem.short_message) == (
        "invalid_field_selection",
        "Invalid field selection",
    )


@pytest.mark.parametrize(
    ("given", "received"),
    [(None, "null"), ([], "array"), ("x", "string"), (7, "number"), (False, "boolean")],
)
def test_input_is_an_object(given: object, received: str) -> None:
    problem = refused({"action": "create_contact", "input": given})
    assert (problem.type, problem.vars) == ("invalid_input_format", {"received": received})


@pytest.mark.parametrize(("page", "received"), [([], "array"), ("x", "string"), (7, "number")])
def test_page_is_an_object_or_absent(page: object, received: str) -> None:
    body: dict[str, object] = {"action": "list_contacts", "fields": ["id"]}
    problem = refused(body | {"page": page})
    assert (problem.type, problem.vars) == ("invalid_pagination", {"received": received})
    assert read_request(LIVE, body | {"page": None}).body["page"] is None


def test_what_is_not_known_is_ignored() -> None:
    odd = {"getBy": 7, "metadataFields": 7, "tenant": "other", "nope": {}}
    assert read_request(LIVE, {"action": "create_contact", **odd}).given == {}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.name)
def test_who_may_run_an_action(action: Action) -> None:
    body = {"action": action.name, "fields": ["id"] if action.resource else None}
    callers = {
        LIVE: not action.people,
        TEST: not action.people and not action.team,
        OPERATOR: action.operator and not action.team,
    }
    for caller, may in callers.items():
        if may:
            read_request(caller, body)
        else:
            problem = refused(body | {"fields": 7, "input": 7}, caller)
            assert (problem.type, problem.message) == ("forbidden", "forbidden")


def test_what_a_problem_repeats_is_cut() -> None:
    long = "x" * 100_000
    assert refused({"action": long}).vars == {"actionName": long[:255]}
    problem = refused_identity(CONTACT, {f"{number}{long}": 1 for number in range(1_000)})
    assert problem.details != msgspec.UNSET
    provided = problem.details["providedKeys"]
    assert len(provided) == limits.PROBLEMS.most
    assert {len(key) for key in provided} == {255}
    assert len(problem.vars["providedKeys"]) < 255 * 102


def test_an_unknown_action_is_told_before_it_is_forbidden() -> None:
    assert refused({"action": "nope"}, OPERATOR).type == "action_not_found"


# -- identity -----------------------------------------------------------------------------

CONTACT, CALL = ACTIONS["update_contact"], ACTIONS["update_call"]


def identity(action: Action, given: object) -> Identity:
    assert action.resource is not None
    return read_identity(action, action.resource, given=given)


def refused_identity(action: Action, given: object) -> RpcProblem:
    with pytest.raises(RpcRefused) as raised:
        identity(action, given)
    (problem,) = raised.value.problems
    return problem


@pytest.mark.parametrize(
    "given",
    [
        str(SOME_ID),
        str(SOME_ID).upper(),
        format_id(Prefix.CONTACT, SOME_ID),
        {"id": str(SOME_ID)},
        {"id": format_id(Prefix.CONTACT, SOME_ID), "more": 1},
    ],
)
def test_an_id_in_either_spelling_bare_or_in_an_object(given: object) -> None:
    assert identity(CONTACT, given) == Identity("id", SOME_ID)


@pytest.mark.parametrize("key", ["callUuid", "call_uuid"])
def test_a_named_identity(key: str) -> None:
    assert identity(CALL, {key: " x "}) == Identity("call_uuid", " x ")
    assert refused_identity(CONTACT, {key: "x"}).type == "invalid_identity"


def test_identity_is_needed() -> None:
    problem = refused_identity(CALL, None)
    assert (problem.type, problem.short_message) == ("missing_identity", "Missing identity")
    assert problem.vars == {"expectedKeys": "id, callUuid"}
    assert problem.details == {"expectedKeys": ["id", "callUuid"]}
    assert problem.path == ("identity",)


@pytest.mark.parametrize(("given", "provided"), [({}, []), ({"a": 1, "b": 2}, ["a", "b"])])
def test_an_object_without_the_keys(given: object, provided: list[str]) -> None:
    problem = refused_identity(CONTACT, given)
    assert (problem.type, problem.short_message) == ("invalid_identity", "Invalid identity")
    assert problem.vars == {"providedKeys": ", ".join(provided), "expectedKeys": "id"}
    assert problem.details == {"providedKeys": provided, "expectedKeys": ["id"]}
    assert problem.path == ("identity",)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "no id",
        "0190b5a0000070008000000000000000",
        format_id(Prefix.CALL, SOME_ID),
        7,
        True,
        [str(SOME_ID)],
        {"id": None},
        {"id": 7},
        {"id": {}},
    ],
)
def test_an_id_that_is_none(given: object) -> None:
    problem = refused_identity(CONTACT, given)
    assert (problem.type, problem.short_message) == ("invalid_primary_key", "Invalid primary key")
    assert refused_identity(CALL, {"callUuid": 7}).type == "invalid_primary_key"
