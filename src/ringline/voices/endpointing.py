"""Endpointing: start and end of the caller's speech in 16 kHz PCM16 audio. Pure.

Audio is cut into frames of 20 ms, and a detector classifies each one as speech or not. Speech
starts when nearly all frames of the last 120 ms are speech (a click shorter than 100 ms is
never reported). It stops after `silence_duration_ms` of other frames, or at the longest turn
(`limits`). In the latter case it may not be speech at all, but continuous noise: while that
goes on, it starts no new turn for a while, so that the voice can answer.
This module has no clock: its user ends the turn of a caller who stops sending.
"""

import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from ringline.domain import limits
from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.audio import bytes_of_ms

RATE_HZ = 16_000
FRAME_MS = 20
FRAME_BYTES = bytes_of_ms(FRAME_MS, RATE_HZ)

#: Speech starts when this many frames of the window contain it.
ONSET_FRAMES = 5
ONSET_WINDOW = 6

#: The silence that is kept after speech; more would only lower its score (recognition).
TAIL_MS = 400

#: The most audio that is kept before speech, whatever the config asks for.
PADDING_LIMIT_MS = 2_000

#: Peak below which a frame is quiet at threshold 0.5 (about -46 dB of full scale).
GATE_PEAK = 160

#: Returns whether a frame of 20 ms contains speech.
SpeechDetector = Callable[[bytes], bool]


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


def aggressiveness(threshold: float) -> int:
    """Map a threshold of 0 to 1 onto webrtcvad's modes: higher is less sensitive."""
    return 1 if threshold < 0.35 else 2 if threshold < 0.65 else 3


class Endpointer:
    """Finds speech in one caller's audio and keeps the utterance."""

    def __init__(
        self,
        holds_speech: SpeechDetector,
        detection: TurnDetection,
        *,
        turn_limits: TurnLimits | None = None,
    ) -> None:
        bounds = turn_limits or TurnLimits()
        self._holds_speech = holds_speech
        self._by_order = detection.type is TurnDetectionType.NONE
        self._gate = round(GATE_PEAK * 2 * detection.threshold)
        self._silence_frames = max(1, detection.silence_duration_ms // FRAME_MS)
        before = min(detection.prefix_padding_ms, PADDING_LIMIT_MS) // FRAME_MS + ONSET_WINDOW
        self._before: deque[bytes] = deque(maxlen=before)
        self._recent: deque[bool] = deque(maxlen=ONSET_WINDOW)
        self._frames: deque[bytes] = deque(maxlen=bounds.turn_ms // FRAME_MS)
        self._rest = b""
        self._quiet = 0
        self._rest_frames = bounds.rest_ms // FRAME_MS
        self._resting = 0
        self.speaking = False

    @property
    def in_turn(self) -> bool:
        """Return whether it holds audio of an open turn."""
        return bool(self._frames)

    def hear(self, pcm: bytes) -> Iterator[Edge]:
        """Take audio; yield the edges found in it, in order."""
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
        if self._by_order:  # only an order ends the turn, whatever the audio contains
            self._frames.append(frame)
            return None
        speech = self._loud(frame) and self._holds_speech(frame)
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

    def _loud(self, frame: bytes) -> bool:
        samples = array("h", frame)
        if sys.byteorder == "big":
            samples.byteswap()
        return max(max(samples), -min(samples)) >= self._gate
