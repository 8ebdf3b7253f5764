"""The plugs of a bridge: each leg and each voice reports to a plug of its own.

An unplugged plug discards everything but what was used, so a late signal of a replaced voice
cannot reach the call. Audio is resampled here, and only where rates differ.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from ringline.domain import leg, voice
from ringline.domain.audio import Chunk
from ringline.domain.routes import LegId, VoiceId
from ringline.ports import Leg, NewResampler, Voice
from ringline.services.held import HeldAudio
from ringline.services.player import Player, now_ms
from ringline.services.resampling import RateMatcher

#: Counts audio that passes, in milliseconds.
CountAudio: TypeAlias = Callable[[float], None]

#: Takes the signals of a voice, for what it reports as used.
Meter: TypeAlias = Callable[[voice.VoiceSignal], None]

_AT_ONCE_MS = 5.0  # held audio is passed on in one tick; clocks are not exact


#: A destination for one speaker's audio, at any rate.
AudioSink: TypeAlias = Callable[[Chunk], None]


class LegSink:
    """Plays one speaker's audio on a leg; `play` sends it."""

    def __init__(
        self,
        rate_hz: int,
        play: Callable[[Chunk], None],
        *,
        new_resampler: NewResampler,
        count: CountAudio | None = None,
    ) -> None:
        self._play = play
        self._count = count
        self._rate = RateMatcher(rate_hz, new_resampler)

    def hear(self, chunk: Chunk) -> None:
        """Play audio at the leg's rate."""
        matched = self._rate.match(chunk)
        if matched.pcm:
            if self._count is not None:
                self._count(matched.duration_ms)
            self._play(matched)


class LegPlug:
    """One leg's end of the bridge (ports.LegListener)."""

    def __init__(
        self, leg_id: LegId, leg_: Leg, *, report: Callable[["LegPlug", leg.LegSignal], None]
    ) -> None:
        self.id = leg_id
        self.leg = leg_
        self.player = Player(leg_)
        self.sinks: Sequence[AudioSink] = ()
        self._report: Callable[[LegPlug, leg.LegSignal], None] | None = report
        self._loop = asyncio.get_running_loop()
        #: When the leg last sent anything, by the event loop's clock.
        self.last_heard = self._loop.time()

    def on_leg_audio(self, chunk: Chunk) -> None:
        """Forward audio from the leg to its listeners."""
        self.last_heard = self._loop.time()
        for hear in self.sinks:
            hear(chunk)

    def on_leg_frame(self) -> None:
        """Note that the other side is there."""
        self.last_heard = self._loop.time()

    def on_leg_signal(self, signal: leg.LegSignal) -> None:
        """Pass a signal from the leg on."""
        self.last_heard = self._loop.time()
        if self._report is not None:
            self._report(self, signal)

    def unplug(self) -> None:
        """Disconnect the leg in both directions."""
        self.sinks = ()
        self._report = None


class TakeSpeech(Protocol):
    """Takes a response's speech."""

    def __call__(self, response_id: str, chunk: Chunk) -> None:
        """Take a chunk."""
        ...


class PlugListener(Protocol):
    """What a plugged voice reports to: the bridge."""

    def on_voice_audio(self, response_id: str, chunk: Chunk) -> None:
        """Accept speech at the voice's rate."""
        ...

    def on_voice_text(self, response_id: str, delta: str) -> None:
        """Accept text."""
        ...

    def on_voice_signal(self, plug: "VoicePlug", signal: voice.VoiceSignal) -> None:
        """Accept a signal."""
        ...


class VoicePlug:
    """One voice's end of the bridge (ports.VoiceListener).

    The caller's audio is held until the voice is opened to it.
    """

    def __init__(
        self,
        voice_id: VoiceId,
        listener: PlugListener,
        *,
        new_resampler: NewResampler,
        count: CountAudio | None = None,
        meter: Meter | None = None,
    ) -> None:
        self.id = voice_id
        self._count = count
        self._meter = meter
        self._listener: PlugListener | None = listener
        #: Takes speech; nothing needs doing to it here, so it is the listener's own method.
        self.on_voice_audio: TakeSpeech = listener.on_voice_audio
        self._new_resampler = new_resampler
        self._voice: Voice | None = None
        self._rate: RateMatcher | None = None
        self._held = HeldAudio()
        self._held_at_ms: float | None = None  # when the last of it came
        self._opened_at_ms = 0.0
        self._open = False

    def late_ms(self, given_at_ms: float) -> float:
        """Return how long audio was held that the voice was given at a time."""
        if self._held_at_ms is None or given_at_ms > self._opened_at_ms + _AT_ONCE_MS:
            return 0.0
        return self._opened_at_ms - self._held_at_ms

    # From the voice.

    def on_voice_text(self, response_id: str, delta: str) -> None:
        """Pass text on."""
        if self._listener is not None:
            self._listener.on_voice_text(response_id, delta)

    def on_voice_signal(self, signal: voice.VoiceSignal) -> None:
        """Pass a signal on; what was used is counted even when the voice is unplugged."""
        if self._listener is not None:
            self._listener.on_voice_signal(self, signal)
        if self._meter is not None:
            self._meter(signal)

    # From the bridge.

    def attach(self, voice_: Voice) -> None:
        """Plug in the voice; it hears nothing until `open`."""
        self._voice = voice_
        self._rate = RateMatcher(voice_.capabilities.input_hz, self._new_resampler)

    def open(self) -> None:
        """Let the voice hear the caller: first the held audio, then audio as it arrives."""
        self._open = True
        self._opened_at_ms = now_ms()
        for item in self._held.take():
            if isinstance(item, Chunk):
                self.hear(item)
            else:
                self._opened().send(item)

    def sink(self, heard_hz: int) -> AudioSink:
        """Return what takes audio of a rate: the voice itself, if nothing needs doing to it."""
        if self._open and self._count is None:
            opened = self._opened()
            if heard_hz == opened.capabilities.input_hz:
                return opened.send_audio
        return self.hear

    def hear(self, chunk: Chunk) -> None:
        """Accept the caller's audio."""
        if not self._open:
            if self._listener is not None:
                self._held_at_ms = now_ms()
                self._held.hear(chunk)
            return
        assert self._rate is not None, "a voice is attached before it is opened"
        matched = self._rate.match(chunk)
        if matched.pcm:
            if self._count is not None:
                self._count(matched.duration_ms)
            self._opened().send_audio(matched)

    def end_turn(self) -> None:
        """Note that the client ended the caller's turn here."""
        if self._open:
            self._opened().send(voice.EndTurn())
        else:
            self._held.end_turn()

    def clear(self) -> None:
        """Discard the audio of the open turn."""
        self._held.clear()
        if self._open:
            self._opened().send(voice.ClearInput())

    def unplug(self) -> None:
        """Disconnect the voice in both directions."""
        self._listener = self._voice = None
        self.on_voice_audio = _discard
        self._open = False
        self._held.clear()

    def _opened(self) -> Voice:
        assert self._voice is not None, "a voice is attached before it is opened"
        return self._voice


def _discard(response_id: str, chunk: Chunk) -> None:
    """Take speech of a voice that is unplugged."""
