"""The server's WebSockets beside clients that others wrote: RFC 6455, rule by rule.

PyPI's `websockets` and `picows` and npm's `ws` send frames one by one, by their own writers; a
browser sends what a page may.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame as WrittenFrame
from websockets.frames import Opcode
from websockets.uri import parse_uri

from tests.callers import LIMIT_S
from tests.e2e.browser import browsing
from tests.e2e.websocket_clients import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    Frame,
    Opens,
    client_named,
)
from tests.serving import Service
from tests.watchers import socket_url

MOST = 64 * 1024
HEARTBEAT = '[null,"7","phoenix","heartbeat",{"ä":"…"}]'

#: Frames that break a rule, and the code that the server closes with (RFC 6455, 7.4.1).
BROKEN: dict[str, tuple[list[Frame], int]] = {
    "a text that is not UTF-8": ([Frame(TEXT, b"\xff")], 1007),
    "a text that is not UTF-8, in fragments": (
        [Frame(TEXT, b'["\xe2\x82', fin=False), Frame(CONTINUATION, b'"]')],
        1007,
    ),
    "a reserved bit": ([Frame(TEXT, b"[]", rsv1=True)], 1002),
    "a continuation of nothing": ([Frame(CONTINUATION, b"[]")], 1002),
    "a message within a message": ([Frame(TEXT, b"[", fin=False), Frame(TEXT, b"]")], 1002),
    "a ping in fragments": ([Frame(PING, b"?", fin=False)], 1002),
    "a ping of 126 bytes": ([Frame(PING, b"?" * 126)], 1002),
    "a message of a byte too many": ([Frame(TEXT, b" " * (MOST + 1))], 1009),
    "fragments of a byte too many": (
        [Frame(TEXT, b" " * MOST, fin=False), Frame(CONTINUATION, b" ")],
        1009,
    ),
    "a close with half a code": ([Frame(CLOSE, b"\x03")], 1002),
    "a close with a code that is never sent": ([Frame(CLOSE, b"\x03\xed")], 1002),
    "a close whose reason is not UTF-8": ([Frame(CLOSE, b"\x03\xe8\xff")], 1007),
}
#: What a client's own writer refuses to write.
UNWRITTEN = {"websockets": {"a reserved bit", "a ping in fragments", "a ping of 126 bytes"}}


@pytest.fixture(params=["websockets", "picows", "ws"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def opened(name: str) -> AsyncIterator[Opens]:
    async with client_named(name) as opened:
        yield opened


@pytest.fixture
async def url(service: Service) -> str:
    return socket_url(service, await service.session_token())


def is_reply(text: str) -> bool:
    return json.loads(text)[3:] == ["phx_reply", {"status": "ok", "response": {}}]


async def test_control_frames_within_a_message_in_fragments(opened: Opens, url: str) -> None:
    """The cuts go through characters, and a fragment may be empty."""
    data = HEARTBEAT.encode()
    cuts = [0, 1, data.index(b"\xa4"), data.index(b"\xa4"), data.index(b"\x80"), len(data)]
    pieces = [data[start:end] for start, end in pairwise(cuts)]
    async with opened(url) as connected:
        for _ in range(2):
            for number, piece in enumerate(pieces):
                opcode, is_last = CONTINUATION if number else TEXT, number == len(pieces) - 1
                await connected.send(Frame(opcode, piece, fin=is_last))
                if not is_last:
                    await connected.send(Frame(PING, f"{number}".encode()))
                    assert await connected.pong() == f"{number}"
            assert is_reply(await connected.text())
        assert await connected.close(1000, "") == 1000


async def test_a_message_as_large_as_may_be(opened: Opens, url: str) -> None:
    async with opened(url) as connected:
        await connected.send(Frame(TEXT, HEARTBEAT.encode().ljust(MOST)))
        assert is_reply(await connected.text())


async def test_closing_begins_on_either_side(opened: Opens, url: str) -> None:
    for code, reason in ((1000, ""), (1001, "ä" * 61), (3000, "done"), (4999, "mine")):
        async with opened(url) as connected:
            assert await connected.close(code, reason) == code
    for frames in ([Frame(TEXT, b"no JSON")], [Frame(BINARY, b"\x00")]):
        async with opened(url) as connected:
            for frame in frames:
                await connected.send(frame)
            assert await connected.closed() == 1011, frames


async def test_a_broken_rule_is_answered_with_its_code(opened: Opens, url: str, name: str) -> None:
    for what, (frames, code) in BROKEN.items():
        if what in UNWRITTEN.get(name, ()):
            continue
        async with opened(url) as connected:
            await connected.send(Frame(TEXT, HEARTBEAT.encode()))
            assert is_reply(await connected.text())
            for frame in frames:
                await connected.send(frame)
            assert await connected.closed() == code, what


async def test_frames_that_come_with_the_handshake(url: str) -> None:
    """A client need not wait for the 101: what comes with the request is not lost (4.1)."""
    client, place = ClientProtocol(parse_uri(url)), urlsplit(url)
    client.send_request(client.connect())
    asked = b"".join(client.data_to_send())
    halves = [HEARTBEAT.encode()[:9], HEARTBEAT.encode()[9:]]
    frames = [
        WrittenFrame(Opcode.TEXT, HEARTBEAT.encode()),
        WrittenFrame(Opcode.TEXT, halves[0], fin=False),
        WrittenFrame(Opcode.PING, b"?"),
        WrittenFrame(Opcode.CONT, halves[1]),
        WrittenFrame(Opcode.CLOSE, b"\x03\xe8"),
    ]
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(asked + b"".join(frame.serialize(mask=True) for frame in frames))
    async with asyncio.timeout(LIMIT_S):
        client.receive_data(await reader.read())
    writer.close()
    answer, *received = client.events_received()
    assert client.handshake_exc is None, answer
    told = [(one.opcode, one.data) for one in received if isinstance(one, WrittenFrame)]
    assert told[-1] == (Opcode.CLOSE, b"\x03\xe8")
    assert (Opcode.PONG, b"?") in told  # replies are joined at the end of a turn of the loop
    texts = [bytes(data).decode() for opcode, data in told if opcode is Opcode.TEXT]
    assert len(texts) == 2
    assert all(map(is_reply, texts))


BROWSER = """
new Promise((done) => {
  const told = [], socket = new WebSocket(URL);
  socket.onopen = () => { for (const text of TEXTS) socket.send(text); };
  socket.onmessage = ({ data }) => {
    told.push(JSON.parse(data)[3]);
    if (told.length === TEXTS.length) socket.close(...CLOSE);
  };
  socket.onclose = ({ code, reason, wasClean }) => done({ told, code, reason, wasClean });
})
"""


async def test_a_browser(service: Service) -> None:
    url = socket_url(service, await service.session_token())

    def script(texts: list[str], *closing: object) -> str:
        told = {"URL": url, "TEXTS": texts, "CLOSE": closing}
        values = ", ".join(f"{name} = {json.dumps(value)}" for name, value in told.items())
        return f"(() => {{ const {values}; return {BROWSER.strip()}; }})()"

    async with browsing("about:blank") as page:
        for closing, code in (((), 1000), ((1000,), 1000), ((3000, "ä" * 61), 3000)):
            said = await page.evaluate(script([HEARTBEAT, HEARTBEAT.ljust(60_000)], *closing))
            assert said["told"] == ["phx_reply"] * 2
            assert said["wasClean"]
            assert said["code"] == code, closing
        said = await page.evaluate(script([" " * (MOST + 1)]))
        assert (said["code"], said["wasClean"]) == (1009, True)
