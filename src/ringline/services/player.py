"""What one leg hears: its speech, and the clock that says how much of it was played.

Speech of people passes through as it comes, for they speak in real time. What a voice makes
leaves at the pace of the caller's leg (`Pacer`): a response that is interrupted falls silent
within the lead, and the clock says how much of it the caller has heard.
"""

import asyncio
from collections.abc import Callable

import structlog

from ringline.domain import bridge
from ringline.domain.audio import Chunk
from ringline.domain.playout import PlaybackClock, Playout
from ringline.ports import Leg

_log = structlog.get_logger(__name__)


def now_ms() -> float:
    """Return the event loop's time in milliseconds."""
    return asyncio.get_running_loop().time() * 1000


class Player:
    """A leg that hears, and its playback clock."""

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.clock = PlaybackClock()

    def play(self, chunk: Chunk) -> None:
        """Play speech now."""
        self.clock.sent(chunk, now_ms())
        self.leg.play(chunk)

    def flush(self) -> float | None:
        """Throw away what the leg has not played; return its milliseconds where it knows."""
        unplayed_ms = self.leg.flush()
        self.clock.flushed(now_ms())
        return unplayed_ms


class Pacer:
    """Paces a voice's responses by the clock of the caller's leg."""

    def __init__(
        self,
        player: Player,
        lead_ms: float,
        leave: Callable[[Chunk], None],
        report: Callable[[bridge.BridgeSignal], None],
    ) -> None:
        self._player = player
        self._leave = leave
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._playout = Playout(player.clock, lead_ms)
        self._timer: asyncio.TimerHandle | None = None
        self._silence: asyncio.TimerHandle | None = None

    def follow(self, player: Player) -> None:
        """Go on by the clock of another leg."""
        self._player = player
        self._playout.clock = player.clock

    def speak(self, response_id: str, chunk: Chunk) -> None:
        """Queue a response's speech, at the rate of the caller's leg."""
        self._playout.speak(response_id, chunk)
        self._pump()

    def say(self, response_id: str, delta: str) -> None:
        """Queue the text of the speech that follows it."""
        self._playout.say(response_id, delta)
        self._pump()

    def finish(self, response_id: str) -> None:
        """Note that nothing more of a response will come."""
        self._playout.finish(response_id)
        self._pump()

    def admit(self, response_id: str) -> None:
        """Let a response leave."""
        self._playout.admit(response_id)
        self._pump()

    def drop(self, response_id: str) -> None:
        """Forget a response, and silence the leg where it was playing."""
        if self._playout.drop(response_id, now_ms()):
            self._player.flush()

    def halt(self) -> int:
        """Stop playing now; return how much of the response was played, in milliseconds.

        Nothing more of it leaves; it waits for the call to drop it.
        """
        return self._playout.pause(now_ms(), self._player.leg.flush())

    def fall_silent(self) -> None:
        """Report the silence that was to come: what was left to be heard is thrown away."""
        if self._silence is not None:
            self._silence.cancel()
            self._silent()

    def close(self) -> None:
        """Stop, and report what did not fit."""
        for timer in (self._timer, self._silence):
            if timer is not None:
                timer.cancel()
        self._timer = self._silence = None
        if self._playout.dropped_ms or self._playout.dropped_bytes:
            _log.warning(
                "speech_not_queued",
                dropped_ms=round(self._playout.dropped_ms),
                dropped_text_bytes=self._playout.dropped_bytes,
            )

    def _silent(self) -> None:
        self._silence = None
        self._report(bridge.Silence())

    def _pump(self) -> None:
        """Let leave what may leave now, and come back when more may."""
        for leaving in self._playout.take(now_ms()):
            if isinstance(leaving, Chunk):
                self._leave(leaving)
            else:
                self._report(leaving)
                if isinstance(leaving, bridge.PlayedOut):
                    self._await_silence()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake_in_ms = self._playout.wake_in_ms(now_ms())
        if wake_in_ms is not None:
            self._timer = self._loop.call_later(wake_in_ms / 1000, self._pump)

    def _await_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
        left_s = self._player.clock.lead_ms(now_ms()) / 1000
        self._silence = self._loop.call_later(left_s, self._silent)
