"""The tokens of pages (live streams, 1.7): keyset cursors, for URLs.

A token holds the values of the last row, and a signature that covers the route, its filters
and the size of the page: with another query it is refused, as a forged one is.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

from ringline.domain import limits
from ringline.rest.reading import DEFAULT_PAGE_SIZE, PAGE_SIZE, PAGE_TOKEN, bad
from ringline.rest.route import Listed, PageAsked, Route
from ringline.rpc.pages import BadCursor, Cursors
from ringline.wire.strict_json import encode

NEXT = "next_page_token"
_NO_IDS: Mapping[str, UUID] = MappingProxyType({})
_TO_URL = str.maketrans("+/", "-_")
_FROM_URL = str.maketrans("-_", "+/")


class PageTokens:
    """Makes and reads the tokens of pages; the first secret signs, all of them verify."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._cursors = Cursors(secrets)

    def read(
        self, route: Route, query: Mapping[str, Any], *, ids: Mapping[str, UUID] = _NO_IDS
    ) -> PageAsked:
        """Return the page that a query asks for. Raises Refused."""
        assert route.paging is not None, "only lists have pages"
        size, token = query.get(PAGE_SIZE.name, DEFAULT_PAGE_SIZE), query.get(PAGE_TOKEN.name)
        if token is None:
            return PageAsked(size, None)
        try:
            after = self._cursors.read(
                _purpose(route, query, ids=ids), _from_url(token), kinds=route.paging.kinds
            )
        except BadCursor:
            raise bad(PAGE_TOKEN.name, "is not one of this list with these parameters") from None
        return PageAsked(size, after)

    def answer(
        self,
        route: Route,
        query: Mapping[str, Any],
        *,
        ids: Mapping[str, UUID] = _NO_IDS,
        listed: Listed,
    ) -> dict[str, object]:
        """Return a page's members: the rows and, if more follow, the token."""
        assert route.paging is not None, "only lists have pages"
        answer: dict[str, object] = {**listed.beside, route.paging.key: listed.rows}
        if listed.last is not None:
            purpose = _purpose(route, query, ids=ids)
            answer[NEXT] = _for_url(self._cursors.make(purpose, listed.last))
        return answer


def _purpose(route: Route, query: Mapping[str, Any], *, ids: Mapping[str, UUID]) -> bytes:
    """Return what a token is for: the list, whose it is, the filters and the size of the page."""
    assert route.paging is not None, "only lists have pages"
    filters = {name: value for name, value in {**ids, **query}.items() if name != PAGE_TOKEN.name}
    filters.setdefault(PAGE_SIZE.name, DEFAULT_PAGE_SIZE)
    of = route.paging.tokens or route.operation
    return encode([of, sorted((name, str(value)) for name, value in filters.items())])


def _for_url(cursor: str) -> str:
    return cursor.rstrip("=").translate(_TO_URL)


def _from_url(token: str) -> str:
    """Return a token as the cursor it was made of. Raises BadCursor."""
    if len(token) > limits.CURSOR_CHARACTERS.most:
        raise BadCursor
    return token.translate(_FROM_URL) + "=" * (-len(token) % 4)
