"""The route of a thread's live stream (live streams, 2.4)."""

from ringline.domain.ids import Prefix, parse_id
from ringline.domain.topics import ThreadEvents
from ringline.services.follow import resolve
from ringline.services.repo import Repo
from ringline.services.stream_ledger import StreamSurface
from ringline.services.threads import NoSuchThread, find_thread
from ringline.web.edge import Answer, StreamRequest
from ringline.web.limits import StreamLimits
from ringline.web.sse_stream import Frames, SseStream
from ringline.web.stream_door import Opened, StreamDoor, StreamRefused
from ringline.web.stream_watch import Start
from ringline.web.watchers import Viewer, Watchers, asked_since
from ringline.wire.conversation_stream import ConversationStream

_FRAMES = Frames(
    StreamSurface.CONVERSATION_STREAM,
    ConversationStream(with_ids=True),
    ConversationStream(with_ids=False),
)


class ConversationStreams:
    """The handler of `/v1/conversations/{id}/stream`."""

    def __init__(
        self, door: StreamDoor, watchers: Watchers, *, repo: Repo, limits: StreamLimits
    ) -> None:
        self._door = door
        self._watchers = watchers
        self._repo = repo
        self._limits = limits

    async def messages(self, request: StreamRequest) -> Answer | None:
        """`GET /v1/conversations/{id}/stream`: it takes no credential in its query."""
        since = asked_since(request)

        async def find(viewer: Viewer) -> Opened:
            conversation_id = parse_id(Prefix.CONVERSATION, request.id)
            if conversation_id is None:
                raise StreamRefused("NOT_FOUND")
            begin = await resolve(self._watchers.log_store, viewer.scope, since=since)
            try:
                async with self._repo.read(viewer.scope) as rows:
                    await find_thread(rows, conversation_id)
            except NoSuchThread:
                raise StreamRefused("NOT_FOUND") from None
            topic = ThreadEvents(conversation_id)
            start = Start(viewer, topic, begin.position, begin.recovered, begin.missed_after)
            stream = SseStream(self._watchers, start, frames=_FRAMES, limits=self._limits)
            return Opened(start, stream)

        return await self._door.open(request, since=since, token_in_query=False, find=find)
