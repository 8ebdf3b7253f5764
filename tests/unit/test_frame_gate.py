"""How fast frames come in: counted however small, held back and never lost, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from ringline.web import websocket
from ringline.web.admission import Slot
from ringline.web.buckets import Bucket
from ringline.web.fair_share import SHARE, FairShare
from ringline.web.frame_gate import HANDFUL, HANDFUL_S, FrameLimits
from ringline.web.house import Waits
from ringline.web.websocket import Message, WebSocket
from ringline.web.wheel import Wheel
from ringline.wire.websocket_frames import pong_frame
from ringline.wire.websocket_reader import COUNTED_BYTES
from tests import clock
from tests.realtime_session import frame

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
COST_S = 1e-4  # of a message


class Transport:
    """What is written, and whether the connection is being closed."""

    def __init__(self) -> None:
        self.written = b""
        self.closing = self.aborted = False
        self.reading = True
        self.lost: Callable[[], None] = lambda: None

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == 0, "a client that does not read counts as slow at once"

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.lost)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def loop_time() -> float:
    return asyncio.get_running_loop().time()


class Work:
    """The time that work takes, which virtual time does not show: so much for a message."""

    def __init__(self) -> None:
        self.done_s = 0.0

    def seconds(self) -> float:
        return self.done_s


class Line:
    def __init__(self, work: Work, *, per_second: float = 50, burst: int = 200) -> None:
        self.work = work
        self.cost_s = COST_S
        self.transport = Transport()
        self.fair = FairShare(loop_time)
        house = SimpleNamespace(fair=self.fair, wheel=Wheel())
        request: Any = SimpleNamespace(
            edge=SimpleNamespace(house=house, waits=Waits(), leave=lambda socket, slot: None),
            loop=asyncio.get_running_loop(),
            who="somebody",
            hand_over=lambda socket: (self.transport, Slot(None)),
        )
        self.socket = WebSocket(request, FrameLimits(200_000, per_second, burst))
        self.transport.lost = partial(self.socket.connection_lost, None)
        self.socket._gate._bucket = Bucket(per_second, burst, clock=loop_time)
        self.messages: list[Message] = []
        self.audio: list[bytes] = []

    @property
    def frames(self) -> int:
        return self.socket._reader.frames

    def take(self, message: Message) -> None:
        self.work.done_s += self.cost_s
        self.messages.append(message)

    def take_audio(self, frame: bytearray) -> bool:
        if not frame.startswith(b"audio"):
            return False
        self.audio.append(bytes(frame))
        return True

    def receive_all(self) -> "asyncio.Task[None]":
        return asyncio.create_task(self.socket.receive_all(self.take))

    async def talk(self) -> "asyncio.Task[None]":
        """Receive with audio apart; the first frame brings tokens for the next ones."""
        receiving = asyncio.create_task(self.socket.receive_all(self.take, self.take_audio))
        await asyncio.sleep(0)
        self.socket.data_received(frame(TEXT, b"first"))
        assert self.messages == ["first"]
        return receiving

    async def taken(self, count: int) -> None:
        """Wait until so many messages have been taken."""
        while len(self.messages) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Line]:
    work = Work()
    monkeypatch.setattr(websocket, "perf_counter", work.seconds)

    def scenario(steps: Callable[[Line], Awaitable[None]], **rates: Any) -> Line:
        async def main() -> Line:
            line = Line(work, **rates)
            await steps(line)
            return line

        return clock.run(main())

    return scenario


Run = Callable[..., Line]


def test_a_message_is_taken_in_the_turn_in_which_it_arrives(run: Run) -> None:
    async def steps(line: Line) -> None:
        receiving = line.receive_all()
        await asyncio.sleep(0)
        line.socket.data_received(frame(TEXT, b"one") + frame(BINARY, b"two"))
        assert line.messages == ["one", b"two"]
        line.socket.data_received(frame(CLOSE, b"\x0f\xa1"))
        await receiving
        assert line.socket.close_code == 4001

    run(steps)


def test_a_handful_is_handled_and_the_rest_waits_for_its_turn(run: Run) -> None:
    async def steps(line: Line) -> None:
        receiving = line.receive_all()
        await asyncio.sleep(0)
        line.socket.data_received(frame(TEXT, b"{}") * 100)
        assert len(line.messages) == HANDFUL
        assert not line.transport.reading
        await asyncio.sleep(0)
        assert len(line.messages) == 2 * HANDFUL
        await line.taken(100)
        assert line.transport.reading
        receiving.cancel()

    run(steps)


def test_fewer_are_handled_in_a_turn_if_each_takes_long(run: Run) -> None:
    async def steps(line: Line) -> None:
        line.cost_s = HANDFUL_S / 2
        receiving = line.receive_all()
        await asyncio.sleep(0)
        line.socket.data_received(frame(TEXT) * 10)
        assert len(line.messages) == 2
        await line.taken(10)
        receiving.cancel()

    run(steps)


def test_messages_that_nobody_takes_wait_and_the_client_with_them(run: Run) -> None:
    async def steps(line: Line) -> None:
        line.socket.data_received(frame(TEXT, b"one") + frame(TEXT, b"two") + frame(PING))
        assert not line.transport.reading
        assert await line.socket.receive() == "one"
        await asyncio.sleep(0.1)
        assert not line.transport.reading
        assert line.transport.written == b""
        receiving = line.receive_all()
        await asyncio.sleep(0)
        assert line.messages == ["two"]
        assert line.transport.written == pong_frame(b"")
        assert line.transport.reading
        receiving.cancel()

    run(steps)


def test_over_its_rate_a_client_is_read_from_no_faster(run: Run) -> None:
    async def steps(line: Line) -> None:
        receiving = line.receive_all()
        await asyncio.sleep(0)
        line.socket.data_received(b"".join(frame(TEXT, b"%d" % number) for number in range(300)))
        started = loop_time()
        await line.taken(300)
        assert 1.9 < loop_time() - started < 3, "200 at once, then 50 a second"
        assert line.messages == [str(number) for number in range(300)]
        assert line.transport.reading
        receiving.cancel()

    run(steps)


def test_large_frames_count_as_several_as_soon_as_they_begin(run: Run) -> None:
    async def steps(line: Line) -> None:
        receiving = line.receive_all()
        await asyncio.sleep(0)
        large = frame(TEXT, b"x" * 9 * COUNTED_BYTES)
        for number in range(25):  # as much as 250 frames
            line.socket.data_received(large[:100])
            line.socket.data_received(large[100:])
            await asyncio.sleep(0)  # others' turn
            assert len(line.messages) == min(number + 1, 20)
        started = loop_time()
        await line.taken(25)
        assert 0.8 < loop_time() - started < 2
        receiving.cancel()

    run(steps)


def test_a_workspace_is_read_from_no_faster_than_its_share_while_others_work(run: Run) -> None:
    async def steps(line: Line) -> None:
        fair = line.fair

        async def work() -> None:
            while True:
                fair.charge("somebody else", 0.0)
                await asyncio.sleep(0.1)

        other = asyncio.create_task(work())
        receiving = line.receive_all()
        await asyncio.sleep(0.01)
        started = loop_time()
        line.socket.data_received(frame(TEXT) * 4_000)
        await line.taken(4_000)
        least_s = 4_000 * COST_S / SHARE
        assert 0.8 * least_s < loop_time() - started < 1.2 * least_s
        other.cancel()
        receiving.cancel()

    run(steps, per_second=1e6, burst=1_000_000)


def test_frames_that_make_no_message_count_too(run: Run) -> None:
    async def steps(line: Line) -> None:
        receiving = line.receive_all()
        await asyncio.sleep(0)
        line.socket.data_received(frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 300)
        await asyncio.sleep(0.5)
        assert line.frames <= 200 + 25
        assert not line.transport.reading
        receiving.cancel()

    run(steps)


SPOKEN = b"audio".ljust(500)


def test_audio_that_arrives_by_itself_is_taken_undecoded_and_the_rest_as_ever(run: Run) -> None:
    async def steps(line: Line) -> None:
        receiving = await line.talk()
        await asyncio.sleep(1)
        line.socket.data_received(frame(TEXT, SPOKEN))
        assert line.audio == [SPOKEN]
        assert line.socket.last_heard == loop_time()
        line.socket.data_received(frame(TEXT, b"text".ljust(500)))
        line.socket.data_received(frame(TEXT, SPOKEN) * 2)
        line.socket.data_received(frame(TEXT, b"\xff" * 500))
        assert line.audio == [SPOKEN]
        text = SPOKEN.decode()
        assert line.messages == ["first", "text".ljust(500), text, text]
        await receiving
        assert line.socket.violation == 1007
        line.socket.data_received(frame(TEXT, SPOKEN))
        assert line.audio == [SPOKEN], "nobody takes it any more"

    run(steps)


def test_no_audio_is_taken_in_the_middle_of_another_message(run: Run) -> None:
    async def steps(line: Line) -> None:
        receiving = await line.talk()
        line.socket.data_received(frame(TEXT, b"begun ", fin=False))
        line.socket.data_received(frame(TEXT, SPOKEN))
        await receiving
        assert line.socket.violation == 1002
        assert line.audio == []

    run(steps)


def test_audio_over_its_rate_is_read_no_faster(run: Run) -> None:
    async def steps(line: Line) -> None:
        receiving = await line.talk()
        for _ in range(299):
            line.socket.data_received(frame(TEXT, SPOKEN))
        assert not line.transport.reading
        assert len(line.audio) + len(line.messages) <= 200
        assert len(line.audio) > 150
        started = loop_time()
        while len(line.audio) + len(line.messages) < 300:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        assert 1.9 < loop_time() - started < 3, "200 at once, then 50 a second"
        assert line.transport.reading
        receiving.cancel()

    run(steps)


def test_audio_of_a_workspace_in_debt_waits_for_the_others(run: Run) -> None:
    async def steps(line: Line) -> None:
        receiving = await line.talk()
        fair = line.fair
        fair.charge("somebody", 0.1)
        fair.charge("somebody else", 0.0)
        line.socket.data_received(frame(TEXT, SPOKEN))
        assert not line.transport.reading
        assert line.audio == []
        await asyncio.sleep(1)
        assert line.messages[1:] == [SPOKEN.decode()]
        receiving.cancel()

    run(steps)


def test_the_work_of_audio_is_charged(run: Run) -> None:
    async def steps(line: Line) -> None:
        line.cost_s = 0.0
        receiving = await line.talk()
        account = line.fair.account("somebody")
        before_s = account.left_s
        for _ in range(100):
            line.socket.data_received(frame(TEXT, SPOKEN))
        assert len(line.audio) == 100, "none of it took the long way"
        assert 0.0015 < before_s - account.left_s < 0.0025
        receiving.cancel()

    run(steps)


def test_a_bug_in_taking_audio_is_raised_where_it_receives(run: Run) -> None:
    async def steps(line: Line) -> None:
        def take_audio(frame: bytearray) -> bool:
            raise ZeroDivisionError

        line.take_audio = take_audio
        receiving = await line.talk()
        line.socket.data_received(frame(TEXT, SPOKEN))
        with pytest.raises(ZeroDivisionError):
            await receiving
        line.socket.data_received(frame(TEXT, SPOKEN))
        assert not line.transport.reading

    run(steps)


def test_whoever_is_closing_is_read_from_until_the_close_and_nothing_is_taken(run: Run) -> None:
    async def steps(line: Line) -> None:
        line.socket.data_received(frame(TEXT) * 300 + frame(PING) + frame(CLOSE, b"\x03\xe8"))
        await line.socket.close(1001)
        assert line.frames == 302
        assert line.messages == []
        assert line.transport.written == b"\x88\x02\x03\xe9"
        assert line.transport.closing
        assert not line.transport.aborted

    run(steps)


def test_whoever_does_not_answer_a_close_is_cut_off(run: Run) -> None:
    async def steps(line: Line) -> None:
        await line.socket.close(1001)
        assert line.transport.aborted

    run(steps)


def test_a_rule_that_is_broken_ends_the_messages_and_the_socket(run: Run) -> None:
    async def steps(line: Line) -> None:
        receiving = line.receive_all()
        await asyncio.sleep(0)
        line.socket.data_received(frame(TEXT, b"one") + frame(0x3) + frame(TEXT, b"two"))
        await receiving
        assert line.socket.violation == 1002
        assert line.messages == ["one"]
        assert await line.socket.receive() is None
        line.socket.end()
        assert line.transport.written == b"\x88\x02\x03\xea"
        line.socket.data_received(frame(CLOSE, b"\x03\xea"))
        await asyncio.sleep(0)
        assert line.transport.closing
        assert not line.transport.aborted

    run(steps)


def test_a_bug_of_the_receiver_is_raised_where_it_receives(run: Run) -> None:
    async def steps(line: Line) -> None:
        def take(message: Message) -> None:
            raise ZeroDivisionError

        receiving = asyncio.create_task(line.socket.receive_all(take))
        await asyncio.sleep(0)
        line.socket.data_received(frame(TEXT) * 3)
        with pytest.raises(ZeroDivisionError):
            await receiving
        assert not line.transport.reading

    run(steps)


def test_a_client_that_is_gone_ends_everything(run: Run) -> None:
    async def steps(line: Line) -> None:
        receiving = line.receive_all()
        await asyncio.sleep(0)
        line.socket.data_received(frame(TEXT) * 300)
        line.transport.closing = True
        line.socket.connection_lost(None)
        await receiving
        taken = len(line.messages)
        line.socket.end()
        await asyncio.sleep(1)
        assert len(line.messages) == taken
        assert line.transport.written == b""

    run(steps)


def test_a_client_that_pings_without_reading_gets_no_pongs(run: Run) -> None:
    async def steps(line: Line) -> None:
        receiving = line.receive_all()
        await asyncio.sleep(0)
        line.socket.pause_writing()
        line.socket.data_received(frame(PING, b"1"))
        line.socket.resume_writing()
        line.socket.data_received(frame(PING, b"2") + frame(PONG))
        assert line.transport.written == pong_frame(b"2")
        receiving.cancel()

    run(steps)
