"""Attacks on the events socket and the streams of a call."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from itertools import cycle

from benchmarks.clients import LOST, Client, frame, json_frame
from benchmarks.hostile.target import Step, Target
from benchmarks.hostile.voice import open_session

SOCKETS, SPELLINGS, AT_ONCE = 10, 100, 200
TYPED_S = 0.1
STALLED_S = 1.0
TURNS, TURN_CHARACTERS, TURN_S = 90, 16_000, 0.5
READERS, HOLD_S = 60, 0.3
_SOME = 65536


async def joins(target: Target) -> list[Step]:
    """Join and leave as fast as it goes, one call in many spellings of its id."""
    session, started = await open_session(target)
    topics = ["events", f"call:{started['call_id']}", *_spellings(started["call_uuid"])]
    stay = b"".join(_join(topic, number) for number, topic in enumerate(topics[:SPELLINGS]))
    hurry = b"".join(
        _join(topic, number) + _leave(topic, number)
        for number, topic in zip(range(AT_ONCE), cycle(topics), strict=False)
    )

    def joiner(first: bytes, then: bytes) -> Step:
        async def step() -> None:
            client = await _open(target)
            try:
                client.send(first)
                await asyncio.gather(_send_on(target, client, then), _read_on(target, client))
            finally:
                client.abort()

        return step

    half = SOCKETS // 2
    joiners = [joiner(stay, b"")] * half + [joiner(hurry, hurry)] * (SOCKETS - half)
    return [_speaker(session, "Hello again.", TYPED_S), *joiners]


def _spellings(uuid: str) -> list[str]:
    """Write a call's id in ever other cases of its letters."""
    order = random.Random(1)
    return [
        "call:" + "".join(order.choice((letter, letter.upper())) for letter in uuid)
        for _ in range(SPELLINGS)
    ]


def _join(topic: str, number: int) -> bytes:
    return json_frame([str(number), str(number), topic, "phx_join", {}])


def _leave(topic: str, number: int) -> bytes:
    return json_frame([str(number), f"{number}l", topic, "phx_leave", {}])


async def _open(target: Target, *, unread: bool = False) -> Client:
    token = await target.token()
    client = await target.connect(unread=unread)
    status = await client.upgrade(f"/socket/websocket?vsn=2.0.0&session_token={token}")
    target.note(f"socket {status}")
    if status != 101:
        client.abort()
        raise ConnectionError("the socket was refused")
    return client


async def _send_on(target: Target, client: Client, data: bytes) -> None:
    while data:
        client.send(data)
        await client.drain()
        target.note("sent", 2 * AT_ONCE)


async def _read_on(target: Target, client: Client) -> None:
    while data := await client.reader.read(_SOME):
        target.note("replies", data.count(b"phx_reply"))
    raise ConnectionError("closed")


async def echo(target: Target) -> list[Step]:
    """Send what is large, or hard to read, or echoed; read nothing."""
    brackets = b"[]" + b",[]" * 21_000
    floods = (
        json_frame([None, "r" * 60_000, "phoenix", "heartbeat", {}]),
        json_frame([None, "r" * 200, "phoenix", "heartbeat", {}]) * 250,
        frame(b'[null,"1","phoenix","heartbeat",[' + brackets + b"]]"),
        frame(b'[null,"1","phoenix","heartbeat",[' + brackets * 100 + b"]]"),
        json_frame([None, "1", "t" * 60_000, "phx_join", {}]),
    )
    return [_flooder(target, flood) for flood in floods * (SOCKETS // len(floods))]


def _flooder(target: Target, flood: bytes) -> Step:
    async def step() -> None:
        client = await _open(target, unread=True)
        try:
            async with asyncio.timeout(STALLED_S):
                while True:
                    client.send(flood)
                    await client.drain()
                    target.note("sent")
        except TimeoutError:
            target.note("stalled")
        finally:
            client.abort()

    return step


async def streams(target: Target) -> list[Step]:
    """Open and close streams of a call with much to tell, and read nothing of them."""
    session, started = await open_session(target)
    call_id = started["call_id"]
    text = ("Would you tell me the whole of it again please. " * 400)[:TURN_CHARACTERS]
    turn = json_frame({"type": "text.input", "text": text})
    for number in range(TURNS):
        session.send(turn)
        if not number % 10:
            await session.drain()
    sse = f"GET /v1/calls/{call_id}/transcript/stream?replay=1 HTTP/1.1\r\nHost: bench\r\n"
    watched = f"GET /v1/calls/{call_id}/stream?since=0 HTTP/1.1\r\nHost: bench\r\n"
    websocket = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )
    asked = [f"{sse}x-api-key: {target.key}\r\n\r\n"] * 3 + [
        f"{watched}{websocket}x-api-key: {target.key}\r\n\r\n"
    ]
    return [_speaker(session, text, TURN_S), *_openers(target, [each.encode() for each in asked])]


def _speaker(session: Client, text: str, pause_s: float) -> Step:
    """Let things happen to a call, for its watchers to be told."""
    keeping = asyncio.create_task(_keep(session))
    turn = json_frame({"type": "text.input", "text": text})

    async def step() -> None:
        assert not keeping.done(), "the call that is watched has ended"
        session.send(turn)
        await asyncio.sleep(pause_s)

    return step


def _openers(target: Target, asked: Sequence[bytes]) -> list[Step]:
    def opener(message: bytes) -> Step:
        async def step() -> None:
            client = await target.connect(unread=True)
            try:
                client.send(message)
                begun = await client.reader.readexactly(12)
                target.note(begun[9:12].decode())
                if begun[9:12] in (b"101", b"200"):
                    await asyncio.sleep(HOLD_S)
            finally:
                client.abort()

        return step

    turns = cycle(asked)
    return [opener(next(turns)) for _ in range(READERS)]


async def _keep(session: Client) -> None:
    """Read on, so that the call lives."""
    try:
        while True:
            json.loads(await session.frame())
    except LOST:
        pass
