"""The latency ledger: how long an answer took to begin, and who took it (contract, 11). Pure.

It counts from the last audio of the caller's speech to the first chunk that is handed to the
leg. The voice's share runs from when it was given that audio to its first chunk, so it
includes the quiet that ends a turn. The gateway's share is the rest: the audio on its way to
the voice, and the chunk on its way to the leg.
"""

import msgspec


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long an answer took to begin, in milliseconds: the whole, and its two shares."""

    total_ms: int
    voice_ms: int
    gateway_ms: int


class AnswerClock:
    """Times the answers of one call; times are in milliseconds, by any steady clock.

    The first speech after a caller's turn is its answer; what follows answers something else.
    """

    __slots__ = ("_ended_at_ms", "_late_ms")

    def __init__(self) -> None:
        self._ended_at_ms: float | None = None
        self._late_ms = 0.0

    def turn_ended(self, at_ms: float, late_ms: float = 0.0) -> None:
        """Note when the voice was given the last speech of a turn, and how late that was."""
        self._ended_at_ms, self._late_ms = at_ms, late_ms

    def forget(self) -> None:
        """Forget the turn: the caller speaks again, or has discarded it."""
        self._ended_at_ms = None

    def answered(self, came_at_ms: float, now_ms: float) -> Latency | None:
        """Return an answer's latency; None if no speech came before it.

        Its first chunk came from the voice at one time, and is handed to the leg now.
        """
        ended_at_ms, self._ended_at_ms = self._ended_at_ms, None
        if ended_at_ms is None:
            return None
        total_ms = round(now_ms - ended_at_ms + self._late_ms)
        gateway_ms = min(total_ms, round(now_ms - came_at_ms + self._late_ms))
        return Latency(total_ms=total_ms, voice_ms=total_ms - gateway_ms, gateway_ms=gateway_ms)
