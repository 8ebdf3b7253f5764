"""Who is at the door, and what must close when a key dies (contract, 6).

Every connection that outlives its request registers the key it stands on first and is
checked then, so that no revocation slips between. Revocations come from the database, by
whatever process they were made; where notifications may have been missed, every key in
use is looked up again. A key that expires closes what it opened like a revoked one.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from ringline.domain.credentials import Key, digest
from ringline.ports import Clock, CredentialStore, StoreAway

_log = structlog.get_logger(__name__)

#: What a connection is told when the key it stands on is gone.
Closer = Callable[[], None]
#: Longest key or ticket that is looked up; anything longer is nobody's.
MAX_CREDENTIAL = 256
_TOUCH_EVERY_S = 5.0
_RETRY_S = 0.1
_MAX_TIMER_S = 86_400.0  # a later expiry is looked at again then


@dataclass(frozen=True, slots=True)
class _Standing:
    close: Closer
    guest: bool


class Credentials:
    """The keys in use in this process, and the door to those that are not."""

    def __init__(
        self,
        store: CredentialStore,
        now: Clock,
    ) -> None:
        self._store = store
        self._now = now
        self._in_use: dict[UUID, dict[object, _Standing]] = {}
        self._used: dict[UUID, datetime] = {}
        self._timers: dict[UUID, asyncio.TimerHandle] = {}
        #: Keys to look up again, and whether their calls end with them.
        self._changed: dict[UUID, bool] = {}
        self._look = asyncio.Event()

    async def authenticate(self, credential: str) -> Key | None:
        """Find the living key that a text is; None if there is none. Raises StoreAway."""
        if len(credential) > MAX_CREDENTIAL or not credential.isascii():
            return None
        key = await self._store.find_key(digest(credential))
        if key is None or not key.is_alive(self._now()):
            return None
        self._used[key.id] = self._now()
        return key

    @contextmanager
    def standing_on(self, key_id: UUID, close: Closer, *, guest: bool = False) -> Generator[None]:
        """Register a connection on its key; `close` is called when the key dies.

        A guest, whom a ticket of the key let in, stays unless the key was revoked with its
        calls.
        """
        token = object()
        self._in_use.setdefault(key_id, {})[token] = _Standing(close, guest)
        try:
            yield
        finally:
            closers = self._in_use[key_id]
            del closers[token]
            if not closers:
                del self._in_use[key_id]
                self._forget_expiry(key_id)

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
            tasks.create_task(self._store.watch_keys(self._key_changed))
            tasks.create_task(self._check_changed())
            tasks.create_task(self._touch())

    def _key_changed(self, key_id: UUID | None, end_calls: bool) -> None:
        for changed in self._in_use if key_id is None else (key_id,):
            self._changed[changed] = end_calls or self._changed.get(changed, False)
        self._look.set()

    def _close(self, key_id: UUID, *, end_calls: bool) -> None:
        standing = list(self._in_use.get(key_id, {}).values())
        leaving = [one for one in standing if end_calls or not one.guest]
        _log.info("key_closed", key_id=str(key_id), connections=len(leaving))
        for one in leaving:
            try:
                one.close()
            except Exception as error:  # one defect keeps no other connection open
                _log.error("close_failed", key_id=str(key_id), error=type(error).__name__)

    async def _check_changed(self) -> None:
        """Look changed keys up, and close what stands on those that are dead."""
        while True:
            await self._look.wait()
            self._look.clear()
            changed, self._changed = self._changed, {}
            try:
                found = {key.id: key for key in await self._store.get_keys(list(changed))}
            except Exception as error:  # whatever it is, revocations must not stop here
                if not isinstance(error, StoreAway):
                    _log.error("key_look_up_failed", error=type(error).__name__)
                for key_id, end_calls in changed.items():
                    self._changed[key_id] = end_calls or self._changed.get(key_id, False)
                await asyncio.sleep(_RETRY_S)
                self._look.set()
                continue
            for key_id, end_calls in changed.items():
                key = found.get(key_id)
                if key is None or not key.is_alive(self._now()):
                    with_calls = end_calls or (key is not None and key.end_calls)
                    self._close(key_id, end_calls=with_calls)
                elif key_id in self._in_use:
                    self._forget_expiry(key_id)
                    self._watch_expiry(key)

    async def _touch(self) -> None:
        while True:
            await asyncio.sleep(_TOUCH_EVERY_S)
            used, self._used = self._used, {}
            if used:
                try:
                    await self._store.touch_keys(used)
                except StoreAway:
                    self._used = used | self._used

    def _forget_expiry(self, key_id: UUID) -> None:
        timer = self._timers.pop(key_id, None)
        if timer is not None:
            timer.cancel()

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
