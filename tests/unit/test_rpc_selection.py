"""The `fields` grammar, row by row (events socket, 4.4)."""

import pytest

from ringline.domain import limits
from ringline.rpc.resources import RESOURCES
from ringline.rpc.selection import Selection, select
from ringline.wire.rpc import RpcProblem, RpcRefused

CALL = RESOURCES["Call"]


def refused(fields: list[object]) -> RpcProblem:
    with pytest.raises(RpcRefused) as raised:
        select(CALL, fields)
    (problem,) = raised.value.problems
    return problem


def test_names_are_accepted_in_both_spellings_and_told_in_one() -> None:
    assert select(CALL, ["id", "call_uuid", "startedAt"]) == Selection(
        ("id", "callUuid", "startedAt")
    )


def test_relationships_nest() -> None:
    chosen = select(CALL, ["id", {"conversation": ["publicId", {"ai_agent": ["name"]}]}])
    agent = Selection(("name",))
    conversation = Selection(("publicId",), (("aiAgent", agent),))
    assert chosen == Selection(("id",), (("conversation", conversation),))


def test_one_object_may_hold_several() -> None:
    chosen = select(CALL, [{"participants": ["id"], "transcripts": ["text"]}])
    assert [name for name, _ in chosen.related] == ["participants", "transcripts"]


@pytest.mark.parametrize(
    ("fields", "type_", "short", "field", "path"),
    [
        (["nope"], "unknown_field", "Unknown field", "nope", ()),
        (["no_such"], "unknown_field", "Unknown field", "noSuch", ()),
        ([7], "unknown_field", "Unknown field", "7", ()),
        ([None], "unknown_field", "Unknown field", "null", ()),
        ([["id"]], "unknown_field", "Unknown field", "[]", ()),
        ([{"nope": ["id"]}], "unknown_field", "Unknown field", "nope", ()),
        (
            [{"conversation": ["nope"]}],
            "unknown_field",
            "Unknown field",
            "conversation.nope",
            ("conversation",),
        ),
        (["id", "id"], "duplicate_field", "Duplicate field", "id", ()),
        (["callUuid", "call_uuid"], "duplicate_field", "Duplicate field", "callUuid", ()),
        (
            [{"conversation": ["id"]}, {"conversation": ["id"]}],
            "duplicate_field",
            "Duplicate field",
            "conversation",
            (),
        ),
        (
            [{"conversation": ["id", "id"]}],
            "duplicate_field",
            "Duplicate field",
            "conversation.id",
            ("conversation",),
        ),
        (
            ["conversation"],
            "requires_field_selection",
            "Field selection required",
            "conversation",
            (),
        ),
        (
            [{"conversation": []}],
            "requires_field_selection",
            "Field selection required",
            "conversation",
            (),
        ),
        (
            [{"id": ["nope"]}],
            "field_does_not_support_nesting",
            "Field does not support nesting",
            "id",
            (),
        ),
        (
            [{"conversation": 7}],
            "unsupported_field_combination",
            "Unsupported field combination",
            "conversation",
            (),
        ),
        (
            [{"conversation": "id"}],
            "unsupported_field_combination",
            "Unsupported field combination",
            "conversation",
            (),
        ),
    ],
)
def test_every_problem_is_told_to_the_letter(
    fields: list[object], type_: str, short: str, field: str, path: tuple[str, ...]
) -> None:
    problem = refused(fields)
    assert (problem.type, problem.short_message) == (type_, short)
    assert problem.vars["field"] == field
    assert problem.fields == (field,)
    assert problem.path == path
    assert problem.vars.get("resource") == (
        ("Conversation" if path else "Call") if type_ == "unknown_field" else None
    )


def nested(levels: int) -> list[object]:
    fields: list[object] = ["id"]
    for level in range(levels):
        name = "call" if (levels - level) % 2 == 0 else "conversation"
        fields = [{name: fields}]
    return fields


def test_twenty_levels_are_enough() -> None:
    select(CALL, nested(20))
    problem = refused(nested(21))
    assert problem.type == "fields_too_deep"
    assert problem.vars == {"limit": 20}


def test_only_so_many_relationships_are_followed() -> None:
    wide: list[object] = ["id"]
    for _ in range(7):
        wide = [
            {"conversation": [{"call": wide, "organisation": ["id"]}], "organisation": ["id"]},
            {"participants": ["id"], "transcripts": ["id"]},
        ]
    select(CALL, wide)
    fan: list[object] = [{"participants": [{"call": wide}], "transcripts": [{"call": wide}]}]
    for _ in range(2):
        fan = [{"participants": [{"call": fan}], "transcripts": [{"call": fan}]}]
    problem = refused(fan)
    assert (problem.type, problem.vars) == (
        "result_too_large",
        {"limit": limits.FIELDS_RELATIONSHIPS.most},
    )


@pytest.mark.parametrize("item", ["nope", "id", {}, {"nope": ["id"], "no": []}, [], 7])
def test_the_members_of_fields_are_counted_before_they_are_read(item: object) -> None:
    many: list[list[object]] = [[item] * 1_001, ["id", {"conversation": [item] * 1_000}]]
    for fields in many:
        problem = refused(fields)
        assert (problem.type, problem.vars) == (
            "result_too_large",
            {"limit": limits.FIELDS_MEMBERS.most},
        )


def test_the_members_of_an_object_of_fields_count() -> None:
    problem = refused([{f"x{number}": ["id"] for number in range(1_000)}])
    assert problem.type == "result_too_large"
    select(CALL, [{}] * 1_000)


def test_a_name_that_is_repeated_is_cut() -> None:
    name = "x" * 100_000
    for fields in (list[object]([name]), list[object]([{name: ["id"]}])):
        assert refused(fields).vars["field"] == name[:255]
    assert refused([10**300]).vars["field"] == "1" + 254 * "0"


@pytest.mark.parametrize(
    "fields",
    [
        [{"conversation": ["id"]}],
        [{"organisation": ["id"]}],
        ["id", {"participants": ["id", {"call": [{"conversation": ["id"]}]}]}],
    ],
)
def test_an_operators_fields_follow_to_what_operators_may_list(fields: list[object]) -> None:
    select(CALL, fields)
    select(CALL, [{"participants": ["id", {"call": ["id"]}]}], operator=True)
    with pytest.raises(RpcRefused) as raised:
        select(CALL, fields, operator=True)
    assert [problem.type for problem in raised.value.problems] == ["forbidden"]
