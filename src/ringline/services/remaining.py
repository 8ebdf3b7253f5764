"""What is left to send of a call that has ended, after a position."""

from ringline.domain.events import EventData
from ringline.domain.log import Scope
from ringline.domain.topics import CallEvents
from ringline.ports import LogReader

_PAGE = 500


async def is_left(
    log_store: LogReader, scope: Scope, *, topic: CallEvents, after: int, kind: type[EventData]
) -> bool:
    """Return whether a call has an event of a type after an offset. Raises Unavailable."""
    while True:
        page = await log_store.page(scope, after, limit=_PAGE, topic=topic)
        if any(isinstance(stored.event.data, kind) for stored in page.events):
            return True
        if page.complete:
            return False
        after = page.events[-1].offset
