"""How fast frames come in: counted however small, held back and never lost, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from ringline.web.buckets import Bucket
from ringline.web.fair_share import SHARE, FairShare
from ringline.web.frame_gate import HANDFUL, FrameGate, FrameLimits
from ringline.web.frame_guard import FrameGuard
from tests import clock
from tests.realtime_session import frame

TEXT, PING = 0x1, 0x9
COST_S = 1e-4  # of a frame


@dataclass
class House:
    """What a gate shares with the others."""

    fair: FairShare


class Connection:
    """What a gate tells the connection: whether it is read from."""

    def __init__(self) -> None:
        self.reading = True
        self.closed = False
        self.who = "somebody"
        self.house = House(fair=FairShare(asyncio.get_running_loop().time))

    def hold_reading(self) -> None:
        self.reading = False

    def release_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True


class Parser:
    """What stands behind a gate: it counts the frames that it is given."""

    def __init__(self) -> None:
        self.guard = FrameGuard(1_000)
        self.passed = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.passed += data
        self.guard.feed(data)
        return False, b""

    def feed_eof(self) -> None:
        pass


class Line:
    def __init__(self, per_second: float = 50, burst: int = 200) -> None:
        self.connection, self.parser = Connection(), Parser()
        self.violations: list[int] = []
        self.gate = FrameGate(
            cast(Any, self.parser),
            cast(Any, self.connection),
            bounds=FrameLimits(1_000, per_second, burst, cost_s=COST_S),
            violated=self.violations.append,
        )
        self.gate._bucket = Bucket(per_second, burst, clock=asyncio.get_running_loop().time)

    @property
    def frames(self) -> int:
        return self.parser.guard.frames

    async def deal_with(self, frames: int) -> None:
        """Deal with messages as they come until there have been so many."""
        dealt = 0
        while dealt < frames:
            while dealt < self.parser.guard.messages:
                self.gate.dealt_with(COST_S)
                dealt += 1
            await asyncio.sleep(0.001)


def scenario(steps: Callable[[Line], Awaitable[None]], **rates: Any) -> Line:
    async def main() -> Line:
        line = Line(**rates)
        await steps(line)
        return line

    return clock.run(main())


def test_a_handful_is_passed_on_and_the_rest_waits_for_its_turn() -> None:
    async def steps(line: Line) -> None:
        line.gate.feed_data(frame(TEXT, b"{}") * 100)
        assert line.frames == HANDFUL
        assert not line.connection.reading
        line.gate.dealt_with(COST_S)
        assert line.frames == HANDFUL, "not in the same turn"
        await asyncio.sleep(0)
        assert line.frames == HANDFUL + 1
        await line.deal_with(100)
        assert line.frames == 100
        assert line.connection.reading

    scenario(steps)


def test_over_its_rate_a_client_is_read_from_no_faster() -> None:
    async def steps(line: Line) -> None:
        sent = frame(TEXT) * 300
        line.gate.feed_data(sent)
        started = asyncio.get_running_loop().time()
        await line.deal_with(300)
        took = asyncio.get_running_loop().time() - started
        assert 100 / 50 <= took < 100 / 50 + 1, "200 at once, then 50 a second"
        assert line.parser.passed == sent
        assert line.connection.reading

    scenario(steps)


def test_a_workspace_is_read_from_no_faster_than_its_share_while_others_work() -> None:
    async def steps(line: Line) -> None:
        loop = asyncio.get_running_loop()
        fair = line.connection.house.fair

        async def work() -> None:
            while True:
                fair.charge("somebody else", 0.0)
                await asyncio.sleep(0.1)

        other = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        started = loop.time()
        line.gate.feed_data(frame(TEXT) * 4_000)
        await line.deal_with(4_000)
        least_s = 4_000 * COST_S / SHARE
        assert 0.8 * least_s < loop.time() - started < 1.2 * least_s
        other.cancel()

    scenario(steps, per_second=1e6, burst=1_000_000)


def test_frames_that_make_no_message_count_too() -> None:
    async def steps(line: Line) -> None:
        line.gate.feed_data(frame(TEXT, fin=False) + frame(0x0, fin=False) * 300)
        await asyncio.sleep(0.5)
        assert line.frames <= 200 + 25
        assert not line.connection.reading

    scenario(steps)


def test_whoever_is_closing_is_read_from_until_its_close() -> None:
    async def steps(line: Line) -> None:
        line.gate.feed_data(frame(TEXT) * 300 + frame(0x8, b"\x03\xe8"))
        line.gate.discard()
        await asyncio.sleep(0.01)
        assert line.frames == 301

    scenario(steps)


def test_a_rule_that_is_broken_is_told_once() -> None:
    async def steps(line: Line) -> None:
        line.gate.feed_data(frame(TEXT, b"x" * 1_001))
        line.gate.feed_data(frame(TEXT))

    assert scenario(steps).violations == [1009]


@given(st.lists(st.integers(0, 40), max_size=30), st.lists(st.integers(1, 500), max_size=30))
def test_a_guard_loses_nothing_however_it_is_asked(takes: list[int], cuts: list[int]) -> None:
    sent = b"".join(frame(TEXT, b"x" * size) for size in range(60)) + frame(PING)
    guard, passed, at = FrameGuard(1_000), b"", 0
    for cut, take in zip(cuts, takes, strict=False):
        before = guard.frames
        passed += guard.feed(sent[at : at + cut], take)
        at += cut
        assert guard.frames - before <= take
    passed += guard.feed(sent[at:])
    assert passed == sent
    assert (guard.frames, guard.messages) == (61, 61)
