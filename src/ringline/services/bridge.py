"""Where a call's audio meets: one leg, one voice, and the clock between them.

Audio never waits for the call's task: it passes through here as it comes, bounded both
ways. Everything else becomes a signal in the call's inbox, in the order it happened. An
interruption stops the playing in the same tick in which it is heard; the call decides
afterwards what it means. A telephone's, a recorder's or a supervisor's ear will be more
rows of who hears whom; today there is one caller and one voice.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from ringline.domain import bridge, leg, voice
from ringline.domain.audio import Chunk
from ringline.domain.call import CallSignal
from ringline.domain.playout import Playout
from ringline.ports import Leg, Voice

_log = structlog.get_logger(__name__)

#: Most of the caller's audio that is kept while the call is not open; the oldest goes.
HELD_MS = 10_000.0


class Bridge:
    """The meeting place of a call's leg and voice; listens to both (ports)."""

    def __init__(self, inbox: Callable[[CallSignal], None], lead_ms: float) -> None:
        self._inbox = inbox
        self._lead_ms = lead_ms
        self._loop = asyncio.get_running_loop()
        self._leg: Leg | None = None
        self._voice: Voice | None = None
        self._playout: Playout | None = None
        self._held: deque[Chunk | voice.EndTurn] = deque()
        self._held_ms = 0.0
        self._open = False
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._silence: asyncio.TimerHandle | None = None
        self.last_heard = self._loop.time()

    def attach_leg(self, line: Leg) -> None:
        """Plug the caller's line in."""
        self._leg = line

    def attach_voice(self, speaker: Voice) -> None:
        """Plug the voice in; it hears nothing before the line is open."""
        self._voice = speaker
        self._playout = Playout(self._lead_ms)

    # What the leg reports (ports.LegListener).

    def leg_hears(self, chunk: Chunk) -> None:
        """Take the caller's audio."""
        self.last_heard = self._loop.time()
        if self._open and self._voice is not None:
            self._voice.hear(chunk)
        elif not self._closed:
            self._hold(chunk)

    def leg_reports(self, signal: leg.LegSignal) -> None:
        """Take a signal of the leg; what is about the audio keeps its place in it."""
        self.last_heard = self._loop.time()
        match signal:
            case leg.CancelWanted():
                self._interrupt(bridge.CancelAsked)
            case leg.TurnEndWanted():
                if self._open and self._voice is not None:
                    self._voice.tell(voice.EndTurn())
                elif self._held and isinstance(self._held[-1], Chunk):
                    self._held.append(voice.EndTurn())
            case leg.ClearWanted():
                self._inbox(signal)  # before what the voice says to it
                self._held.clear()
                self._held_ms = 0.0
                if self._open and self._voice is not None:
                    self._voice.tell(voice.ClearInput())
            case _:
                self._inbox(signal)

    # What the voice reports (ports.VoiceListener).

    def voice_speaks(self, response_id: str, chunk: Chunk) -> None:
        """Take speech."""
        if self._playout is not None:
            self._playout.speak(response_id, chunk)
            self._pump()

    def voice_says(self, response_id: str, delta: str) -> None:
        """Take text."""
        if self._playout is not None:
            self._playout.say(response_id, delta)
            self._pump()

    def voice_reports(self, signal: voice.VoiceSignal) -> None:
        """Take a signal of the voice."""
        match signal:
            case voice.SpeechStarted():
                self._interrupt(bridge.CallerSpoke)
            case voice.ResponseDone(response_id):
                self._inbox(signal)
                if self._playout is not None:
                    self._playout.finish(response_id)
                    self._pump()
            case _:
                self._inbox(signal)

    # What the call orders.

    def tell(self, order: bridge.BridgeOrder) -> None:
        """Carry out an order of the call."""
        match order:
            case bridge.OpenLine():
                self._open_line()
            case bridge.Admit(response_id):
                if self._playout is not None:
                    self._playout.admit(response_id)
                    self._pump()
            case bridge.Drop(response_id):
                playout, line = self._playout, self._leg
                if playout and line and playout.drop(response_id, self._now_ms()):
                    line.flush()

    def halt(self) -> int:
        """Stop playing now; return how much of the response was played, in milliseconds.

        Nothing more of it leaves; it waits for the call to drop it.
        """
        played_ms = self._playout.pause(self._now_ms()) if self._playout is not None else 0
        if self._leg is not None:
            self._leg.flush()
        return played_ms

    def close(self) -> None:
        """Let go of leg and voice; nothing moves any more."""
        for timer in (self._timer, self._silence):
            if timer is not None:
                timer.cancel()
        if (playout := self._playout) is not None and (playout.dropped_ms or playout.dropped_bytes):
            _log.warning(
                "speech_not_queued",
                dropped_ms=round(playout.dropped_ms),
                dropped_text_bytes=playout.dropped_bytes,
            )
        self._leg = self._voice = self._playout = self._timer = self._silence = None
        self._held.clear()
        self._open, self._closed = False, True

    def _now_ms(self) -> float:
        return self._loop.time() * 1000

    def _hold(self, item: Chunk | voice.EndTurn) -> None:
        self._held.append(item)
        if isinstance(item, Chunk):
            self._held_ms += item.duration_ms
        while self._held and self._held_ms > HELD_MS:
            oldest = self._held.popleft()
            if isinstance(oldest, Chunk):
                self._held_ms -= oldest.duration_ms

    def _open_line(self) -> None:
        if self._voice is None:
            raise AssertionError("a line is opened to a voice")
        self._open = True
        while self._held:
            item = self._held.popleft()
            if isinstance(item, Chunk):
                self._voice.hear(item)
            else:
                self._voice.tell(item)

    def _interrupt(self, signal: Callable[[int], bridge.CallerSpoke | bridge.CancelAsked]) -> None:
        """Stop playing now; the call decides afterwards what it means."""
        self._inbox(signal(self.halt()))
        if self._silence is not None:  # what was left to be heard is thrown away
            self._silence.cancel()
            self._silent()

    def _silent(self) -> None:
        self._silence = None
        self._inbox(bridge.Silence())

    def _pump(self) -> None:
        """Let leave what may leave now, and come back when more may."""
        playout, line = self._playout, self._leg
        if playout is None or line is None:
            return
        for leaving in playout.take(self._now_ms()):
            if isinstance(leaving, Chunk):
                line.play(leaving)
            else:
                self._inbox(leaving)
                if isinstance(leaving, bridge.PlayedOut):
                    self._await_silence(playout)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake_in_ms = playout.wake_in_ms(self._now_ms())
        if wake_in_ms is not None:
            self._timer = self._loop.call_later(wake_in_ms / 1000, self._pump)

    def _await_silence(self, playout: Playout) -> None:
        if self._silence is not None:
            self._silence.cancel()
        left_s = playout.clock.lead_ms(self._now_ms()) / 1000
        self._silence = self._loop.call_later(left_s, self._silent)
