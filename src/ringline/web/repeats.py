"""Idempotency keys over `/v1` (live streams, 1.8): a repeated request is carried out once.

It works like RPC's (`services/idempotency.py`), but a key is good for a route in the whole
workspace and environment. Only successes are remembered; a request that was refused did
nothing, and its key is free.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from aiohttp import web

from ringline.ports import Rows
from ringline.rest.route import Refused, Request, Route
from ringline.services.credentials import Unrecognised
from ringline.services.idempotency import (
    CONFLICTS,
    MAX_KEY,
    Claim,
    Idempotency,
    IdempotencyConflict,
    is_key,
)
from ringline.wire.strict_json import encode

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
#: An error of one of these means that nothing was done.
_DID_NOTHING = (Refused, Unrecognised)


def idempotency_key(request: web.Request) -> str | None:
    """Return a request's idempotency key; None without one. Raises Refused."""
    keys = set(request.headers.getall(HEADER, ()))
    if not keys:
        return None
    key = keys.pop()
    if keys or not is_key(key) or " " in key:
        text = f"{HEADER} must be 1 to {MAX_KEY} visible ASCII characters"
        raise Refused("INVALID_ARGUMENT", text)
    return key


class Repeats:
    """Carries out requests with idempotency keys; a duplicate waits for `wait_s` at most."""

    def __init__(self, idempotency: Idempotency, wait_s: float) -> None:
        self._idempotency = idempotency
        self._wait_s = wait_s

    async def once(
        self,
        route: Route,
        asked: Request,
        *,
        key: str,
        path: str,
        body: bytes,
        act: Callable[[Request], Awaitable[bytes]],
    ) -> tuple[bytes, bool]:
        """Carry a request out with `act`, or find its stored answer; return whether it was.

        The second value is true for a stored answer. Raises Refused, and what `act` raises.
        """
        claims: list[Claim] = []

        async def work(claim: Claim) -> bytes:
            claims.append(claim)

            async def keep(rows: Rows, answer: Mapping[str, object]) -> None:
                await claim.keep(rows, encode(answer))

            return await act(replace(asked, keep=keep))

        def had_no_effect(error: Exception) -> bool:
            # Work that keeps its answer in its transaction has an effect only with it.
            return isinstance(error, _DID_NOTHING) or any(claim.kept for claim in claims)

        try:
            answer = await self._idempotency.once(
                asked.caller,
                key,
                body=body,
                work=work,
                secret=route.secret,
                had_no_effect=had_no_effect,
                route=f"{route.method} {path}",
                wait_s=self._wait_s,
            )
        except IdempotencyConflict as conflict:
            raise Refused("IDEMPOTENCY_CONFLICT", CONFLICTS[conflict.reason]) from None
        return answer, not claims
