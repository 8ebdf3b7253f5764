"""The port `Leg`: what every leg promises, whatever its other end does.

The adapters are a realtime session whose client reads, one whose client does not read for a
while, a session in OpenAI's protocol, both ways, and the double for tests of calls.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest

from ringline.domain import leg
from ringline.domain.audio import Chunk
from ringline.domain.config_members import SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.leg import LegControl
from ringline.domain.session_config import EffectiveConfig
from ringline.legs.openai_server import OpenAIServerLeg
from ringline.legs.realtime import RealtimeLeg
from ringline.ports import Leg
from ringline.wire.openai_server_conversation import Conversation
from ringline.wire.openai_server_session import Shown
from tests import clock
from tests.samples import new_id
from tests.talking import CAPABILITIES, INPUT_HZ, OUTPUT_HZ, ScriptedLeg, speech

SESSION = EffectiveConfig(SessionConfig(output_transcription=True), CAPABILITIES)
HUNG_UP = leg.HangUp(EndCause.AGENT_HUNG_UP)
#: The orders that the suite sends, by the name of the event that a session's client gets.
NEWS: dict[str, leg.LegOrder] = {
    "response.started": leg.AgentStarted(),
    "text.delta": leg.AgentSaid("hello"),
    "response.completed": leg.AgentFinished(),
    "session.terminating": HUNG_UP,
}
#: The same in OpenAI's protocol; its other events are details of these.
OPENAI_NEWS: dict[str, leg.LegOrder] = {
    "response.created": leg.AgentStarted(),
    "response.output_audio_transcript.delta": leg.AgentSaid("hello"),
    "response.done": leg.AgentFinished(),
    "error": HUNG_UP,
}
Got: TypeAlias = Chunk | leg.LegOrder
Signals: TypeAlias = list[leg.LegSignal]


@dataclass
class Client:
    """The other end of a realtime session, and the listener of its call."""

    paused: bool = False
    got: list[Got] = field(default_factory=list[Got])
    signals: list[leg.LegSignal] = field(default_factory=list[leg.LegSignal])
    frames: int = 0

    def send_text(self, payload: bytes) -> None:
        event = json.loads(payload)
        kind = event["type"]
        if kind in ("audio.delta", "response.output_audio.delta"):
            audio = event.get("audio") or event["delta"]
            self.got.append(Chunk(base64.b64decode(audio), OUTPUT_HZ))
        elif kind in OPENAI_NEWS or "event_id" not in event:
            self.got.append((OPENAI_NEWS | NEWS)[kind])

    def on_leg_frame(self) -> None:
        self.frames += 1

    def on_leg_signal(self, signal: leg.LegSignal) -> None:
        self.signals.append(signal)

    def on_leg_audio(self, chunk: Chunk) -> None:
        raise AssertionError("nothing was said")


@dataclass
class Line:
    """A leg, and the behaviour and the received frames of its other end."""

    leg: Leg
    got: Callable[[], list[Got]]
    catch_up: Callable[[], None]
    lose: Callable[[], None] | None = None
    signals: Callable[[], Signals] = list
    input_hz: int = INPUT_HZ
    controls: frozenset[LegControl] = frozenset()


def session(*, reads: bool, openai: bool = False) -> Line:
    client = Client(paused=not reads)
    line: RealtimeLeg | OpenAIServerLeg = RealtimeLeg(client, SESSION, events_per_window=0)
    if openai:
        shown = Shown("sess_1", SESSION, {}, {})
        line = OpenAIServerLeg(
            client, shown, conversation=Conversation(new_id), events_per_window=0
        )
    line.report_to(client)
    client.signals.clear()  # what it says of itself at the beginning

    def catch_up() -> None:
        client.paused = False
        line.drained()

    hz = line.input_hz
    return Line(line, lambda: client.got, catch_up, line.lost, lambda: client.signals, hz)


def double() -> Line:
    line = ScriptedLeg()

    def got() -> list[Got]:
        return [item for item in line.items if not isinstance(item, str)]

    return Line(line, got, lambda: None, controls=leg.ALL_CONTROLS)


ADAPTERS: dict[str, Callable[[], Line]] = {
    "realtime": lambda: session(reads=True),
    "realtime, read later": lambda: session(reads=False),
    "OpenAI": lambda: session(reads=True, openai=True),
    "OpenAI, read later": lambda: session(reads=False, openai=True),
    "double": double,
}


@pytest.fixture(params=ADAPTERS)
def make(request: pytest.FixtureRequest) -> Callable[[], Line]:
    return ADAPTERS[request.param]


Make: TypeAlias = Callable[[], Line]


def test_it_has_constant_rates(make: Make) -> None:
    async def main() -> None:
        line = make()
        assert (line.leg.input_hz, line.leg.output_hz) == (line.input_hz, OUTPUT_HZ)

    clock.run(main())


#: What carries out each control.
CONTROLS: dict[leg.LegControl, tuple[leg.LegOrder, ...]] = {
    leg.LegControl.HOLD: (leg.Hold(), leg.Resume()),
    leg.LegControl.TRANSFER: (leg.Transfer("+2348050001111"),),
    leg.LegControl.DIGITS: (leg.SendDigits("12,#"),),
}


def test_it_has_constant_controls_and_carries_them_out(make: Make) -> None:
    async def main() -> None:
        line = make()
        assert line.leg.controls == line.leg.controls == line.controls
        given: list[Got] = [order for control in line.controls for order in CONTROLS[control]]
        for order in given:
            assert isinstance(order, leg.LegOrder)
            line.leg.send(order)
        line.catch_up()
        assert line.got() == given

    assert set(CONTROLS) == set(leg.LegControl)
    clock.run(main())


def test_news_and_speech_arrive_in_the_order_in_which_they_were_given(make: Make) -> None:
    async def main() -> None:
        line = make()
        given: list[Got] = [
            leg.AgentStarted(),
            leg.AgentSaid("hello"),
            speech(20, mark=1),
            speech(20, mark=2),
            leg.AgentFinished(),
        ]
        for item in given:
            if isinstance(item, Chunk):
                line.leg.play(item)
            else:
                line.leg.send(item)
        line.catch_up()
        assert line.got() == given

    clock.run(main())


def test_what_is_flushed_is_not_played_and_news_are_kept(make: Make) -> None:
    async def main() -> None:
        line = make()
        line.leg.send(leg.AgentStarted())
        line.leg.play(speech(20, mark=1))
        left = list(line.got())
        unplayed_ms = line.leg.flush()
        assert unplayed_ms is None or 0 <= unplayed_ms <= 20
        line.leg.play(speech(20, mark=2))
        line.catch_up()
        kept = left or [leg.AgentStarted()]
        assert line.got() == [*kept, speech(20, mark=2)]

    clock.run(main())


def test_speech_at_another_rate_is_a_defect(make: Make) -> None:
    async def main() -> None:
        line = make()
        with pytest.raises(AssertionError):
            line.leg.play(speech(20, INPUT_HZ))
        line.catch_up()
        assert line.got() == []

    clock.run(main())


def test_a_hang_up_is_the_last_that_arrives_and_nothing_is_reported_after_it(make: Make) -> None:
    async def main() -> None:
        line = make()
        line.leg.play(speech(20))
        line.leg.send(HUNG_UP)
        line.catch_up()
        assert line.got()[-1] == HUNG_UP
        if line.lose is not None:
            line.lose()
            assert line.signals() == []

    clock.run(main())


@pytest.mark.parametrize("openai", [True, False])
@pytest.mark.parametrize("reads", [True, False])
def test_a_line_that_is_lost_reports_it_once_and_takes_orders_all_the_same(
    reads: bool, openai: bool
) -> None:
    async def main() -> None:
        line = session(reads=reads, openai=openai)
        assert line.lose is not None
        line.lose()
        line.lose()
        line.leg.play(speech(20))
        line.leg.send(leg.AgentStarted())
        line.leg.send(HUNG_UP)
        assert line.signals() == [leg.Left()]
        assert line.got() == []

    clock.run(main())
