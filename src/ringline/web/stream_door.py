"""The door of the live streams: who may watch, how many at once, and how they are refused.

Live streams, 2.1. A stream is refused before its first byte: 401, 403, or 404, for another
workspace's id as for an unknown one.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias

from aiohttp import web

from ringline.domain.log import Since
from ringline.domain.topics import Topic
from ringline.domain.unavailable import Unavailable
from ringline.services.credentials import TooManySockets
from ringline.web.authentication import Denied, Origins, retry_after
from ringline.web.cors import READABLE, preflight
from ringline.web.edge import Answer, StreamRequest, refused
from ringline.web.limits import StreamLimits
from ringline.web.links import Links
from ringline.web.rates import SlidingRate
from ringline.web.stream_connection import StreamConnection
from ringline.web.stream_watch import AnyStart
from ringline.web.upgrade import OUR_VERSION
from ringline.web.watchers import Viewer, Watchers
from ringline.wire.errors import refuse_v1

#: The headers that a browser may send after its preflight.
_HEADERS = "authorization, x-api-key, last-event-id, cache-control"


class StreamRefused(Exception):
    """A stream is refused with a code of `/v1`; some may be tried again after a wait."""

    def __init__(self, code: str, *, wait_s: int = 1) -> None:
        super().__init__(code)
        self.code = code
        self.wait_s = wait_s


class Stream(Protocol):
    """The common interface of the streams."""

    def credential_revoked(self) -> None:
        """End: the stream's key or operator was revoked."""
        ...

    def server_stops(self) -> None:
        """End: the server is shutting down."""
        ...

    async def begin(self, request: StreamRequest) -> StreamConnection:
        """Begin the stream. Raises Unavailable, ConnectionError."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream that may be served, and where it starts."""

    start: AnyStart
    stream: Stream


#: Finds what a viewer asks for: the stream, or the answer if nothing is left to send. Raises
#: StreamRefused, Unavailable.
Find: TypeAlias = Callable[[Viewer], Awaitable[Opened | Answer]]


class StreamDoor:
    """Opens the live streams."""

    def __init__(
        self,
        watchers: Watchers,
        *,
        origins: Origins,
        rate: SlidingRate,
        links: Links,
        limits: StreamLimits,
    ) -> None:
        self._watchers = watchers
        self._origins = origins
        self._rate = rate
        self._links = links
        self._limits = limits
        self._streams: Counter[Topic] = Counter()

    async def preflight(self, request: web.Request) -> web.StreamResponse:
        """Answer a CORS preflight, which `fetch` with a custom header sends."""
        return preflight("GET, OPTIONS", _HEADERS)

    async def open(
        self, request: StreamRequest, *, since: Since | None, token_in_query: bool, find: Find
    ) -> Answer | None:
        """Serve the stream that `find` finds, or say why not."""
        try:
            viewer = await self._admit(request, since=since, token_in_query=token_in_query)
            found = await find(viewer)
            if not isinstance(found, Opened):
                return found
            await self._begin(found, request)
        except StreamRefused as refusal:
            return self._refuse(request, refusal.code, wait_s=refusal.wait_s)
        except TooManySockets:
            return self._refuse(request, "RATE_LIMITED")
        except Unavailable:
            return self._refuse(request, "UNAVAILABLE")
        return None

    async def _admit(
        self, request: StreamRequest, *, since: Since | None, token_in_query: bool
    ) -> Viewer:
        viewer = await self._watchers.stream_viewer(request, query=token_in_query)
        if viewer is Denied.UNKNOWN:
            raise StreamRefused("UNAUTHENTICATED")
        if isinstance(viewer, Denied) or self._origins.refuses(request.headers):
            raise StreamRefused("PERMISSION_DENIED")
        quota = self._rate.take(viewer.scope.workspace_id, viewer.tier)
        if quota is not None and quota.refused:
            raise StreamRefused("RATE_LIMITED", wait_s=quota.reset_s)
        await request.begin_stream(viewer.scope, replays=since is not None)
        return viewer

    async def check(self, viewer: Viewer, request: StreamRequest) -> None:
        """Check a viewer's key and where its request comes from, as the database has them now.

        Raises StreamRefused, StoreUnavailable.
        """
        key = await self._watchers.admit(viewer)
        if key is None:
            raise StreamRefused("UNAUTHENTICATED")
        if self._origins.refuses(request.headers, key.allowed_origins):
            raise StreamRefused("PERMISSION_DENIED")

    async def _begin(self, opened: Opened, request: StreamRequest) -> None:
        viewer, stream, topic = opened.start.viewer, opened.stream, opened.start.topic
        if self._streams[topic] >= self._limits.watchers:
            raise StreamRefused("RATE_LIMITED")
        self._streams[topic] += 1
        with ExitStack() as undo:
            undo.callback(self._leave, topic)
            with self._watchers.standing(viewer, stream.credential_revoked) as standing:
                await self.check(viewer, request)
                connection = await stream.begin(request)
                connection.when_lost(standing.keep())
            undo.pop_all()
        connection.when_lost(partial(self._leave, topic))
        self._watchers.enter(stream)
        connection.when_lost(partial(self._watchers.leave, stream))

    def _leave(self, topic: Topic) -> None:
        self._streams[topic] -= 1
        if not self._streams[topic]:
            del self._streams[topic]

    def _refuse(self, request: StreamRequest, code: str, *, wait_s: int = 1) -> Answer:
        headers = dict(READABLE)
        if code in ("UNAVAILABLE", "RATE_LIMITED"):
            headers |= retry_after(wait_s)
        if code == "UPGRADE_REQUIRED":
            headers |= {**OUR_VERSION, "Upgrade": "websocket", "Connection": "upgrade"}
        base = self._links.documentation_base
        return refused(refuse_v1(code, request.request_id, documentation_base=base), headers)
