"""What is removed of recordings in time: files that are older than their workspace keeps them."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias
from uuid import UUID

import structlog

from ringline.domain import recording_limits
from ringline.domain.recording import RecordingRefused
from ringline.domain.timers import Timer
from ringline.ports import Clock

_DAILY = timedelta(days=1)
_AT_ONCE = 1_000
#: When it is tried again after the disk refused.
_REFUSED = timedelta(hours=1)

_log = structlog.get_logger(__name__)

#: Removes the files of calls' recordings; the calls' rows follow. Raises RecordingRefused.
RemoveRecordings: TypeAlias = Callable[[Collection[UUID]], Awaitable[None]]


class OldRecordings(Protocol):
    """A port: the recordings of a log. Every method raises StoreUnavailable."""

    async def retention_days(self, timer: Timer) -> int:
        """Return for how many days the log's workspace keeps what ages."""
        ...

    async def recorded_before(
        self, timer: Timer, before: datetime, *, after: UUID | None, most: int
    ) -> Sequence[UUID]:
        """Return the ended calls of a log that began before and have a recording, oldest first.

        `after` is the last one of those that were returned before.
        """
        ...


class RecordingUpkeep:
    """Does the daily upkeep of a log's recordings."""

    def __init__(self, store: OldRecordings, remove: RemoveRecordings, *, now: Clock) -> None:
        self._store = store
        self._remove = remove
        self._now = now

    async def serve(self, timer: Timer) -> datetime:
        """Remove what a log keeps no longer; return when to look again.

        Raises StoreUnavailable.
        """
        now = self._now()
        days = min(await self._store.retention_days(timer), recording_limits.DAYS.most)
        before, after = now - timedelta(days=days), None
        while old := await self._store.recorded_before(timer, before, after=after, most=_AT_ONCE):
            try:
                await self._remove(old)
            except RecordingRefused as refused:
                _log.warning("recordings_not_removed", reason=refused.failure.value)
                return now + _REFUSED
            after = old[-1]
        return now + _DAILY
