"""The RPC endpoint as a client's bytes: what all benchmarks of it ask with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.sockets import connect, request

PATH = "/rpc/public/run"


def message(key: str, asked: Mapping[str, object]) -> bytes:
    """Write a request, whole."""
    body = json.dumps(asked).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: bench\r\nx-api-key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run(port: int, key: str, asked: Mapping[str, object]) -> bytes:
    """Ask once; return the body of the answer. SystemExit unless it is a success."""
    head = f"POST {PATH} HTTP/1.1\r\nx-api-key: {key}\r\nContent-Type: application/json"
    with connect(port) as connection:
        status, body = request(connection, head, json.dumps(asked).encode())
    if status != 200 or not body.startswith(b'{"success":true'):
        raise SystemExit(f"{PATH} answered {status}: {body[:300].decode('utf-8', 'replace')}")
    return body


def data(port: int, key: str, asked: Mapping[str, object]) -> Any:
    """Ask once; return the answer's data."""
    return json.loads(run(port, key, asked))["data"]
