"""The table of surfaces that are flooded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from benchmarks.hostile import mints, rpc, strangers, voice, watching
from benchmarks.hostile.target import Step, Target


@dataclass(frozen=True, slots=True)
class Surface:
    """One flood: what it is, and what prepares it and returns its workers' steps."""

    what: str
    prepare: Callable[[Target], Awaitable[list[Step]]]


SURFACES: Mapping[str, Surface] = {
    "rpc-heavy": Surface("RPC: dear reads out of 100,000 rows", rpc.heavy),
    "rpc-flood": Surface("RPC: small requests, far over the rate limit", rpc.flood),
    "rpc-bodies": Surface("RPC: bodies of 8 MB that are hard to read, or drip", rpc.bodies),
    "strangers": Surface("strangers: silent connections, unknown keys", strangers.strangers),
    "socket-joins": Surface("events socket: joins in many spellings", watching.joins),
    "socket-echo": Surface("events socket: large frames, nothing read", watching.echo),
    "realtime": Surface("realtime voice: frames as fast as it goes", voice.realtime),
    "mints": Surface("mints: tickets and tokens, large bodies", mints.mints),
    "streams": Surface("streams of a call: opened, closed, not read", watching.streams),
    "large-answers": Surface("RPC: answers of 16 MB that are not read", rpc.large),
}
