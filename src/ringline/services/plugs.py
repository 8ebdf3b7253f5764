"""Where legs and voices are plugged into a bridge: each reports to a plug of its own.

A plug that was pulled leads nowhere, so a leg or a voice that was replaced speaks into
nothing. Audio is resampled here, and only where rates differ.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from ringline.domain import leg, voice
from ringline.domain.audio import Chunk
from ringline.domain.routes import LegId, PartyId, VoiceId
from ringline.ports import Leg, NewResampler, Tap, Voice
from ringline.services.held import Held
from ringline.services.player import Player
from ringline.services.resampling import RateMatcher


class Ear(Protocol):
    """Where audio of one speaker arrives."""

    def hear(self, chunk: Chunk) -> None:
        """Take audio, at any rate."""
        ...


class LegEar:
    """What one speaker sounds like on a leg; `play` sends it."""

    def __init__(
        self, rate_hz: int, play: Callable[[Chunk], None], new_resampler: NewResampler
    ) -> None:
        self._play = play
        self._rate = RateMatcher(rate_hz, new_resampler)

    def hear(self, chunk: Chunk) -> None:
        """Play audio at the leg's rate."""
        matched = self._rate.match(chunk)
        if matched.pcm:
            self._play(matched)


class TapEar:
    """What a tap hears of one speaker."""

    def __init__(self, speaker: PartyId, tap: Tap) -> None:
        self._speaker = speaker
        self._tap = tap

    def hear(self, chunk: Chunk) -> None:
        """Hand audio on with its speaker, as it came."""
        self._tap(self._speaker, chunk)


class LegPlug:
    """One leg's end of the bridge (ports.LegListener)."""

    def __init__(
        self, leg_id: LegId, leg_: Leg, report: Callable[["LegPlug", leg.LegSignal], None]
    ) -> None:
        self.id = leg_id
        self.leg = leg_
        self.player = Player(leg_)
        self.heard_by: Sequence[Ear] = ()
        self._report = report
        self._loop = asyncio.get_running_loop()
        #: When the leg last sent anything, by the event loop's clock.
        self.last_heard = self._loop.time()

    def leg_hears(self, chunk: Chunk) -> None:
        """Take what is said on the leg."""
        self.last_heard = self._loop.time()
        for ear in self.heard_by:
            ear.hear(chunk)

    def leg_reports(self, signal: leg.LegSignal) -> None:
        """Take a signal of the leg."""
        self.last_heard = self._loop.time()
        self._report(self, signal)


class VoiceReports(Protocol):
    """Who takes what a plugged voice reports: the bridge."""

    def voice_speaks(self, plug: "VoicePlug", response_id: str, chunk: Chunk) -> None:
        """Take speech at the voice's rate."""
        ...

    def voice_says(self, response_id: str, delta: str) -> None:
        """Take text."""
        ...

    def voice_reports(self, plug: "VoicePlug", signal: voice.VoiceSignal) -> None:
        """Take a signal."""
        ...


class VoicePlug:
    """One voice's end of the bridge (ports.VoiceListener).

    What the caller says is held until the voice may hear it.
    """

    def __init__(
        self, voice_id: VoiceId, reports: VoiceReports, new_resampler: NewResampler
    ) -> None:
        self.id = voice_id
        self._reports: VoiceReports | None = reports
        self._new_resampler = new_resampler
        self._voice: Voice | None = None
        self._rate: RateMatcher | None = None
        self._held = Held()
        self._open = False

    # From the voice.

    def voice_speaks(self, response_id: str, chunk: Chunk) -> None:
        """Take speech."""
        if self._reports is not None:
            self._reports.voice_speaks(self, response_id, chunk)

    def voice_says(self, response_id: str, delta: str) -> None:
        """Take text."""
        if self._reports is not None:
            self._reports.voice_says(response_id, delta)

    def voice_reports(self, signal: voice.VoiceSignal) -> None:
        """Take a signal."""
        if self._reports is not None:
            self._reports.voice_reports(self, signal)

    # From the bridge.

    def attach(self, voice_: Voice) -> None:
        """Plug in the voice, which hears nothing before `open`."""
        self._voice = voice_
        self._rate = RateMatcher(voice_.capabilities.input_hz, self._new_resampler)

    def open(self) -> None:
        """Let the voice hear: what was held first."""
        self._open = True
        for item in self._held.take():
            if isinstance(item, Chunk):
                self._pass_on(item)
            else:
                self._opened().tell(item)

    def hear(self, chunk: Chunk) -> None:
        """Take what the caller says."""
        if self._open:
            self._pass_on(chunk)
        elif self._reports is not None:
            self._held.hear(chunk)

    def end_turn(self) -> None:
        """Take the client's word that the caller's turn ends here."""
        if self._open:
            self._opened().tell(voice.EndTurn())
        else:
            self._held.end_turn()

    def clear(self) -> None:
        """Forget the audio of the turn that is not over."""
        self._held.clear()
        if self._open:
            self._opened().tell(voice.ClearInput())

    def pull(self) -> None:
        """Disconnect the voice: it hears nothing more, and nothing comes from it."""
        self._reports = self._voice = None
        self._open = False
        self._held.clear()

    def _pass_on(self, chunk: Chunk) -> None:
        assert self._rate is not None, "a voice is attached before it is opened"
        matched = self._rate.match(chunk)
        if matched.pcm:
            self._opened().hear(matched)

    def _opened(self) -> Voice:
        assert self._voice is not None, "a voice is attached before it is opened"
        return self._voice
