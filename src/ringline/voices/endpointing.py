"""Where the caller's speech begins and ends in 16 kHz PCM16 audio. Pure.

Audio is cut into frames of 20 ms; a detector says of each whether it holds speech. Speech
begins when nearly all frames of the last 120 ms do (a click shorter than 100 ms is never
reported) and ends after `silence_duration_ms` of frames that do not, or when it has become
as long as a turn may be (`limits`). Then it was perhaps no speech, but something that sounds
all the time: what goes on sounding begins no turn for a while, so that the voice can answer.
Time on the clock is not known here: a caller that stops sending is ended from outside.
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

#: Speech begins when this many of the last frames hold it.
ONSET_FRAMES = 5
ONSET_WINDOW = 6

#: Quiet that is kept behind speech; more would only burden its score (recognition).
TAIL_MS = 400

#: Most audio that is kept before speech, whatever is asked for.
PADDING_LIMIT_MS = 2_000

#: Peak below which a frame is quiet at threshold 0.5 (about -46 dB of full scale).
GATE_PEAK = 160

#: Says whether a frame of 20 ms holds speech.
SpeechDetector = Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """How long a turn may be."""

    #: Longest turn; of one that ends by order alone the oldest audio is forgotten.
    turn_ms: int = limits.TURN_MS.most
    #: How long sound that goes on behind a longest turn begins no other.
    rest_ms: int = limits.TURN_REST_MS.most


class Edge(Enum):
    """What was found in the audio."""

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
        """Tell whether audio of a turn that is not over is kept."""
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
        """Return the utterance so far, with little of the quiet behind it."""
        surplus = self._quiet - TAIL_MS // FRAME_MS
        frames = list(self._frames)
        return b"".join(frames[:-surplus] if surplus > 0 else frames)

    def finish(self) -> bytes:
        """End the turn and return its utterance; empty if nothing was heard."""
        utterance = self.utterance()
        self.clear()
        return utterance

    def rest(self) -> None:
        """Begin no turn for a while, or until it was quiet: the turn is too long."""
        self._resting = self._rest_frames

    def clear(self) -> None:
        """Forget the audio of the turn that is not over."""
        self._before.clear()
        self._recent.clear()
        self._frames.clear()
        self._quiet = 0
        self.speaking = False

    def _take(self, frame: bytes) -> Edge | None:
        if self._by_order:  # the turn is ended by an order, whatever it holds
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
