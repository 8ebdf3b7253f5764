"""Who is at the door, and what must close when a credential dies (contract, 6).

A connection stands on a key, its own or the one that minted its token; an operator's
stands on the member of the team as well. Every connection that outlives its request
registers what it stands on first and is checked then, so that no revocation slips between.
Revocations come from the database, by whatever process they were made; where notifications
may have been missed, everything in use is looked up again. A key that expires closes what
it opened like a revoked one. Expiry goes by the wall clock, which is looked at twice a
second: a timer would stand still while the machine sleeps.

Requests that come by the thousand do not ask the database each time: who was found is
recognised for half a second. That alone keeps a revocation within its second; in truth it
works at once, because each notification empties the table of those who are recognised. The
table is replaced then, so that a key that was read before its revocation and arrives after
the news of it is written into a table that is not read any more. A request that has waited
is looked at again by the `Pass` that let it in.
"""

import asyncio
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import structlog

from ringline.domain.credentials import Key, digest
from ringline.domain.log import Scope
from ringline.ports import Clock, CredentialStore, StoreAway
from ringline.wire.session_token import (
    MAX_TOKEN_BYTES,
    OperatorToken,
    SessionToken,
    TokenProblem,
    verify,
)

_log = structlog.get_logger(__name__)

#: What a connection is told when what it stands on is gone.
Closer = Callable[[], None]
#: Longest key or ticket that is looked up; anything longer is nobody's.
MAX_CREDENTIAL = 256
#: How long somebody is recognised without being looked up.
RECOGNISED_S = 0.5
#: How many are recognised at a time; who was looked up first goes first.
MAX_RECOGNISED = 1024
_TOUCH_EVERY_S = 5.0
_RETRY_S = 0.1
#: How often the wall clock is compared with the expiries of the keys in use.
EXPIRY_LOOK_S = 0.5


class TooManySockets(Exception):
    """As many connections stand on a key as may."""


class Unrecognised(Exception):
    """A credential that had been let in opens nothing any more."""


@dataclass(frozen=True, slots=True)
class _Standing:
    close: Closer
    guest: bool


#: The connections that stand on a key or a member, by its id.
_Ground: TypeAlias = dict[UUID, dict[object, _Standing]]


@dataclass(frozen=True, slots=True, eq=False)
class Recognised:
    """Who a credential is, until when at most, and until when nobody need ask again."""

    who: Key | OperatorToken
    ends_at: datetime | None
    until: float  # by the clock
    #: The table that it belongs to; when that is replaced, it counts no longer.
    table: "dict[bytes, Recognised]" = field(repr=False)


class Pass:
    """What a request was let in by: whose credential it is, and whether it still counts."""

    __slots__ = ("_credential", "_credentials", "_found", "who")

    def __init__(self, credentials: "Credentials", credential: str, found: Recognised) -> None:
        self._credentials = credentials
        self._credential = credential
        self._found = found
        self.who = found.who

    async def check(self) -> None:
        """Look at the credential again. Raises Unrecognised if it is dead, StoreAway."""
        if self._credentials.still_recognises(self._found):
            return  # most requests are shorter than the half second
        found = await self._credentials.find(self._credential)
        if found is None:
            raise Unrecognised
        self._found = found


class Credentials:
    """The keys and operators in use in this process, and the door to those that are not.

    The secrets verify tokens; whoever mints them signs with the first.
    """

    def __init__(
        self,
        store: CredentialStore,
        now: Clock,
        secrets: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
        sockets_per_key: int = 0,
    ) -> None:
        self._store = store
        self._now = now
        self._secrets = secrets
        self._most = sockets_per_key  # 0: no limit
        self._clock = clock
        self._on_keys: _Ground = {}
        self._on_users: _Ground = {}
        self._recognised: dict[bytes, Recognised] = {}
        self._used: dict[UUID, datetime] = {}
        #: When keys in use expire.
        self._expiries: dict[UUID, datetime] = {}
        #: Keys and members to look up again, and whether the keys' calls end with them.
        self._changed: dict[UUID, bool] = {}
        self._look = asyncio.Event()

    async def authenticate(self, credential: str) -> Key | None:
        """Find the living key that a text is; None if there is none. Raises StoreAway."""
        if len(credential) > MAX_CREDENTIAL or not credential.isascii():
            log_refused("key")
            return None
        key = await self._store.find_key(digest(credential))
        if key is None or not key.is_alive(self._now()):
            if key is not None or not _is_token(credential):  # a token's refusal is told already
                log_refused("key", key)
            return None
        self._used[key.id] = self._now()
        return key

    def read_token(self, text: str) -> SessionToken | None:
        """Read a session or operator token; whether its key lives, `admit` tells."""
        try:
            return verify(text, self._secrets, self._now())
        except TokenProblem:
            if _is_token(text):  # what is none may be a key
                log_refused("token")
            return None

    async def recognise(self, credential: str) -> Key | OperatorToken | None:
        """Find the living key or operator that a text is; None if it is neither.

        Without asking the database if it has said so within half a second. Raises StoreAway.
        """
        found = await self.find(credential)
        return None if found is None else found.who

    async def let_in(self, credential: str) -> Pass | None:
        """Recognise who comes with a request that may last. Raises StoreAway."""
        found = await self.find(credential)
        return None if found is None else Pass(self, credential, found)

    async def find(self, credential: str) -> Recognised | None:
        """Find who a text stands for, and how long that counts. Raises StoreAway."""
        if len(credential) > MAX_TOKEN_BYTES or not credential.isascii():
            log_refused("token")
            return None
        recognised, name, clock = self._recognised, digest(credential), self._clock
        found = recognised.get(name)
        if found is None or clock() >= found.until:
            recognised.pop(name, None)
            found = await self._look_up(credential, clock() + RECOGNISED_S, recognised)
            if found is None:
                return None
            if len(recognised) >= MAX_RECOGNISED:
                del recognised[next(iter(recognised))]
            recognised[name] = found
        if found.ends_at is not None and self._now() >= found.ends_at:
            log_refused("expired")
            return None
        return found

    def still_recognises(self, found: Recognised) -> bool:
        """Tell whether who was found need not be looked up again."""
        return (
            found.table is self._recognised
            and self._clock() < found.until
            and (found.ends_at is None or self._now() < found.ends_at)
        )

    async def _look_up(
        self, credential: str, until: float, table: dict[bytes, Recognised]
    ) -> Recognised | None:
        if not _is_token(credential):
            key = await self.authenticate(credential)
            return None if key is None else Recognised(key, key.expires_at, until, table)
        token = self.read_token(credential)
        if not isinstance(token, OperatorToken):
            if token is not None:
                log_refused("wrong_kind")
            return None
        key = await self._living_key(token.key_id, token.scope, token.user_id)
        if key is None:
            return None
        ends_at = min(token.expires_at, key.expires_at or token.expires_at)
        return Recognised(token, ends_at, until, table)

    @contextmanager
    def standing_on(
        self, key_id: UUID, close: Closer, *, user_id: UUID | None = None, guest: bool = False
    ) -> Generator[None]:
        """Register a connection on its key; `close` is called when the key dies.

        And when the member does, if it is an operator's. A guest, whom a ticket of the key
        let in, stays unless the key was revoked with its calls. Raises TooManySockets.
        """
        if self._most and len(self._on_keys.get(key_id, ())) >= self._most:
            raise TooManySockets
        token, standing = object(), _Standing(close, guest)
        grounds = [(self._on_keys, key_id)]
        if user_id is not None:
            grounds.append((self._on_users, user_id))
        for ground, id_ in grounds:
            ground.setdefault(id_, {})[token] = standing
        try:
            yield
        finally:
            for ground, id_ in grounds:
                del ground[id_][token]
                if not ground[id_]:
                    del ground[id_]
            if key_id not in self._on_keys:
                self._expiries.pop(key_id, None)

    async def admit(self, key_id: UUID, scope: Scope, user_id: UUID | None = None) -> bool:
        """Check what has just been registered for a log, and watch its expiry.

        Raises StoreAway.
        """
        key = await self._living_key(key_id, scope, user_id)
        if key is None:
            return False
        if key.expires_at is not None:  # what was heard of it in the meantime is newer
            self._expiries.setdefault(key_id, key.expires_at)
        return True

    async def _living_key(self, key_id: UUID, scope: Scope, user_id: UUID | None) -> Key | None:
        """Find a key of a log that lives; with a member, if they are in its team.

        What a token says of workspace and environment counts only where its key says so too:
        else a leaked signing secret would open every workspace with a key of one's own.
        """
        key = await self._store.look_behind(key_id, user_id)
        if key is None or key.scope != scope or not key.is_alive(self._now()):
            log_refused("token", key)
            return None
        return key

    async def run(self) -> None:
        """Follow revocations until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._store.watch_revocations(self._revoked))
            tasks.create_task(self._check_changed())
            tasks.create_task(self._watch_clock())
            tasks.create_task(self._touch())

    def _revoked(self, revoked: UUID | None, end_calls: bool) -> None:
        self._recognised = {}
        in_use = (*self._on_keys, *self._on_users)
        for changed in in_use if revoked is None else (revoked,):
            self._changed[changed] = end_calls or self._changed.get(changed, False)
        self._look.set()

    async def _check_changed(self) -> None:
        """Look up what changed, and close what stands on it if it is dead."""
        while True:
            await self._look.wait()
            self._look.clear()
            changed, self._changed = self._changed, {}
            # Whoever registers from here on is checked after it.
            # What nothing stands on is looked up as well, to be told.
            key_ids = [key_id for key_id in changed if key_id not in self._on_users]
            user_ids = [user_id for user_id in changed if user_id in self._on_users]
            try:
                keys = {key.id: key for key in await self._store.get_keys(key_ids)}
                living = await self._store.living_users(user_ids)
            except Exception as error:  # whatever it is, revocations must not stop here
                if not isinstance(error, StoreAway):
                    _log.error("credential_lookup_failed", error=type(error).__name__)
                for id_, end_calls in changed.items():
                    self._changed[id_] = end_calls or self._changed.get(id_, False)
                await asyncio.sleep(_RETRY_S)
                self._look.set()
                continue
            for key_id in key_ids:
                self._check_key(key_id, keys.get(key_id), changed[key_id])
            for user_id in user_ids:
                if user_id not in living:
                    closed = _close(user_id, self._on_users, end_calls=True)
                    _log.info("member_removed", id=str(user_id), connections=closed)

    def _check_key(self, key_id: UUID, key: Key | None, end_calls: bool) -> None:
        if key is None and key_id not in self._on_keys:
            return  # a member whom nothing stands on
        if key is None or not key.is_alive(self._now()):
            with_calls = end_calls or (key is not None and key.end_calls)
            closed = _close(key_id, self._on_keys, end_calls=with_calls)
            if key is None or key.revoked_at is not None:
                _log.info("key_revoked", id=str(key_id), connections=closed)
            else:
                _log.info("key_expired", id=str(key_id), connections=closed)
        elif key.expires_at is None or key_id not in self._on_keys:
            self._expiries.pop(key_id, None)
        else:
            self._expiries[key_id] = key.expires_at

    async def _touch(self) -> None:
        while True:
            await asyncio.sleep(_TOUCH_EVERY_S)
            used, self._used = self._used, {}
            if used:
                try:
                    await self._store.touch_keys(used)
                except StoreAway:
                    self._used = used | self._used

    async def _watch_clock(self) -> None:
        """Close what stands on keys that have expired."""
        while True:
            await asyncio.sleep(EXPIRY_LOOK_S)
            now = self._now()
            expired = [key_id for key_id, at in self._expiries.items() if at <= now]
            for key_id in expired:
                del self._expiries[key_id]
                closed = _close(key_id, self._on_keys, end_calls=False)
                _log.info("key_expired", id=str(key_id), connections=closed)


def log_refused(kind: str, key: Key | None = None) -> None:
    """Log that a credential was refused: what it was to be, and which key, never the text."""
    _log.info("credential_refused", kind=kind, key_id=None if key is None else str(key.id))


def _is_token(credential: str) -> bool:
    return "." in credential  # a key has no dots


def _close(dead: UUID, ground: _Ground, *, end_calls: bool) -> int:
    """Close what stands on a dead key or member, guests only on request; return how many."""
    leaving = [one for one in ground.get(dead, {}).values() if end_calls or not one.guest]
    for one in leaving:
        try:
            one.close()
        except Exception as error:  # one defect keeps no other connection open
            _log.error("close_failed", id=str(dead), error=type(error).__name__)
    return len(leaving)
