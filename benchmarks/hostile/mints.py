"""Attacks on the mints: tickets and session tokens, with large bodies and with small ones."""

from __future__ import annotations

import json
from itertools import cycle

from benchmarks.clients import post
from benchmarks.hostile.target import Step, Target

LARGE, SMALL, AT_ONCE = 8, 8, 8
TICKETS, TOKENS, OPERATORS = (
    "/v3/realtime-sessions",
    "/api/realtime/session",
    "/api/operator/access",
)
_BYTES = 1024 * 1024 - 256


async def mints(target: Target) -> list[Step]:
    """Mint as fast as answers come, refused or not."""
    told = "Be kind. " * (_BYTES // 9 - 16)
    ticket = {"config": {"model": "local/attendant", "instructions": told}}
    commas = b'{"config":{"model":"local/attendant","x":[0' + b",0" * (_BYTES // 2 - 30) + b"]}}"
    brackets = b'{"operator":' + b"[" * (_BYTES // 2 - 30) + b"]" * (_BYTES // 2 - 30) + b"}"
    large = (
        post(TICKETS, target.key, json.dumps(ticket).encode()),
        post(TICKETS, target.key, commas),
        post(TOKENS, target.key, brackets),
        post(OPERATORS, target.key, brackets),
    )
    small = (
        post(TICKETS, target.key, b'{"config":{"model":"local/attendant"}}'),
        post(TOKENS, target.key, b"{}"),
        post(OPERATORS, target.key, b'{"email":"nobody@example.com"}'),
    )
    one, other = cycle(large), cycle(small)
    return [_minter(target, next(one), 1) for _ in range(LARGE)] + [
        _minter(target, next(other), AT_ONCE) for _ in range(SMALL)
    ]


def _minter(target: Target, message: bytes, at_once: int) -> Step:
    async def step() -> None:
        client = await target.connect()
        try:
            while True:
                client.send(message * at_once)
                for _ in range(at_once):
                    status, _ = await client.answer()
                    target.note(str(status))
        finally:
            client.abort()

    return step
