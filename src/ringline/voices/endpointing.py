"""Endpointing: start and end of the caller's speech in 16 kHz PCM16 audio. Pure.

Audio is cut into frames of 20 ms, and a detector (`SpeechDetector`, whose adapters are in
`detectors.py`) classifies each one as speech or not; a quiet frame never is. Speech starts when
nearly all frames of the last 120 ms are speech (a click shorter than 100 ms is never reported).
It stops after `silence_duration_ms` of other frames, or at the longest turn (`limits`). In the
latter case it may not be speech at all, but continuous noise: while that goes on, it starts no
new turn for a while, so that the voice can answer.
This module has no clock: its user ends the turn of a caller who stops sending.
"""

import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from ringline.domain import limits
from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.audio import bytes_of_ms

RATE_HZ = 16_000
FRAME_MS = 20
FRAME_BYTES = bytes_of_ms(FRAME_MS, RATE_HZ)

#: Speech starts when this many frames of the window contain it.
ONSET_FRAMES = 5
ONSET_WINDOW = 6
ONSET_MS = ONSET_FRAMES * FRAME_MS

#: The silence that is kept after speech; more would only lower its score (recognition).
TAIL_MS = 400

#: The most audio that is kept before speech, whatever the config asks for.
PADDING_LIMIT_MS = 2_000

#: Peak below which a frame is quiet at threshold 0.5 (about -46 dB of full scale).
GATE_PEAK = 160

#: The quiet after which a detector forgets, and is asked no more until there is sound: callers
#: are quiet most of the time, and a model costs more than a look at the peak.
FORGET_FRAMES = 500 // FRAME_MS


class SpeechDetector(Protocol):
    """The port of local voice activity detection: tells speech from other sound.

    A detector hears one conversation, in frames of `FRAME_BYTES` of PCM16 at `RATE_HZ`, each
    once and in sequence, and may judge a frame by those before it. It works on the event loop:
    a frame must cost far less than the 20 ms that it lasts, and what is kept must not grow.
    """

    def holds_speech(self, frame: bytes) -> bool:
        """Return whether there is speech in a frame, or just before it."""
        ...

    def reset(self) -> None:
        """Forget all frames: the next one does not follow them."""
        ...


#: Returns a detector; the threshold says how certain of speech it must be, from 0 to 1.
NewDetector = Callable[[float], SpeechDetector]


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """How long a turn may be."""

    #: The longest turn; a turn that only an order ends loses its oldest audio.
    turn_ms: int = limits.TURN_MS.most
    #: How long sound that continues after a longest turn starts no other turn.
    rest_ms: int = limits.TURN_REST_MS.most


class Edge(Enum):
    """An edge of speech."""

    STARTED = auto()
    STOPPED = auto()


class Endpointer:
    """Finds speech in one caller's audio and keeps the utterance."""

    def __init__(
        self,
        new_detector: NewDetector,
        detection: TurnDetection,
        *,
        turn_limits: TurnLimits | None = None,
    ) -> None:
        bounds = turn_limits or TurnLimits()
        by_order = detection.type is TurnDetectionType.NONE
        #: None: only an order ends the turn, whatever the audio contains.
        self._detector = None if by_order else new_detector(detection.threshold)
        self._gate = round(GATE_PEAK * 2 * detection.threshold)
        self._silence_frames = max(1, detection.silence_duration_ms // FRAME_MS)
        before = min(detection.prefix_padding_ms, PADDING_LIMIT_MS) // FRAME_MS + ONSET_WINDOW
        self._before: deque[bytes] = deque(maxlen=before)
        self._recent: deque[bool] = deque(maxlen=ONSET_WINDOW)
        self._frames: deque[bytes] = deque(maxlen=bounds.turn_ms // FRAME_MS)
        self._rest = b""
        self._quiet = 0
        self._below_gate = FORGET_FRAMES
        self._rest_frames = bounds.rest_ms // FRAME_MS
        self._resting = 0
        self.speaking = False
        #: Whether the audio of the last `hear` held speech, or might: no detector was asked.
        self.heard_speech = False

    @property
    def in_turn(self) -> bool:
        """Return whether it holds audio of an open turn."""
        return bool(self._frames)

    @property
    def quiet_ms(self) -> int:
        """Return for how long the last audio has held no speech."""
        return self._quiet * FRAME_MS

    def hear(self, pcm: bytes) -> Iterator[Edge]:
        """Take audio; yield the edges found in it, in order."""
        self.heard_speech = False
        audio = self._rest + pcm
        whole = len(audio) - len(audio) % FRAME_BYTES
        self._rest = audio[whole:]
        for start in range(0, whole, FRAME_BYTES):
            edge = self._take(audio[start : start + FRAME_BYTES])
            if edge is not None:
                yield edge

    def utterance(self) -> bytes:
        """Return the utterance so far, without most of the silence after it."""
        surplus = self._quiet - TAIL_MS // FRAME_MS
        frames = list(self._frames)
        return b"".join(frames[:-surplus] if surplus > 0 else frames)

    def finish(self) -> bytes:
        """End the turn and return its utterance, which is empty without speech."""
        utterance = self.utterance()
        self.clear()
        return utterance

    def rest(self) -> None:
        """Start no turn for a while, or until there is silence: the turn is too long."""
        self._resting = self._rest_frames

    def clear(self) -> None:
        """Discard the audio of the open turn."""
        self._before.clear()
        self._recent.clear()
        self._frames.clear()
        self._quiet = 0
        self.speaking = False

    def _take(self, frame: bytes) -> Edge | None:
        if self._detector is None:
            self._frames.append(frame)
            self.heard_speech = True
            return None
        speech = self._holds_speech(self._detector, frame)
        self.heard_speech = self.heard_speech or speech
        self._quiet = 0 if speech else self._quiet + 1
        if not self.speaking:
            return self._wait_for_onset(frame, speech)
        self._frames.append(frame)
        if len(self._frames) == self._frames.maxlen:
            self.rest()
            return Edge.STOPPED
        return Edge.STOPPED if self._quiet >= self._silence_frames else None

    def _wait_for_onset(self, frame: bytes, speech: bool) -> Edge | None:
        self._before.append(frame)
        if self._resting:
            self._resting = 0 if self._quiet >= self._silence_frames else self._resting - 1
            return None
        self._recent.append(speech)
        if sum(self._recent) < ONSET_FRAMES:
            return None
        self._frames.extend(self._before)
        self._before.clear()
        self._recent.clear()
        self._quiet = 0
        self.speaking = True
        return Edge.STARTED

    def _holds_speech(self, detector: SpeechDetector, frame: bytes) -> bool:
        if self._loud(frame):
            self._below_gate = 0
            return detector.holds_speech(frame)
        if self._below_gate < FORGET_FRAMES:
            self._below_gate += 1
            detector.holds_speech(frame)  # the frames of a detector have no gaps
            if self._below_gate == FORGET_FRAMES:
                detector.reset()
        return False

    def _loud(self, frame: bytes) -> bool:
        samples = array("h", frame)
        if sys.byteorder == "big":
            samples.byteswap()
        return max(max(samples), -min(samples)) >= self._gate
