"""Clients that keep the server waiting: every wait is bounded.

The tests use a small application behind the server's own port, with short timeouts; the real
ones are in the table of limits.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from time import monotonic

import pytest
from aiohttp import web

from ringline.domain.ids import uuid7
from ringline.domain.log import Environment, Scope
from ringline.rest.route import FileAnswer
from ringline.web.admission import Admission, Allowance
from ringline.web.budget import ByteBudget
from ringline.web.downloads import send_file
from ringline.web.edge import Answer, Edge, StreamRequest
from ringline.web.house import House, Waits
from ringline.web.http_connection import begin_request
from ringline.web.links import Links
from ringline.web.listener import PortListener
from ringline.web.refusals import Refusals
from ringline.web.requests import PIECE_BYTES, open_share, read_body, write_by_pieces

WAIT_S = 20.0  # a bound for what must come, not an expectation of when
LONG = Waits(
    head_s=60, body_idle_s=60, body_s=60, linger_s=0.2, idle_s=60, answer_idle_s=60, answer_s=60
)
LARGE = b"x" * 8_000_000
#: A download, of which the kernel's buffers hold a small part.
FILE = FileAnswer("x.wav", 24_000_000, '"x"', lambda at, most: b"x" * most, lambda: None)
ROOM = Allowance(100, 0)
KEY = uuid7(0, 0)
BUDGET = 150_000  # bytes that the key may have under way
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Port:
    """A listener, and clients that speak to it in bytes."""

    def __init__(
        self, port: int, admission: Admission, budget: ByteBudget, listener: PortListener
    ) -> None:
        self.port, self.admission, self.listener = port, admission, listener
        self.budget = budget
        self.writers: list[asyncio.StreamWriter] = []
        self.begun = 0
        self.writing: asyncio.WriteTransport | None = None

    async def connect(self, data: bytes = b"") -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**17)
        self.writers.append(writer)
        writer.write(data)
        return reader

    def write(self, data: bytes) -> None:
        self.writers[-1].write(data)

    async def busy(self, requests: int) -> None:
        """Wait until so many requests have begun."""
        async with asyncio.timeout(WAIT_S):
            while self.begun < requests:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def emptied(self) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.admission.open:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


@asynccontextmanager
async def listening(waits: Waits = LONG, allowance: Allowance = ROOM) -> AsyncIterator[Port]:
    async def echo(request: web.Request) -> web.Response:
        share = open_share(request, KEY, scope=Scope(KEY, Environment.LIVE))
        return web.Response(body=await read_body(request, 200_000, share=share))

    async def large(request: web.Request) -> web.StreamResponse:
        if request.path == "/large":
            return web.Response(body=LARGE)
        port.writing = request.transport
        return await write_by_pieces(request, LARGE, headers={})

    async def file(request: web.Request) -> web.StreamResponse:
        share = open_share(request, KEY, scope=Scope(KEY, Environment.LIVE))
        return await send_file(request, FILE, media_type="audio/wav", headers={}, share=share)

    async def stream(request: StreamRequest) -> Answer | None:
        return Answer(204)

    @web.middleware
    async def begin(request: web.Request, handler: Handler) -> web.StreamResponse:
        begin_request(request)
        port.begun += 1
        return await handler(request)

    app = web.Application(middlewares=[begin])
    app.router.add_post("/echo", echo)
    app.router.add_get("/large", large)
    app.router.add_get("/pieces", large)
    app.router.add_get("/file", file)
    admission = Admission(allowance, (), clock=monotonic)
    budget = ByteBudget(BUDGET)
    house = House(admission, Refusals(lambda: KEY, Links("https://docs.example/")), budget)
    edge = Edge(house, {"/stream": stream}, new_id=lambda: KEY, waits=waits)
    listener = PortListener(app, edge)
    port = Port(await listener.start("127.0.0.1", 0), admission, budget, listener)
    try:
        yield port
    finally:
        for writer in port.writers:
            writer.close()
        await listener.stop(0)


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Read what comes until the server closes."""
    async with asyncio.timeout(WAIT_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


ECHO = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


@pytest.mark.parametrize("head", [b"", b"GET /", ECHO[:-1]])
async def test_a_head_that_is_never_finished_is_not_waited_for(head: bytes) -> None:
    async with listening(replace(LONG, head_s=0.2)) as port:
        assert await rest(await port.connect(head)) == b""
        await port.emptied()


async def test_a_head_may_come_byte_by_byte() -> None:
    async with listening() as port:
        reader = await port.connect()
        for at in range(len(ECHO)):
            port.write(ECHO[at : at + 1])
            await asyncio.sleep(0)
        port.write(b"abcd")
        async with asyncio.timeout(WAIT_S):
            assert (await reader.readuntil(b"abcd")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("begun", [b"\x16\x03\x01", b"\r\nGET", b"hello\r\n", b"GET / x\r\nA"])
async def test_what_can_be_no_request_is_refused_without_waiting_for_more(begun: bytes) -> None:
    async with listening() as port:
        assert b" 400 " in (await rest(await port.connect(begun + b"\n\0")))[:16]


async def test_the_next_head_is_not_waited_for_either() -> None:
    async with listening(replace(LONG, head_s=0.2)) as port:
        reader = await port.connect(ECHO + b"abcd")
        assert (await reader.readuntil(b"abcd")).startswith(b"HTTP/1.1 200")
        port.write(b"GET /")
        assert await rest(reader) == b""


async def test_an_idle_connection_is_closed() -> None:
    async with listening(replace(LONG, idle_s=0.2)) as port:
        reader = await port.connect(ECHO + b"abcd")
        assert (await rest(reader)).endswith(b"abcd")


async def test_a_body_that_stops_is_answered_408() -> None:
    async with listening(replace(LONG, body_idle_s=0.2)) as port:
        answer = await rest(await port.connect(ECHO + b"abc"))
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"Connection: close" in answer


async def test_a_body_that_drips_for_ever_is_answered_408() -> None:
    async with listening(replace(LONG, body_s=0.5)) as port:
        reader = await port.connect(ECHO.replace(b"4", b"999"))
        answering = asyncio.create_task(rest(reader))
        while not answering.done():
            port.write(b"x")
            await asyncio.wait([answering], timeout=0.05)
        assert answering.result().startswith(b"HTTP/1.1 408")


LARGE_ECHO = ECHO.replace(b" 4\r\n", b" 100000\r\n")


async def test_large_bodies_of_one_key_are_counted_together() -> None:
    async with listening() as port:
        first = await port.connect(LARGE_ECHO + b"x" * 99_999)
        async with asyncio.timeout(WAIT_S):
            while port.budget.under_way(KEY) < 99_999:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        refused = await rest(await port.connect(LARGE_ECHO + b"x" * 99_999))
        assert refused.startswith(b"HTTP/1.1 429")
        assert b"Retry-After: 1" in refused
        small = await port.connect(ECHO + b"abcd")
        async with asyncio.timeout(WAIT_S):
            assert (await small.readuntil(b"abcd")).startswith(b"HTTP/1.1 200")
        port.writers[0].write(b"y")
        async with asyncio.timeout(WAIT_S):
            assert await first.readuntil(b"xy")
            while port.budget.under_way(KEY):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_a_body_that_is_given_up_is_counted_no_more() -> None:
    async with listening() as port:
        await port.connect(LARGE_ECHO + b"x" * 99_999)
        async with asyncio.timeout(WAIT_S):
            while not port.budget.under_way(KEY):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            port.writers[0].close()
            while port.budget.under_way(KEY):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


BOTH_WAYS = pytest.mark.parametrize("path", [b"/large", b"/pieces"])


def get(path: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path


@BOTH_WAYS
@pytest.mark.parametrize("waits", [replace(LONG, answer_idle_s=0.2), replace(LONG, answer_s=0.2)])
async def test_an_answer_that_is_not_read_is_given_up(waits: Waits, path: bytes) -> None:
    async with listening(waits) as port:
        await port.connect(get(path))
        await port.emptied()


@BOTH_WAYS
async def test_an_answer_that_is_read_a_little_at_a_time_is_given_up(path: bytes) -> None:
    async with listening(replace(LONG, answer_s=0.5)) as port:
        reader = await port.connect(get(path))
        received = 0
        async with asyncio.timeout(WAIT_S):
            while port.admission.open:
                received += len(await reader.read(1_000))
                await asyncio.sleep(0.001)
        assert received < len(LARGE)


@pytest.mark.parametrize("waits", [replace(LONG, answer_idle_s=0.2), replace(LONG, answer_s=0.2)])
async def test_a_download_that_is_not_read_is_given_up(waits: Waits) -> None:
    async with listening(waits) as port:
        await port.connect(get(b"/file"))
        await port.emptied()


async def test_a_download_may_take_longer_than_an_answer() -> None:
    """Its time begins anew with each MiB that is read."""
    async with listening(replace(LONG, answer_s=1)) as port:
        reader = await port.connect(get(b"/file"))
        received = 0
        async with asyncio.timeout(WAIT_S):
            while piece := await reader.read(200_000):
                received += len(piece)
                await asyncio.sleep(0.02)
        assert received > FILE.size


@BOTH_WAYS
async def test_an_answer_that_is_read_slowly_arrives_whole(path: bytes) -> None:
    async with listening(replace(LONG, answer_idle_s=2)) as port:
        reader = await port.connect(get(path))
        received = bytearray()
        async with asyncio.timeout(WAIT_S):
            while piece := await reader.read(400_000):
                received += piece
                await asyncio.sleep(0.001)
        assert received.endswith(b"\r\n\r\n" + LARGE)


async def test_of_an_answer_by_pieces_little_is_written_ahead() -> None:
    async with listening() as port:
        reader = await port.connect(get(b"/pieces"))
        assert (await reader.readexactly(8)) == b"HTTP/1.1"
        await asyncio.sleep(0.2)
        assert port.writing is not None
        _, ahead = port.writing.get_write_buffer_limits()  # a piece may follow on so much
        assert 0 < port.writing.get_write_buffer_size() <= ahead + PIECE_BYTES
        assert (await rest(reader)).endswith(LARGE)


async def test_too_many_connections_are_closed_as_they_arrive() -> None:
    async with listening(allowance=Allowance(10, 2)) as port:
        kept = [await port.connect(ECHO) for _ in range(2)]
        assert await rest(await port.connect(ECHO + b"abcd")) == b""
        silent = await port.connect()
        assert await rest(silent) == b""
        assert port.admission.open == 2
        port.writers[0].write(b"abcd")
        async with asyncio.timeout(WAIT_S):
            assert (await kept[0].readuntil(b"abcd")).startswith(b"HTTP/1.1 200")
        port.writers[0].close()
        async with asyncio.timeout(WAIT_S):
            while port.admission.open > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        again = await port.connect(ECHO + b"abcd")
        async with asyncio.timeout(WAIT_S):
            assert (await again.readuntil(b"abcd")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /secret-token HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01secret-token\r\n\r\n",
        b"GET / HTTP/1.1\r\nsecret-token\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"secret-token" * 1_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_not_quoted(request_line: bytes) -> None:
    async with listening() as port:
        answer = await rest(await port.connect(request_line))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.")
        assert b" 400 " in head.partition(b"\r\n")[0]
        assert b"secret-token" not in answer
        assert b"Server: Ringline\r\n" in head + b"\r\n"
        for name in (b"aiohttp", b"Python"):
            assert name not in answer
        assert body.startswith(b'{"success":false')


@pytest.mark.parametrize(
    "request_bytes", [ECHO + b"abc", b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"]
)
async def test_an_end_does_not_wait_for_a_client(request_bytes: bytes) -> None:
    async with listening() as port:
        await port.connect(request_bytes)
        await port.busy(1)
        async with asyncio.timeout(WAIT_S):
            await port.listener.stop(0.2)
        assert port.admission.open == 0


async def test_an_end_waits_for_an_answer_that_is_read() -> None:
    async with listening() as port:
        reader = await port.connect(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        slow = await port.connect(ECHO + b"abc")
        await port.busy(2)
        stopping = asyncio.create_task(port.listener.stop(WAIT_S))
        await asyncio.sleep(0.1)
        port.write(b"d")
        assert (await rest(slow)).endswith(b"abcd")
        assert (await rest(reader)).endswith(LARGE[-1_000:])
        async with asyncio.timeout(WAIT_S):
            await stopping
