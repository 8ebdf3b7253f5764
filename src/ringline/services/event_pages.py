"""Pages of the event log, for clients that poll instead of following (contract, 10).

A page is read in one snapshot, in batches, until it has enough events or bytes, or has scanned
enough of the log: one request with a narrow filter must not read the whole log.
"""

from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from ringline.domain import limits
from ringline.domain.events import StoredEvent, read_event
from ringline.domain.log import AfterEvent, FromBeginning, Position, Since
from ringline.ports import LogHead, Portions, Rows
from ringline.schema.sql import Prepared
from ringline.schema.tables import events, logs
from ringline.services.found_calls import find_call

_HEAD = Prepared(sa.select(logs.c.epoch, logs.c.newest, logs.c.oldest))
_FIND = Prepared(
    sa.select(events.c.offset).where(events.c.event_id == sa.bindparam("wanted", type_=sa.Uuid))
)
_PAGE = (
    sa.select(
        events.c.offset,
        events.c.event_id,
        events.c.type,
        events.c.call,
        events.c.data,
        events.c.occurred_at,
    )
    .where(
        events.c.offset > sa.bindparam("after", type_=sa.BigInteger),
        events.c.offset <= sa.bindparam("until", type_=sa.BigInteger),
    )
    .order_by(events.c.offset)
    .limit(sa.bindparam("count", type_=sa.BigInteger))
)
_OF_CALL = events.c.call_id == sa.bindparam("of_call", type_=sa.Uuid)
_OF_TYPES = events.c.type == sa.any_(sa.bindparam("types", type_=ARRAY(sa.Text)))
#: The statements, by whether the query names a call and whether it names types.
_PAGES = {
    (False, False): Prepared(_PAGE),
    (False, True): Prepared(_PAGE.where(_OF_TYPES)),
    (True, False): Prepared(_PAGE.where(_OF_CALL)),
    (True, True): Prepared(_PAGE.where(_OF_CALL, _OF_TYPES)),
}

#: Where to begin: a position from any surface, or a bare offset.
After: TypeAlias = Since | int


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A query of a log. `call` is a `callUuid` or an id; a filter of None is off."""

    after: After
    limit: int
    call: str | None = None
    types: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How much a page may hold and scan, and how many events one statement reads."""

    most_bytes: int = limits.PAGE_BYTES.most
    most_scanned: int = limits.PAGE_SCANNED.most
    batch: int = 100


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events of a log, and the position up to which it was read.

    If not `recovered`, the requested position is not available, and the page begins with the
    oldest event that is kept.
    """

    events: tuple[StoredEvent, ...]
    position: Position
    has_more: bool
    recovered: bool


async def read_events(rows: Rows, query: EventQuery, *, bounds: PageLimits) -> EventPage:
    """Read a page of the log that `rows` belongs to."""
    head = await read_head(rows)
    after = await read_offset(rows, query.after, head=head)
    recovered = after is not None
    start = head.oldest - 1 if after is None else after
    call_id: UUID | None = None
    if query.call is not None:
        call = await find_call(rows, query.call)
        if call is None:
            return EventPage((), Position(head.epoch, head.newest), False, recovered)
        call_id = call.id
    reading = _Reading(rows, query, call_id=call_id, start=start, bounds=bounds)
    await reading.read(head.newest)
    position = Position(head.epoch, reading.offset)
    return EventPage(tuple(reading.found), position, reading.offset < head.newest, recovered)


class _Reading:
    def __init__(
        self,
        rows: Rows,
        query: EventQuery,
        *,
        call_id: UUID | None,
        start: int,
        bounds: PageLimits,
    ) -> None:
        self._rows = rows
        self._query = query
        self._call_id = call_id
        self._bounds = bounds
        self._room = bounds.most_bytes
        self.found: list[StoredEvent] = []
        self.offset = start

    async def read(self, newest: int) -> None:
        until = newest
        if self._query.types is not None and self._call_id is None:
            until = min(newest, self.offset + self._bounds.most_scanned)
        while self.offset < until and self._wanted and self._room > 0:
            count = min(self._wanted, self._bounds.batch)
            batch = await self._fetch(until, count)
            self._take(batch)
            if batch.complete and len(batch.rows) < count:
                self.offset = until

    @property
    def _wanted(self) -> int:
        return self._query.limit - len(self.found)

    async def _fetch(self, until: int, count: int) -> Portions:
        statement = _PAGES[self._call_id is not None, self._query.types is not None]
        asked: dict[str, object] = {"after": self.offset, "until": until, "count": count}
        if self._call_id is not None:
            asked["of_call"] = self._call_id
        if self._query.types is not None:
            asked["types"] = self._query.types
        values = statement.arguments(**asked)
        portion = limits.PORTION_ROWS.most
        return await self._rows.fetch_within(
            statement.text, values, most_bytes=self._room, portion=portion
        )

    def _take(self, batch: Portions) -> None:
        """Add events to the page; the one that exceeds the byte limit is the last."""
        self._room -= batch.size
        for row in batch.rows:
            self.offset = row["offset"]
            event = read_event(
                row["event_id"],
                row["type"],
                occurred_at=row["occurred_at"],
                data=row["data"],
                call=row["call"],
            )
            self.found.append(StoredEvent(self.offset, event))


async def read_head(rows: Rows) -> LogHead:
    """Return the head of the log that `rows` belongs to."""
    found = await rows.fetch(_HEAD.text, [])
    if not found:
        raise AssertionError("a workspace has a log in each environment")
    return LogHead(found[0]["epoch"], found[0]["newest"], found[0]["oldest"])


async def read_offset(rows: Rows, after: After, *, head: LogHead) -> int | None:
    """Return the offset to read after, or None if the log cannot be resumed there."""
    match after:
        case FromBeginning() | Position():
            return head.resume_after(after)
        case int():
            return head.resume_after(Position(head.epoch, after))
        case AfterEvent(event_id):
            found = await rows.fetch(_FIND.text, _FIND.arguments(wanted=event_id))
            if not found:
                return None
            return head.resume_after(Position(head.epoch, found[0]["offset"]))
