"""Helpers for tests of voices: a recording listener, and speech to recognise."""

import asyncio
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from ringline.domain.audio import Chunk, bytes_of_ms
from ringline.domain.log import Scope
from ringline.domain.providers import ProviderKey
from ringline.domain.voice import Respond, Resumable, SpeechStopped, VoiceSignal
from ringline.ports import Voice
from ringline.voices import speech
from ringline.voices.speech import Sentence, Speech
from ringline.voices.upstream import FindKey
from ringline.voices.workers import WorkerPool

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Said:
    response_id: str
    delta: str


@dataclass(frozen=True)
class Spoke:
    response_id: str
    chunk: Chunk


Report = VoiceSignal | Said | Spoke


@dataclass
class Recorder:
    """A VoiceListener that records all reports in order, and passes each to `hooks`.

    Handles of the conversation are kept apart: they may come at any time.
    """

    reports: list[Report] = field(default_factory=list)
    handles: list[str] = field(default_factory=list)
    hooks: list[Callable[[Report], None]] = field(default_factory=list)
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def on_voice_signal(self, signal: VoiceSignal) -> None:
        if isinstance(signal, Resumable):
            self.handles.append(signal.handle)
        else:
            self._take(signal)

    def on_voice_audio(self, response_id: str, chunk: Chunk) -> None:
        self._take(Spoke(response_id, chunk))

    def on_voice_text(self, response_id: str, delta: str) -> None:
        self._take(Said(response_id, delta))

    def _take(self, report: Report) -> None:
        self.reports.append(report)
        for hook in self.hooks:
            hook(report)
        self._came.set()

    def answer_turns(self, voice: Voice) -> None:
        """Request a response at the end of each turn, as a call does: `r1`, `r2` …

        A voice that responds by itself is left to it.
        """
        if voice.capabilities.responds_by_itself:
            return
        stops = 0

        def answer(report: Report) -> None:
            nonlocal stops
            if isinstance(report, SpeechStopped):
                stops += 1
                voice.send(Respond(f"r{stops}"))

        self.hooks.append(answer)

    def all(self, kind: type[Kind]) -> list[Kind]:
        return [report for report in self.reports if isinstance(report, kind)]

    async def until(self, kind: type[Kind], count: int = 1) -> Kind:
        """Wait for the count-th report of a kind, until the test times out."""
        while len(found := self.all(kind)) < count:
            self._came.clear()
            await self._came.wait()
        return found[count - 1]

    def text_of(self, response_id: str) -> str:
        return "".join(said.delta for said in self.all(Said) if said.response_id == response_id)

    def pcm_of(self, response_id: str) -> bytes:
        return b"".join(
            spoke.chunk.pcm for spoke in self.all(Spoke) if spoke.response_id == response_id
        )


def with_key(text: str, last_four: str = "") -> FindKey:
    """Return what finds one key for everybody; with its last characters, it is their own."""

    async def find(_: Scope | None) -> ProviderKey:
        return ProviderKey(text, last_four)

    return find


def quiet(ms: int, rate_hz: int = 16_000) -> bytes:
    return bytes(bytes_of_ms(ms, rate_hz))


def hum(ms: int, rate_hz: int, peak: int = 5_000) -> bytes:
    """Return a triangle of 200 Hz, loud in every frame of 20 ms.

    Its phase drifts, so that a piece of it that is missing or comes twice is noticed.
    """
    whole = rate_hz // 200
    return array(
        "h",
        [
            peak * (abs((i + i // 997) % whole * 4 - 2 * whole) - whole) // whole
            for i in range(ms * rate_hz // 1000)
        ],
    ).tobytes()


def buzz(ms: int) -> bytes:
    """Return a sawtooth of 150 Hz, which the detector takes for continuous speech."""
    return array("h", [i * 150 % 16_000 - 8_000 for i in range(ms * 16)]).tobytes()


async def speak(text: str, voice: str = "en-gb", words_per_minute: int = 160) -> bytes:
    """Return 16 kHz speech with some silence before it, and none after it."""
    pool = WorkerPool(speech.MODULE)
    try:
        pieces = Speech(pool).speak(Sentence(text, voice, words_per_minute))
        return quiet(300) + b"".join([piece.chunk.pcm async for piece in pieces])
    finally:
        await pool.close()


def feed(voice: Voice, pcm: bytes) -> None:
    """Feed audio to a voice, in pieces of 20 ms, all at once."""
    rate_hz = voice.capabilities.input_hz
    size = bytes_of_ms(20, rate_hz)
    for start in range(0, len(pcm), size):
        voice.send_audio(Chunk(pcm[start : start + size], rate_hz))
