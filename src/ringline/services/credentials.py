"""Authentication, and closing connections whose credential ends (contract, 6).

A connection depends on a key: its own, or the one that minted its token. An operator's also
depends on their membership in the team. A connection that outlives its request registers
itself first and is checked afterwards, so that no revocation is missed in between.
Revocations come from the database, whichever process made them. If notifications may have
been missed, every key and member in use is looked up again. An expired key closes its
connections like a revoked one.

To spare the database, a credential is cached for half a second. That alone would put a
revocation into effect within a second. In practice it is immediate, because each notification
replaces the cache. A request that has waited is checked again by its `Pass`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import structlog

from ringline.domain.credentials import Key, digest
from ringline.domain.log import Scope
from ringline.domain.tiers import Tier
from ringline.ports import Clock, CredentialStore, StoreUnavailable
from ringline.services.expiries import Expiries, Expiry
from ringline.services.shared_lookup import SharedLookup
from ringline.wire.session_token import (
    MAX_TOKEN_BYTES,
    OperatorToken,
    Purpose,
    SessionToken,
    TokenProblem,
    verify,
)

_log = structlog.get_logger(__name__)

#: Called to close a connection whose credential is no longer valid.
Closer = Callable[[], None]
#: The longest key or ticket that is looked up; anything longer is invalid.
MAX_CREDENTIAL = 256
#: How long a credential is served from the cache.
CACHE_S = 0.5
#: How many credentials are cached; the oldest is evicted first.
MAX_CACHED = 1024
_TOUCH_EVERY_S = 5.0
_RETRY_S = 0.1
#: How often the expiries of the keys in use are compared with the wall clock.
EXPIRY_CHECK_S = 0.5


class TooManySockets(Exception):
    """A key has as many open connections as it may."""


class Unrecognised(Exception):
    """A credential that was valid when the request arrived is no longer valid."""


class Registration:
    """A connection of a key, or of an operator too. It ends with its block, unless it is kept."""

    __slots__ = ("_credentials", "_kept", "close", "expiry", "guest", "key_id", "user_id")

    def __init__(
        self,
        credentials: "Credentials",
        close: Closer,
        *,
        key_id: UUID,
        user_id: UUID | None,
        guest: bool,
    ) -> None:
        self._credentials = credentials
        self._kept = False
        self.close = close
        self.key_id = key_id
        self.user_id = user_id
        self.guest = guest
        #: Of the token that it came with, where that closes connections.
        self.expiry: Expiry | None = None

    def keep(self) -> Callable[[], None]:
        """Let it outlast its block; return what ends it."""
        self._kept = True
        return self.leave

    def leave(self) -> None:
        """End it."""
        self._credentials.leave(self)

    def __enter__(self) -> "Registration":
        """Begin a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, unless it is kept."""
        if not self._kept:
            self.leave()


#: The open connections of each key or member, by its id.
_Connections: TypeAlias = dict[UUID, dict[Registration, None]]


@dataclass(frozen=True, slots=True, eq=False)
class CachedCredential:
    """Whose credential it is, when it expires, and how long the cache may say so."""

    who: Key | OperatorToken
    ends_at: datetime | None
    until: float  # by the monotonic clock
    #: The cache it is in; once that is replaced, this entry is stale.
    cache: "dict[bytes, CachedCredential]" = field(repr=False)


class Pass:
    """A request's credential: whose it is, and whether it is still valid."""

    __slots__ = ("_credential", "_credentials", "_found", "who")

    def __init__(
        self, credentials: "Credentials", credential: str, *, found: CachedCredential
    ) -> None:
        self._credentials = credentials
        self._credential = credential
        self._found = found
        self.who = found.who

    async def check(self) -> None:
        """Check the credential again.

        Raises Unrecognised if it is invalid, StoreUnavailable.
        """
        if self._credentials.is_current(self._found):
            return  # most requests take less than the cache's half second
        found = await self._credentials.find(self._credential)
        if found is None:
            raise Unrecognised
        self._found = found


class Credentials:
    """Authenticates keys and tokens, and closes their connections when they end.

    Each of the secrets verifies tokens; new tokens are signed with the first.
    """

    def __init__(
        self,
        store: CredentialStore,
        now: Clock,
        *,
        secrets: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
        sockets_per_key: int = 0,
        close_at_expiry: bool = False,
    ) -> None:
        self._store = store
        self._now = now
        self._secrets = secrets
        self._most = sockets_per_key  # 0: no limit
        self._clock = clock
        #: The keys behind tokens: one query for all handshakes that wait for it.
        self._checks: SharedLookup[Key | None] = SharedLookup()
        self._by_key: _Connections = {}
        self._by_user: _Connections = {}
        self._cache: dict[bytes, CachedCredential] = {}
        self._used: dict[UUID, datetime] = {}
        #: The tiers of workspaces, as their keys said last; for tokens, which do not know it.
        self._tiers: dict[UUID, Tier] = {}
        #: When keys in use expire.
        self._expiries: dict[UUID, datetime] = {}
        #: The expiries of tokens, where they end what they opened.
        self._tokens = Expiries() if close_at_expiry else None
        #: Keys and members to look up again, and whether a revocation ends their calls too.
        self._changed: dict[UUID, bool] = {}
        self._changes = asyncio.Event()

    async def authenticate(self, credential: str) -> Key | None:
        """Return the valid key with this text, or None. Raises StoreUnavailable."""
        if len(credential) > MAX_CREDENTIAL or not credential.isascii():
            log_refused("key")
            return None
        key = await self._store.find_key(digest(credential))
        if key is None or not key.is_valid(self._now()):
            if key is not None or not _is_token(credential):  # `read_token` logged a token
                log_refused("key", key)
            return None
        self._used[key.id] = self._now()
        self._learn(key)
        return key

    def read_token(self, text: str) -> SessionToken | None:
        """Verify a session or operator token; its key must still be checked by `admit`."""
        try:
            return verify(text, self._secrets, now=self._now())
        except TokenProblem:
            if _is_token(text):  # otherwise it may be a key
                log_refused("token")
            return None

    def read_playback_token(self, text: str) -> SessionToken | None:
        """Verify a playback token; its key must still be checked."""
        if not _is_token(text):
            return None
        try:
            return verify(text, self._secrets, now=self._now(), purpose=Purpose.PLAYBACK)
        except TokenProblem:
            return None

    async def playback_key(self, text: str) -> Key | None:
        """Return the valid key that minted a playback token. Raises StoreUnavailable."""
        token = self.read_playback_token(text)
        if token is None:
            return None
        return await self._valid_key(token.key_id, token.scope, user_id=None)

    async def identify(self, credential: str) -> Key | OperatorToken | None:
        """Return the key or operator token of a credential, or None if it is not valid.

        Answered from the cache for half a second after a lookup. Raises StoreUnavailable.
        """
        found = await self.find(credential)
        return None if found is None else found.who

    async def pass_for(self, credential: str) -> Pass | None:
        """Return a pass for a request, or None if the credential is invalid.

        Raises StoreUnavailable.
        """
        found = await self.find(credential)
        return None if found is None else Pass(self, credential, found=found)

    async def find(self, credential: str) -> CachedCredential | None:
        """Look a credential up, in the cache if it is there. Raises StoreUnavailable."""
        if len(credential) > MAX_TOKEN_BYTES or not credential.isascii():
            log_refused("token")
            return None
        # Keep this cache: a revocation during the lookup replaces it, so a key that was read
        # before its revocation is only ever stored in a cache that nobody reads any more.
        cache, name, clock = self._cache, digest(credential), self._clock
        found = cache.get(name)
        if found is None or clock() >= found.until:
            cache.pop(name, None)
            found = await self._look_up(credential, clock() + CACHE_S, cache=cache)
            if found is None:
                return None
            if len(cache) >= MAX_CACHED:
                del cache[next(iter(cache))]
            cache[name] = found
        if found.ends_at is not None and self._now() >= found.ends_at:
            log_refused("expired")
            return None
        return found

    def is_current(self, found: CachedCredential) -> bool:
        """Return whether a cached credential need not be looked up again."""
        return (
            found.cache is self._cache
            and self._clock() < found.until
            and (found.ends_at is None or self._now() < found.ends_at)
        )

    async def _look_up(
        self, credential: str, until: float, *, cache: dict[bytes, CachedCredential]
    ) -> CachedCredential | None:
        if not _is_token(credential):
            key = await self.authenticate(credential)
            return None if key is None else CachedCredential(key, key.expires_at, until, cache)
        token = self.read_token(credential)
        if not isinstance(token, OperatorToken):
            if token is not None:
                log_refused("wrong_kind")
            return None
        key = await self._valid_key(token.key_id, token.scope, user_id=token.user_id)
        if key is None:
            return None
        ends_at = min(token.expires_at, key.expires_at or token.expires_at)
        return CachedCredential(token, ends_at, until, cache)

    def register(
        self,
        key_id: UUID,
        close: Closer,
        *,
        user_id: UUID | None = None,
        guest: bool = False,
        expiry: Expiry | None = None,
    ) -> "Registration":
        """Register a connection of a key; `close` is called when the key becomes invalid.

        An operator's connection is also closed when the member is removed. A guest, connected
        by a ticket of the key, stays unless the key is revoked with its calls. The `expiry` of
        a token ends its connection if that is set (contract, 8). Raises TooManySockets.
        """
        if self._most and len(self._by_key.get(key_id, ())) >= self._most:
            raise TooManySockets
        registration = Registration(self, close, key_id=key_id, user_id=user_id, guest=guest)
        self._by_key.setdefault(key_id, {})[registration] = None
        if user_id is not None:
            self._by_user.setdefault(user_id, {})[registration] = None
        if self._tokens is not None and expiry is not None:
            registration.expiry = expiry
            self._tokens.add(expiry, registration)
        return registration

    def leave(self, registration: "Registration") -> None:
        """Forget a registered connection; harmless if that has happened."""
        key_id, user_id = registration.key_id, registration.user_id
        if self._tokens is not None and registration.expiry is not None:
            self._tokens.drop(registration.expiry, registration)
        _remove(registration, self._by_key, id_=key_id)
        if user_id is not None:
            _remove(registration, self._by_user, id_=user_id)
        if key_id not in self._by_key:
            self._expiries.pop(key_id, None)

    async def admit(self, key_id: UUID, scope: Scope, *, user_id: UUID | None = None) -> Key | None:
        """Check a key that has just been registered for a log, and watch its expiry.

        Returns the key as the database has it now, or None. Raises StoreUnavailable.
        """
        key = await self._valid_key(key_id, scope, user_id=user_id)
        if key is None:
            return None
        # `setdefault`: a change of the expiry that arrived during the lookup is newer.
        if key.expires_at is not None:
            self._expiries.setdefault(key_id, key.expires_at)
        return key

    async def _valid_key(self, key_id: UUID, scope: Scope, *, user_id: UUID | None) -> Key | None:
        """Return a log's valid key, or None; a member must belong to its team.

        The workspace and environment in a token must match its key's. Otherwise a leaked
        signing secret would give anyone with a key access to every workspace.
        """
        key = await self._checks.ask(
            (key_id, user_id), lambda: self._store.get_token_key(key_id, user_id)
        )
        if key is None or key.scope != scope or not key.is_valid(self._now()):
            log_refused("token", key)
            return None
        self._learn(key)
        return key

    def tier_of(self, workspace_id: UUID) -> Tier:
        """Return a workspace's tier as it was at the last look-up of one of its keys."""
        return self._tiers.get(workspace_id, Tier.SCALE)

    def _learn(self, key: Key) -> None:
        workspace_id = key.scope.workspace_id
        if len(self._tiers) >= MAX_CACHED and workspace_id not in self._tiers:
            del self._tiers[next(iter(self._tiers))]
        self._tiers[workspace_id] = key.tier

    async def run(self) -> None:
        """Follow revocations until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._store.watch_revocations(self._on_revocation))
            tasks.create_task(self._check_changed())
            tasks.create_task(self._close_expired())
            tasks.create_task(self._touch())

    def forget(self) -> None:
        """Look every credential up again: one has ended here, before the database says so."""
        self._cache = {}

    def _on_revocation(self, revoked: UUID | None, end_calls: bool) -> None:
        self.forget()
        in_use = (*self._by_key, *self._by_user)
        for changed in in_use if revoked is None else (revoked,):
            self._changed[changed] = end_calls or self._changed.get(changed, False)
        self._changes.set()

    async def _check_changed(self) -> None:
        """Look up keys and members that changed; close the connections of invalid ones."""
        while True:
            await self._changes.wait()
            self._changes.clear()
            changed, self._changed = self._changed, {}
            # A connection registered from here on is checked after this change.
            # Keys without connections are looked up too, so that their end is logged.
            key_ids = [key_id for key_id in changed if key_id not in self._by_user]
            user_ids = [user_id for user_id in changed if user_id in self._by_user]
            try:
                keys = {key.id: key for key in await self._store.get_keys(key_ids)}
                valid = await self._store.current_members(user_ids)
            except Exception as error:  # whatever it is, revocations must go on
                if not isinstance(error, StoreUnavailable):
                    _log.error("credential_lookup_failed", error=type(error).__name__)
                for id_, end_calls in changed.items():
                    self._changed[id_] = end_calls or self._changed.get(id_, False)
                await asyncio.sleep(_RETRY_S)
                self._changes.set()
                continue
            for key_id in key_ids:
                self._check_key(key_id, keys.get(key_id), end_calls=changed[key_id])
            for user_id in user_ids:
                if user_id not in valid:
                    closed = _close(user_id, self._by_user, end_calls=True)
                    _log.info("member_removed", id=str(user_id), connections=closed)

    def _check_key(self, key_id: UUID, key: Key | None, *, end_calls: bool) -> None:
        if key is None and key_id not in self._by_key:
            return  # a member without connections
        if key is None or not key.is_valid(self._now()):
            with_calls = end_calls or (key is not None and key.end_calls)
            closed = _close(key_id, self._by_key, end_calls=with_calls)
            shown_id = str(key_id if key is None else key.shown_id)
            if key is None or key.revoked_at is not None:
                _log.info("key_revoked", id=shown_id, connections=closed)
            else:
                _log.info("key_expired", id=shown_id, connections=closed)
        elif key.expires_at is None or key_id not in self._by_key:
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
                except StoreUnavailable:
                    self._used = used | self._used

    async def _close_expired(self) -> None:
        """Close the connections of expired keys, and those of expired tokens if that is set.

        It polls the wall clock, because a timer would stop while the machine sleeps.
        """
        while True:
            await asyncio.sleep(EXPIRY_CHECK_S)
            now = self._now()
            expired = [key_id for key_id, at in self._expiries.items() if at <= now]
            for key_id in expired:
                del self._expiries[key_id]
                closed = _close(key_id, self._by_key, end_calls=False)
                _log.info("key_expired", id=str(key_id), connections=closed)
            if self._tokens is not None and (ended := self._tokens.take_due(now)):
                for expiry in ended:
                    _call(expiry.expire, expiry.key_id)
                _log.info("tokens_expired", connections=len(ended))


def log_refused(kind: str, key: Key | None = None) -> None:
    """Log that a credential was refused: its kind and its key's id, never its text."""
    _log.info("credential_refused", kind=kind, key_id=None if key is None else str(key.shown_id))


def _is_token(credential: str) -> bool:
    return "." in credential  # a key has no dots


def _close(ended: UUID, group: _Connections, *, end_calls: bool) -> int:
    """Close a key's or member's connections, guests only with `end_calls`; return how many."""
    connections = group.get(ended, {})
    closing = [connection for connection in connections if end_calls or not connection.guest]
    for connection in closing:
        _call(connection.close, ended)
    return len(closing)


def _call(close: Closer, key_id: UUID) -> None:
    """Close a connection; one defect must not keep the others open."""
    try:
        close()
    except Exception as error:
        _log.error("close_failed", id=str(key_id), error=type(error).__name__)


def _remove(registration: Registration, group: _Connections, *, id_: UUID) -> None:
    registrations = group.get(id_, {})
    registrations.pop(registration, None)
    if not registrations:
        group.pop(id_, None)
