"""Playback on a leg: it sends speech and keeps the clock of how much has been played.

People speak in real time, so their speech is sent as it arrives. A voice generates speech
faster than it plays, so the `Pacer` sends it at the pace of the caller's leg: an interrupted
response goes silent within the lead time, and the clock knows how much the caller heard.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import structlog

from ringline.domain import bridge
from ringline.domain.audio import Chunk
from ringline.domain.playout import PlaybackClock, Playout
from ringline.ports import Leg, NewResampler
from ringline.services.resampling import RateMatcher

_log = structlog.get_logger(__name__)


#: Takes speech that is sent.
Sink: TypeAlias = Callable[[Chunk], None]


def now_ms() -> float:
    """Return the event loop's time in milliseconds."""
    return asyncio.get_running_loop().time() * 1000


def _deliver_to_all(sinks: Sequence[Sink], chunk: Chunk) -> None:
    for hear in sinks:
        hear(chunk)


def _discard(_: object) -> None:
    """Take what a closed pacer would send or report."""


class Player:
    """Plays speech on a leg and keeps its playback clock."""

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.clock = PlaybackClock()

    def play(self, chunk: Chunk) -> None:
        """Play speech now."""
        self.clock.sent(chunk.duration_ms, now_ms())
        self.leg.play(chunk)

    def discard(self) -> float | None:
        """Discard unplayed speech; return its milliseconds, or None if the leg cannot know.

        A leg that lags knows what it has not sent; the clock, what nobody can have played yet.
        """
        unplayed_ms = self.leg.flush()
        return None if unplayed_ms is None else max(unplayed_ms, self.clock.lead_ms(now_ms()))

    def flush(self) -> float | None:
        """Discard unplayed speech, and note it; return as `discard` does."""
        unplayed_ms = self.discard()
        self.clock.flushed(now_ms())
        return unplayed_ms


class Pacer:
    """Paces a voice's responses by the playback clock of the caller's leg."""

    def __init__(
        self,
        player: Player,
        lead_ms: float,
        *,
        new_resampler: NewResampler,
        report: Callable[[bridge.BridgeSignal], None],
        flushed: Callable[[float | None], None],
    ) -> None:
        self._player = player
        self._new_resampler = new_resampler
        self._rate = RateMatcher(player.leg.output_hz, new_resampler)
        self._deliver: Sink = _discard
        self._report = report
        self._flushed = flushed
        self._loop = asyncio.get_running_loop()
        self._playout = Playout(player.clock, lead_ms)
        self._timer: asyncio.TimerHandle | None = None
        self._silence_timer: asyncio.TimerHandle | None = None

    def switch_to(self, player: Player) -> None:
        """Pace by the clock of another leg from now on."""
        self._player = player
        self._rate = RateMatcher(player.leg.output_hz, self._new_resampler)
        player.clock.sent_ms = self._playout.clock.sent_ms
        self._playout.clock = player.clock

    def deliver_to(self, sinks: Sequence[Sink]) -> None:
        """Send speech to these from now on."""
        self._deliver = sinks[0] if len(sinks) == 1 else partial(_deliver_to_all, sinks)

    def speak(self, response_id: str, chunk: Chunk) -> None:
        """Send a response's speech, or queue it."""
        if chunk.rate_hz != self._rate.rate_hz:
            chunk = self._rate.match(chunk)
        now = self._loop.time() * 1000
        if self._playout.send_now(response_id, chunk, now_ms=now):
            self._deliver(chunk)
            return
        self._playout.enqueue_audio(response_id, chunk, now_ms=now)
        self._send_due(now)

    def say(self, response_id: str, delta: str) -> None:
        """Queue the text that belongs to the speech after it."""
        self._playout.enqueue_text(response_id, delta)
        self._pump()

    def finish(self, response_id: str) -> None:
        """Note that a response is complete."""
        self._rate.restart()
        self._playout.finish(response_id)
        self._pump()

    def admit(self, response_id: str) -> None:
        """Start sending a response."""
        self._playout.start(response_id)
        self._pump()

    def drop(self, response_id: str) -> None:
        """Discard a response, and flush the leg if the response was playing."""
        if self._playout.drop(response_id):
            self._flushed(self._player.flush())

    def told(self, played_ms: float) -> None:
        """Set the clock by what the client says that it has played of the response."""
        self._playout.told(played_ms, now_ms())
        self._pump()

    def halt(self) -> bridge.Played:
        """Stop playback now; return how much of the response was played.

        The rest of the response is held until the call drops it.
        """
        unplayed_ms = self._player.discard()
        self._flushed(unplayed_ms)
        return self._playout.pause(now_ms(), unplayed_ms)

    def report_silence(self) -> None:
        """Report a pending silence at once: the speech before it has been discarded."""
        if self._silence_timer is not None:
            self._silence_timer.cancel()
            self._report_silence()

    def close(self) -> None:
        """Stop sending, and log how much speech did not fit into the queue."""
        for timer in (self._timer, self._silence_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._silence_timer = None
        self._deliver = self._report = self._flushed = _discard
        if self._playout.dropped_ms or self._playout.dropped_bytes:
            _log.warning(
                "speech_not_queued",
                dropped_ms=round(self._playout.dropped_ms),
                dropped_text_bytes=self._playout.dropped_bytes,
            )

    def _report_silence(self) -> None:
        self._silence_timer = None
        self._report(bridge.PlaybackFinished())

    def _pump(self) -> None:
        self._send_due(now_ms())

    def _send_due(self, now: float) -> None:
        """Send what is due, and arm the timer for the next chunk."""
        for item in self._playout.take_due(now):
            if isinstance(item, Chunk):
                self._deliver(item)
            else:
                self._report(item)
                if isinstance(item, bridge.ResponseSent):
                    self._await_silence()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake_in_ms = self._playout.wake_in_ms(now)
        if wake_in_ms is not None:
            self._timer = self._loop.call_later(wake_in_ms / 1000, self._pump)

    def _await_silence(self) -> None:
        if self._silence_timer is not None:
            self._silence_timer.cancel()
        unplayed_s = self._player.clock.lead_ms(now_ms()) / 1000
        self._silence_timer = self._loop.call_later(unplayed_s, self._report_silence)
