"""The local voice's recognition and speech, as parts of other voices (`parts.py`)."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from ringline.domain.agent import LocalSettings
from ringline.domain.audio import bytes_of_ms
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import Transcribed
from ringline.ports import VoiceListener
from ringline.voices.dialogue import script_of, sentences
from ringline.voices.endpointing import RATE_HZ
from ringline.voices.endpoints import EndpointFailed
from ringline.voices.parts import Heard
from ringline.voices.recognition import Recognition, grammar_of
from ringline.voices.speech import DEFAULT_VOICE, VOICE_FILES, Sentence, Speech
from ringline.voices.workers import PoolBusy, WorkerLost, WorkFailed
from ringline.wire.upstream_failures import Loss

#: How often the speech of a caller who is still speaking is decoded (contract, 11).
PARTIAL_EVERY_S = 0.4

#: The longest utterance that is decoded while it lasts; phrases are shorter.
PARTIAL_MS = 8_000

_NOT_SPOKEN = Loss("not_spoken")


def phrases_of(config: SessionConfig) -> tuple[str, ...]:
    """Return the phrases that a config lists, as words."""
    return grammar_of(script_of(config.local or LocalSettings()))


def voice_of(config_voice: str) -> str:
    """Return a voice of the local speech."""
    wanted = config_voice.lower()
    return wanted if wanted in VOICE_FILES else DEFAULT_VOICE


class LocalEars:
    """Ears that know an agent's phrases; without any, they take dictation, less reliably."""

    def __init__(self, recognition: Recognition) -> None:
        self._recognition = recognition

    async def transcribe(
        self, pcm: bytes, on_partial: Callable[[str], None], *, config: SessionConfig
    ) -> Heard:
        """Return the phrase that was said, or the words; empty if nobody could make them out."""
        phrases = phrases_of(config)
        if phrases:
            return Heard(await self._recognition.final(pcm, phrases))
        return Heard(await self._recognition.dictation(pcm))


class LocalMouth:
    """A mouth that speaks with the local speech."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech

    async def speak(self, text: str, voice: str) -> AsyncGenerator[bytes]:
        """Yield speech. Raises EndpointFailed."""
        try:
            for part in sentences(text):
                async with aclosing(self._speech.speak(Sentence(part, voice_of(voice)))) as pieces:
                    async for piece in pieces:
                        if piece.chunk.pcm:
                            yield piece.chunk.pcm
        except (WorkerLost, WorkFailed, PoolBusy):
            raise EndpointFailed(_NOT_SPOKEN, passing=True) from None


class PhrasePartials:
    """Reports the words of phrases while they are spoken, and never one to be withdrawn."""

    def __init__(
        self,
        listener: VoiceListener,
        utterance: Callable[[], bytes],
        *,
        phrases: Callable[[], tuple[str, ...]],
        recognition: Recognition,
    ) -> None:
        self._listener = listener
        self._utterance = utterance
        self._phrases = phrases
        self._recognition = recognition
        self._hearing: asyncio.Task[None] | None = None

    def start(self, item_id: str) -> None:
        """Begin with a turn."""
        self.stop()
        self._hearing = asyncio.create_task(self._hear(item_id))

    def stop(self) -> None:
        """Stop: the turn is over, or the conversation."""
        if self._hearing is not None:
            self._hearing.cancel()
            self._hearing = None

    async def _hear(self, item_id: str) -> None:
        heard, phrases = "", self._phrases()
        while phrases:
            await asyncio.sleep(PARTIAL_EVERY_S)
            utterance = self._utterance()
            if len(utterance) > bytes_of_ms(PARTIAL_MS, RATE_HZ):
                return
            text = await self._recognition.partial(utterance, phrases)
            if text != heard and text.startswith(heard):
                heard = text
                self._listener.on_voice_signal(Transcribed(item_id, text, final=False))
