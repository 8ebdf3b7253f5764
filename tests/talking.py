"""Scripted voices and legs for tests of calls, and the moments of their steps."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar
from uuid import UUID

from ringline.domain import bridge, call, call_signals, leg, voice
from ringline.domain.addresses import FromBridge, FromLeg, FromVoice
from ringline.domain.agent_tools import ToolRunner
from ringline.domain.audio import Chunk, bytes_of_ms
from ringline.domain.builtin_tools import NO_BUILTINS, Builtins
from ringline.domain.call import Call, Moment, Step
from ringline.domain.call_signals import CallSignal
from ringline.domain.call_vocabulary import CallDirection, CallStatus, CallTransport
from ringline.domain.events import EventData
from ringline.domain.handover import TakenOver
from ringline.domain.parties import Parties
from ringline.domain.records import CallRow
from ringline.domain.responses import Phase
from ringline.domain.routes import LegId, PartyId, Seat, VoiceId
from ringline.domain.turns import Order
from ringline.ports import Resampler, VoiceListener
from tests.samples import NOW, a_scope, new_id

INPUT_HZ = 16_000
OUTPUT_HZ = 24_000
CAPABILITIES = voice.VoiceCapabilities(INPUT_HZ, OUTPUT_HZ, ("one",), "one")
RESPONDS_BY_ITSELF = replace(CAPABILITIES, responds_by_itself=True)
#: The phases of a response while the conversation tracks it, in order.
LIVING = (Phase.WANTED, Phase.RUNNING, Phase.DRAINING, Phase.PLAYING)

CALLER, VOICE = LegId(PartyId(new_id())), VoiceId(PartyId(new_id()))

_T = TypeVar("_T")


def call_row() -> CallRow:
    call_id = new_id()
    return CallRow(
        id=call_id,
        uuid=str(call_id),
        direction=CallDirection.INBOUND,
        from_number="web:anonymous",
        to_number="voice:local/attendant",
        source="realtime",
        transport=CallTransport.WEBSOCKET,
        status=CallStatus.INITIATED,
        started_at=NOW,
    )


def moment(seconds: float = 0.0) -> Moment:
    return Moment(NOW + timedelta(seconds=seconds), new_id)


def party() -> PartyId:
    return PartyId(new_id())


def speech(duration_ms: float, rate_hz: int = OUTPUT_HZ, mark: int = 1) -> Chunk:
    """Return a chunk whose every byte is `mark`."""
    return Chunk(bytes([mark]) * bytes_of_ms(duration_ms, rate_hz), rate_hz)


#: A signal in a call of one leg and one voice, whose sender follows from its type.
Said: TypeAlias = CallSignal | leg.LegSignal | voice.VoiceSignal | bridge.BridgeSignal


def signed(said: Said, caller: LegId, voice_id: VoiceId) -> CallSignal:
    """Add the sender to a signal, in a call of one leg and one voice."""
    if isinstance(said, leg.LegSignal):
        return FromLeg(caller, said)
    if isinstance(said, voice.VoiceSignal):
        return FromVoice(voice_id, said)
    return FromBridge(said) if isinstance(said, bridge.BridgeSignal) else said


def orders_of(step: Step) -> list[Order]:
    """Return a step's orders without their addresses, and without the routes."""
    orders = [addressed.order for addressed in step.orders]
    return [order for order in orders if not isinstance(order, bridge.SetRoutes)]


def spoke(
    played_ms: int = 0, characters: int = 0, *, item_id: str = "item", ago_ms: float = 0.0
) -> bridge.CallerSpoke:
    """Return that the caller began to speak; a story names the response that was playing."""
    return bridge.CallerSpoke(bridge.Played("", played_ms, characters), item_id, ago_ms)


def cancelled(played_ms: int = 0, characters: int = 0) -> bridge.ClientCancelled:
    """Return that the client cancelled; a story names the response that was playing."""
    return bridge.ClientCancelled(bridge.Played("", played_ms, characters))


class Story:
    """A call of one leg and one voice, driven through `step`, and its results.

    Its orders are shown without their addresses, and without the routes.
    """

    def __init__(
        self,
        greeting: str = "",
        capabilities: voice.VoiceCapabilities = CAPABILITIES,
        *,
        opened: bool = True,
        allowed_tools: frozenset[str] | None = None,
        controls: frozenset[leg.LegControl] = leg.ALL_CONTROLS,
        builtins: Builtins = NO_BUILTINS,
        tools_run_by: ToolRunner = ToolRunner.CLIENT,
    ) -> None:
        self.steps: list[Step] = []
        self.seconds = 0.0
        #: The playback clock, for a call that ends.
        self.played = bridge.NOTHING
        parties = Parties(((CALLER, Seat.TALK),), VOICE, controls={CALLER: controls})
        begun = Call(
            a_scope(),
            call_row(),
            parties,
            greeting=greeting,
            allowed_tools=allowed_tools,
            builtins=builtins,
            tools_run_by=tools_run_by,
        )
        self._take(call.begin(begun, moment()))
        if opened:
            self.feed(call_signals.VoiceOpened(VOICE, capabilities), call_signals.AnswerWritten())

    @property
    def call(self) -> Call:
        return self.steps[-1].call

    @property
    def events(self) -> list[EventData]:
        return [
            event.data
            for step in self.steps
            if step.entry is not None
            for event in step.entry.events
        ]

    @property
    def types(self) -> list[str]:
        return [data.type for data in self.events]

    @property
    def orders(self) -> list[Order]:
        return [order for step in self.steps for order in orders_of(step)]

    @property
    def news(self) -> list[leg.LegOrder]:
        """The orders to the leg."""
        return [order for order in self.orders if isinstance(order, leg.LegOrder)]

    def feed(self, *signals: Said) -> list[Order]:
        """Feed signals to the call; return the resulting orders."""
        before = len(self.orders)
        for signal in signals:
            taken = signed(self._of_the_response(signal), CALLER, VOICE)
            now = replace(moment(self.seconds), played=lambda: self.played)
            self._take(call.step(self.call, taken, moment=now))
        return self.orders[before:]

    def asked(self) -> str:
        """Return the id of the response that was requested from the voice last."""
        return [order for order in self.orders if isinstance(order, voice.Respond)][-1].response_id

    def all(self, kind: type[_T]) -> list[_T]:
        return [result for result in (*self.events, *self.orders) if isinstance(result, kind)]

    def _of_the_response(self, said: Said) -> Said:
        """Name the response under way in what was played, if the test does not."""
        playing = self.call.talk.response
        interrupts = isinstance(said, bridge.CallerSpoke | bridge.ClientCancelled | TakenOver)
        if not interrupts or playing is None or said.played.response_id:
            return said
        return replace(said, played=replace(said.played, response_id=playing.id))

    def _take(self, step: Step) -> None:
        self.steps.append(step)


def half_or_double(from_hz: int, to_hz: int) -> Resampler:
    """Take every other sample, or every sample twice: a predictable resampler."""
    assert max(from_hz, to_hz) == 2 * min(from_hz, to_hz)

    def resample(pcm: bytes) -> bytes:
        samples = [pcm[at : at + 2] for at in range(0, len(pcm), 2)]
        if to_hz > from_hz:
            return b"".join(sample * 2 for sample in samples)
        return b"".join(samples[::2])

    return resample


class ScriptedVoice:
    """A voice that a test controls; it records the audio and orders that it gets."""

    def __init__(
        self, listener: VoiceListener, capabilities: voice.VoiceCapabilities = CAPABILITIES
    ) -> None:
        self.listener = listener
        self._capabilities = capabilities
        self.heard: list[Chunk | voice.VoiceOrder] = []
        self.orders: list[voice.VoiceOrder] = []
        self.closed = False
        self.on_close: Callable[[], None] | None = None
        #: What it reports as used while it is closed, and how long that takes.
        self.last_used: voice.UsageReported | None = None
        self.closing_s = 0.0

    @property
    def capabilities(self) -> voice.VoiceCapabilities:
        return self._capabilities

    def send_audio(self, chunk: Chunk) -> None:
        self.heard.append(chunk)

    def send(self, order: voice.VoiceOrder) -> None:
        self.orders.append(order)
        self.heard.append(order)

    async def close(self) -> None:
        self.closed = True
        if self.closing_s:
            await asyncio.sleep(self.closing_s)
        if self.last_used is not None:
            self.listener.on_voice_signal(self.last_used)
        if self.on_close is not None:
            self.on_close()

    def say(self, response_id: str, *chunks: Chunk, text: str = "", hang_up: bool = False) -> None:
        """Report a whole response at once, faster than it is played."""
        self.listener.on_voice_signal(voice.ResponseStarted(response_id))
        if text:
            self.listener.on_voice_text(response_id, text)
        for chunk in chunks:
            self.listener.on_voice_audio(response_id, chunk)
        self.listener.on_voice_signal(voice.ResponseDone(response_id, hang_up=hang_up))

    def asked(self) -> str:
        return [order for order in self.orders if isinstance(order, voice.Respond)][-1].response_id


@dataclass
class ScriptedLeg:
    """A leg that records the audio and orders that it gets, with the time."""

    input_hz: int = INPUT_HZ
    output_hz: int = OUTPUT_HZ
    controls: frozenset[leg.LegControl] = leg.ALL_CONTROLS
    got: list[tuple[float, Chunk | leg.LegOrder | str]] = field(default_factory=list)
    fails_at: type[leg.LegOrder] | None = None
    #: What a flush says was discarded; None if the leg cannot know.
    unplayed_ms: float | None = None

    def play(self, chunk: Chunk) -> None:
        assert chunk.rate_hz == self.output_hz, "speech is resampled before it gets here"
        self._note(chunk)

    def flush(self) -> float | None:
        self._note("flush")
        return self.unplayed_ms

    def send(self, order: leg.LegOrder) -> None:
        if self.fails_at is not None and isinstance(order, self.fails_at):
            raise RuntimeError("a defect")
        self._note(order)

    def _note(self, what: Chunk | leg.LegOrder | str) -> None:
        assert self.hung_up is None, "a hang-up is the last order that a leg gets"
        self.got.append((asyncio.get_running_loop().time(), what))

    @property
    def items(self) -> list[Chunk | leg.LegOrder | str]:
        return [what for _, what in self.got]

    @property
    def played(self) -> list[tuple[float, Chunk]]:
        return [(at, what) for at, what in self.got if isinstance(what, Chunk)]

    @property
    def news(self) -> list[leg.LegOrder]:
        return [what for what in self.items if not isinstance(what, Chunk | str)]

    @property
    def hung_up(self) -> leg.HangUp | None:
        last = self.news[-1] if self.news else None
        return last if isinstance(last, leg.HangUp) else None


def most_ahead_ms(played: Sequence[tuple[float, Chunk]]) -> float:
    """Return the longest audio that a gapless player had buffered."""
    ends_at = most = 0.0
    for at, chunk in played:
        ends_at = max(ends_at, at * 1000) + chunk.duration_ms
        most = max(most, ends_at - at * 1000)
    return most


def has_gap(played: Sequence[tuple[float, Chunk]]) -> bool:
    """Return whether a player's buffer ran dry between the first chunk and the last."""
    ends_at = played[0][0] * 1000
    for at, chunk in played:
        if at * 1000 > ends_at + 1e-6:
            return True
        ends_at += chunk.duration_ms
    return False


def clock() -> datetime:
    """Return the time of day, by the loop's clock."""
    return NOW + timedelta(seconds=asyncio.get_running_loop().time())


def ids(numbers: int) -> list[UUID]:
    return [new_id() for _ in range(numbers)]
