"""What is removed of webhooks in time: settled deliveries, and secrets that were rotated."""

from datetime import datetime, timedelta

from ringline.domain.timers import Timer
from ringline.ports import Clock, Upkeep

_DAILY = timedelta(days=1)
_AT_ONCE = 1_000


class WebhookUpkeep:
    """Does a log's daily upkeep."""

    def __init__(self, store: Upkeep, now: Clock) -> None:
        self._store = store
        self._now = now

    async def serve(self, timer: Timer) -> datetime:
        """Remove what a log keeps no longer; return when to look again.

        Raises StoreUnavailable.
        """
        now = self._now()
        await self._store.forget_secrets(timer, now)
        before = now - timedelta(days=await self._store.retention_days(timer))
        while await self._store.purge_deliveries(timer, before, most=_AT_ONCE) == _AT_ONCE:
            pass
        return now + _DAILY
