"""The leg of a sandbox call by itself: what the port `Leg` asks of it (ports/media.py)."""

import asyncio
from dataclasses import dataclass, field

import pytest

from ringline.domain import leg
from ringline.domain.audio import Chunk
from ringline.domain.endings import EndCause
from ringline.domain.sandbox_script import RATE_HZ, SCRIPT, Speaks
from ringline.legs.sandbox import PATIENCE_S, SandboxLeg
from ringline.ports import Leg
from tests import clock
from tests.samples import new_id
from tests.talking import OUTPUT_HZ, speech

STARTED = leg.SessionStarted(new_id(), "uuid")
HUNG_UP = leg.HangUp(EndCause.AGENT_HUNG_UP)
WORDS = [cue.act for cue in SCRIPT if isinstance(cue.act, Speaks)]


@dataclass
class Bridge:
    """What the leg reports to; it also hears the caller."""

    signals: list[leg.LegSignal] = field(default_factory=list[leg.LegSignal])
    words: list[Speaks] = field(default_factory=list[Speaks])
    frames: int = 0

    def on_leg_frame(self) -> None:
        self.frames += 1

    def on_leg_signal(self, signal: leg.LegSignal) -> None:
        self.signals.append(signal)

    def on_leg_audio(self, chunk: Chunk) -> None:
        raise AssertionError("nobody makes a sound")


def line(*, is_greeted: bool = False, scale: float = 1.0) -> tuple[SandboxLeg, Bridge]:
    bridge = Bridge()
    found = SandboxLeg(bridge.words.append, scale, is_greeted=is_greeted)
    found.report_to(bridge)
    return found, bridge


def test_it_has_the_rate_of_a_telephone_and_every_control() -> None:
    async def main() -> None:
        found: Leg = line()[0]
        assert (found.input_hz, found.output_hz) == (RATE_HZ, RATE_HZ)
        assert found.controls == leg.ALL_CONTROLS
        found.play(speech(20, RATE_HZ))
        assert found.flush() is None
        with pytest.raises(AssertionError):
            found.play(speech(20, OUTPUT_HZ))

    clock.run(main())


def test_the_caller_answers_nobody_until_the_call_is_answered() -> None:
    async def main() -> None:
        found, bridge = line()
        await asyncio.sleep(10)
        assert bridge == Bridge()
        found.send(STARTED)
        await asyncio.sleep(3)
        assert bridge.words == WORDS
        found.send(HUNG_UP)

    clock.run(main())


def test_it_leaves_once() -> None:
    async def main() -> None:
        found, bridge = line()
        found.send(STARTED)
        await asyncio.sleep(3)
        found.send(leg.AgentStarted())
        found.send(leg.AgentFinished())
        await asyncio.sleep(10)
        assert bridge.signals == [leg.Left()]
        assert bridge.frames == len(SCRIPT), "the caller is not idle"
        found.send(leg.AgentStarted())
        found.send(HUNG_UP)
        await asyncio.sleep(30)
        assert bridge.signals == [leg.Left()]

    clock.run(main())


@pytest.mark.parametrize("after_s", [0.0, 1.5, 4.9])
def test_nothing_is_reported_after_a_hang_up(after_s: float) -> None:
    async def main() -> None:
        found, bridge = line()
        found.send(STARTED)
        await asyncio.sleep(after_s)
        heard = len(bridge.words)
        found.send(HUNG_UP)
        found.send(STARTED)
        await asyncio.sleep(30)
        assert bridge.signals == []
        assert len(bridge.words) == heard

    clock.run(main())


def test_a_caller_who_is_greeted_speaks_after_it() -> None:
    async def main() -> None:
        found, bridge = line(is_greeted=True, scale=0.0)
        found.send(STARTED)
        await asyncio.sleep(PATIENCE_S - 1)
        assert bridge.words == []
        found.send(leg.AgentStarted())
        found.send(leg.AgentFinished())
        await asyncio.sleep(0.1)
        assert bridge.words == WORDS
        assert bridge.signals == [], "the agent owes an answer"
        await asyncio.sleep(PATIENCE_S)
        assert bridge.signals == [leg.Left()]

    clock.run(main())
