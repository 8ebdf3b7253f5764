"""The `sort` grammar (events socket, 4.8)."""

import pytest

from ringline.rpc.resources import RESOURCES
from ringline.rpc.sorting import BY_ID, MAX_KEYS, SortKey, read_sort
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
        ("conversation.call." * 20 + "id", "unknown_sort_field", None),
    ],
)
def test_what_is_wrong_is_told(sort: object, reason: str, field: tuple[str, ...] | None) -> None:
    with pytest.raises(RpcRefused) as raised:
        read_sort(CALL, sort)
    (problem,) = raised.value.problems
    assert problem.type == "internal_error"
    assert problem.details == {"reason": reason}
    assert field is None or problem.fields == field


def test_a_sort_has_so_many_fields_at_most() -> None:
    names = [field.name for field in CALL.fields if field.name != "id"]
    paths = [f"conversation.{name}" for name in ("publicId", "channel", "mode", "status")]
    paths += [f"conversation.call.{name}" for name in names]
    read_sort(CALL, paths[:MAX_KEYS])
    with pytest.raises(RpcRefused):
        read_sort(CALL, [*names, *paths][: MAX_KEYS + 1])
