"""Lists as RPC spells them: what is asked for, and the pages that are answered."""

import msgspec
import pytest

from ringline.rpc.filters import EVERYTHING, Predicate
from ringline.rpc.lists import answer_list, read_list
from ringline.rpc.pages import KeysetPage, OffsetPage
from ringline.rpc.reader import Listed, ListRequest
from ringline.rpc.records import AnswerRecord
from ringline.rpc.resources import RESOURCES
from ringline.rpc.selection import Selection
from ringline.rpc.sorting import BY_ID, SortKey
from ringline.wire.rpc import RpcRefused

CONTACT = RESOURCES["Contact"]
IDS = Selection(("id",))
#: From the first that is read to the last.
BAD = (
    ("filter", {"nope": 1}, "internal_error"),
    ("sort", "nope", "internal_error"),
    ("page", {"limit": 0}, "invalid_page"),
)


class Row(msgspec.Struct):
    id: str


def test_a_body_becomes_shapes_and_values() -> None:
    body = {
        "filter": {"fullName": {"contains": "A"}},
        "sort": "-fullName",
        "page": {"limit": 2, "count": True},
        "fields": ["whatever"],
    }
    assert read_list(CONTACT, IDS, body=body) == ListRequest(
        CONTACT,
        IDS,
        Predicate("fullName", "contains"),
        ["A"],
        (SortKey((), "fullName", True, True), BY_ID),
        KeysetPage(2, None, None, True),
    )


def test_an_empty_body_lists_everything() -> None:
    assert read_list(CONTACT, IDS, body={}) == ListRequest(CONTACT, IDS, EVERYTHING)


@pytest.mark.parametrize("first", range(len(BAD)))
def test_the_first_problem_is_told(first: int) -> None:
    body = {name: given for name, given, _ in BAD[first:]}
    with pytest.raises(RpcRefused) as refused:
        read_list(CONTACT, IDS, body=body, pages=False)
    assert [problem.type for problem in refused.value.problems] == [BAD[first][2]]


def test_a_list_without_pages_takes_none() -> None:
    with pytest.raises(RpcRefused) as refused:
        read_list(CONTACT, IDS, body={"page": {"limit": 1}}, pages=False)
    assert [problem.type for problem in refused.value.problems] == ["unknown_error"]
    assert read_list(CONTACT, IDS, body={"page": {}}, pages=False).page is None


def test_an_operator_lists_what_operators_may_alone() -> None:
    calls, body = RESOURCES["Call"], {"filter": {"aiAgent": {"name": "x"}}}
    read_list(calls, IDS, body=body)
    with pytest.raises(RpcRefused) as refused:
        read_list(calls, IDS, body=body, operator=True)
    assert [problem.type for problem in refused.value.problems] == ["forbidden"]


ROWS: list[AnswerRecord] = [Row("a"), Row("b")]


def test_a_plain_list_is_its_records() -> None:
    assert answer_list(ListRequest(CONTACT, IDS), Listed(ROWS)) == ROWS


@pytest.mark.parametrize("count", [7, None])
def test_a_page_by_offset(count: int | None) -> None:
    request = ListRequest(CONTACT, IDS, page=OffsetPage(2, 4, count is not None))
    assert answer_list(request, Listed(ROWS, True, count)) == {
        "results": ROWS,
        "hasMore": True,
        "limit": 2,
        "offset": 4,
        "count": count,
        "type": "offset",
    }


@pytest.mark.parametrize(
    ("after", "before", "has_more", "next_page"),
    [
        (None, None, True, "last"),
        (None, None, False, None),
        ("x", None, False, None),
        (None, "x", False, "last"),  # the row of the cursor comes behind this page
        ("x", "y", False, "last"),
    ],
)
def test_a_page_by_cursor(
    after: str | None, before: str | None, has_more: bool, next_page: str | None
) -> None:
    request = ListRequest(CONTACT, IDS, page=KeysetPage(2, after, before, False))
    assert answer_list(request, Listed(ROWS, has_more, None, "first", "last")) == {
        "results": ROWS,
        "hasMore": has_more,
        "limit": 2,
        "after": after,
        "before": before,
        "previousPage": "first",
        "nextPage": next_page,
        "count": None,
        "type": "keyset",
    }


def test_an_empty_page_has_no_cursors() -> None:
    request = ListRequest(CONTACT, IDS, page=KeysetPage(2, None, "x", False))
    page = answer_list(request, Listed([]))
    assert isinstance(page, dict)
    assert (page["previousPage"], page["nextPage"]) == (None, None)
