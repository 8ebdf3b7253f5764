"""The edge: whose a request is, what a client may send before its answer, and how it all ends.

A small house of doors stands behind the server's own port, so that its waits can be short.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from time import monotonic

import pytest
from aiohttp import web

from ringline.domain import limits
from ringline.domain.ids import uuid7
from ringline.services.outbox import Outbox, Tick
from ringline.web.admission import Admission, Allowance
from ringline.web.edge import TURN_BYTES, Answer, Connection, Edge, Sorted, StreamRequest
from ringline.web.frame_gate import WATCHER
from ringline.web.house import House, Waits
from ringline.web.http_connection import begin_request
from ringline.web.links import Links
from ringline.web.listener import UNSENT_BYTES, PortListener
from ringline.web.refusals import Refusals
from ringline.web.sse_stream import SseConnection
from ringline.web.upgrade import upgrade_problem
from ringline.web.websocket import Message, WebSocket
from tests.realtime_session import frame

WAIT_S = 20.0  # a bound for what must come, not an expectation of when
KEY = uuid7(0, 0)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TEXT, CLOSE, PING = 0x1, 0x8, 0x9
FIELDS = "Host: x\r\n"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
PLAIN = b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"
SOCKET = f"GET /socket HTTP/1.1\r\n{FIELDS}{UPGRADE}\r\n".encode()
EVENTS = f"GET /calls/7/events HTTP/1.1\r\n{FIELDS}\r\n".encode()


class Doors:
    """An echo over a WebSocket, a stream of events, and a refusal; all wait for the bell."""

    def __init__(self) -> None:
        self.bell = asyncio.Event()
        self.bell.set()
        self.opened: list[str] = []
        self.sockets: list[WebSocket] = []
        self.streams: list[SseConnection] = []
        self.lost = 0

    async def socket(self, request: StreamRequest) -> Answer | None:
        self.opened.append(request.id)
        await self.bell.wait()
        if upgrade_problem(request) is not None:
            return Answer(400)
        socket = WebSocket.accept(request, bounds=WATCHER)
        self.sockets.append(socket)
        socket.when_lost(self._note_lost)

        def echo(message: Message) -> None:
            if message == "raise":
                raise ZeroDivisionError
            assert isinstance(message, str)
            socket.send_text(message.encode())

        def ended(error: Exception | None) -> None:
            if error is not None:
                socket.fail(error)
            else:
                socket.end()

        socket.listen(echo, ended)
        return None

    async def events(self, request: StreamRequest) -> Answer | None:
        self.opened.append(request.id)
        await self.bell.wait()
        stream = SseConnection(request, {"Content-Type": "text/event-stream"})
        self.streams.append(stream)
        stream.when_lost(self._note_lost)
        return None

    async def refused(self, request: StreamRequest) -> Answer | None:
        return Answer(401, {"X-Why": "no"}, b"{}")

    async def broken(self, request: StreamRequest) -> Answer | None:
        raise ZeroDivisionError

    def _note_lost(self) -> None:
        self.lost += 1


class Port:
    def __init__(self, port: int, edge: Edge, *, doors: Doors, listener: PortListener) -> None:
        self.port, self.edge, self.doors, self.listener = port, edge, doors, listener
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        writer.write(data)
        return reader, writer

    def deaf(self, data: bytes) -> socket.socket:
        """Connect a client that never reads."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", self.port))
        client.sendall(data)
        return client

    async def emptied(self) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.edge.connections or self.edge.house.admission.open:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


@asynccontextmanager
async def listening(waits: Waits | None = None) -> AsyncIterator[Port]:
    async def plain(request: web.Request) -> web.Response:
        return web.Response(text="whole")

    async def late(request: web.Request) -> web.StreamResponse:
        misdirected = web.HTTPMisdirectedRequest()
        misdirected.force_close()
        raise misdirected

    @web.middleware
    async def begin(request: web.Request, handler: Handler) -> web.StreamResponse:
        begin_request(request)
        return await handler(request)

    app = web.Application(middlewares=[begin])
    app.router.add_get("/plain", plain)
    app.router.add_get("/socket", late)
    doors = Doors()
    admission = Admission(Allowance(100, 0), (), clock=monotonic)
    house = House(admission, Refusals(lambda: KEY, Links("https://docs.example/")))
    paths = {
        "/socket": doors.socket,
        "/calls/{id}/events": doors.events,
        "/refused": doors.refused,
        "/broken": doors.broken,
    }
    edge = Edge(house, paths, new_id=lambda: KEY, waits=waits)
    listener = PortListener(app, edge)
    port = Port(await listener.start("127.0.0.1", 0), edge, doors=doors, listener=listener)
    try:
        yield port
    finally:
        for writer in port.writers:
            writer.close()
        await listener.stop(0)
    assert edge.connections == 0


async def until(reader: asyncio.StreamReader, end: bytes) -> bytes:
    async with asyncio.timeout(WAIT_S):
        return await reader.readuntil(end)


async def rest(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(WAIT_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


def test_whose_a_request_is_is_known_by_its_first_bytes() -> None:
    async def door(request: StreamRequest) -> Answer | None:
        return None

    paths = {"/socket": door, "/calls/{id}/events": door, "/calls/{id}": door}
    edge = Edge.__new__(Edge)
    Edge.__init__(edge, None, paths, new_id=lambda: KEY)  # type: ignore[arg-type]
    whole = b"GET /socket?x HTTP/1.1\r\nHost: x\r\n\r\n"
    for end in range(1, len(whole)):
        assert edge.sort(whole[:end]) is Sorted.MORE, whole[:end]
    assert edge.sort(whole) is Sorted.EDGE
    assert edge.sort(whole + b"more") is Sorted.EDGE
    assert edge.sort(b"GET /s%6fcket HTTP/1.1\r\n\r\n") is Sorted.EDGE
    assert edge.sort(b"GET http://host/socket HTTP/1.1\r\n\r\n") is Sorted.EDGE
    assert edge.sort(b"GET /calls/7/events HTTP/1.1\r\n") is Sorted.MORE
    assert edge.sort(b"GET /calls/7 HTTP/1.1\r\n\r\n") is Sorted.EDGE
    assert edge.sort(b"GET /socket HTTP/1.1\r\nX: y\nZ") is Sorted.EDGE, "it cannot be valid"
    assert edge.sort(whole[:-2] + b"x" * 20_000) is Sorted.EDGE, "it is too large"
    for others in (
        b"POST /socket HTTP/1.1\r\n",
        b"HEAD /socket HTTP/1.1\r\n",
        b"GET /plain HTTP/1.1\r\n",
        b"GET /socket/ HTTP/1.1\r\n",
        b"GET /calls//events HTTP/1.1\r\n",
        b"GET /calls/7/8/events HTTP/1.1\r\n",
        b"GET /socket HTTP/9.9\r\n",
        b"GET /socket\n",
        b"GET /" + b"x" * 20_000,
        b"\x16\x03",
    ):
        assert edge.sort(others) is Sorted.OTHERS, others


async def test_a_stream_may_follow_other_requests_on_its_connection() -> None:
    async with listening() as port:
        reader, writer = await port.connect(PLAIN)
        await until(reader, b"whole")
        for at in range(len(PLAIN)):
            writer.write(PLAIN[at : at + 1])
            await asyncio.sleep(0)
        await until(reader, b"whole")
        writer.write(SOCKET[:30])
        await asyncio.sleep(0.05)
        writer.write(SOCKET[30:] + frame(TEXT, b"one"))
        assert b" 101 " in await until(reader, b"\r\n\r\n")
        assert await until(reader, b"one") == b"\x81\x03one"
        writer.close()
        await port.emptied()
        assert port.doors.lost == 1


async def test_a_stream_that_does_not_wait_for_the_answer_before_it_is_refused() -> None:
    async with listening() as port:
        reader, _ = await port.connect(PLAIN + SOCKET)
        await until(reader, b"whole")
        assert b" 400 " in await until(reader, b"\r\n")  # 421, as its surface spells it
        await rest(reader)
        await port.emptied()


async def test_frames_may_come_with_the_head_and_before_the_answer() -> None:
    async with listening() as port:
        port.doors.bell.clear()
        reader, writer = await port.connect(SOCKET + frame(TEXT, b"one"))
        writer.write(frame(TEXT, b"two"))
        await asyncio.sleep(0.1)
        port.doors.bell.set()
        assert b" 101 " in await until(reader, b"\r\n\r\n")
        assert await until(reader, b"two") == b"\x81\x03one\x81\x03two"
        writer.close()


async def test_what_comes_before_the_answer_is_bounded_and_not_lost() -> None:
    async with listening() as port:
        port.doors.bell.clear()
        count = 3 * limits.EARLY_INPUT_BYTES.most // 100
        reader, writer = await port.connect(SOCKET + frame(TEXT, b"x" * 100) * count)
        while not port.doors.opened:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        (request,) = port.edge._connections
        assert isinstance(request, StreamRequest)
        assert not request._transport.is_reading()
        assert len(request._early) <= 8 * limits.EARLY_INPUT_BYTES.most
        port.doors.bell.set()
        await until(reader, b"\r\n\r\n")
        async with asyncio.timeout(WAIT_S):
            assert len(await reader.readexactly(102 * 200)) == 102 * 200
        writer.close()


#: A frame of 8 MB, which is too large, and more behind it.
ENDLESS = b"\x82\xff" + (8 << 20).to_bytes(8) + bytes(4) + bytes(8 << 20)


@pytest.mark.parametrize(
    ("head", "flood", "receiver"),
    [
        (EVENTS, bytes(8 << 20), SseConnection),
        (SOCKET, ENDLESS, WebSocket),
        (b"GET /refused HTTP/1.1\r\nHost: x\r\n\r\n", bytes(8 << 20), StreamRequest),
    ],
)
async def test_a_flood_of_bytes_is_read_a_little_in_each_turn(
    head: bytes, flood: bytes, receiver: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One read of a socket that is full is followed by others' turns, not by the next read."""
    read = receiver.data_received
    large: list[bool] = []

    def noting(self: Connection, data: bytes) -> None:
        read(self, data)
        if len(data) >= TURN_BYTES:
            large.append(self._transport.is_reading())

    monkeypatch.setattr(receiver, "data_received", noting)
    async with listening() as port:
        reader, writer = await port.connect(head)
        await until(reader, b"\r\n\r\n")
        writer.write(flood)
        async with asyncio.timeout(WAIT_S):
            await writer.drain()  # all of it is read in time
        writer.close()
        await port.emptied()
    assert large
    assert not any(large)


async def test_a_client_that_leaves_during_the_handshake_opens_nothing() -> None:
    async with listening() as port:
        port.doors.bell.clear()
        _, writer = await port.connect(SOCKET)
        while not port.doors.opened:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        writer.close()
        await port.emptied()
        port.doors.bell.set()
        assert not port.doors.sockets


@pytest.mark.parametrize("sent", [b"", SOCKET, b"x" * 100_000])
async def test_after_a_refusal_the_connection_ends(sent: bytes) -> None:
    async with listening() as port:
        reader, _ = await port.connect(b"GET /refused HTTP/1.1\r\nHost: x\r\n\r\n" + sent)
        answer = await rest(reader)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        for field in (b"X-Why: no", b"Connection: close", b"Content-Length: 2", b"X-Request-Id: "):
            assert field in head
        assert body == b"{}"


async def test_a_client_that_does_not_take_its_refusal_is_not_waited_for() -> None:
    async with listening(replace(Waits(), linger_s=0.2)) as port:
        client = port.deaf(b"GET /refused HTTP/1.1\r\nHost: x\r\n\r\n")
        await port.emptied()
        client.close()


async def test_a_bug_of_a_door_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    async with listening() as port:
        reader, _ = await port.connect(b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await rest(reader)).startswith(b"HTTP/1.1 500 ")
    assert "ZeroDivisionError" in capsys.readouterr().out


async def test_a_bug_of_a_receiver_closes_its_socket_alone() -> None:
    async with listening() as port:
        other, _ = await port.connect(SOCKET)
        await until(other, b"\r\n\r\n")
        reader, writer = await port.connect(SOCKET + frame(TEXT, b"raise"))
        await until(reader, b"\r\n\r\n")
        assert (await until(reader, b"internal")).startswith(b"\x88\x0a\x03\xf3")
        writer.write(frame(CLOSE, b"\x03\xf3"))
        assert await rest(reader) == b""


@pytest.mark.parametrize("stream", [SOCKET, EVENTS])
async def test_a_client_that_reads_nothing_is_cut_off(stream: bytes) -> None:
    async with listening(replace(Waits(), stream_idle_s=0.4)) as port:
        client = port.deaf(stream)
        while not (port.doors.sockets or port.doors.streams):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        (opened,) = [*port.doors.sockets, *port.doors.streams]
        outbox = Outbox(opened, Tick(), overrun=opened.abort)
        for _ in range(20):
            outbox.offer(os.urandom(1 << 20))
            await asyncio.sleep(0)
        assert opened.paused
        assert outbox.dropped
        await port.emptied()
        assert port.doors.lost == 1
        client.close()


async def test_a_client_that_reads_slowly_is_not_cut_off() -> None:
    async with listening(replace(Waits(), stream_idle_s=0.8)) as port:
        client = port.deaf(EVENTS)
        client.settimeout(WAIT_S)
        while not port.doors.streams:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        (stream,) = port.doors.streams
        stream.write(bytes(8 << 20))
        read = 0
        started = monotonic()
        while monotonic() - started < 2:
            read += len(await asyncio.to_thread(client.recv, 1 << 16))
            await asyncio.sleep(0.05)
        assert stream.paused
        assert stream.is_open
        client.close()
        await port.emptied()


@pytest.mark.skipif(sys.platform != "linux", reason="the options are Linux's")
async def test_a_connection_keeps_little_in_the_kernel_and_does_not_outlive_its_network() -> None:
    async with listening() as port:
        reader, _ = await port.connect(SOCKET)
        await until(reader, b"\r\n\r\n")
        accepted = port.doors.sockets[0]._transport.get_extra_info("socket")
        for option, value in (
            (socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES),
            (socket.TCP_NODELAY, 1),
            (socket.TCP_USER_TIMEOUT, 1000 * limits.STREAM_IDLE_S.most),
        ):
            assert accepted.getsockopt(socket.IPPROTO_TCP, option) == value


async def test_a_server_that_stops_answers_what_it_was_asked() -> None:
    async with listening() as port:
        port.doors.bell.clear()
        reader, _ = await port.connect(SOCKET)
        while not port.doors.opened:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        stopping = asyncio.create_task(port.listener.stop(WAIT_S))
        await asyncio.sleep(0.1)
        assert not stopping.done()
        port.doors.bell.set()
        assert b" 101 " in await until(reader, b"\r\n\r\n")
        await stopping


async def test_the_end_of_the_server_is_the_end_of_its_streams() -> None:
    async with listening() as port:
        clients = [port.deaf(stream) for stream in (SOCKET, EVENTS, SOCKET[:40], b"")]
        while len(port.doors.sockets) + len(port.doors.streams) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        port.doors.streams[0].write(bytes(8 << 20))
        await port.listener.stop(0)
        await port.emptied()
        assert port.doors.lost == 2
        for client in clients:
            client.close()
