"""The `sort` grammar (events socket, 4.8)."""

import pytest

from ringline.domain import limits
from ringline.rpc.resources import RESOURCES
from ringline.rpc.sorting import BY_ID, SortKey, read_sort
from ringline.wire.rpc import RpcRefused

CALL = RESOURCES["Call"]


@pytest.mark.parametrize(
    ("prefix", "descending", "nulls_first"),
    [
        ("", False, False),
        ("+", False, False),
        ("-", True, True),
        ("++", False, True),
        ("--", True, False),
    ],
)
def test_the_four_prefixes(prefix: str, descending: bool, nulls_first: bool) -> None:
    key = SortKey((), "endedAt", descending, nulls_first)
    assert read_sort(CALL, f"{prefix}endedAt") == (key, BY_ID)
    assert read_sort(CALL, [f"{prefix}ended_at"]) == (key, BY_ID)
    assert key.reversed.reversed == key


@pytest.mark.parametrize("sort", [None, "", []])
def test_an_empty_sort_is_none(sort: object) -> None:
    assert read_sort(CALL, sort) == ()


def test_several_fields_and_a_path() -> None:
    assert read_sort(CALL, "status,-conversation.publicId") == (
        SortKey((), "status"),
        SortKey(("conversation",), "publicId", True, True),
        BY_ID,
    )


def test_what_cannot_matter_is_left_out() -> None:
    assert read_sort(CALL, "status,-status") == (SortKey((), "status"), BY_ID)
    assert read_sort(CALL, "-id,status") == (SortKey((), "id", True, True),)


@pytest.mark.parametrize(
    ("sort", "reason", "field"),
    [
        (7, "invalid_sort", ()),
        ({"status": 1}, "invalid_sort", ()),
        (["status", 7], "invalid_sort", ()),
        ("nope", "unknown_sort_field", ("nope",)),
        ("-nope", "unknown_sort_field", ("nope",)),
        (" status", "unknown_sort_field", (" status",)),
        ("status,", "unknown_sort_field", ()),
        ("conversation", "unknown_sort_field", ("conversation",)),
        ("participants.role", "unknown_sort_field", ("participants.role",)),
        ("conversation.metadata", "unknown_sort_field", ("conversation.metadata",)),
        ("nope.id", "unknown_sort_field", ("nope.id",)),
        ("conversation.call." * 6 + "id", "invalid_sort", ()),
        ("." * 1_000_000, "invalid_sort", ()),
        (["x" * 1_000_000], "unknown_sort_field", ("x" * 255,)),
        ("-" + "x" * 1_000_000, "unknown_sort_field", ("x" * 255,)),
    ],
)
def test_what_is_wrong_is_told(sort: object, reason: str, field: tuple[str, ...]) -> None:
    with pytest.raises(RpcRefused) as raised:
        read_sort(CALL, sort)
    (problem,) = raised.value.problems
    assert problem.type == "internal_error"
    assert f"'reason': '{reason}'" in str(problem.details)
    assert problem.fields == field


@pytest.mark.parametrize("item", ["status", "-id", "nope", "", 7])
def test_the_items_of_a_sort_are_counted_before_they_are_read(item: object) -> None:
    most = limits.SORT_ITEMS.most
    sorts: list[object] = [[item] * (most + 1), [item] * 199_000]
    if isinstance(item, str):
        sorts += [",".join([item] * (most + 1)), "," * 1_000_000]
    for sort in sorts:
        with pytest.raises(RpcRefused) as raised:
            read_sort(CALL, sort)
        assert raised.value.problems[0].details == {"reason": "invalid_sort"}
    assert len(read_sort(CALL, ["status"] * most)) == 2


def test_the_relationships_of_all_items_count_together() -> None:
    names = [field.name for field in CALL.fields if field.name != "id"]
    read_sort(CALL, [f"conversation.call.{name}" for name in names[:5]])
    with pytest.raises(RpcRefused) as raised:
        read_sort(CALL, [f"conversation.call.{name}" for name in names[:6]])
    assert raised.value.problems[0].details == {"reason": "invalid_sort"}


def test_an_operators_sort_follows_to_what_operators_may_list() -> None:
    participant = RESOURCES["CallParticipant"]
    read_sort(participant, "call.fromNumber", operator=True)
    for resource, sort in ((CALL, "conversation.publicId"), (participant, "organisation.name")):
        read_sort(resource, sort)
        with pytest.raises(RpcRefused) as raised:
            read_sort(resource, sort, operator=True)
        assert [problem.type for problem in raised.value.problems] == ["forbidden"]
