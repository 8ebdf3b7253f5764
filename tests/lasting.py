"""A provider that a test plays by hand, for voices that outlive its connections."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ringline.domain.audio import Chunk
from ringline.domain.config_members import SessionConfig
from ringline.domain.rollover import RolloverTimes
from ringline.domain.voice import (
    KeyRefused,
    PastItem,
    Remember,
    Respond,
    ResponseDone,
    ResponseStarted,
    UpstreamLoss,
    VoiceCapabilities,
    VoiceFailed,
    VoiceFailure,
    VoiceOpening,
    VoiceOrder,
    VoiceSignal,
)
from ringline.ports import VoiceListener, VoiceUnavailable
from ringline.voices.lasting import LastingLimits, LastingVoices, Ways
from ringline.voices.lasting_voice import LastingVoice
from tests import clock as virtual
from tests.talking import half_or_double
from tests.voice_desk import Recorder, hum, quiet

ONE, TWO, THREE = "openai/one", "xai/two", "gemini/three"
CAN = VoiceCapabilities(input_hz=16_000, output_hz=16_000, voices=("a", "b"), default_voice="a")
MODELS: Mapping[str, VoiceCapabilities] = {
    ONE: CAN,
    TWO: replace(CAN, input_hz=8_000, voices=("x",), default_voice="x", tools=True),
    THREE: replace(CAN, responds_by_itself=True),
}
NEVER: Mapping[str, RolloverTimes] = {}
SOON: Mapping[str, RolloverTimes] = {"openai/": RolloverTimes(10.0, 20.0)}
CONFIG = SessionConfig(model=ONE, voice="b")


@dataclass
class Line:
    """A connection: what it was opened with, and what it was sent."""

    opening: VoiceOpening
    listener: VoiceListener
    capabilities: VoiceCapabilities
    sent: list[VoiceOrder | Chunk] = field(default_factory=list)
    closed: bool = False

    def send_audio(self, chunk: Chunk) -> None:
        assert chunk.rate_hz == self.capabilities.input_hz
        self.sent.append(chunk)

    def send(self, order: VoiceOrder) -> None:
        self.sent.append(order)

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed = True

    # What the test plays.

    def report(self, *signals: VoiceSignal) -> None:
        for signal in signals:
            self.listener.on_voice_signal(signal)

    def say(self, response_id: str, text: str, ms: int = 100) -> None:
        self.listener.on_voice_text(response_id, text)
        self.listener.on_voice_audio(response_id, Chunk(hum(ms, 16_000), 16_000))

    def answer(self, response_id: str, text: str, ms: int = 100) -> None:
        self.report(ResponseStarted(response_id))
        self.say(response_id, text, ms)
        self.report(ResponseDone(response_id))

    def die(self, cause: str = "close_1006", *, again: bool = True) -> None:
        lost = UpstreamLoss(self.opening.config.model, cause, again)
        failure = VoiceFailure.UPSTREAM_CLOSED
        self.report(VoiceFailed(failure, "It was lost.", recoverable=False, lost=lost))

    @property
    def orders(self) -> list[VoiceOrder]:
        return [item for item in self.sent if not isinstance(item, Chunk)]

    @property
    def asked(self) -> list[str]:
        return [order.response_id for order in self.orders if isinstance(order, Respond)]

    @property
    def heard_ms(self) -> float:
        return sum(item.duration_ms for item in self.sent if isinstance(item, Chunk))

    @property
    def told(self) -> tuple[PastItem, ...]:
        """Return all that it was told of the conversation."""
        later = [
            item for order in self.orders if isinstance(order, Remember) for item in order.items
        ]
        return (*self.opening.history, *later)


@dataclass
class Provider:
    """All models of a test; dialling takes `opening_s` and fails for the causes in `refuses`."""

    opening_s: float = 0.1
    #: The causes of the next refusals, by model; each with whether it may pass.
    #: `http_401` blames a key.
    refuses: dict[str, list[tuple[str, bool]]] = field(default_factory=dict)
    dialled: list[tuple[float, str]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    #: What is done within each dialling, before it is over.
    meanwhile: Callable[[], None] | None = None

    async def open(self, opening: VoiceOpening, listener: VoiceListener) -> Line:
        model = opening.config.model
        self.dialled.append((round(asyncio.get_running_loop().time(), 3), model))
        await asyncio.sleep(self.opening_s)
        if self.meanwhile is not None:
            self.meanwhile()
        if refusals := self.refuses.get(model):
            cause, again = refusals.pop(0)
            if cause == "http_401":
                listener.on_voice_signal(KeyRefused(model, cause, "ab12"))
            raise VoiceUnavailable(f"{model} is away.", UpstreamLoss(model, cause, again))
        self.lines.append(Line(opening, listener, MODELS[model]))
        return self.lines[-1]

    @property
    def line(self) -> Line:
        return self.lines[-1]

    @property
    def models(self) -> list[str]:
        return [model for _, model in self.dialled]


@dataclass
class Desk:
    """A conversation that lasts, its provider, and who listens."""

    provider: Provider
    ear: Recorder
    voice: LastingVoice

    def hear(self, ms: int, *, loud: bool = True) -> None:
        """Send the caller's audio in pieces of 20 ms."""
        for _ in range(ms // 20):
            pcm = hum(20, 16_000) if loud else quiet(20)
            self.voice.send_audio(Chunk(pcm, 16_000))

    def all(self, kind: type[Any]) -> list[Any]:
        return self.ear.all(kind)


def conversing(
    main: Callable[[Desk], Coroutine[Any, Any, None]],
    *,
    fallbacks: tuple[str, ...] = (),
    rollovers: Mapping[str, RolloverTimes] = NEVER,
    config: SessionConfig = CONFIG,
    provider: Provider | None = None,
) -> None:
    """Run a test in virtual time; check that nothing is left of the voice at its end."""

    async def whole() -> None:
        desk = await opened(
            provider or Provider(), fallbacks=fallbacks, rollovers=rollovers, config=config
        )
        await main(desk)
        await desk.voice.close()
        before = list(desk.ear.reports)
        timers: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        assert [timer for timer in timers if not timer.cancelled()] == []
        assert all(line.closed for line in desk.provider.lines)
        await asyncio.sleep(1_000)
        assert desk.ear.reports == before, "after close nothing is reported"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtual.run(whole())


async def opened(
    provider: Provider,
    *,
    fallbacks: tuple[str, ...] = (),
    rollovers: Mapping[str, RolloverTimes] = NEVER,
    config: SessionConfig = CONFIG,
) -> Desk:
    """Open a conversation. Raises VoiceUnavailable."""
    ways = Ways(
        provider.open,
        MODELS.get,
        half_or_double,
        rollovers=rollovers,
        limits=LastingLimits(prepare_s=1.0),
    )
    ear = Recorder()
    voices = LastingVoices(ways, {config.model: fallbacks})
    return Desk(provider, ear, await voices.open(VoiceOpening(config), ear))
