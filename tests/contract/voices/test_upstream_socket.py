"""The socket to a provider beside a server that others wrote: plain and over TLS, on both loops."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from websockets.asyncio.server import ServerConnection, serve

from ringline.voices import upstream_dial
from ringline.voices.upstream_dial import dial
from ringline.voices.upstream_socket import UpstreamLost, UpstreamSocket
from tests.certificates import write_certificate
from tests.misbehaving import misbehaving, untrusted

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
LIMIT_S = 20.0
SERVER: dict[str, Any] = {"max_size": None, "compression": None, "close_timeout": 0.1}
MIB = 1 << 20

#: Answers one connection.
Converse = Callable[[ServerConnection], Awaitable[None]]
#: Talks to it.
Talk = Callable[[UpstreamSocket], Awaitable[None]]

both_loops = pytest.mark.parametrize("loop", LOOPS)
both_ways = pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return the TLS of a server that the gateway trusts."""
    public, private = write_certificate(tmp_path, "localhost")
    trusting = ssl.create_default_context(cafile=str(public))
    monkeypatch.setattr(upstream_dial, "_tls", lambda: trusting)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(public, private)
    return server


def play(loop: str, converse: Converse, talk: Talk, *, tls: ssl.SSLContext | None) -> None:
    """Talk to a server; the connection is closed at the end."""

    async def both() -> None:
        async with (
            asyncio.timeout(LIMIT_S),
            serve(converse, "localhost", 0, ssl=tls, **SERVER) as server,
        ):
            port = next(iter(server.sockets)).getsockname()[1]
            opened = await dial(f"ws{'s' if tls else ''}://localhost:{port}/v1?a=b", {"X": "y"})
            try:
                await talk(opened)
            finally:
                await opened.close()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(both())


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@both_loops
@both_ways
def test_messages_of_every_size_come_back(loop: str, secure: bool, tls: ssl.SSLContext) -> None:
    sent = [b"{}", b"x" * 125, b"x" * 126, b"y" * 2_600, b"z" * 65_536, b"w" * (2 * MIB), b"{}"]

    async def talk(opened: UpstreamSocket) -> None:
        for message in sent:
            opened.send(message)
        assert [await opened.receive() for _ in sent] == sent
        for message in sent:  # one at a time, so that each arrives by itself
            opened.send_audio(message, 20.0)
            assert await opened.receive() == message

    play(loop, echo, talk, tls=tls if secure else None)


@both_loops
@both_ways
def test_what_a_busy_server_does_not_read_waits_in_order(
    loop: str, secure: bool, tls: ssl.SSLContext
) -> None:
    """The server reads on only when all has been sent, which no buffer of the kernel holds."""
    told = asyncio.Event()

    async def converse(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await told.wait()
        connection.transport.resume_reading()
        await echo(connection)

    async def talk(opened: UpstreamSocket) -> None:
        messages = [bytes([65 + number]) * MIB for number in range(20)]
        for message in messages:
            opened.send(message)
        assert not opened.overrun
        opened.send_audio(b"{}", 20.0)
        told.set()
        assert [await opened.receive() for _ in messages] == messages
        assert await opened.receive() == b"{}"

    play(loop, converse, talk, tls=tls if secure else None)


@both_loops
@both_ways
def test_a_server_that_reads_nothing_overruns(loop: str, secure: bool, tls: ssl.SSLContext) -> None:
    told = asyncio.Event()

    async def converse(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await told.wait()
        connection.transport.abort()

    async def talk(opened: UpstreamSocket) -> None:
        for _ in range(1_000):
            opened.send_audio(b"x" * MIB, 20.0)  # the oldest is dropped
        assert not opened.overrun
        for _ in range(40):
            opened.send(b"x" * MIB)
        assert opened.overrun
        told.set()
        with pytest.raises(UpstreamLost):
            await opened.receive()

    play(loop, converse, talk, tls=tls if secure else None)


@both_loops
@both_ways
def test_all_that_came_is_taken_before_the_end_is_told(
    loop: str, secure: bool, tls: ssl.SSLContext
) -> None:
    async def converse(connection: ServerConnection) -> None:
        for number in range(1_000):
            await connection.send(f'{{"number": {number}}}')
        await connection.close(1012, "later")

    async def talk(opened: UpstreamSocket) -> None:
        assert await opened.receive() == b'{"number": 0}'
        taken: list[bytes] = []
        with pytest.raises(UpstreamLost) as lost:
            await opened.receive_all(taken.append)
        assert taken == [b'{"number": %d}' % number for number in range(1, 1_000)]
        assert lost.value.loss.cause == "close_1012"
        with pytest.raises(UpstreamLost):
            await opened.receive()

    play(loop, converse, talk, tls=tls if secure else None)


@both_loops
def test_what_a_taker_raises_reaches_who_waits(loop: str) -> None:
    async def converse(connection: ServerConnection) -> None:
        await connection.send("x" * 200)
        await echo(connection)

    def refuse(message: bytes) -> None:
        raise ValueError(len(message))

    async def talk(opened: UpstreamSocket) -> None:
        with pytest.raises(ValueError, match="200"):
            await opened.receive_all(refuse)
        opened.send(b"the connection lives")
        assert await opened.receive() == b"the connection lives"

    play(loop, converse, talk, tls=None)


@both_loops
def test_a_server_that_nobody_trusts(loop: str, tmp_path: Path) -> None:
    async def attempt() -> None:
        async with asyncio.timeout(LIMIT_S), misbehaving(never, untrusted(tmp_path)) as url:
            with pytest.raises(UpstreamLost) as lost:
                await dial(url.replace("http", "ws"), {})
            assert lost.value.loss.cause == "connect"

    async def never(_: object) -> None:
        raise AssertionError("no certificate was accepted")

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(attempt())


@both_loops
def test_the_headers_that_were_asked_for_are_sent(loop: str) -> None:
    seen: list[tuple[str, str, str]] = []

    async def converse(connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        seen.append((request.path, request.headers["X"], request.headers["Host"]))
        await echo(connection)

    async def talk(opened: UpstreamSocket) -> None:
        opened.send(b"{}")
        await opened.receive()

    play(loop, converse, talk, tls=None)
    ((path, x, host),) = seen
    assert (path, x) == ("/v1?a=b", "y")
    assert host.startswith("localhost:")
