"""The watch over a call's limits: it measures, arms one timer, warns and ends.

What the limits mean is decided in `domain/allowance.py`. Time is the event loop's, which
does not jump with the clock on the wall.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from ringline.domain.allowance import END_CAUSES, Allowance, LimitNear, Measure, look, next_look_s
from ringline.domain.endings import EndCause

_MS = 1_000


class Watched(Protocol):
    """The call that is watched."""

    @property
    def last_heard(self) -> float:
        """Return when the client last sent a frame, by the event loop's clock."""
        ...

    def warn(self, near: LimitNear) -> None:
        """Warn the client."""
        ...

    def end(self, cause: EndCause) -> None:
        """End the call."""
        ...


class LimitWatch:
    """Watches one call, from its answer on."""

    def __init__(self, watched: Watched, limits: Mapping[Measure, float]) -> None:
        self._watched: Watched | None = watched
        self._allowance = Allowance(limits)
        self._loop = asyncio.get_running_loop()
        self._started: float | None = None
        self._held = False
        self._resumed = 0.0  # when the last hold ended
        self._timer: asyncio.TimerHandle | None = None
        self._tokens = 0
        self._usd = 0.0
        self._audio_ms = 0.0
        self._audio_mark_ms = 0.0
        self._set_mark()

    @property
    def counts_audio(self) -> bool:
        """Return whether audio has a limit; if not, it need not be reported."""
        return Measure.AUDIO_S in self._allowance.limits

    def start(self) -> None:
        """Start the clock: the call is answered, and the client knows it."""
        self._started = self._loop.time()
        self._look()

    def hold(self, held: bool) -> None:
        """Note whether the caller is on hold: then they are not idle, and after it not yet."""
        if held is not self._held:
            self._held, self._resumed = held, self._loop.time()
            self._look()

    def audio(self, duration_ms: float) -> None:
        """Count audio that the voice was given or the client was sent, in milliseconds."""
        self._audio_ms += duration_ms
        if self._audio_ms >= self._audio_mark_ms:
            self._look()

    def used(self, tokens: int, usd: float) -> None:
        """Count what a voice reported."""
        self._tokens += tokens
        self._usd += usd
        self._look()

    def close(self) -> None:
        """Stop watching, and forget the call, which refers to this."""
        self._watched = None
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        watched, started = self._watched, self._started
        if watched is None or started is None:
            return
        now = self._loop.time()
        heard = now if self._held else max(started, self._resumed, watched.last_heard)
        measured = {
            Measure.DURATION_S: now - started,
            Measure.IDLE_S: now - heard,
            Measure.TOKENS: self._tokens,
            Measure.AUDIO_S: self._audio_ms / _MS,
            Measure.USD: self._usd,
        }
        found = look(self._allowance, measured)
        self._allowance = found.allowance
        if found.reached is not None:
            self.close()
            watched.end(END_CAUSES[found.reached])
            return
        for near in found.near:
            watched.warn(near)
        self._set_mark()
        if self._timer is not None:
            self._timer.cancel()
        wait_s = next_look_s(self._allowance, measured)
        self._timer = None if wait_s is None else self._loop.call_later(wait_s, self._look)

    def _set_mark(self) -> None:
        self._audio_mark_ms = self._allowance.next_mark(Measure.AUDIO_S) * _MS
