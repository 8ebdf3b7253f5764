"""What broken and hostile clients send: it is refused, told, and no other session notices."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
import websockets

from ringline.domain import limits
from ringline.legs.outgoing import MAX_WAITING_FRAMES, MAX_WAITING_SPEECH_MS
from tests.database import TestDatabase
from tests.realtime_session import (
    MODEL,
    PATH,
    UPGRADE,
    Client,
    calls_of,
    connected,
    frame,
    opened,
    raw,
    request_head,
    talking,
    until,
)
from tests.said import Said
from tests.serving import Service, serving

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
START = json.dumps({"type": "session.start", "config": {"model": MODEL}}).encode()


@asynccontextmanager
async def raw_session(
    service: Service, receive_buffer: int = 0
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a session over a bare connection, up to the 101."""
    async with raw(service, receive_buffer) as (reader, writer):
        writer.write(request_head(service, PATH, UPGRADE | service.bearer()))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        yield reader, writer


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read a frame of the server: its opcode and its payload."""
    first, short = await reader.readexactly(2)
    assert not short & 0x80, "servers do not mask"
    length = short
    if short > 125:
        length = int.from_bytes(await reader.readexactly(2 if short == 126 else 8), "big")
    return first & 0x0F, await reader.readexactly(length)


async def close_code(reader: asyncio.StreamReader) -> int:
    """Read up to the close; return its code."""
    while True:
        opcode, payload = await read_frame(reader)
        if opcode == CLOSE:
            return int.from_bytes(payload[:2], "big")


async def answers(client: Client) -> None:
    """Hold that a session lives: it is asked, and it answers."""
    await client.send("text.input", text="Hello?")
    await client.send("response.create")
    await client.until("response.completed")


BROKEN: list[tuple[str, bytes, int]] = [
    ("unmasked", frame(TEXT, b"{}", masked=False), 1002),
    ("unmasked behind a good one", frame(PING) + frame(TEXT, b"{}", masked=False), 1002),
    ("a reserved opcode", frame(0x3, b""), 1002),
    ("a reserved bit", frame(0x41, b"{}"), 1002),
    ("a continuation of nothing", frame(0x0, b"{}"), 1002),
    ("a ping in fragments", frame(PING, b"", fin=False), 1002),
    ("a ping that is too long", frame(PING, b"x" * 126), 1002),
    ("no UTF-8", frame(TEXT, b'"\xff"'), 1007),
    ("a close code that is none", frame(CLOSE, (1005).to_bytes(2, "big")), 1002),
]


async def test_broken_frames_end_their_session_alone(service: Service, said: Said) -> None:
    async with talking(service) as other:
        for what, data, code in BROKEN:
            for started in (False, True):
                async with raw_session(service) as (reader, writer):
                    if started:
                        writer.write(frame(TEXT, START))
                        assert b"session.started" in (await read_frame(reader))[1]
                    writer.write(data)
                    assert await close_code(reader) == code, (what, started)
        await answers(other)
    told = said.text()
    assert "Traceback" not in told
    assert "request_failed" not in told
    assert "session_failed" not in told


async def test_the_calls_of_broken_clients_end(service: Service, database: TestDatabase) -> None:
    async with raw_session(service) as (reader, writer):
        writer.write(frame(TEXT, START))
        await read_frame(reader)
        writer.write(frame(TEXT, b"{}", masked=False))
        assert await close_code(reader) == 1002

    async def ended() -> bool:
        return [row["hangup_cause"] for row in await calls_of(service, database)] == [
            "caller_hangup"
        ]

    await until(ended)


async def test_pings_are_answered_as_they_came(service: Service) -> None:
    async with raw_session(service) as (reader, writer):
        writer.write(frame(PING, b"one") + frame(PONG, b"unasked") + frame(PING, b""))
        assert await read_frame(reader) == (PONG, b"one")
        assert await read_frame(reader) == (PONG, b"")
        start = frame(TEXT, START[:9], fin=False) + frame(PING, b"two") + frame(0x0, START[9:])
        for at in range(len(start)):  # a byte at a time
            writer.write(start[at : at + 1])
            await asyncio.sleep(0)
        assert await read_frame(reader) == (PONG, b"two")
        assert b"session.started" in (await read_frame(reader))[1]


def padded(beginning: str, size: int) -> str:
    """Make a frame of a size that ends in one long text."""
    return beginning + "A" * (size - len(beginning) - 2) + '"}'


async def test_a_picture_that_is_too_large(service: Service) -> None:
    async with websockets.connect(
        service.ws_url + PATH, additional_headers=service.bearer(), max_size=None
    ) as socket:
        await socket.send(START.decode())
        await socket.recv()
        most = limits.IMAGE_FRAME_BYTES.most
        await socket.send(padded('{"type":"image.input","image":"', most + 1))
        assert json.loads(await socket.recv())["error"]["code"] == "frame_too_large"


async def test_a_frame_that_is_too_large(service: Service, database: TestDatabase) -> None:
    async with talking(service) as other:
        async with websockets.connect(
            service.ws_url + PATH, additional_headers=service.bearer(), max_size=None
        ) as socket:
            await socket.send(START.decode())
            await socket.recv()
            picture = padded('{"type":"image.input","image_url":"', limits.IMAGE_FRAME_BYTES.most)
            await socket.send(picture)  # may be that large, although this voice sees nothing
            assert json.loads(await socket.recv())["error"]["code"] == "image_input_unsupported"
            at_most = padded('{"type":"audio.append","audio":"', limits.SESSION_FRAME_BYTES.most)
            await socket.send(at_most)  # may be sent, although it is no audio
            assert json.loads(await socket.recv())["error"]["code"] == "invalid_audio"
            await socket.send(at_most + " ")
            end = json.loads(await socket.recv())
            assert end["type"] == "session.terminating"
            assert end["error"]["code"] == "frame_too_large"
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        async with websockets.connect(
            service.ws_url + PATH, additional_headers=service.bearer()
        ) as socket:  # as the first frame, and in fragments
            piece = "x" * (limits.SESSION_FRAME_BYTES.most // 2)
            await socket.send([piece, piece, "x"])
            assert json.loads(await socket.recv())["error"]["code"] == "frame_too_large"
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        await answers(other)

    async def failed() -> bool:
        rows = await calls_of(service, database)
        return sorted(str(row["status"]) for row in rows) == ["completed", "failed"]

    await until(failed)


@pytest.mark.parametrize(
    "head",
    [
        '{"type":"audio.commit","x":',
        '{"type":"nonsense","x":',
        '{"type":7,"x":',
        '{"type":"session.start","config":{"x":1},"x":',
        "",
    ],
)
async def test_a_frame_of_many_tiny_things_is_broken_json(service: Service, head: str) -> None:
    async with talking(service) as client:
        for tail in ("}", "x"):
            await client.socket.send_str(head + "[" + "[]," * 300_000 + "1]" + tail)
            error = (await client.until("error"))["error"]
            assert error["code"] == "invalid_json"
            assert "too many" in error["message"]
        await answers(client)


async def test_a_first_frame_of_many_tiny_things_ends_its_session(service: Service) -> None:
    async with opened(service, {}) as client:
        members = "[" + "[]," * 300_000 + "1]"
        await client.socket.send_str(
            f'{{"type":"session.start","config":{{"model":"{MODEL}","x":{members}}}}}'
        )
        assert (await client.until("session.terminating"))["error"]["code"] == "session_not_started"
        assert await client.closed() == 1008


async def test_garbage_floods_harm_nobody_else(service: Service) -> None:
    async def flood() -> None:
        async with talking(service) as client:
            for number in range(2_000):
                await client.socket.send_str("garbage" if number % 2 else '{"type":"x"}')
            await client.until("error")

    async with talking(service) as other:
        flooding = asyncio.create_task(flood())
        await answers(other)
        await flooding
        assert "error" not in other.kinds()


async def read_until(reader: asyncio.StreamReader, kind: str) -> list[dict[str, Any]]:
    """Read events up to one of a type."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != kind:
        opcode, payload = await read_frame(reader)
        if opcode == TEXT:
            events.append(json.loads(payload))
    return events


async def test_a_client_that_does_not_read_loses_speech_and_lives(
    database: TestDatabase, said: Said
) -> None:
    ask = b"".join(
        frame(TEXT, json.dumps(event).encode())
        for event in ({"type": "text.input", "text": "Hello?"}, {"type": "response.create"})
    )
    async with (
        serving(database, playout_lead_ms=60_000) as service,
        talking(service) as other,
        raw_session(service, 2_048) as (reader, writer),
    ):
        writer.write(frame(TEXT, START))
        started = json.loads((await read_frame(reader))[1])

        async def answered() -> int:
            async with database.connection() as connection:
                return await connection.fetchval(
                    "SELECT count(*) FROM ringline.call_transcripts"
                    " WHERE role = 'agent' AND call_id = $1",
                    UUID(started["call_uuid"]),
                )

        for number in range(1, 7):  # six answers of over a second each: more than may wait
            writer.write(ask)

            async def next_one(number: int = number) -> bool:
                return await answered() >= number

            await until(next_one)
        await answers(other)
        writer.write(frame(TEXT, b'{"type": "unknown"}'))
        late = await read_until(reader, "error")
        assert [event["type"] for event in late].count("response.completed") == 6  # no news lost
        speech_ms = sum(len(event.get("audio", "")) * 3 / 4 / 2 / 16 for event in late)
        assert MAX_WAITING_SPEECH_MS / 2 < speech_ms < 6 * len(other.pcm()) / 2 / 16
        writer.write(ask)  # it lives: what it asks for now is answered
        now = await read_until(reader, "response.completed")
        assert "audio.delta" in [event["type"] for event in now]
        writer.write(frame(CLOSE))

        async def told() -> bool:
            return "speech_dropped" in said.text()

        await until(told)


async def test_a_client_that_does_not_even_read_its_errors_is_let_go(
    service: Service, database: TestDatabase
) -> None:
    async with talking(service) as other, raw_session(service, 2_048) as (reader, writer):
        writer.write(frame(TEXT, START))
        await read_frame(reader)

        async def ended() -> bool:
            for _ in range(MAX_WAITING_FRAMES):
                writer.write(frame(TEXT, b"garbage"))
            rows = await calls_of(service, database)
            return "failed" in [str(row["status"]) for row in rows]

        await until(ended)
        await answers(other)
        last = b""
        while True:
            opcode, payload = await read_frame(reader)
            if opcode == CLOSE:
                break
            last = payload
        assert json.loads(last)["error"]["code"] == "slow_client"
        assert int.from_bytes(payload[:2], "big") == 1008


MALFORMED: list[bytes] = [
    b"GARBAGE\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
    b"GET /v3/realtime?ticket=SECRETSECRET HTTP/1.1\r\nHost: x\r\nBad Header: SECRETSECRET\r\n\r\n",
    b"GET /v3/realtime?ticket=SECRETSECRET HTTP/1.1\r\nHost: x\r\nX: "
    + b"SECRET" * 3_000
    + b"\r\n\r\n",
    b"GET /v3/realtime?ticket=" + b"SECRET" * 3_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v3/realtime HTTP/9.9\r\nAuthorization: Bearer SECRETSECRET\r\n\r\n",
    b"POST /v3/realtime-sessions HTTP/1.1\r\nHost: x\r\nContent-Length: SECRET\r\n\r\n",
    b"POST /v3/realtime-sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Length: 5\r\n\r\nSECRET",
]


async def test_malformed_requests_are_refused_without_a_word(service: Service, said: Said) -> None:
    for data in MALFORMED:
        async with raw(service) as (reader, writer):
            writer.write(data)
            status = (await reader.readline()).split()
            assert status[1].startswith(b"4"), (data[:80], status)
    bad_chunk = service.bearer() | {"Transfer-Encoding": "chunked"}
    head = request_head(service, "/v3/realtime-sessions", bad_chunk).replace(b"GET", b"POST", 1)
    async with raw(service) as (reader, writer):
        writer.write(head + b"SECRET\r\n")
        assert (await reader.readline()).split()[1] == b"400"
    async with raw(service) as (reader, writer):  # offers that nobody takes
        headers = UPGRADE | {"Sec-WebSocket-Protocol": "opper-ticket.SECRETSECRET, SECRET"}
        writer.write(request_head(service, PATH, headers))
        assert (await reader.readline()).split()[1] == b"401"
    async with raw(service) as (reader, writer):
        headers = UPGRADE | service.bearer() | {"Sec-WebSocket-Protocol": "SECRET"}
        writer.write(request_head(service, PATH, headers))
        assert (await reader.readline()).split()[1] == b"101"
    async with service.http.get(service.base_url + "/healthz") as answer:
        assert answer.status == 200
    told = said.text()
    assert "SECRET" not in told
    assert "Traceback" not in told
    assert "request_failed" not in told


async def test_no_credential_and_no_transcript_is_ever_logged(service: Service, said: Said) -> None:
    """A whole call, watched, with its refusals; then everything that was said is searched."""
    asked = "Would zanzibar be a secret word?"
    token = await service.session_token()
    tickets = [(await service.mint())["client_secret"] for _ in range(2)]
    async with connected(service, tickets[0]) as client:
        started = await client.start(
            config={"input_transcription": True, "output_transcription": True}
        )
        watching = service.http.get(
            f"{service.base_url}/v1/calls/{started['call_id']}/transcript/stream?token={token}"
        )
        async with watching as stream:
            await client.until("audio.delta")
            await client.send("response.cancel")
            await client.until("response.completed")
            await client.send("text.input", text=asked)
            await client.send("response.create")
            await client.until("text.delta")
            await client.socket.send_str(asked)
            await client.until("error")
            await client.socket.close()
            watched = await stream.text()
    assert asked in watched
    async with connected(service, path=f"{PATH}?ticket={tickets[1]}") as client:
        await client.socket.send_str(asked)
        await client.closed()
    for path in (f"{PATH}?ticket={tickets[0]}", f"/nowhere?ticket={tickets[0]}"):
        async with service.http.get(service.base_url + path, headers=UPGRADE):
            pass
    keys = service.keys
    secrets = [keys.secret_key, keys.test_key, keys.publishable_key, keys.management_key]
    told = said.text()
    for secret in (*secrets, *tickets, token, asked, "zanzibar", client.text() or "Hello, this is"):
        assert secret not in told
    assert "Traceback" not in told
