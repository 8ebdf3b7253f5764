"""The edge: requests for WebSockets and event streams, on the port that aiohttp serves.

A connection's first bytes decide (`Edge.sort`): a request for one of the edge's paths stays
here, everything else is handed to aiohttp. The head is read by `wire/request_head.py`; a door
(`Open`) then refuses the request with an `Answer` or turns its connection into a stream, whose
protocol takes the transport over. After a refusal the connection is closed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

import structlog
from multidict import CIMultiDict, MultiDict

from ringline.domain import limits
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Scope
from ringline.ports import NewId
from ringline.web.admission import Slot
from ringline.web.fair_share import HANDSHAKE_S, REFUSAL_S, REPLAY_S
from ringline.web.house import House, Waits
from ringline.web.refusals import REQUEST_ID, SERVER_NAME
from ringline.wire.errors import HttpRefusal
from ringline.wire.http_answer import write_answer
from ringline.wire.request_head import (
    BLANK_LINE,
    MOST_BYTES,
    RequestHead,
    has_bare_line_feed,
    read_head,
    read_target,
)

_log = structlog.get_logger(__name__)

_GET = b"GET "
#: The place of an id in a path.
_ID = "{id}"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer instead of a stream."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


def refused(refusal: HttpRefusal, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer a refusal as JSON."""
    typed = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return Answer(refusal.status, typed, refusal.body)


#: A door: answers a request, or None once it has made a stream of it.
Open: TypeAlias = "Callable[[StreamRequest], Awaitable[Answer | None]]"


#: A read of so many bytes ends its connection's turn. The loop's library reads a socket that is
#: full 32 times in a row: 8 MB, for which all others wait.
TURN_BYTES = 64 * 1024
#: How long a connection whose bytes mean nothing rests after such a read.
REST_S = 0.01


class Connection(asyncio.Protocol):
    """A connection of the edge, before its handshake or after it."""

    __slots__ = ("_transport",)

    _transport: asyncio.Transport

    def cut(self) -> None:
        """Cut the connection off."""
        self._transport.abort()

    def skip(self, data: bytes) -> None:
        """Discard bytes from the client; read one that floods a little at a time."""
        if len(data) >= TURN_BYTES and self._transport.is_reading():
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(REST_S, self._read_again)

    def _read_again(self) -> None:
        if not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()


class Sorted(Enum):
    """Whose a request is."""

    MORE = auto()  # more bytes will tell
    OTHERS = auto()
    EDGE = auto()  # and it is there, or cannot be valid


class Edge:
    """The doors of the streams, and their connections."""

    def __init__(
        self, house: House, doors: Mapping[str, Open], *, new_id: NewId, waits: Waits | None = None
    ) -> None:
        self.house = house
        self.waits = waits or Waits()
        self.new_id = new_id
        self._exact = {path: door for path, door in doors.items() if _ID not in path}
        self._with_id = [(*path.split(_ID), door) for path, door in doors.items() if _ID in path]
        self._connections: set[Connection] = set()

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._connections)

    @property
    def is_answering(self) -> bool:
        """Return whether a request has no answer yet."""
        return any(
            isinstance(connection, StreamRequest) and connection.is_waiting
            for connection in self._connections
        )

    def sort(self, head: bytes) -> Sorted:
        """Decide whose a request is, by its first bytes."""
        if not head.startswith(_GET):
            return Sorted.MORE if _GET.startswith(head) else Sorted.OTHERS
        target = read_target(head)
        if target is None:
            ended = b"\n" in head or len(head) > MOST_BYTES
            return Sorted.OTHERS if ended else Sorted.MORE
        if self.door(target) is None:
            return Sorted.OTHERS
        if BLANK_LINE in head or len(head) > MOST_BYTES or has_bare_line_feed(head):
            return Sorted.EDGE
        return Sorted.MORE

    def door(self, path: str) -> tuple[Open, str] | None:
        """Return the door of a path, and the id in it."""
        door = self._exact.get(path)
        if door is not None:
            return door, ""
        for before, after, open_ in self._with_id:
            if path.startswith(before) and path.endswith(after):
                id_ = path[len(before) : len(path) - len(after)]
                if id_ and "/" not in id_:
                    return open_, id_
        return None

    def enter(self, transport: asyncio.Transport, slot: Slot, *, data: bytes) -> None:
        """Take over a connection whose request is the edge's (`sort`)."""
        request = StreamRequest(self, transport, slot=slot)
        self._connections.add(request)
        transport.set_protocol(request)
        request.begin(data)

    def replace(self, request: "StreamRequest", stream: Connection) -> None:
        """Note that a request has become a stream."""
        self._connections.discard(request)
        self._connections.add(stream)

    def leave(self, connection: Connection, slot: Slot) -> None:
        """Note that a connection is gone."""
        self._connections.discard(connection)
        self.house.admission.leave(slot)

    def close(self) -> None:
        """Cut off all connections."""
        for connection in tuple(self._connections):
            connection.cut()
        self.house.wheel.close()


class StreamRequest(Connection):
    """A request for a stream, and its connection until the stream begins."""

    def __init__(self, edge: Edge, transport: asyncio.Transport, *, slot: Slot) -> None:
        self.edge = edge
        self.loop = asyncio.get_running_loop()
        #: Whose work on the loop it is, once that is known.
        self.who: Hashable = ""
        #: The id in its path.
        self.id = ""
        #: The request's own id, which its answer names.
        self.request_id = format_id(Prefix.REQUEST, edge.new_id())
        self._transport = transport
        self._slot: Slot | None = slot
        self._head: RequestHead | None = None
        self._early = b""  # what the client sent after the head
        self._task: asyncio.Task[None] | None = None
        self._answered = False
        self.wake_tick: int | None = None

    @property
    def path(self) -> str:
        """Return the decoded path."""
        return self._read.path

    @property
    def headers(self) -> CIMultiDict[str]:
        """Return the headers."""
        return self._read.headers

    @property
    def query(self) -> MultiDict[str]:
        """Return the query's members."""
        return self._read.query

    @property
    def is_http11(self) -> bool:
        """Return whether its version is HTTP/1.1, not 1.0."""
        return self._read.is_http11

    @property
    def is_waiting(self) -> bool:
        """Return whether it has no answer yet."""
        return not self._answered

    @property
    def _read(self) -> RequestHead:
        assert self._head is not None, "a door sees a request whose head could be read"
        return self._head

    # -- for doors --------------------------------------------------------------------------

    async def begin_stream(self, scope: Scope, *, replays: bool = False) -> None:
        """Wait for the workspace's turn to begin a handshake; charge it for the frames.

        `replays` says that the stream begins with a replay.
        """
        self.who = scope.workspace_id
        await self.edge.house.fair.begin(self.who, HANDSHAKE_S + replays * REPLAY_S)

    def named(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return headers with those that every answer has."""
        return {REQUEST_ID: self.request_id, **headers, "Server": SERVER_NAME}

    def hand_over(self, stream: Connection) -> tuple[asyncio.Transport, Slot]:
        """Make a stream the protocol of the connection. Raises ConnectionError if it is gone."""
        slot = self._slot
        if slot is None or self._transport.is_closing():
            raise ConnectionResetError("the client left during the handshake")
        self._slot = None
        self._transport.set_protocol(stream)
        self.edge.replace(self, stream)
        return self._transport, slot

    def early_input(self) -> bytes:
        """Return what the client has sent after its request; from now on it is read."""
        early, self._early = self._early, b""
        if not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()
        return early

    # -- the answer -------------------------------------------------------------------------

    def begin(self, data: bytes) -> None:
        """Read the head, and open the door."""
        end = data.find(BLANK_LINE)
        self._head = None if end < 0 else read_head(data[: end + len(BLANK_LINE)])
        target = read_target(data) or ""
        found = self.edge.door(target)
        if self._head is None or found is None:
            self._answer(self._not_valid(target))
            return
        door, self.id = found
        self._early = data[end + len(BLANK_LINE) :]
        self._task = self.loop.create_task(self._serve(door))

    def _not_valid(self, path: str) -> Answer:
        refusals = self.edge.house.refusals
        return refused(refusals.spell_unread(path, 400, request_id=self.request_id))

    async def _serve(self, door: Open) -> None:
        try:
            answer = await self._admit(door)
        except ConnectionError:
            return  # the client left
        except Exception as error:  # a bug: log it without its text
            _log.error("request_failed", path=self.path, error=type(error).__name__)
            answer = self._failed(500)
            if self._slot is None:  # it is a stream already, which nobody holds
                self._transport.abort()
        if answer is not None:
            self._answer(answer)

    async def _admit(self, door: Open) -> Answer | None:
        house, slot = self.edge.house, self._slot
        forwarded = self.headers.getall("X-Forwarded-For", ())
        if slot is not None and not house.admission.vouch(slot, forwarded):
            return self._failed(429, {"Retry-After": "1"})
        if self.headers.get("Expect", "100-continue").lower() != "100-continue":
            return self._failed(417)
        client = (slot.client if slot else None) or ""
        answer = await door(self)
        if answer is not None and answer.status in (401, 403):
            # Requests with a valid credential from the same address do not wait for it.
            await house.fair.begin(client, REFUSAL_S)
        return answer

    def _failed(self, status: int, headers: Mapping[str, str] | None = None) -> Answer:
        refusals = self.edge.house.refusals
        return refused(refusals.spell(self.path, status, request_id=self.request_id), headers)

    def _answer(self, answer: Answer) -> None:
        """Write an answer, and wait a bounded time for the client to close."""
        if self._slot is None or self._transport.is_closing():
            return
        self._answered = True
        headers = self.named(answer.headers)
        self._transport.write(write_answer(answer.status, headers, body=answer.body))
        self._transport.write_eof()
        self.early_input()  # what still comes is read, or a reset would overtake the answer
        self.edge.house.wheel.set(self, self.loop.time() + self.edge.waits.linger_s)

    # -- what the loop reports --------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Keep what comes before the answer, within its bound."""
        if self._answered:
            self.skip(data)
            return
        self._early += data
        if len(self._early) > limits.EARLY_INPUT_BYTES.most and self._transport.is_reading():
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Close: a client that sends no more is gone."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop opening the door."""
        self.edge.house.wheel.remove(self)
        slot, self._slot = self._slot, None
        if slot is not None:
            self.edge.leave(self, slot)
            if self._task is not None:
                self._task.cancel()

    def wake(self, now: float) -> None:
        """Cut off a client that does not close (wheel.Sleeper)."""
        self.cut()
