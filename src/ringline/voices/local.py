"""The model `local/attendant`: opens conversations and owns their workers.

Only the voice activity detector runs in the server's process. Recognition and speech run in
one process each, started on first use or by `warm`, and shared by all conversations.
"""

import asyncio
import os
from collections.abc import Callable
from importlib.util import find_spec

from ringline.domain.config_members import SessionConfig
from ringline.domain.model_list import Level, ModelAbout
from ringline.domain.voice import VoiceCapabilities, VoiceOpening
from ringline.ports import VoiceListener, VoiceUnavailable
from ringline.voices import recognition, speech
from ringline.voices.attendant import CAPABILITIES, Attendant
from ringline.voices.detectors import DETECTORS, DetectorLibrary
from ringline.voices.endpointing import TurnLimits
from ringline.voices.local_parts import LocalEars, LocalMouth, PhrasePartials, phrases_of
from ringline.voices.recognition import Recognition
from ringline.voices.speech import Speech
from ringline.voices.workers import Surroundings, WorkerPool

#: What the workers import.
_WORKERS_NEED = ("pocketsphinx", "espeakng_loader", "soxr", "numpy")

#: Most processes that recognise; each holds the acoustic model (about 100 MB).
RECOGNIZERS_LIMIT = 2

ABOUT = ModelAbout(
    provider_name="This server",
    name="Attendant",
    description="Understands set phrases in English and speaks set replies, without any service.",
    speed=Level.HIGH,
    quality=Level.LOW,
)


class LocalVoices:
    """Opens conversations with the local voice; its `open` is an `OpenVoice` (ports)."""

    capabilities: VoiceCapabilities = CAPABILITIES
    about: ModelAbout = ABOUT

    def __init__(
        self,
        recognizers: int = 1,
        *,
        detector: DetectorLibrary = DETECTORS["webrtc"],
        surroundings: Surroundings | None = None,
        turn_limits: TurnLimits | None = None,
    ) -> None:
        size = max(1, min(recognizers, os.cpu_count() or 1, RECOGNIZERS_LIMIT))
        self._recognizers = WorkerPool(recognition.MODULE, size, surroundings=surroundings)
        self._speakers = WorkerPool(speech.MODULE, surroundings=surroundings)
        self._recognition = Recognition(self._recognizers)
        self._speech = Speech(self._speakers)
        self.ears, self.mouth = LocalEars(self._recognition), LocalMouth(self._speech)
        self._detector = detector
        self._turn_limits = turn_limits or TurnLimits()

    @property
    def installed(self) -> bool:
        """Return whether everything that a conversation needs is installed."""
        return self._detector.installed and all(find_spec(name) for name in _WORKERS_NEED)

    @property
    def process_ids(self) -> list[int]:
        """Return the ids of the local voice's running processes."""
        return self._recognizers.process_ids + self._speakers.process_ids

    def new_partials(
        self,
        listener: VoiceListener,
        utterance: Callable[[], bytes],
        *,
        config: Callable[[], SessionConfig],
    ) -> PhrasePartials:
        """Make what reports the words of phrases while they are spoken (`parts.NewPartials`)."""
        return PhrasePartials(
            listener,
            utterance,
            phrases=lambda: phrases_of(config()),
            recognition=self._recognition,
        )

    async def open(self, opening: VoiceOpening, listener: VoiceListener) -> Attendant:
        """Open a conversation. Raises VoiceUnavailable if something is not installed."""
        if not self.installed:
            raise VoiceUnavailable(
                "The local voice is not installed; run `ringline doctor` on the server to see how."
            )
        return Attendant(
            opening,
            listener,
            new_detector=self._detector.new_detector,
            recognition=self._recognition,
            speech=self._speech,
            turn_limits=self._turn_limits,
        )

    async def warm(self, phrases: tuple[str, ...] = ()) -> None:
        """Start the processes, so that the first conversation does not wait for them."""
        if self.installed:
            self._detector.load()
            await asyncio.gather(self._recognition.prepare(phrases), self._speech.prepare())

    async def close(self) -> None:
        """Stop all processes; the conversations must be closed already."""
        await asyncio.gather(self._recognizers.close(), self._speakers.close())
