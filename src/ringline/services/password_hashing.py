"""Hashes of passwords: argon2id, away from the event loop, and never many at once.

The parameters are RFC 9106's second recommended option (4): 64 MiB, three passes, four lanes. A
hash keeps its own, so they may change. Two at a time bound the memory; beyond a few that wait,
whoever asks is told to come again. A password that nobody has costs as much as one that somebody
has, so its time reveals no address.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.profiles import RFC_9106_LOW_MEMORY

from ringline.domain import console_limits
from ringline.domain.unavailable import Unavailable, UnavailableReason

_T = TypeVar("_T")


class PasswordHashing:
    """Hashes passwords, and compares them with hashes."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._threads = ThreadPoolExecutor(console_limits.HASHES_AT_ONCE.most, "password")
        self._waiting = 0
        #: Of no password that anybody has.
        self._decoy: str | None = None

    async def hash(self, password: str) -> bytes:
        """Return the hash of a new password. Raises Unavailable if too many wait."""
        return (await self._run(partial(self._hasher.hash, password))).encode("ascii")

    async def verify(self, password: str, stored: bytes | None) -> bool:
        """Compare a password with a hash; without one it is wrong, and takes as long.

        Raises Unavailable if too many wait.
        """
        return await self._run(partial(self._verify, password, stored))

    def _verify(self, password: str, stored: bytes | None) -> bool:
        if stored is None and self._decoy is None:
            self._decoy = self._hasher.hash("")
        text = (self._decoy or "") if stored is None else stored.decode("ascii")
        try:
            return self._hasher.verify(text, password) and stored is not None
        except (Argon2Error, InvalidHashError):
            return False

    async def _run(self, work: "partial[_T]") -> _T:
        most = console_limits.HASHES_AT_ONCE.most + console_limits.HASHES_WAITING.most
        if self._waiting >= most:
            raise Unavailable(UnavailableReason.TOO_MANY_PASSWORDS)
        self._waiting += 1
        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, work)
            running.add_done_callback(self._done)
        except BaseException:
            self._waiting -= 1
            raise
        return await asyncio.shield(running)

    def _done(self, running: "asyncio.Future[_T]") -> None:
        """Count down once the thread is free, even if nobody waits for it any more."""
        self._waiting -= 1
        if not running.cancelled():
            running.exception()  # marks it as retrieved

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
