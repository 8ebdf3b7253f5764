"""RPC's grammar of list requests and answers (events socket, 4.7 to 4.9).

The reader takes the parsed shape of a list and knows no grammar.
"""

from collections.abc import Mapping

from ringline.rpc.filters import read_filter
from ringline.rpc.pages import KeysetPage, OffsetPage, read_page
from ringline.rpc.reader import Listed, ListRequest
from ringline.rpc.resource import Resource
from ringline.rpc.selection import Selection
from ringline.rpc.sorting import read_sort
from ringline.wire.rpc import refuse


def read_list(
    resource: Resource,
    selection: Selection,
    *,
    body: Mapping[str, object],
    pages: bool = True,
    operator: bool = False,
) -> ListRequest:
    """Parse the members of a body that select the records. Raises RpcRefused.

    Without `pages` the list takes no `page`; an operator's filter and sort may only follow
    relationships to what operators may list.
    """
    shape, values = read_filter(resource, body.get("filter"), operator=operator)
    keys = read_sort(resource, body.get("sort"), operator=operator)
    page = read_page(body.get("page"))
    if page is not None and not pages:
        raise refuse("unknown_error")
    return ListRequest(resource, selection, shape, values, keys, page)


def answer_list(request: ListRequest, listed: Listed) -> object:
    """Return the records of a list, or a page of them, ready for JSON."""
    match request.page:
        case None:
            return listed.records
        case OffsetPage(limit, offset):
            return {
                "results": listed.records,
                "hasMore": listed.has_more,
                "limit": limit,
                "offset": offset,
                "count": listed.count,
                "type": "offset",
            }
        case KeysetPage(limit, after, before):
            # The cursor's row follows a page before it.
            goes_on = listed.has_more or before is not None
            return {
                "results": listed.records,
                "hasMore": listed.has_more,
                "limit": limit,
                "after": after,
                "before": before,
                "previousPage": listed.first,
                "nextPage": listed.last if goes_on else None,
                "count": listed.count,
                "type": "keyset",
            }
