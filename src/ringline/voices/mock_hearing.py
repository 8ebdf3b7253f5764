"""The hearing of the test voices: turns found by loudness alone. Pure.

A frame of 20 ms is speech if its root mean square is above -40 dBFS (of the largest sample,
so above 327.68), whatever the `threshold` of the config is. Three such frames in a row begin
a turn, and `silence_duration_ms` of others end it. Without turn detection only an order ends
it. Either way a turn reaches from its first frame of speech to its last, so a client knows
beforehand what is heard. This module has no clock: its user ends the turn of a caller who
stops sending.
"""

import sys
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.audio import BYTES_PER_SAMPLE, bytes_of_ms
from ringline.voices.endpointing import Edge, TurnLimits

if sys.version_info >= (3, 12):
    from math import sumprod
else:
    from operator import mul

    def sumprod(p: "array[int]", q: "array[int]") -> int:
        """Return the sum of the products of two sequences."""
        return sum(map(mul, p, q))


FRAME_MS = 20

#: How many frames of speech in a row begin a turn.
ONSET_FRAMES = 3
ONSET_MS = ONSET_FRAMES * FRAME_MS

#: The mean square of a sample at -40 dBFS is 2 ** 30 / 10 ** 4; integers keep it exact.
_FULL_SCALE, _RATIO = 2**30, 10**4

#: Every so many samples are summed first: mostly that is enough to know that it is speech.
_STRIDE = 8


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """A caller's turn, from its first frame of speech to its last."""

    pcm: bytes
    rate_hz: int

    @property
    def duration_ms(self) -> int:
        """Return its duration, rounded to the nearest 100 ms (halves up)."""
        tenths = 2 * 10 * (len(self.pcm) // BYTES_PER_SAMPLE)
        return (tenths + self.rate_hz) // (2 * self.rate_hz) * 100

    @property
    def text(self) -> str:
        """Return its transcript."""
        return f"heard {self.duration_ms} ms"


def is_speech(frame: bytes) -> bool:
    """Return whether a frame of PCM16 is louder than -40 dBFS."""
    if not frame.strip(b"\0"):
        return False
    samples = array("h", frame)
    if sys.byteorder == "big":
        samples.byteswap()
    loud = len(samples) * _FULL_SCALE
    few = samples[::_STRIDE]  # squares only add up
    return sumprod(few, few) * _RATIO > loud or sumprod(samples, samples) * _RATIO > loud


class Hearing:
    """Finds the turns in one caller's audio."""

    def __init__(
        self, detection: TurnDetection, rate_hz: int, *, turn_limits: TurnLimits | None = None
    ) -> None:
        bounds = turn_limits or TurnLimits()
        self._rate_hz = rate_hz
        self._frame_bytes = bytes_of_ms(FRAME_MS, rate_hz)
        self._frames: deque[bytes] = deque(maxlen=bounds.turn_ms // FRAME_MS)
        self._speech: deque[bool] = deque(maxlen=bounds.turn_ms // FRAME_MS)
        self._rest_frames = bounds.rest_ms // FRAME_MS
        self._part = b""
        self._onset: list[bytes] = []
        self._quiet = self._resting = 0
        self._next: TurnDetection | None = None
        self.speaking = False
        #: Whether the audio of the last `hear` held speech.
        self.heard_speech = False
        self._apply(detection)

    @property
    def by_order(self) -> bool:
        """Return whether only an order ends a turn."""
        return self._by_order

    @property
    def silence_ms(self) -> int:
        """Return how much silence ends a turn."""
        return self._silence_frames * FRAME_MS

    @property
    def has_audio(self) -> bool:
        """Return whether it has audio that no turn has taken, or part of a frame."""
        return bool(self._frames or self._part)

    def use(self, detection: TurnDetection) -> None:
        """Detect turns in another way from the next turn on."""
        self._next = detection
        self._switch()

    def hear(self, pcm: bytes) -> Iterator[Edge]:
        """Take audio; yield the edges found in it, in order."""
        self.heard_speech = False
        audio = self._part + pcm if self._part else pcm
        size = self._frame_bytes
        whole = len(audio) - len(audio) % size
        self._part = audio[whole:]
        for start in range(0, whole, size):
            edge = self._take(audio[start : start + size])
            if edge is not None:
                yield edge

    def finish(self) -> HeardTurn:
        """End the turn and return it; without a frame of speech it is empty."""
        if self._by_order and self._part:
            self._keep(self._part, is_speech(self._part))
            self._part = b""
        heard = [at for at, speech in enumerate(self._speech) if speech]
        frames = list(self._frames)[heard[0] : heard[-1] + 1] if heard else []
        self._forget()
        return HeardTurn(b"".join(frames), self._rate_hz)

    def clear(self) -> None:
        """Discard the audio that no turn has taken."""
        self._part = b""
        self._forget()

    def _take(self, frame: bytes) -> Edge | None:
        self._switch()
        speech = is_speech(frame)
        self.heard_speech = self.heard_speech or speech
        if self._by_order:
            self._keep(frame, speech)
            return None
        self._quiet = 0 if speech else self._quiet + 1
        if not self.speaking:
            return self._wait_for_onset(frame, speech)
        self._keep(frame, speech)
        if len(self._frames) == self._frames.maxlen:
            self._resting = self._rest_frames
            return Edge.STOPPED
        return Edge.STOPPED if self._quiet >= self._silence_frames else None

    def _wait_for_onset(self, frame: bytes, speech: bool) -> Edge | None:
        if self._resting:  # after a longest turn, which may be constant noise
            self._resting = 0 if self._quiet >= self._silence_frames else self._resting - 1
            return None
        if not speech:
            self._onset.clear()
            return None
        self._onset.append(frame)
        if len(self._onset) < ONSET_FRAMES:
            return None
        for begun in self._onset:
            self._keep(begun, True)
        self._onset.clear()
        self.speaking = True
        return Edge.STARTED

    def _keep(self, frame: bytes, speech: bool) -> None:
        self._frames.append(frame)
        self._speech.append(speech)

    def _forget(self) -> None:
        self._frames.clear()
        self._speech.clear()
        self._onset.clear()
        self._quiet = 0
        self.speaking = False

    def _switch(self) -> None:
        """Apply the next way of detection, unless a turn is in progress."""
        if self._next is not None and not self._frames:
            self._onset.clear()
            self._apply(self._next)
            self._next = None

    def _apply(self, detection: TurnDetection) -> None:
        self._by_order = detection.type is TurnDetectionType.NONE
        self._silence_frames = max(1, detection.silence_duration_ms // FRAME_MS)
