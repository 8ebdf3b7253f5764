"""Reads of a log that many listeners make at the same time, made once.

After a restart every client comes back at once, most of them with the same position. Those who
ask the same question share a query that begins after they asked (`shared_lookup.py`); other
queries wait for their workspace's connections to the database, as ever.
"""

from collections.abc import Sequence
from uuid import UUID

from ringline.domain.log import Scope
from ringline.domain.topics import ALL_EVENTS, Topic
from ringline.ports import LogHead, LogPage, LogReader
from ringline.services.shared_lookup import SharedLookup


class SharedReads:
    """A log's reader for many (ports.LogReader)."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._heads: SharedLookup[dict[Scope, LogHead]] = SharedLookup()
        self._found: SharedLookup[dict[UUID, int]] = SharedLookup()
        self._pages: SharedLookup[LogPage] = SharedLookup()

    async def find(self, scope: Scope, event_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Return the offsets of these events, of those that are in the log."""
        asked = scope, tuple(event_ids)
        return await self._found.ask(asked, lambda: self._log.find(scope, event_ids))

    async def page(
        self, scope: Scope, after: int, *, limit: int, topic: Topic = ALL_EVENTS
    ) -> LogPage:
        """Return a page of a topic's events after an offset, ascending."""
        return await self._pages.ask(
            (scope, after, limit, topic),
            lambda: self._log.page(scope, after, limit=limit, topic=topic),
        )

    async def heads(self, scopes: Sequence[Scope]) -> dict[Scope, LogHead]:
        """Return the heads of logs."""
        return await self._heads.ask(tuple(scopes), lambda: self._log.heads(scopes))
