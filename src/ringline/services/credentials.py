"""Who is at the door, and what must close when a key dies (contract, 6).

Every connection that outlives its request registers the key it stands on first and is
checked then, so that no revocation slips between. Revocations come from the database, by
whatever process they were made; where notifications may have been missed, every key in
use is looked up again. A key that expires closes what it opened like a revoked one.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import structlog

from ringline.domain.credentials import Key, Ticket, digest
from ringline.ports import Clock, CredentialStore, StoreAway

_log = structlog.get_logger(__name__)

#: What a connection is told when the key it stands on is gone.
Closer = Callable[[], None]
#: Longest key or ticket that is looked up; anything longer is nobody's.
MAX_CREDENTIAL = 256
_TOUCH_EVERY_S = 5.0
_MAX_TIMER_S = 86_400.0  # a later expiry is looked at again then


class Credentials:
    """The keys in use in this process, and the door to those that are not."""

    def __init__(
        self,
        store: CredentialStore,
        now: Clock,
        end_calls_of: Callable[[UUID], None],
    ) -> None:
        self._store = store
        self._now = now
        self._end_calls_of = end_calls_of
        self._in_use: dict[UUID, dict[object, Closer]] = {}
        self._used: dict[UUID, datetime] = {}
        self._timers: dict[UUID, asyncio.TimerHandle] = {}
        self._recheck = asyncio.Event()

    async def authenticate(self, credential: str) -> Key | None:
        """Find the living key that a text is; None if there is none. Raises StoreAway."""
        if len(credential) > MAX_CREDENTIAL or not credential.isascii():
            return None
        key = await self._store.find_key(digest(credential))
        if key is None or not key.is_alive(self._now()):
            return None
        self._used[key.id] = self._now()
        return key

    async def is_alive(self, key_id: UUID) -> bool:
        """Tell whether a key is alive now. Raises StoreAway."""
        keys = await self._store.get_keys([key_id])
        return bool(keys) and keys[0].is_alive(self._now())

    async def take_ticket(self, secret: str) -> Ticket | None:
        """Redeem a ticket once, if its key is alive. Raises StoreAway."""
        if len(secret) > MAX_CREDENTIAL or not secret.isascii():
            return None
        return await self._store.take_ticket(digest(secret), self._now())

    @contextmanager
    def standing_on(self, key_id: UUID, close: Closer) -> Generator[None]:
        """Register a connection on its key; `close` is called when the key dies."""
        token = object()
        self._in_use.setdefault(key_id, {})[token] = close
        try:
            yield
        finally:
            closers = self._in_use[key_id]
            del closers[token]
            if not closers:
                del self._in_use[key_id]
                if timer := self._timers.pop(key_id, None):
                    timer.cancel()

    async def admit(self, key_id: UUID) -> bool:
        """Check a key that has just been registered, and watch its expiry. Raises StoreAway."""
        keys = await self._store.get_keys([key_id])
        if not keys or not keys[0].is_alive(self._now()):
            return False
        self._watch_expiry(keys[0])
        return True

    async def run(self) -> None:
        """Follow revocations until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._store.watch_keys(self._changed))
            tasks.create_task(self._check_again())
            tasks.create_task(self._touch())

    def _changed(self, key_id: UUID | None, end_calls: bool) -> None:
        if key_id is None:
            self._recheck.set()
        else:
            self._close(key_id, end_calls=end_calls)

    def _close(self, key_id: UUID, *, end_calls: bool) -> None:
        closers = list(self._in_use.get(key_id, {}).values())
        _log.info("key_closed", key_id=str(key_id), connections=len(closers))
        for close in closers:
            close()
        if end_calls:
            self._end_calls_of(key_id)

    async def _check_again(self) -> None:
        while True:
            await self._recheck.wait()
            self._recheck.clear()
            try:
                found = {key.id: key for key in await self._store.get_keys(list(self._in_use))}
            except StoreAway:
                self._recheck.set()
                await asyncio.sleep(0.2)
                continue
            for key_id in list(self._in_use):
                key = found.get(key_id)
                if key is None or not key.is_alive(self._now()):
                    self._close(key_id, end_calls=False)

    async def _touch(self) -> None:
        while True:
            await asyncio.sleep(_TOUCH_EVERY_S)
            used, self._used = self._used, {}
            if used:
                try:
                    await self._store.touch_keys(used)
                except StoreAway:
                    self._used = used | self._used

    def _watch_expiry(self, key: Key) -> None:
        if key.expires_at is None or key.id in self._timers:
            return
        left_s = max(0.0, (key.expires_at - self._now()).total_seconds())
        loop = asyncio.get_running_loop()
        if left_s > _MAX_TIMER_S:
            self._timers[key.id] = loop.call_later(_MAX_TIMER_S, self._look_again, key)
        else:
            self._timers[key.id] = loop.call_later(left_s, self._expired, key.id)

    def _look_again(self, key: Key) -> None:
        del self._timers[key.id]
        self._watch_expiry(key)

    def _expired(self, key_id: UUID) -> None:
        self._timers.pop(key_id, None)
        self._close(key_id, end_calls=False)
