"""The client of the ledger of webhooks: where an event went, and what happens now.

`/v1` has no stream of deliveries, so following them is asking often: for the newest ones, and
for those that are still pending.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote

import msgspec

from ringline.client.events import BACKOFF_S, Away
from ringline.client.http import Api, ApiProblem
from ringline.wire.strict_json import StrictDecoder

_POLL_S = 1.0
_PAGE = 100
#: Pages of new deliveries, and of pending ones, that are read each time.
_PAGES = 5
#: Deliveries that are remembered, and pending ones that are asked for one by one each time.
_REMEMBERED = 5_000
_ASKED = 20


class Attempt(msgspec.Struct, frozen=True):
    """One attempt at a delivery (live streams, 3.8)."""

    attempt: int
    started_at: str
    duration_ms: int
    response_code: int | None = None
    error: str | None = None
    response_body: str | None = None


class Delivery(msgspec.Struct, frozen=True):
    """What is owed to one receiver of one event, and how it stands."""

    delivery_id: str
    event_id: str
    event_type: str
    status: str
    attempts: int
    agent_id: str | None = None
    endpoint_id: str | None = None
    url: str | None = None
    last_response_code: int | None = None
    next_attempt_at: str | None = None
    created_at: str = ""
    attempt_log: tuple[Attempt, ...] = ()

    @property
    def is_pending(self) -> bool:
        """Return whether another attempt follows."""
        return self.status == "pending"


class StreamOutcome(msgspec.Struct, frozen=True):
    """What became of an event for one subscription."""

    surface: str
    topic: str
    subject: str
    outcome: str
    at: str
    reason: str | None = None


class Subscriptions(msgspec.Struct, frozen=True):
    """An event's live deliveries, as far as the server knows them."""

    sent: int
    dropped: int
    kept_since: str
    recent: tuple[StreamOutcome, ...] = ()


class EventDeliveries(msgspec.Struct, frozen=True):
    """Where an event went (contract, 12)."""

    event_id: str
    event_type: str
    position: str
    occurred_at: str
    webhooks: tuple[Delivery, ...] = ()
    #: With a management key alone.
    subscriptions: Subscriptions | None = None


class _Page(msgspec.Struct, frozen=True):
    deliveries: tuple[Delivery, ...]
    next_page_token: str | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """A delivery that is new."""

    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt that was made, and its delivery as it stands now."""

    delivery: Delivery
    attempt: Attempt


Happened: TypeAlias = Owed | Attempted | Away

_event = StrictDecoder(EventDeliveries, marks=None)
_page = StrictDecoder(_Page, marks=None)
_delivery = StrictDecoder(Delivery, marks=None)


async def deliveries_of(api: Api, event_id: str) -> EventDeliveries:
    """Return where an event went. Raises ApiProblem, with 404 for one that is unknown."""
    return await api.get(f"/v1/events/{quote(event_id, safe='')}/deliveries", _event)


async def redeliver(api: Api, delivery_id: str) -> Delivery:
    """Send a delivery again; return it as it stands then. Raises ApiProblem."""
    path = f"/v1/webhooks/deliveries/{quote(delivery_id, safe='')}/redeliver"
    return await api.post(path, {}, shape=_delivery)


async def follow_deliveries(
    api: Api, only: Mapping[str, str], *, poll_s: float = _POLL_S
) -> AsyncGenerator[Happened]:
    """Follow deliveries and attempts from now on. Close the generator to stop.

    `only` are filters of the list: `agent_id`, `endpoint_id`. Raises ApiProblem if the server
    refuses.
    """
    ledger = _Ledger(api, only)
    failures = 0
    while True:
        try:
            for happened in await ledger.look():
                yield happened
            failures, pause_s = 0, poll_s
        except ApiProblem as problem:
            if not problem.retry:
                raise
            pause_s = max(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)], poll_s)
            failures += 1
            yield Away(str(problem), pause_s)
        await asyncio.sleep(pause_s)


class _Ledger:
    """What was seen of the ledger so far."""

    def __init__(self, api: Api, only: Mapping[str, str]) -> None:
        self._api = api
        self._only = only
        self._began = False
        #: The deliveries that were seen, oldest first.
        self._seen: dict[str, None] = {}
        #: How many attempts of each pending one were told.
        self._told: dict[str, int] = {}

    async def look(self) -> list[Happened]:
        """Return what has happened since the last look; nothing at the first. Raises ApiProblem."""
        rows = {row.delivery_id: row for row in await self._new_rows()}
        pending = await self._rows({"status": "pending"})
        rows |= {row.delivery_id: row for row in pending}
        for delivery_id in [known for known in self._told if known not in rows][:_ASKED]:
            rows[delivery_id] = await self._one(delivery_id)
        found = [
            happened
            for delivery_id in sorted(rows)  # ids are in the order of creation
            for happened in await self._follow(rows[delivery_id])
        ]
        if not self._began:
            self._began = True
            return []
        return found

    async def _new_rows(self) -> list[Delivery]:
        """Return the newest deliveries, as far back as there are new ones."""
        rows: list[Delivery] = []
        token = None
        for _ in range(_PAGES if self._began else 1):
            page = await self._page({}, token)
            rows += page.deliveries
            token = page.next_page_token
            if token is None or any(row.delivery_id in self._seen for row in page.deliveries):
                break
        return rows

    async def _rows(self, query: Mapping[str, str]) -> list[Delivery]:
        rows: list[Delivery] = []
        token = None
        for _ in range(_PAGES):
            page = await self._page(query, token)
            rows += page.deliveries
            token = page.next_page_token
            if token is None:
                break
        return rows

    async def _page(self, query: Mapping[str, str], token: str | None) -> _Page:
        asked = {**self._only, **query, "page_size": str(_PAGE)}
        if token is not None:
            asked["page_token"] = token
        return await self._api.get("/v1/webhooks/deliveries", _page, query=asked)

    async def _one(self, delivery_id: str) -> Delivery:
        return await self._api.get(f"/v1/webhooks/deliveries/{delivery_id}", _delivery)

    async def _follow(self, row: Delivery) -> list[Happened]:
        """Note how a delivery stands; return what is new about it."""
        delivery_id = row.delivery_id
        is_new = delivery_id not in self._seen
        told = self._told.get(delivery_id, 0 if is_new else row.attempts)
        happened: list[Happened] = [Owed(row)] if is_new else []
        if row.attempts > told and self._began:
            full = await self._one(delivery_id)
            happened += _attempts_after(full, told)
            row = full
        self._seen[delivery_id] = None
        while len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        if row.is_pending:
            self._told[delivery_id] = max(told, row.attempts)
        else:
            self._told.pop(delivery_id, None)
        return happened


def _attempts_after(delivery: Delivery, told: int) -> Iterator[Attempted]:
    for attempt in delivery.attempt_log:
        if attempt.attempt > told:
            yield Attempted(delivery, attempt)
