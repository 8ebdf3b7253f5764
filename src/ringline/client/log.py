"""The client of the event log: every durable event, by `list_events`, for ever.

The events socket shows calls alone; the log has contacts and conversations too. A reader that
lost its server goes on after the last event that it has read.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from ringline.client.events import BACKOFF_S, Away, Joined, follow_events
from ringline.client.http import Api, ApiProblem, not_ringline
from ringline.domain.events import StoredEvent
from ringline.domain.log import Position
from ringline.wire.listed_events import NotAnEvent, read_listed

_PAGE = 100
#: How often a log that has been read to its end is read again.
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Logged:
    """An event of the log, with its position."""

    stored: StoredEvent
    position: Position


@dataclass(frozen=True, slots=True)
class Unread:
    """An event that this version does not know."""

    type: str


@dataclass(frozen=True, slots=True)
class Gap:
    """The log no longer holds what followed the position; it goes on with the oldest events."""


LogItem: TypeAlias = Logged | Unread | Gap | Away


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    events: tuple[dict[str, Any], ...]
    position: str
    has_more: bool
    recovered: bool


async def head_of_log(api: Api) -> str:
    """Return the position of the newest event. Raises ApiProblem."""
    stream = follow_events(api, reconnect=False)
    try:
        async for watched in stream:
            if isinstance(watched, Joined) and watched.position is not None:
                return watched.position
    finally:
        await stream.aclose()
    raise not_ringline(api.url)


async def follow_log(api: Api, since: str, *, poll_s: float = _POLL_S) -> AsyncGenerator[LogItem]:
    """Follow the log after a position. Close the generator to stop.

    Raises ApiProblem if the key or the position is refused.
    """
    failures = 0
    while True:
        try:
            page = await _read_page(api, since)
        except ApiProblem as problem:
            if not problem.retry:
                raise
            pause_s = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
            failures += 1
            yield Away(str(problem), pause_s)
            await asyncio.sleep(pause_s)
            continue
        failures = 0
        if not page.recovered:
            yield Gap()
        for row in page.events:
            yield _read(row)
        since = page.position
        if not page.has_more:
            await asyncio.sleep(poll_s)


async def _read_page(api: Api, after: str) -> _Page:
    answer = await api.run_action(
        {"action": "list_events", "input": {"after": after, "limit": _PAGE}}
    )
    if answer.problem is not None:
        raise answer.problem
    try:
        return msgspec.convert(answer.data, _Page)
    except msgspec.ValidationError:
        raise not_ringline(api.url) from None


def _read(row: dict[str, Any]) -> Logged | Unread:
    try:
        return Logged(*read_listed(row))
    except NotAnEvent:
        return Unread(str(row.get("type")))
