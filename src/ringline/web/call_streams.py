"""The routes of one call's live streams: who may watch, and from which position.

Live streams, 2. Both streams are refused before the first byte: 401, 403, or 404, for another
workspace's id as for an unknown one. If nothing is left to send, the transcript stream answers
204, which stops an `EventSource` quietly, and the WebSocket 404.
"""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from aiohttp import web

from ringline.domain.events import CallEnded, EventData, TurnCompleted
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.log import FromBeginning, Since
from ringline.domain.unavailable import Unavailable
from ringline.ports import CallStore, Clock, NewId
from ringline.services.credentials import TooManySockets
from ringline.services.follow import resolve
from ringline.web.authentication import Denied, Origins, answer, retry_after
from ringline.web.call_commands import Commands
from ringline.web.call_socket import CallSocket
from ringline.web.call_watch import Start
from ringline.web.cors import READABLE, preflight
from ringline.web.http_connection import begin_stream
from ringline.web.limits import StreamLimits
from ringline.web.links import Links
from ringline.web.rates import SlidingRate
from ringline.web.transcript_stream import Transcript
from ringline.web.upgrade import OUR_VERSION, upgrade_problem
from ringline.web.watchers import Viewer, Watchers, asked_since
from ringline.wire.errors import refuse_v1

_PAGE = 500
#: The headers that a browser may send after its preflight.
_HEADERS = "authorization, x-api-key, last-event-id, cache-control"


class StreamRefused(Exception):
    """A stream is refused with a code of `/v1`; some may be tried again after a wait."""

    def __init__(self, code: str, *, wait_s: int = 1) -> None:
        super().__init__(code)
        self.code = code
        self.wait_s = wait_s


class Stream(Protocol):
    """The common interface of the two streams."""

    def credential_revoked(self) -> None:
        """End: the stream's key or operator was revoked."""
        ...

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve the stream as the response."""
        ...


class CallStreams:
    """The handlers of the streams under `/v1/calls/{id}`."""

    def __init__(
        self,
        watchers: Watchers,
        calls: CallStore,
        *,
        commands: Commands,
        origins: Origins,
        rate: SlidingRate,
        links: Links,
        now: Clock,
        new_id: NewId,
        limits: StreamLimits,
    ) -> None:
        self._watchers = watchers
        self._calls = calls
        self._commands = commands
        self._origins = origins
        self._rate = rate
        self._links = links
        self._now = now
        self._new_id = new_id
        self._limits = limits
        self._streams: Counter[UUID] = Counter()

    async def transcript(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/calls/{id}/transcript/stream` (2.2, 2.3)."""
        since = asked_since(request)
        if since is None and request.query.get("replay") == "1":
            since = FromBeginning()
        return await self._open(request, since, last=TurnCompleted)

    async def preflight(self, request: web.Request) -> web.StreamResponse:
        """Answer a CORS preflight, which `fetch` with a custom header sends."""
        return preflight("GET, OPTIONS", _HEADERS)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/calls/{id}/stream` (2.5)."""
        return await self._open(request, asked_since(request), last=CallEnded)

    async def _open(
        self, request: web.Request, since: Since | None, *, last: type[EventData]
    ) -> web.StreamResponse:
        """Open a stream that ends with the call's event of type `last`."""
        try:
            viewer = await self._watchers.stream_viewer(request, query=True)
            if viewer is Denied.UNKNOWN:
                raise StreamRefused("UNAUTHENTICATED")
            if isinstance(viewer, Denied) or self._origins.refuses(request):
                raise StreamRefused("PERMISSION_DENIED")
            quota = self._rate.take(viewer.scope.workspace_id, viewer.tier)
            if quota is not None and quota.refused:
                raise StreamRefused("RATE_LIMITED", wait_s=quota.reset_s)
            await begin_stream(request, viewer.scope, replays=since is not None)
            start = await self._start(viewer, request, since=since, last=last)
            if start is None:
                return await self._nothing_left(viewer, last)
            if last is CallEnded and upgrade_problem(request) is not None:
                raise StreamRefused("UPGRADE_REQUIRED")
            stream: Stream = (
                CallSocket(
                    self._watchers,
                    start,
                    commands=self._commands,
                    now=self._now,
                    limits=self._limits,
                )
                if last is CallEnded
                else Transcript(self._watchers, start, limits=self._limits)
            )
            with self._slot(start.call_id):
                return await self._serve(stream, request, start=start)
        except StreamRefused as refusal:
            return self._refuse(refusal.code, refusal.wait_s)
        except TooManySockets:
            return self._refuse("RATE_LIMITED")
        except Unavailable:
            return self._refuse("UNAVAILABLE")

    async def _serve(
        self, stream: Stream, request: web.Request, *, start: Start
    ) -> web.StreamResponse:
        with self._watchers.standing(start.viewer, stream.credential_revoked):
            if not await self._watchers.admit(start.viewer):
                raise StreamRefused("UNAUTHENTICATED")
            return await stream.serve(request)

    async def _start(
        self, viewer: Viewer, request: web.Request, *, since: Since | None, last: type[EventData]
    ) -> Start | None:
        """Find the start position, then the call; None if nothing is left to send.

        In this sequence, a live call's end comes after the position, so every stream that
        begins receives its call's last event.
        """
        call_id = parse_id(Prefix.CALL, request.match_info["id"])
        if call_id is None:
            raise StreamRefused("NOT_FOUND")
        begin = await resolve(self._watchers.log_store, viewer.scope, since=since)
        call = await self._calls.get_call(viewer.scope, call_id)
        if call is None:
            raise StreamRefused("NOT_FOUND")
        start = Start(viewer, call.id, begin.position, begin.recovered)
        if call.ended_at is not None and not (begin.recovered and await self._left(start, last)):
            return None
        return start

    async def _nothing_left(self, viewer: Viewer, last: type[EventData]) -> web.StreamResponse:
        """Answer for a call that has ended (contract, 2)."""
        if last is CallEnded:
            raise StreamRefused("NOT_FOUND")
        if not await self._watchers.admit(viewer):
            raise StreamRefused("UNAUTHENTICATED")
        return web.Response(status=204, headers=READABLE)

    async def _left(self, start: Start, kind: type[EventData]) -> bool:
        """Return whether an ended call has an event of a type after a position."""
        after = start.position.offset
        while True:
            page = await self._watchers.log_store.page(
                start.viewer.scope, after, limit=_PAGE, topic=start.topic
            )
            if any(isinstance(stored.event.data, kind) for stored in page.events):
                return True
            if page.complete:
                return False
            after = page.events[-1].offset

    @contextmanager
    def _slot(self, call_id: UUID) -> Generator[None]:
        if self._streams[call_id] >= self._limits.watchers:
            raise StreamRefused("RATE_LIMITED")
        self._streams[call_id] += 1
        try:
            yield
        finally:
            self._streams[call_id] -= 1
            if not self._streams[call_id]:
                del self._streams[call_id]

    def _refuse(self, code: str, wait_s: int = 1) -> web.Response:
        request_id = format_id(Prefix.REQUEST, self._new_id())
        headers = {"X-Request-Id": request_id, **READABLE}
        if code in ("UNAVAILABLE", "RATE_LIMITED"):
            headers |= retry_after(wait_s)
        if code == "UPGRADE_REQUIRED":
            headers |= {**OUR_VERSION, "Upgrade": "websocket", "Connection": "upgrade"}
        refusal = refuse_v1(code, request_id, documentation_base=self._links.documentation_base)
        return answer(refusal, headers)
