"""What is no request at all: refused in the surface's shape, named, and without versions."""

import asyncio
import json
from itertools import product
from typing import Any

from tests.serving import Service

RPC, V3 = "/rpc/public/run", "/v3/realtime-sessions"
PATHS = (RPC, V3, "/v1/calls/x/stream", "/api/realtime/session", "/", "/nowhere")
MESSAGE = "the request is not valid HTTP"


async def ask(service: Service, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes, a piece at a time; return the status, the headers and the body."""
    port = int(service.base_url.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(10):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.rstrip().split("\r\n")
            headers = {
                name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
    finally:
        writer.close()
    return int(status.split()[1]), headers, body


def message_of(path: str, answered: dict[str, Any], request_id: str) -> str:
    """Check the shape of a path's surface; return the message."""
    if path.startswith("/v1/"):
        assert answered["request_id"] == request_id
        assert answered["documentation_url"].endswith(answered["error_code"])
        return answered["message"]
    if path.startswith("/v3/"):
        assert set(answered) == {"error"}
        return answered["error"]["message"]
    assert answered["success"] is False
    (error,) = answered["errors"]
    assert set(error) == {"type", "message", "shortMessage", "vars", "fields", "path"}
    return error["message"]


POST = b"POST %s HTTP/1.1\r\nHost: x\r\n"
BROKEN = {
    "a version of nobody": [b"POST %s HTTP/9.9\r\nHost: x\r\n\r\n"],
    "a method of nobody": [b"FROBNICATE %s HTTP/1.1\r\nHost: x\r\n\r\n"],
    "a header without a colon": [POST + b"nothing\r\n\r\n"],
    "a name with a blank": [POST + b"x y: z\r\n\r\n"],
    "a header that is too large": [POST + b"x: " + b"y" * 100_000 + b"\r\n\r\n"],
    "an address that is too large": [b"GET %s?" + b"y" * 100_000 + b" HTTP/1.1\r\n\r\n"],
    "a length that is none": [POST + b"Content-Length: ten\r\n\r\n"],
    "two lengths": [POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy"],
    "length and chunks": [POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
    "a head in pieces": [b"PO", b"ST %s HT", b"TP/1.1\r\n", b"no", b"thing\r\n\r\n"],
}


async def test_what_cannot_be_read(service: Service) -> None:
    for path, (name, pieces) in product(PATHS, BROKEN.items()):
        sent = [piece.replace(b"%s", path.encode()) for piece in pieces]
        status, headers, body = await ask(service, *sent)
        assert status == 400, (path, name)
        assert headers["server"] == "Ringline", (path, name)
        assert headers["content-type"] == "application/json; charset=utf-8", (path, name)
        assert headers["x-request-id"].startswith("req_"), (path, name)
        assert message_of(path, json.loads(body), headers["x-request-id"]) == MESSAGE
        assert not any(word in body for word in (b"HTTP/9.9", b"aiohttp", b"Python")), name


async def test_what_is_not_http_at_all(service: Service) -> None:
    for sent in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"hello\r\n\r\n"):
        status, headers, body = await ask(service, sent)
        assert (status, headers["server"]) == (400, "Ringline")
        assert message_of("", json.loads(body), headers["x-request-id"]) == MESSAGE


async def test_an_expectation_of_nobody(service: Service) -> None:
    for path, expected in ((RPC, 400), ("/v1/calls/x/stream", 417), (V3, 400)):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\nContent-Length: 2\r\n\r\n"
        status, headers, body = await ask(service, head.encode(), b"{}")
        assert (status, headers["server"]) == (expected, "Ringline")
        assert headers["x-request-id"].startswith("req_")
        assert message_of(path, json.loads(body), headers["x-request-id"])


async def test_chunks_that_are_broken(service: Service) -> None:
    key = service.keys.secret_key
    head = (
        f"POST {RPC} HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    for pieces in ((b"zz\r\n{}\r\n0\r\n\r\n",), (b"2\r\n{}\r\n", b"x\r\n"), (b"2\r\n{}nothing",)):
        for sent in ((head, *pieces), (head + pieces[0], *pieces[1:])):
            status, headers, body = await ask(service, *sent)
            assert (status, headers["server"]) == (400, "Ringline")
            assert headers["x-request-id"].startswith("req_")
            assert message_of(RPC, json.loads(body), headers["x-request-id"])
