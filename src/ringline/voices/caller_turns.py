"""The turns of one caller, for voices that have to find them: audio and orders in, turns out.

A turn ends when the endpointer hears the end of speech, by order, or by the clock when the
caller sends no audio or too little (contract, 11). Its audio is handed over before its end is
reported, so that a response requested in reaction to the report comes after it.
"""

import asyncio
from collections.abc import Callable
from typing import TypeAlias
from uuid import uuid4

from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.voice import SpeechStarted, SpeechStopped, TurnCleared, TurnEmpty
from ringline.ports import VoiceListener
from ringline.voices.endpointing import ONSET_MS, Edge, Endpointer, NewDetector, TurnLimits
from ringline.voices.speech_times import SpeechTimes

#: Takes the item id of a turn that begins.
OnStart: TypeAlias = Callable[[str], None]

#: Takes the item id of a turn that has ended, and its 16 kHz audio.
OnEnd: TypeAlias = Callable[[str, bytes], None]


def _ignore(*_: object) -> None:
    """Do nothing at an edge of a turn."""


class CallerTurns:
    """Finds the turns of one caller, and reports their edges to a voice's listener.

    `on_end` is called before `SpeechStopped` is reported, `on_start` after `SpeechStarted`;
    a turn that is cleared has no `on_end`.
    """

    def __init__(
        self,
        listener: VoiceListener,
        detection: TurnDetection,
        *,
        new_detector: NewDetector,
        turn_limits: TurnLimits,
        on_end: OnEnd = _ignore,
        on_start: OnStart = _ignore,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._new_detector = new_detector
        self._turn_limits = turn_limits
        self._on_start = on_start
        self._on_end = on_end
        self._next: TurnDetection | None = None
        self._use(detection)
        self._item_id = ""
        self._times = SpeechTimes()
        self._heard_at = self._spoke_at = 0.0
        self._silence: asyncio.TimerHandle | None = None

    @property
    def in_turn(self) -> bool:
        """Return whether it holds audio of an open turn."""
        return self._endpointer.in_turn

    @property
    def pauses(self) -> bool:
        """Return whether the caller is silent for now, though their turn may go on."""
        unheard_ms = (self._loop.time() - self._heard_at) * 1000
        return self._endpointer.quiet_ms >= ONSET_MS or unheard_ms >= ONSET_MS

    def use(self, detection: TurnDetection) -> None:
        """Detect turns differently, from the next turn on."""
        self._next = detection
        self._take_next()

    def hear(self, pcm: bytes) -> None:
        """Take the caller's 16 kHz audio."""
        self._take_next()
        self._heard_at = self._loop.time()
        for edge in self._endpointer.hear(pcm):
            match edge:
                case Edge.STARTED:
                    self._started()
                case Edge.STOPPED:
                    self._stopped()
        if self._endpointer.heard_speech and self._endpointer.in_turn:
            self._times.spoke()

    def utterance(self) -> bytes:
        """Return the audio of the open turn so far."""
        return self._endpointer.utterance()

    def end(self) -> None:
        """End the turn by order; without detection, report one without audio as empty."""
        if self._detection.type is TurnDetectionType.NONE:
            self._item_id = f"item_{uuid4().hex}"
            if self._endpointer.utterance():
                self._stopped()
            else:
                self._listener.on_voice_signal(TurnEmpty())
        elif self._endpointer.speaking:
            self._stopped()

    def clear(self) -> None:
        """Discard the turn's audio; a turn that had begun is over nevertheless."""
        spoke = self._endpointer.speaking
        self.stop()
        self._endpointer.clear()
        if spoke:
            self._report_stop()
            self._listener.on_voice_signal(TurnCleared(self._item_id))
        self._times.clear()

    def close(self) -> None:
        """Find no more turns, and forget the voice, which refers to this."""
        self.stop()
        self._on_start = self._on_end = _ignore

    def stop(self) -> None:
        """Stop the clock of the open turn."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _use(self, detection: TurnDetection) -> None:
        self._detection = detection
        self._endpointer = Endpointer(self._new_detector, detection, turn_limits=self._turn_limits)

    def _take_next(self) -> None:
        if self._next is not None and not self.in_turn:
            self._use(self._next)
            self._next = None

    def _started(self) -> None:
        self._item_id = f"item_{uuid4().hex}"
        self._spoke_at = self._heard_at
        self._times.spoke(ONSET_MS)
        self._listener.on_voice_signal(SpeechStarted(self._item_id, self._times.began_ago_ms))
        self._watch_silence()
        self._on_start(self._item_id)

    def _watch_silence(self) -> None:
        """End the turn of a caller who sends no audio or too little (contract, 11)."""
        now = self._loop.time()
        silent_at = self._heard_at + 2 * self._detection.silence_duration_ms / 1000
        longest_at = self._spoke_at + self._turn_limits.turn_ms / 1000
        if now >= longest_at:
            self._endpointer.rest()
        if now >= min(silent_at, longest_at):
            self._stopped()
        else:
            self._silence = self._loop.call_at(min(silent_at, longest_at), self._watch_silence)

    def _stopped(self) -> None:
        self.stop()
        self._on_end(self._item_id, self._endpointer.finish())
        self._report_stop()

    def _report_stop(self) -> None:
        times = self._times
        stopped = SpeechStopped(self._item_id, times.ended_ago_ms, times.began_ago_ms)
        times.clear()
        self._listener.on_voice_signal(stopped)
