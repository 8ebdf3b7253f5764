"""The outbox: its bound, its order and its one write per tick, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ringline.domain import limits
from ringline.services.outbox import Outbox, OutboxClosed, Tick
from tests import clock
from tests.samples import RecordingConnection


class Line:
    def __init__(self) -> None:
        self.wire = RecordingConnection()
        self.overruns = 0
        self.outbox = Outbox(self.wire, Tick(), overrun=self.overrun)

    def overrun(self) -> None:
        self.overruns += 1


def scenario(steps: Callable[[Line], Awaitable[None]]) -> Line:
    async def main() -> Line:
        line = Line()
        await steps(line)
        return line

    return clock.run(main())


def frame(number: int) -> bytes:
    return f"{number};".encode()


def frames(*numbers: int) -> bytes:
    return b"".join(map(frame, numbers))


def test_frames_of_one_tick_go_out_in_one_write() -> None:
    async def steps(line: Line) -> None:
        for number in range(3):
            assert line.outbox.offer(frame(number))
        line.outbox.send(frame(3))
        assert line.wire.writes == []
        await asyncio.sleep(0)
        line.outbox.offer(frame(4))
        await asyncio.sleep(0)

    assert scenario(steps).wire.writes == [frames(0, 1, 2, 3), frames(4)]


def test_a_writable_connection_loses_nothing_however_much_comes_in_one_tick() -> None:
    async def steps(line: Line) -> None:
        for number in range(1000):
            assert line.outbox.offer(frame(number))
        await asyncio.sleep(0)

    line = scenario(steps)
    assert b"".join(line.wire.writes) == frames(*range(1000))
    assert line.outbox.dropped == 0


def test_a_paused_connection_keeps_64_frames_and_loses_the_incoming_ones() -> None:
    async def steps(line: Line) -> None:
        line.wire.paused = True
        taken = [line.outbox.offer(frame(number)) for number in range(70)]
        assert taken == [True] * 64 + [False] * 6
        await asyncio.sleep(1)
        assert line.wire.writes == []
        line.wire.paused = False
        line.outbox.resumed()
        assert line.outbox.offer(frame(70))
        await asyncio.sleep(0)

    line = scenario(steps)
    assert line.wire.writes == [frames(*range(64)), frames(70)]
    assert line.outbox.dropped == 6


def test_a_client_is_told_behind_its_last_frame_how_many_it_lost() -> None:
    async def steps(line: Line) -> None:
        def told(count: int) -> bytes:
            return f"dropped {count};".encode()

        outbox = Outbox(line.wire, Tick(), overrun=line.overrun, tell_dropped=told, limit=2)
        for lost in (3, 0, 1):
            line.wire.paused = True
            for number in range(2 + lost):
                outbox.offer(frame(number))
            line.wire.paused = False
            outbox.resumed()
        outbox.offer(frame(9))
        await asyncio.sleep(0)

    assert scenario(steps).wire.writes == [
        frames(0, 1) + b"dropped 3;",
        frames(0, 1),
        frames(0, 1) + b"dropped 1;",
        frame(9),
    ]


def test_shared_frames_are_written_only_where_nothing_is_queued() -> None:
    async def steps(line: Line) -> None:
        assert line.outbox.write_now(frame(0))
        line.outbox.send(b"reply;")
        assert not line.outbox.write_now(frame(1)), "it must not overtake the reply"
        await asyncio.sleep(0)
        assert line.outbox.write_now(frame(2))
        line.wire.paused = True
        assert not line.outbox.write_now(frame(3))
        line.wire.paused = False
        line.outbox.close()
        assert not line.outbox.write_now(frame(4))

    assert scenario(steps).wire.writes == [frame(0), b"reply;", frame(2)]


def test_a_connection_that_fills_up_in_the_middle_of_a_tick_is_bounded_too() -> None:
    async def steps(line: Line) -> None:
        line.wire.fills_up = True
        taken = [line.outbox.offer(frame(number)) for number in range(200)]
        assert taken == [True] * 128 + [False] * 72
        await asyncio.sleep(0)

    assert scenario(steps).wire.writes == [frames(*range(64))]


def test_control_frames_stay_in_order_but_do_not_count_towards_the_bound() -> None:
    async def steps(line: Line) -> None:
        line.wire.paused = True
        for number in range(64):
            line.outbox.offer(frame(number))
        line.outbox.send(b"heartbeat;")
        assert line.outbox.room == 0
        line.wire.paused = False
        line.outbox.resumed()
        assert line.outbox.room == 64

    assert scenario(steps).wire.writes == [frames(*range(64)) + b"heartbeat;"]


def test_control_frames_have_a_bound_of_their_own_which_ends_the_connection() -> None:
    async def steps(line: Line) -> None:
        line.wire.paused = True
        for _ in range(64):
            line.outbox.send(b"reply;")
        assert line.overruns == 0
        line.outbox.send(b"reply;")
        line.outbox.send(b"reply;")
        assert line.overruns == 1
        assert not line.outbox.offer(frame(1))

    assert scenario(steps).wire.writes == []


def test_many_replies_in_one_tick_of_a_writable_connection_are_no_overrun() -> None:
    async def steps(line: Line) -> None:
        for number in range(200):
            line.outbox.send(frame(number))
        await asyncio.sleep(0)

    line = scenario(steps)
    assert b"".join(line.wire.writes) == frames(*range(200))
    assert line.overruns == 0


def test_a_paused_connection_keeps_a_megabyte_and_loses_the_incoming_ones() -> None:
    async def steps(line: Line) -> None:
        line.wire.paused = True
        half = b"x" * (limits.WAITING_BYTES.most // 2)
        assert [line.outbox.offer(half) for _ in range(4)] == [True, True, False, False]
        line.wire.paused = False
        line.outbox.resumed()
        line.wire.paused = True
        assert line.outbox.offer(half * 10), "one alone may be larger"
        assert not line.outbox.offer(b"x")

    assert scenario(steps).outbox.dropped == 3


def test_replies_have_a_bound_in_bytes_which_ends_the_connection() -> None:
    async def steps(line: Line) -> None:
        line.wire.paused = True
        half = b"x" * (limits.WAITING_REPLY_BYTES.most // 2)
        line.outbox.send(half)
        line.outbox.send(half)
        assert line.overruns == 0
        line.outbox.send(b"x")
        assert line.overruns == 1

    scenario(steps)


def test_drained_waits_for_the_connection() -> None:
    async def steps(line: Line) -> None:
        await line.outbox.drained()
        line.wire.paused = True
        line.outbox.offer(frame(1))
        waiting = [asyncio.create_task(line.outbox.drained()) for _ in range(2)]
        await asyncio.sleep(1)
        assert not any(task.done() for task in waiting)
        waiting.pop().cancel()
        line.wire.paused = False
        line.outbox.resumed()
        await waiting[0]
        line.outbox.offer(frame(2))
        await line.outbox.drained()
        assert line.wire.writes == [frame(1), frame(2)]

    scenario(steps)


def test_closing_wakes_the_waiters() -> None:
    async def steps(line: Line) -> None:
        line.wire.paused = True
        line.outbox.offer(frame(1))
        waiting = asyncio.create_task(line.outbox.drained())
        await asyncio.sleep(0)
        line.outbox.close()
        with pytest.raises(OutboxClosed):
            await waiting
        with pytest.raises(OutboxClosed):
            await line.outbox.drained()
        line.outbox.resumed()

    assert scenario(steps).wire.writes == []


def test_a_connection_that_fails_to_write_does_not_affect_others() -> None:
    class Broken(RecordingConnection):
        def write(self, data: bytes) -> None:
            raise RuntimeError

    async def steps(line: Line) -> None:
        tick = Tick()
        wire = RecordingConnection()
        for sink in (Broken(), wire):
            Outbox(sink, tick, overrun=line.overrun).offer(frame(1))
        await asyncio.sleep(0)
        assert wire.writes == [frame(1)]

    scenario(steps)
