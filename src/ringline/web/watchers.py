"""The common part of the watching surfaces: who may watch, and what ends a watch.

A watcher depends on a key, its own or the one that minted its token, and an operator's watcher
also on their membership of the team. It is registered before these are checked (contract, 6).
Frames are shared by all listeners of a dialect, so the transport's framing is part of the
shared bytes.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ringline.domain.credentials import ALLOWED_KINDS, Key, Surface
from ringline.domain.events import Event
from ringline.domain.log import Position, Scope, Since, parse_since
from ringline.domain.tiers import Tier
from ringline.ports import LogReader
from ringline.services.credentials import Closer, Credentials, Registration, log_refused
from ringline.services.expiries import Expiry
from ringline.services.hub import Hub
from ringline.services.stream_ledger import StreamSurface, Subscriber
from ringline.web.authentication import Contradiction, Denied, agreed, credential_of
from ringline.web.edge import StreamRequest
from ringline.wire.dialect import Dialect
from ringline.wire.long_poll import spell_message
from ringline.wire.session_token import OperatorToken, SessionToken
from ringline.wire.websocket_frames import text_frame

#: A position in no log: an unreadable one is "not recovered", like one of another log.
NOWHERE = Position("", 0)
#: The names of `Last-Event-ID` in a query, because browsers cannot set the header.
_SINCE = ("since", "lastEventId", "last_event_id")


class Watcher(Protocol):
    """A watching connection, which is notified of a shutdown."""

    def server_stops(self) -> None:
        """Say goodbye to the client."""
        ...


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose log may be watched, by which key, and by which operator, if any.

    Who came with a secret key itself may also command what they watch (live streams, 2.5).
    `tier` is the workspace's, as far as it is known before a token's key is looked up.
    """

    scope: Scope
    key_id: UUID
    user_id: UUID | None = None
    may_command: bool = False
    tier: Tier = Tier.SCALE
    #: When the token expires that they came with.
    expires_at: datetime | None = None
    #: Whom presence lists them as; None: nobody.
    present_as: str | None = None

    def subscriber(self, surface: StreamSurface) -> Subscriber:
        """Return whose a subscription of theirs is, for the ledger."""
        return Subscriber(surface, self.key_id, self.user_id)


class Watchers:
    """The logs, the credentials and the watchers of this process."""

    def __init__(
        self,
        hub: Hub,
        log_store: LogReader,
        *,
        credentials: Credentials,
    ) -> None:
        self.hub = hub
        self.log_store = log_store
        self.credentials = credentials
        self.tick = hub.tick
        self._watchers: set[Watcher] = set()
        self._nobody = asyncio.Event()
        self._stopping = False

    def token_viewer(self, text: str) -> Viewer | None:
        """Verify a session or operator token; None if it is invalid."""
        match self.credentials.read_token(text):
            case None:
                return None
            case token:
                return self._viewer(token)

    def standing(
        self, viewer: Viewer, close: Closer, *, expire: Closer | None = None
    ) -> Registration:
        """Register a watcher; `close` is called when its key or operator is revoked.

        `expire`, or else `close`, is called when its token expires, where that is set.
        """
        at = viewer.expires_at
        expiry = None if at is None else Expiry(viewer.key_id, at, expire or close)
        return self.credentials.register(
            viewer.key_id, close, user_id=viewer.user_id, expiry=expiry
        )

    async def admit(self, viewer: Viewer) -> Key | None:
        """Return the valid key of a watcher that was just registered. Raises StoreUnavailable."""
        return await self.credentials.admit(viewer.key_id, viewer.scope, user_id=viewer.user_id)

    async def stream_viewer(self, request: StreamRequest, *, query: bool) -> Viewer | Denied:
        """Authenticate a live stream's viewer: a secret key, a session or operator token.

        The header overrides `?token=`, which only some streams allow. Raises StoreUnavailable.
        """
        try:
            credential = credential_of(request.headers)
            if credential is None and query:
                credential = agreed(request.query.getall("token", ()))
        except Contradiction:
            return Denied.UNKNOWN
        if credential is None:
            return Denied.UNKNOWN
        if self.credentials.read_playback_token(credential) is not None:
            return Denied.WRONG_KIND
        viewer = self.token_viewer(credential)
        if viewer is not None:
            return viewer
        key = await self.credentials.authenticate(credential)
        if key is None:
            return Denied.UNKNOWN
        if key.kind not in ALLOWED_KINDS[Surface.LIVE_STREAM]:
            log_refused("wrong_kind", key)
            return Denied.WRONG_KIND
        return Viewer(key.scope, key.id, tier=key.tier, may_command=True)

    def _viewer(self, token: SessionToken) -> Viewer:
        user_id = token.user_id if isinstance(token, OperatorToken) else None
        return Viewer(
            token.scope,
            token.key_id,
            user_id,
            tier=self.credentials.tier_of(token.scope.workspace_id),
            expires_at=token.expires_at,
            present_as=token.operator if user_id is None else str(user_id),
        )

    def enter(self, watcher: Watcher) -> None:
        """Note a watcher until `leave`, to notify it of a shutdown."""
        self._watchers.add(watcher)
        if self._stopping:
            watcher.server_stops()

    def leave(self, watcher: Watcher) -> None:
        """Forget a watcher: its client is gone."""
        self._watchers.discard(watcher)
        if not self._watchers:
            self._nobody.set()

    async def shutdown(self, grace_s: float = 2.0) -> None:
        """Notify every watcher, also new ones; give them a moment to leave."""
        self._stopping = True
        for watcher in list(self._watchers):
            watcher.server_stops()
        if self._watchers:
            self._nobody.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._nobody.wait()


def asked_since(request: StreamRequest) -> Since | None:
    """Read where a stream's client wants to resume, under any name (contract, 2).

    The header wins, because an `EventSource` repeats its original query.
    """
    said = [request.headers.get("Last-Event-ID"), *map(request.query.get, _SINCE)]
    return next((read_since(text) for text in said if text), None)


def read_since(text: object) -> Since | None:
    """Read where a client wants to resume; an invalid position is `NOWHERE`."""
    if text is None:
        return None
    return (parse_since(text) if isinstance(text, str) else None) or NOWHERE


class InTextFrames:
    """A dialect in WebSocket text frames."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.name = f"websocket/{dialect.name}"

    def encode(self, event: Event, position: Position, *, scope: Scope) -> bytes | None:
        """Encode and frame an event."""
        payload = self._dialect.encode(event, position, scope=scope)
        return None if payload is None else text_frame(payload)


class InPolls:
    """A dialect in the messages of a poll's answer."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.name = f"longpoll/{dialect.name}"

    def encode(self, event: Event, position: Position, *, scope: Scope) -> bytes | None:
        """Encode an event as one message of a list."""
        payload = self._dialect.encode(event, position, scope=scope)
        return None if payload is None else spell_message(payload)


class InChunks:
    """A dialect in chunks of HTTP/1.1 (RFC 9112, 7.1)."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.name = f"chunked/{dialect.name}"

    def encode(self, event: Event, position: Position, *, scope: Scope) -> bytes | None:
        """Encode an event as one chunk."""
        payload = self._dialect.encode(event, position, scope=scope)
        return None if payload is None else chunk(payload)


def chunk(payload: bytes) -> bytes:
    """Wrap bytes, at least one, as a chunk."""
    return b"%x\r\n%b\r\n" % (len(payload), payload)
