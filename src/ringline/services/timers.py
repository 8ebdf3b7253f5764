"""Durable timers: does what is due, in whichever process is alive then.

The rows are the truth; the process knows when the earliest is due, is told when one is set,
and looks once a minute. A timer is claimed for the length of a lease, so one whose process
died is served again by another.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeAlias

import structlog

from ringline.domain.timers import Timer, TimerKind
from ringline.domain.unavailable import Unavailable
from ringline.ports import Clock, EntryRefused, TimerStore

_log = structlog.get_logger(__name__)

#: Does what a timer is for; returns when it is due again, None if never.
Serve: TypeAlias = Callable[[Timer], Awaitable[datetime | None]]

_LEASE = timedelta(minutes=5)
_AT_ONCE = 20
_LOOK_S = 60.0
_AGAIN_S = 5.0
#: When a timer is served again whose work broke.
_BROKEN = timedelta(hours=1)


class Timers:
    """Serves the timers that are due, for as long as `run` runs.

    `daily` are the kinds of which every log has one.
    """

    def __init__(
        self,
        store: TimerStore,
        serve: Mapping[TimerKind, Serve],
        *,
        now: Clock,
        daily: tuple[TimerKind, ...] = (),
    ) -> None:
        self._store = store
        self._serve = serve
        self._now = now
        self._daily = daily
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Look again at what is due, now."""
        self._wake.set()

    async def run(self) -> None:
        """Serve timers until cancelled."""
        watching = asyncio.create_task(self._store.watch_timers(self.look), name="timers watch")
        try:
            while True:
                self._wake.clear()
                try:
                    wait_s = await self._serve_due()
                except Unavailable:
                    wait_s = _AGAIN_S
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
        finally:
            watching.cancel()

    async def _serve_due(self) -> float:
        """Serve what is due; return in how many seconds to look again. Raises Unavailable."""
        for kind in self._daily:
            await self._store.keep(kind, self._now())
        while due := await self._store.claim(self._now(), lease=_LEASE, most=_AT_ONCE):
            for timer in due:
                await self._store.settle(timer, await self._serve_one(timer))
        next_at = await self._store.next_at()
        wait_s = _LOOK_S if next_at is None else (next_at - self._now()).total_seconds()
        return min(max(wait_s, 0.0), _LOOK_S)

    async def _serve_one(self, timer: Timer) -> datetime | None:
        try:
            return await self._serve[timer.kind](timer)
        except EntryRefused as error:
            _log.error("timer_failed", kind=timer.kind.value, error=type(error).__name__)
            return self._now() + _BROKEN
