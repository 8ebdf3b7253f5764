"""Reading the event log through RPC (contract, 10)."""

from ringline.domain.log import FromBeginning
from ringline.rpc.context import ActionContext, Values
from ringline.services.event_pages import EventQuery, read_events
from ringline.wire.listed_events import listed

DEFAULT_LIMIT = 100


async def list_events(context: ActionContext, values: Values) -> object:
    """Read a page of the log from a position."""
    after = values.get("after")
    query = EventQuery(
        after=FromBeginning() if after is None else after,
        limit=values["limit"],
        call=values.get("callUuid"),
        types=values.get("type"),
    )
    async with context.services.repo.read(context.caller.scope) as rows:
        page = await read_events(rows, query, bounds=context.services.pages)
    return {
        "events": [listed(stored, page.position.epoch) for stored in page.events],
        "position": str(page.position),
        "hasMore": page.has_more,
        "recovered": page.recovered,
    }
