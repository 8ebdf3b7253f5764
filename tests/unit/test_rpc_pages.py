"""The `page` grammar, its cursors, and the regions behind a row (events socket, 4.9)."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import limits
from ringline.domain.ids import Prefix
from ringline.rpc.keyset import Region, Sort, Term, behind, whole
from ringline.rpc.kinds import Boolean, Id, Integer, Kind, Text, Timestamp
from ringline.rpc.pages import BadCursor, Cursors, KeysetPage, OffsetPage, purpose_of, read_page
from ringline.rpc.resources import RESOURCES
from ringline.rpc.sorting import BY_ID, SortKey, read_sort
from ringline.wire.rpc import RpcRefused


@pytest.mark.parametrize(
    ("given_page", "page"),
    [
        (None, None),
        ({}, None),
        ({"limit": None, "offset": None, "count": None}, None),
        ({"limit": 3}, KeysetPage(3, None, None, False)),
        ({"limit": 1000}, KeysetPage(250, None, None, False)),
        ({"limit": 2**70}, KeysetPage(250, None, None, False)),
        ({"count": True}, KeysetPage(250, None, None, True)),
        ({"after": None}, KeysetPage(250, None, None, False)),
        ({"before": None, "limit": 2}, KeysetPage(2, None, None, False)),
        ({"after": "x"}, KeysetPage(250, "x", None, False)),
        ({"after": "x", "before": "y", "limit": 5}, KeysetPage(5, "x", "y", False)),
        ({"offset": 0}, OffsetPage(250, 0, False)),
        ({"offset": 7, "limit": 2, "count": True}, OffsetPage(2, 7, True)),
        ({"offset": 7, "after": None}, OffsetPage(250, 7, False)),
    ],
)
def test_pages_are_read(given_page: object, page: object) -> None:
    assert read_page(given_page) == page


@pytest.mark.parametrize("members", [("after",), ("before",), ("after", "before")])
def test_a_cursor_that_is_too_long_is_refused_and_not_repeated(members: tuple[str, ...]) -> None:
    longest = "A" * limits.CURSOR_CHARACTERS.most
    read_page(dict.fromkeys(members, longest))
    with pytest.raises(RpcRefused) as raised:
        read_page({**dict.fromkeys(members, "x"), members[0]: longest + "A"})
    assert [problem.type for problem in raised.value.problems] == ["invalid_keyset"]


@pytest.mark.parametrize(
    "bad",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": "3"},
        {"limit": 1.0},
        {"limit": True},
        {"offset": -1},
        {"offset": "0"},
        {"offset": 2**63},
        {"offset": 1.5},
        {"count": 1},
        {"count": "true"},
        {"after": 7},
        {"before": ["x"]},
        {"offset": 0, "after": "x"},
        {"offset": 0, "before": "x"},
        {"limit": 1, "size": 2},
    ],
)
def test_pages_that_make_no_sense_are_refused(bad: object) -> None:
    with pytest.raises(RpcRefused) as raised:
        read_page(bad)
    (problem,) = raised.value.problems
    assert (problem.type, problem.short_message) == ("invalid_page", "Invalid pagination")


def test_before_wins() -> None:
    page = KeysetPage(1, "a", "b", False)
    assert page.cursor == "b"
    assert page.backward


KINDS: list[Kind] = [Text(), Integer(), Boolean(), Timestamp(), Id(Prefix.CONTACT)]
VALUES = st.tuples(
    st.none() | st.text(max_size=255),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | st.booleans(),
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
)


@given(VALUES, st.binary(max_size=40))
def test_a_cursor_gives_its_values_back(values: tuple[Any, ...], purpose: bytes) -> None:
    text = Cursors(["secret"]).make(purpose, values)
    assert Cursors(["newer", "secret"]).read(purpose, text, kinds=KINDS) == list(values)
    assert b64encode(b64decode(text, validate=True)).decode() == text


A_CURSOR = Cursors(["secret"]).make(b"contacts", ("Ada", UUID(int=7)))
TWO: list[Kind] = [Text(), Id(Prefix.CONTACT)]


@given(st.integers(0, len(A_CURSOR) - 1), st.characters())
def test_a_cursor_that_was_changed_is_refused(place: int, character: str) -> None:
    changed = A_CURSOR[:place] + character + A_CURSOR[place + 1 :]
    if decoded(changed) != decoded(A_CURSOR):
        assert refuses(changed)


def decoded(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return None


@given(st.text() | st.binary().map(lambda raw: b64encode(raw).decode()))
def test_whatever_stands_for_a_cursor_is_refused(text: str) -> None:
    assert refuses(text)


def test_cursors_of_others_are_refused() -> None:
    assert refuses(A_CURSOR, purpose=b"calls")
    assert refuses(A_CURSOR, secret="another")
    assert not refuses(A_CURSOR)


def refuses(text: str, purpose: bytes = b"contacts", secret: str = "secret") -> bool:
    try:
        Cursors([secret]).read(purpose, text, kinds=TWO)
    except BadCursor:
        return True
    return False


def test_every_sort_signs_its_own_cursors() -> None:
    calls = RESOURCES["Call"]
    sorts = ["id", "-id", "status", "+status", "-status", "++status", "--status"]
    sorts += ["status,startedAt", "startedAt,status", "conversation.status"]
    purposes = {purpose_of(calls, read_sort(calls, sort)) for sort in sorts}
    assert len(purposes) == len(sorts) - 1  # `status` and `+status` are one


# -- regions, against a model ---------------------------------------------------------------

PREFIXES = [(False, False), (True, True), (False, True), (True, False)]
ROWS = st.lists(
    st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 2)),
    min_size=1,
    max_size=12,
).map(lambda pairs: [(*pair, place) for place, pair in enumerate(pairs)])


def rank(key: SortKey, value: int | None) -> tuple[int, int]:
    if value is None:
        return (-1 if key.nulls_first else 1, 0)
    return (0, -value if key.descending else value)


def ordered(sort: Sort, rows: Sequence[Any]) -> list[Any]:
    def ranks(row: Any) -> list[tuple[int, int]]:
        return [rank(key, value) for key, value in zip(sort.keys, row, strict=True)]

    return sorted(rows, key=ranks)


def holds(region: Region, sort: Sort, row: Any, cursor: Any) -> bool:
    for place, term in enumerate(region):
        value = row[place]
        match term:
            case Term.NULL:
                held = value is None
            case Term.VALUE:
                held = value is not None
            case Term.SAME:
                held = value is not None and value == cursor[place]
            case Term.BEHIND_WITH_REST:
                down = sort.keys[place].descending
                mine, its = row[place:], cursor[place:]
                assert None not in mine
                assert None not in its
                held = mine < its if down else mine > its
            case Term.BEHIND:
                down = sort.keys[place].descending
                behind_it = value is not None and (
                    value < cursor[place] if down else value > cursor[place]
                )
                held = behind_it
        if not held:
            return False
    return True


@given(
    ROWS,
    st.sampled_from(PREFIXES),
    st.sampled_from(PREFIXES),
    st.data(),
    st.booleans(),
    st.booleans(),
)
def test_the_regions_behind_a_row_are_the_rest_of_the_order(
    rows: list[Any],
    first: tuple[bool, bool],
    second: tuple[bool, bool],
    data: st.DataObject,
    backward: bool,
    filled: bool,
) -> None:
    keys = (SortKey((), "a", *first), SortKey((), "b", *second), BY_ID)
    sort = Sort(keys, (True, not filled, False))
    if filled:  # a key that is never null
        rows = [(a, b or 0, place) for a, b, place in rows]
    if backward:
        sort = sort.reversed
    cursor = data.draw(st.sampled_from(rows))
    regions = behind(sort, [value is None for value in cursor])
    walked = [
        row
        for region in regions
        for row in ordered(sort, [row for row in rows if holds(region, sort, row, cursor)])
    ]
    everything = ordered(sort, rows)
    assert walked == everything[everything.index(cursor) + 1 :]
    begun = [
        row
        for region in whole(sort)
        for row in ordered(sort, [row for row in rows if holds(region, sort, row, None)])
    ]
    assert begun == everything


def test_a_time_keeps_its_microseconds() -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)
    cursors = Cursors(["secret"])
    assert cursors.read(b"", cursors.make(b"", [moment]), kinds=[Timestamp()]) == [moment]
