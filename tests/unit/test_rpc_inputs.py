"""The casting of `input`, rule by rule (events socket, 4.6, 4.11, 4.12; contract, 11)."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from ringline.domain import limits
from ringline.domain.spelling import snake
from ringline.rpc import inputs
from ringline.rpc.action import Action, ActionKind, Input
from ringline.rpc.actions import ACTIONS
from ringline.rpc.inputs import cast_inputs
from ringline.rpc.kinds import (
    BadValue,
    Choice,
    Choices,
    Integer,
    Kind,
    Map,
    Text,
    TextList,
    ToolList,
)
from ringline.wire.rpc import RpcProblem, RpcRefused, internal_problem

CONTACT = ACTIONS["create_contact"]
ITEM = ACTIONS["create_conversation_item"]
ENTRY = ACTIONS["get_call_queue_entry"]

ODD = Action(
    "odd",
    ActionKind.CREATE,
    "For the tests",
    inputs=(
        Input("channel", Choice(("chat", "email")), default="chat"),
        Input("greeting", Text(), cleared=""),
        Input("enabled", Integer(), null=False),
        Input("data", Map()),
    ),
)


def refused(action: Action, given: dict[str, object], **how: bool) -> tuple[RpcProblem, ...]:
    with pytest.raises(RpcRefused) as raised:
        cast_inputs(action, given, **how)
    return raised.value.problems


def test_members_are_accepted_in_both_spellings() -> None:
    assert cast_inputs(CONTACT, {"full_name": "Ada", "phoneE164": "+4912345"}) == {
        "fullName": "Ada",
        "phoneE164": "+4912345",
    }


def test_text_is_trimmed_and_blank_text_clears() -> None:
    given: dict[str, object] = {"fullName": " Ada ", "email": "  ", "notes": None}
    assert cast_inputs(CONTACT, given) == {"fullName": "Ada", "email": None, "notes": None}


@pytest.mark.parametrize("given", [{}, {"fullName": None}, {"fullName": ""}, {"fullName": " \t"}])
@pytest.mark.parametrize("validating", [False, True])
def test_what_is_required_must_be_there(given: dict[str, object], validating: bool) -> None:
    (problem,) = refused(CONTACT, given, validating=validating)
    assert (problem.type, problem.short_message) == ("required", "Required field")
    assert problem.message == "is required"
    assert problem.vars == {"field": "fullName"}
    assert problem.fields == ("fullName",)
    assert problem.path == (("fullName",) if validating else ())


@pytest.mark.parametrize(
    ("action", "run", "validate"),
    [
        ("create_contact", "invalid_attribute", "invalid_attribute"),
        ("update_contact", "invalid_attribute", "invalid_attribute"),
        ("end_call", "invalid_argument", "invalid_attribute"),
        ("list_conversation_items_by_public_id", "invalid_argument", "invalid_attribute"),
    ],
)
def test_a_bad_value_is_told_by_the_kind_of_action(action: str, run: str, validate: str) -> None:
    row = ACTIONS[action]
    name = row.inputs[0].name
    (problem,) = refused(row, {name: 7})
    assert (problem.type, problem.path) == (run, ())
    assert problem.vars == {"field": name}
    assert problem.fields == (name,)
    (problem,) = refused(row, {name: 7}, validating=True)
    assert (problem.type, problem.path) == (validate, (name,))
    assert problem.short_message == "Invalid attribute"


def test_placeholders_stay_and_their_values_stand_beside() -> None:
    (problem,) = refused(CONTACT, {"fullName": "x" * 256})
    assert "%{" not in problem.message
    assert problem.vars == {"field": "fullName", "max": 255}


def test_every_bad_member_is_told_once() -> None:
    problems = refused(CONTACT, {"fullName": 1, "full_name": 2, "email": [], "nope": 1})
    assert [(one.type, one.fields) for one in problems] == [
        ("invalid_attribute", ("fullName",)),
        ("invalid_attribute", ("email",)),
        ("internal_error", ("nope",)),
    ]


def test_an_unknown_member_is_a_problem_on_run_alone() -> None:
    (problem,) = refused(CONTACT, {"fullName": "Ada", "nope": 1})
    assert (problem.type, problem.code) == ("internal_error", "internal_error")
    assert problem.details == {"reason": "unknown_input"}
    assert cast_inputs(CONTACT, {"fullName": "Ada", "nope": 1}, validating=True) == {
        "fullName": "Ada"
    }
    assert refused(ACTIONS["list_contacts"], {"nope": 1})[0].type == "internal_error"


def test_an_answer_tells_a_bounded_number_of_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    def count(*about: str, **more: Any) -> RpcProblem:
        nonlocal made
        made += 1
        return internal_problem(*about, **more)

    monkeypatch.setattr(inputs, "internal_problem", count)
    most = limits.PROBLEMS.most
    given: dict[str, object] = {f"x{number}": 1 for number in range(100 * most)}
    assert len(refused(CONTACT, given)) == most
    assert made == most, "the others are not even made"


def test_a_name_that_is_repeated_is_cut() -> None:
    assert refused(CONTACT, {"fullName": "Ada", "x" * 100_000: 1})[0].fields == ("x" * 255,)


#: Inputs of stored texts, and how many bytes they may have.
TEXTS = {
    ("create_contact", "notes"): 64 * 1024,
    ("create_conversation_item", "content"): 64 * 1024,
    ("create_ai_agent", "instructions"): 256 * 1024,
    ("update_ai_agent", "greeting"): 16 * 1024,
}


@pytest.mark.parametrize(("names", "most"), TEXTS.items())
def test_stored_texts_are_bounded_in_bytes(names: tuple[str, str], most: int) -> None:
    kind = ACTIONS[names[0]].input_index[names[1]].kind
    for character in ("x", "ä", "😀"):
        longest = character * (most // len(character.encode()))
        assert kind.cast(longest) == longest
        with pytest.raises(BadValue, match=r"must have at most %\{max\} bytes") as bad:
            kind.cast(longest + "x")
        assert bad.value.vars == {"max": most}


def test_objects_and_lists_are_bounded_in_bytes_as_they_are_stored() -> None:
    most = limits.LONG_TEXT_BYTES.most
    Map().cast({"k": "x" * (most - 8)})
    ToolList().cast([{"name": "x" * 1000}])
    TextList().cast(["x" * 200] * 300)
    for kind, value in (
        (Map(), {"k": "x" * (most - 7)}),
        (Map(), {"k": "ä" * (most // 2)}),
        (ToolList(), [{"name": "n", "description": "x" * most}]),
        (TextList(), ["x" * 200] * 330),
    ):
        with pytest.raises(BadValue, match=r"must have at most %\{max\} bytes"):
            kind.cast(value)


def test_every_stored_text_is_bounded() -> None:
    for action in ACTIONS.values():
        for one in action.inputs:
            if isinstance(one.kind, Text):
                most = one.kind.max_length
                bounded = one.kind.max_bytes or (most is not None and most <= 255)
                assert bounded, (action.name, one.name)
    assert 255 * len("😀".encode()) <= limits.SHORT_TEXT_BYTES.most


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        (TextList(), lambda _: "x"),
        (ToolList(), lambda number: {"name": f"x{number}"}),
        (Choices(("a", "b")), lambda _: "a"),
    ],
)
def test_the_members_of_a_list_are_counted_before_they_are_cast(
    kind: Kind, member: Callable[[int], object]
) -> None:
    kind.cast([member(number) for number in range(limits.LIST_MEMBERS.most)])
    with pytest.raises(BadValue, match=r"must have at most %\{max\} members") as bad:
        kind.cast([object()] * (limits.LIST_MEMBERS.most + 1))
    assert bad.value.vars == {"max": 1_000}


@pytest.mark.parametrize("validating", [False, True])
@pytest.mark.parametrize("action", ["create_ai_agent", "update_ai_agent"])
def test_bad_values_inside_a_value_are_told_with_the_way_there(
    action: str, validating: bool
) -> None:
    tools = [{"name": "clock"}, {"name": " "}, {"name": "clock"}, {"name": "hours"}]
    given = {"name": "Kim", "model": "local/attendant", "tools": tools}
    known = {name: given[name] for name in given if name in ACTIONS[action].input_index}
    with pytest.raises(RpcRefused) as refused:
        cast_inputs(ACTIONS[action], known, validating=validating)
    assert [(bad.type, bad.fields, bad.path, bad.message) for bad in refused.value.problems] == [
        ("invalid_attribute", ("tools",), ("tools", "1", "name"), "must not be empty"),
        ("invalid_attribute", ("tools",), ("tools", "2", "name"), "is the name of another tool"),
    ]


@pytest.mark.parametrize(
    ("tools", "path"),
    [
        ("clock", ()),
        (["clock"], ("0",)),
        ([{"name": "a"}, {}], ("1",)),
        ([{"name": "a", "parameters": []}], ("0", "parameters")),
        ([{"name": 7}], ("0", "name")),
    ],
)
def test_what_is_no_tool_is_told_with_its_place(tools: object, path: tuple[str, ...]) -> None:
    with pytest.raises(BadValue) as bad:
        ToolList().cast(tools)
    assert bad.value.path == path


def test_defaults_stand_in_for_what_is_absent_or_null() -> None:
    assert cast_inputs(ODD, {}) == {"channel": "chat"}
    assert cast_inputs(ODD, {"channel": None}) == {"channel": "chat"}
    assert cast_inputs(ODD, {"channel": "email"}) == {"channel": "email"}


def test_null_stores_what_a_cleared_value_is() -> None:
    assert cast_inputs(ODD, {"greeting": None})["greeting"] == ""
    assert cast_inputs(ODD, {"greeting": " "})["greeting"] == ""


def test_null_is_refused_where_there_must_be_a_value() -> None:
    (problem,) = refused(ODD, {"enabled": None})
    assert (problem.type, problem.fields) == ("required", ("enabled",))


def test_what_is_never_null_is_never_given_null() -> None:
    """Where a record is written, null clears a field that may be null and is refused else."""
    checked = 0
    for action in ACTIONS.values():
        if action.kind not in (ActionKind.CREATE, ActionKind.UPDATE) or action.resource is None:
            continue
        for one in action.inputs:
            shown = action.resource.field_index.get(one.name)
            if shown is None:
                continue
            assert one.null <= shown.null, (action.name, one.name)
            if not shown.null:
                (problem,) = [
                    problem
                    for problem in refused(action, {one.name: None})
                    if problem.fields == (one.name,)
                ]
                assert problem.type == "required"
                checked += 1
    assert checked > 40


def test_blank_text_is_kept_where_it_is_shown() -> None:
    agent = {"name": "A", "model": "m", "instructions": " ", "greeting": ""}
    cast = cast_inputs(ACTIONS["create_ai_agent"], agent)
    assert (cast["instructions"], cast["greeting"]) == ("", "")


def test_one_of_a_group_is_required() -> None:
    (problem,) = refused(ENTRY, {})
    assert (problem.type, problem.fields) == ("required", ("id",))
    (problem,) = refused(ENTRY, {"id": None})
    assert (problem.type, problem.fields) == ("required", ("id",))
    (problem,) = refused(ENTRY, {"callUuid": 7})
    assert (problem.type, problem.fields) == ("invalid_argument", ("callUuid",))
    assert cast_inputs(ENTRY, {"callUuid": "a"}) == {"callUuid": "a"}


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**63, 2**64, 10**400, 1.5, 1e300, True])
def test_a_number_that_does_not_fit_is_refused(number: object) -> None:
    given = {"conversationId": str(a_uuid()), "content": "x", "role": "user"}
    (problem,) = refused(ITEM, {**given, "contentIndex": number})
    assert (problem.type, problem.fields) == ("invalid_attribute", ("contentIndex",))


def a_uuid() -> Any:
    return "0190b5a0-0000-7000-8000-000000000000"


# -- the table itself ---------------------------------------------------------------------

PLAIN = [
    action
    for action in ACTIONS.values()
    if action.kind in (ActionKind.CREATE, ActionKind.UPDATE) and action.act is None
]


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.name)
def test_groups_and_defaults_name_what_is_there(action: Action) -> None:
    names = {one.name for one in action.inputs}
    assert all(set(group) <= names for group in action.one_of)
    for one in action.inputs:
        assert not (one.required and one.default is not None)
        if one.default is not None:
            assert one.kind.cast(one.default) == one.default


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.name)
def test_named_identities_are_unique_columns(action: Action) -> None:
    for name in action.identities:
        assert action.resource is not None
        constraints = [
            set(one.columns.keys()) - {"workspace_id", "environment"}
            for one in action.resource.table.constraints
            if isinstance(one, sa.UniqueConstraint)
        ]
        assert {snake(name)} in constraints
