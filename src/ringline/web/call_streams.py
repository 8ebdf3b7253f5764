"""The routes of one call's live streams: from which position, and what is left of an ended call.

Live streams, 2. If nothing is left to send, the transcript stream answers 204, which stops an
`EventSource` quietly, and the WebSocket 404.
"""

from ringline.domain.events import CallEnded, EventData, TurnCompleted
from ringline.domain.ids import Prefix, parse_id
from ringline.domain.log import FromBeginning, Since
from ringline.domain.topics import CallEvents
from ringline.ports import CallStore, Clock
from ringline.services.follow import resolve
from ringline.services.remaining import is_left
from ringline.services.stream_ledger import StreamSurface
from ringline.web.call_commands import Commands
from ringline.web.call_socket import CallSocket
from ringline.web.cors import READABLE
from ringline.web.edge import Answer, StreamRequest
from ringline.web.limits import StreamLimits
from ringline.web.sse_stream import Frames, SseStream
from ringline.web.stream_door import Opened, StreamDoor, StreamRefused
from ringline.web.stream_watch import Start
from ringline.web.upgrade import upgrade_problem
from ringline.web.watchers import Viewer, Watchers, asked_since
from ringline.wire.transcript import TranscriptStream

_TRANSCRIPT = Frames(
    StreamSurface.TRANSCRIPT_STREAM,
    TranscriptStream(with_ids=True),
    TranscriptStream(with_ids=False),
    spoken=True,
)


class CallStreams:
    """The handlers of the streams under `/v1/calls/{id}`."""

    def __init__(
        self,
        door: StreamDoor,
        watchers: Watchers,
        *,
        calls: CallStore,
        commands: Commands,
        now: Clock,
        limits: StreamLimits,
    ) -> None:
        self._door = door
        self._watchers = watchers
        self._calls = calls
        self._commands = commands
        self._now = now
        self._limits = limits

    async def transcript(self, request: StreamRequest) -> Answer | None:
        """`GET /v1/calls/{id}/transcript/stream` (2.2, 2.3)."""
        since = asked_since(request)
        if since is None and request.query.get("replay") == "1":
            since = FromBeginning()

        async def find(viewer: Viewer) -> Opened | Answer:
            start = await self._start(viewer, request, since=since, last=TurnCompleted)
            if start is None:
                await self._door.check(viewer, request)
                return Answer(204, READABLE)
            stream = SseStream(self._watchers, start, frames=_TRANSCRIPT, limits=self._limits)
            return Opened(start, stream)

        return await self._door.open(request, since=since, token_in_query=True, find=find)

    async def events(self, request: StreamRequest) -> Answer | None:
        """`GET /v1/calls/{id}/stream` (2.5)."""
        since = asked_since(request)

        async def find(viewer: Viewer) -> Opened:
            start = await self._start(viewer, request, since=since, last=CallEnded)
            if start is None:
                raise StreamRefused("NOT_FOUND")
            if upgrade_problem(request) is not None:
                raise StreamRefused("UPGRADE_REQUIRED")
            stream = CallSocket(
                self._watchers, start, commands=self._commands, now=self._now, limits=self._limits
            )
            return Opened(start, stream)

        return await self._door.open(request, since=since, token_in_query=True, find=find)

    async def _start(
        self, viewer: Viewer, request: StreamRequest, *, since: Since | None, last: type[EventData]
    ) -> Start[CallEvents] | None:
        """Find the start position, then the call; None if nothing is left to send.

        In this sequence, a live call's end comes after the position, so every stream that
        begins receives its call's last event, which is of type `last`.
        """
        call_id = parse_id(Prefix.CALL, request.id)
        if call_id is None:
            raise StreamRefused("NOT_FOUND")
        begin = await resolve(self._watchers.log_store, viewer.scope, since=since)
        call = await self._calls.get_call(viewer.scope, call_id)
        if call is None:
            raise StreamRefused("NOT_FOUND")
        topic = CallEvents(call.id)
        start = Start(viewer, topic, begin.position, begin.recovered, begin.missed_after)
        if call.ended_at is None or (
            begin.recovered
            and await is_left(
                self._watchers.log_store,
                viewer.scope,
                topic=topic,
                after=begin.position.offset,
                kind=last,
            )
        ):
            return start
        return None
