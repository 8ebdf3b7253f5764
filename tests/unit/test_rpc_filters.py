"""The `filter` grammar: shapes, values and refusals (events socket, 4.7)."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from ringline.domain import limits
from ringline.rpc.filters import (
    EVERYTHING,
    All,
    Either,
    FilterShape,
    Not,
    Predicate,
    Related,
    read_filter,
)
from ringline.rpc.resources import RESOURCES
from ringline.rpc.statements import condition, source_of
from ringline.schema.sql import Prepared
from ringline.wire.rpc import RpcProblem, RpcRefused

MAX_DEPTH = limits.FILTER_DEPTH.most

CALL = RESOURCES["Call"]
EQ = Predicate("status", "eq")


def refused(given: object) -> RpcProblem:
    with pytest.raises(RpcRefused) as raised:
        read_filter(CALL, given)
    (problem,) = raised.value.problems
    return problem


@pytest.mark.parametrize(
    ("given", "shape", "values"),
    [
        (None, EVERYTHING, []),
        ({}, EVERYTHING, []),
        ({"status": {"eq": "answered"}}, EQ, ["answered"]),
        ({"status": "answered"}, EQ, ["answered"]),
        ({"status": None}, EQ, [None]),
        ({"status": {}}, EVERYTHING, []),
        ({"fromNumber": ""}, Predicate("fromNumber", "eq"), [""]),
        ({"fromNumber": {"in": [" ", None]}}, Predicate("fromNumber", "in"), [["", None]]),
        ({"from_number": {"not_eq": "x"}}, Predicate("fromNumber", "not_eq"), ["x"]),
        ({"fromNumber": {"notEquals": "x"}}, Predicate("fromNumber", "not_eq"), ["x"]),
        ({"status": {"in": ["ringing", None]}}, Predicate("status", "in"), [["ringing", None]]),
        ({"durationSeconds": {"gte": "7"}}, Predicate("durationSeconds", "gte"), [7]),
        ({"endedAt": {"isNil": "true"}}, Predicate("endedAt", "is_nil"), []),
        ({"endedAt": {"isNil": False}}, Predicate("endedAt", "is_set"), []),
        ({"fromNumber": {"contains": " 4"}}, Predicate("fromNumber", "contains"), [" 4"]),
        (
            {"durationSeconds": {"greaterThan": 1, "lt": 9}},
            All((Predicate("durationSeconds", "gt"), Predicate("durationSeconds", "lt"))),
            [1, 9],
        ),
        ({"status": {"not": {"eq": "busy"}}}, Not(EQ), ["busy"]),
        ({"or": [{"status": "busy"}, {"status": "failed"}]}, Either((EQ, EQ)), ["busy", "failed"]),
        ({"and": []}, All(()), []),
        ({"or": []}, Either(()), []),
        ({"not": {"status": "busy"}}, Not(All((EQ,))), ["busy"]),
        (
            {"not": [{"status": "busy"}, {"direction": "inbound"}]},
            Not(All((EQ, Predicate("direction", "eq")))),
            ["busy", "inbound"],
        ),
        (
            {"conversation": {"aiAgent": {"name": "A"}}, "status": "busy"},
            All((Related("conversation", Related("aiAgent", Predicate("name", "eq"))), EQ)),
            ["A", "busy"],
        ),
    ],
)
def test_a_filter_becomes_a_shape_and_its_values(
    given: object, shape: FilterShape, values: list[object]
) -> None:
    read_shape, read_values = read_filter(CALL, given)
    assert read_shape == shape
    assert list(read_values) == values


def test_whether_a_value_is_there_is_no_parameter_so_that_an_index_is_used() -> None:
    for value, sql in ((True, "ended_at IS NULL"), (False, "ended_at IS NOT NULL")):
        shape, values = read_filter(CALL, {"endedAt": {"isNil": value}})
        statement = Prepared(sa.select(CALL.table.c.id).where(condition(source_of(CALL), shape)))
        assert (list(values), statement.arguments()) == ([], [])
        assert sql in statement.text


def test_filters_that_differ_in_values_alone_share_a_shape() -> None:
    one, _ = read_filter(CALL, {"status": {"in": ["busy"]}, "not": {"fromNumber": "a"}})
    other, _ = read_filter(CALL, {"status": {"in": ["busy", "failed"]}, "not": {"fromNumber": "b"}})
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize(
    ("given", "reason", "field"),
    [
        ("busy", "invalid_filter", None),
        ([], "invalid_filter", None),
        ({"and": ["busy"]}, "invalid_filter", None),
        ({"conversation": "x"}, "invalid_filter", None),
        ({"nope": 1}, "unknown_filter_field", "nope"),
        ({"conversation": {"nope": 1}}, "unknown_filter_field", "nope"),
        ({"status": {"like": "b"}}, "unknown_filter_operator", "status"),
        ({"status": {"gt": "busy"}}, "unknown_filter_operator", "status"),
        ({"conversation": {"metadata": {"eq": {}}}}, "unknown_filter_operator", "metadata"),
        ({"status": {"eq": "nope"}}, "invalid_filter_value", "status"),
        ({"status": {"in": "busy"}}, "invalid_filter_value", "status"),
        ({"durationSeconds": {"gt": 1.5}}, "invalid_filter_value", "durationSeconds"),
        ({"durationSeconds": 2**63}, "invalid_filter_value", "durationSeconds"),
        ({"startedAt": {"gt": "yesterday"}}, "invalid_filter_value", "startedAt"),
        ({"startedAt": {"gt": "2026-01-01T00:00:00"}}, "invalid_filter_value", "startedAt"),
        ({"id": "7"}, "invalid_filter_value", "id"),
        ({"endedAt": {"isNil": "maybe"}}, "invalid_filter_value", "endedAt"),
        ({"fromNumber": {"contains": 4}}, "invalid_filter_value", "fromNumber"),
    ],
)
def test_what_is_wrong_is_told_by_its_reason(given: object, reason: str, field: str | None) -> None:
    problem = refused(given)
    assert problem.type == problem.code == "internal_error"
    assert problem.short_message == "Internal error"
    assert f"'reason': '{reason}'" in str(problem.details)
    assert "%{" not in problem.message
    assert problem.fields == ((field,) if field else ())


def deep(levels: int) -> dict[str, object]:
    inner: dict[str, object] = {}
    for _ in range(levels - 1):
        inner = {"and": [inner]}
    return inner


def test_a_filter_may_be_twenty_levels_deep() -> None:
    read_filter(CALL, deep(MAX_DEPTH))
    problem = refused(deep(MAX_DEPTH + 1))
    assert (problem.type, problem.vars) == ("filter_too_complex", {"limit": 20})
    nots: object = {"eq": "busy"}
    for _ in range(30):
        nots = {"not": nots}
    assert refused({"status": nots}).type == "filter_too_complex"


@pytest.mark.parametrize(
    "filter_of",
    [
        lambda count: {"or": [{"status": "busy"}] * count},
        lambda count: {"and": [{"and": []}] * count},
        lambda count: {"and": [{}] * count},
        lambda count: {"not": [{"conversation": {}}] * (count // 2)},
        lambda count: {"or": [{"status": {"not": {"eq": "busy"}}}] * (count // 2)},
        lambda count: {"or": [{"status": {}}] * count},
        lambda count: {"and": [{"durationSeconds": {"gt": 1, "lt": 9}, "id": None}] * (count // 3)},
    ],
)
def test_a_filter_may_have_five_hundred_nodes(
    filter_of: Callable[[int], dict[str, object]],
) -> None:
    most = limits.FILTER_NODES.most - 1  # and the combinator around them
    read_filter(CALL, filter_of(most))
    assert refused({"or": [{"status": "busy"}] * (most + 1)}).type == "filter_too_complex"
    for count in (2 * most, 100_000):
        problem = refused(filter_of(count))
        assert (problem.type, problem.vars) == ("filter_too_complex", {"limit": 500})


@pytest.mark.parametrize(
    ("resource", "part", "most"),
    [
        ("Call", {"conversation": {}}, 249),  # with the combinator around them they are 499 nodes
        ("Call", {"participants": {"call": {"transcripts": {}}}}, 83),
        ("Conversation", {"call": {}}, 125),  # the latest of several
        ("CallQueueEntry", {"callUuid": "x"}, 250),  # read through its call
        ("CallQueueEntry", {"fromNumber": {"contains": "1", "not": {"eq": "12"}}}, 125),
    ],
)
def test_a_filter_may_follow_so_many_relationships(
    resource: str, part: dict[str, object], most: int
) -> None:
    read_filter(RESOURCES[resource], {"or": [part] * most})
    with pytest.raises(RpcRefused) as raised:
        read_filter(RESOURCES[resource], {"or": [part] * (most + 1)})
    (problem,) = raised.value.problems
    assert problem.type == "filter_too_complex"


def test_five_hundred_predicates_far_away_are_too_complex() -> None:
    far: dict[str, object] = {"id": None}
    for level in range(17):
        far = {"conversation" if level % 2 == 0 else "call": far}
    assert refused({"or": [far] * 500}).vars == {"limit": 250}


class Untouchable(str):
    """A value that nobody may look at."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise AssertionError("it is counted before it is cast")


def test_the_members_of_an_in_are_counted_before_they_are_cast() -> None:
    most = limits.FILTER_IN.most
    read_filter(CALL, {"status": {"in": ["busy"] * most}})
    problem = refused({"status": {"in": [Untouchable("busy")] * (most + 1)}})
    assert (problem.type, problem.vars) == ("filter_too_complex", {"limit": most})


def test_a_name_that_is_repeated_is_cut() -> None:
    name = "x" * 100_000
    for given in ({name: 1}, {"and": [{name: 1}]}):
        assert refused(given).fields == (name[:255],)
    assert refused({"status": {name: 1}}).details == {"reason": "unknown_filter_operator"}


@pytest.mark.parametrize(
    "given",
    [
        {"conversation": {"status": "active"}},
        {"or": [{"status": "busy"}, {"participants": {"call": {"organisation": {}}}}]},
        {"not": {"conversation": {}}},
    ],
)
def test_an_operators_filter_follows_to_what_operators_may_list(given: object) -> None:
    read_filter(CALL, given)
    read_filter(CALL, {"participants": {"call": {"status": "busy"}}}, operator=True)
    with pytest.raises(RpcRefused) as raised:
        read_filter(CALL, given, operator=True)
    assert [problem.type for problem in raised.value.problems] == ["forbidden"]
