"""Durable timers: does what is due, in whichever process is alive then.

The rows are the truth; the process knows when the earliest is due, is told when one is set,
and looks once a minute. A timer is claimed for the length of a lease, so one whose process
died is served again by another. Several are served at once, but never one twice: one that is
set while it is being served is due again after that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeAlias

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql

from ringline.domain.timers import LEASES, Timer, TimerKind
from ringline.domain.unavailable import Unavailable
from ringline.ports import Clock, EntryRefused, TimerStore, Transaction
from ringline.schema.sql import Prepared
from ringline.schema.timer_tables import timers

_log = structlog.get_logger(__name__)

#: Does what a timer is for; returns when it is due again, None if never.
Serve: TypeAlias = Callable[[Timer], Awaitable[datetime | None]]

#: How many are served at once.
_AT_ONCE = 32
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
        self._leases: dict[timedelta, list[TimerKind]] = {}
        for kind in serve:
            self._leases.setdefault(LEASES[kind], []).append(kind)
        self._serving: set[asyncio.Task[None]] = set()
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
                    wait_s = await self._begin_due()
                except Unavailable:
                    wait_s = _AGAIN_S
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
        finally:
            for task in (watching, *self._serving):
                task.cancel()
            await asyncio.gather(watching, *self._serving, return_exceptions=True)

    async def _begin_due(self) -> float:
        """Begin to serve what is due; return in how many seconds to look again.

        Raises Unavailable.
        """
        for kind in self._daily:
            await self._store.keep(kind, self._now())
        for lease, kinds in self._leases.items():
            room = _AT_ONCE - len(self._serving)
            if room <= 0:
                return _LOOK_S  # one that ends wakes us
            for timer in await self._store.claim(self._now(), kinds=kinds, lease=lease, most=room):
                task = asyncio.create_task(self._serve_and_settle(timer))
                self._serving.add(task)
                task.add_done_callback(self._served)
        next_at = await self._store.next_at()
        wait_s = _LOOK_S if next_at is None else (next_at - self._now()).total_seconds()
        return min(max(wait_s, 0.0), _LOOK_S)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._serving.discard(task)
        self.look()

    async def _serve_and_settle(self, timer: Timer) -> None:
        """Serve a timer; without the database it is served again once its lease has ended."""
        with suppress(Unavailable):
            due_at = await self._serve_one(timer)
            await self._store.settle(timer, due_at, now=self._now())

    async def _serve_one(self, timer: Timer) -> datetime | None:
        try:
            return await self._serve[timer.kind](timer)
        except EntryRefused as error:
            _log.error("timer_failed", kind=timer.kind.value, error=type(error).__name__)
            return self._now() + _BROKEN


def _set() -> Prepared:
    """Write the statement that sets a timer: earlier than it was, unless it is `moved`.

    One that is claimed keeps its lease, and is due again after that.
    """
    names = ("workspace_id", "environment", "kind", "subject", "due_at")
    new = postgresql.insert(timers).values(
        {name: sa.bindparam(name, type_=timers.c[name].type) for name in names}
    )
    due_at = sa.case(
        (timers.c.claimed_by.is_not(None), timers.c.due_at),
        (sa.bindparam("moved", type_=sa.Boolean), new.excluded.due_at),
        else_=sa.func.least(timers.c.due_at, new.excluded.due_at),
    )
    return Prepared(
        new.on_conflict_do_update(
            index_elements=names[:4],
            set_={
                "due_at": due_at,
                "again": timers.c.claimed_by.is_not(None),
                "updated_at": sa.func.now(),
            },
        )
    )


_SET = _set()


async def set_timer(
    transaction: Transaction,
    kind: TimerKind,
    *,
    subject: str,
    due_at: datetime,
    moved: bool = False,
) -> None:
    """Set a timer in the transaction that writes what it is about.

    One that is set already is due at the earlier time, or at the given one if it is `moved`.
    """
    scope = transaction.scope
    arguments = _SET.arguments(
        workspace_id=scope.workspace_id,
        environment=scope.environment.value,
        kind=kind.value,
        subject=subject,
        due_at=due_at,
        moved=moved,
    )
    await transaction.fetch(_SET.text, arguments)
