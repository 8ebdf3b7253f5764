"""The table of surfaces that are flooded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from benchmarks.hostile import mints, rpc, strangers, voice, watching
from benchmarks.hostile.target import Step, Target


@dataclass(frozen=True, slots=True)
class Surface:
    """One flood: what it is, and what prepares it and returns its workers' steps.

    An outcome that begins with `answered` shows that the server took part.
    """

    what: str
    prepare: Callable[[Target], Awaitable[list[Step]]]
    answered: tuple[str, ...] = ("1", "2", "4", "5")

    def answers(self, counted: Mapping[str, int]) -> int:
        """Return how often the server answered or refused."""
        return sum(times for what, times in counted.items() if what.startswith(self.answered))


_OF_SESSIONS = ("error", "response", "audio")

SURFACES: Mapping[str, Surface] = {
    "rpc-heavy": Surface("RPC: dear reads out of 100,000 rows", rpc.heavy),
    "rpc-flood": Surface("RPC: small requests, far over the rate limit", rpc.flood),
    "rpc-bodies": Surface("RPC: bodies of 8 MB that are hard to read, or drip", rpc.bodies),
    "strangers": Surface("strangers: silent connections, unknown keys", strangers.strangers),
    "socket-joins": Surface("events socket: joins, many spellings", watching.joins, ("replies",)),
    "socket-echo": Surface(
        "events socket: large frames, nothing read", watching.echo, ("socket 101",)
    ),
    "realtime": Surface("realtime voice: frames without end", voice.realtime, _OF_SESSIONS),
    "mints": Surface("mints: tickets and tokens, large bodies", mints.mints),
    "streams": Surface("streams of a call: opened, closed, not read", watching.streams),
    "large-answers": Surface("RPC: answers of 16 MB that are not read", rpc.large),
}
