"""Durable timers, of all workspaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ringline.domain.timers import Timer, TimerKind


class TimerStore(Protocol):
    """The timers of all workspaces. Every method raises StoreUnavailable."""

    async def keep(self, kind: TimerKind, due_at: datetime) -> None:
        """Set a timer of a kind in every log that has none."""
        ...

    async def next_at(self) -> datetime | None:
        """Return when the earliest timer is due; None if there is none."""
        ...

    async def claim(
        self, now: datetime, *, kinds: Sequence[TimerKind], lease: timedelta, most: int
    ) -> Sequence[Timer]:
        """Claim timers of some kinds that are due; they are due again when the lease ends."""
        ...

    async def settle(self, timer: Timer, due_at: datetime | None, *, now: datetime) -> None:
        """Set a claimed timer anew, or remove it (None); one that was set meanwhile is due now."""
        ...

    async def watch_timers(self, changed: Callable[[], None]) -> None:
        """Call back, until cancelled, when timers were set, and once at first."""
        ...


class Upkeep(Protocol):
    """What is removed of webhooks in time. Every method raises StoreUnavailable."""

    async def purge_deliveries(self, timer: Timer, before: datetime, *, most: int) -> int:
        """Delete deliveries of a log that were settled and are from before; return how many."""
        ...

    async def retention_days(self, timer: Timer) -> int:
        """Return for how many days the log's workspace keeps what ages."""
        ...

    async def forget_secrets(self, timer: Timer, now: datetime) -> None:
        """Delete previous secrets of a log, and of its workspace, that have expired."""
        ...
