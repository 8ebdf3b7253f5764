"""Long polling: bodies, tokens and answers, and a session that loses and doubles nothing."""

import asyncio
import json
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import limits, socket_limits
from ringline.domain.log import Environment, Scope
from ringline.services.outbox import Outbox, Tick
from ringline.web import long_poll_session
from ringline.web.budget import ByteBudget
from ringline.web.fair_share import FairShare
from ringline.web.limits import SocketLimits
from ringline.web.long_poll_session import LongPollSession
from ringline.web.watchers import Viewer
from ringline.web.wheel import Wheel
from ringline.wire import long_poll
from ringline.wire.close_policy import POLICIES, Socket
from ringline.wire.long_poll import (
    NDJSON,
    BodyRefused,
    PollToken,
    read_frames,
    read_token,
    spell_message,
    split_messages,
)
from tests import clock

# -- the wire ---------------------------------------------------------------------------

frames = st.one_of(
    st.lists(st.text(), max_size=4), st.dictionaries(st.text(), st.text(), max_size=3)
).map(lambda value: json.dumps(value, ensure_ascii=False).encode())


def inside(messages: bytes) -> list[bytes]:
    return [text.encode() for text in json.loads(b"[%b]" % messages[:-1])]


@given(st.lists(frames, max_size=8), st.integers(1, 120))
def test_messages_are_split_between_two(some: list[bytes], most: int) -> None:
    whole = rest = b"".join(map(spell_message, some))
    parts: list[bytes] = []
    while rest:
        part, rest = split_messages(rest, most)
        assert len(part) <= most or len(inside(part)) == 1
        parts.append(part)
    assert b"".join(parts) == whole
    assert [frame for part in parts for frame in inside(part)] == some


def test_an_answer_is_what_the_client_parses() -> None:
    messages = spell_message(b'["1",null]') + spell_message('{"é":"\\""}'.encode())
    answer = long_poll.write_answer(200, PollToken("x" * 43, 7), messages=messages)
    assert json.loads(answer) == {
        "status": 200,
        "token": f"{'x' * 43}.7",
        "messages": ['["1",null]', '{"é":"\\""}'],
    }
    empty = {"status": 410, "token": None, "messages": []}
    assert json.loads(long_poll.write_answer(410, None)) == empty
    assert json.loads(long_poll.write_status(403)) == {"status": 403}


def test_tokens() -> None:
    token = PollToken("aZ0-_" * 8 + "abc", 12)
    assert read_token(str(token)) == token
    for text in (None, "", "x", f"{'x' * 43}", f"{'x' * 43}.", f"{'x' * 43}.-1", f"{'x' * 42}.0"):
        assert read_token(text) is None
    assert read_token(f"{'x' * 43}.{'9' * 5000}") is None
    assert read_token(f"{'x' * 43}.0\n") is None


def test_every_close_code_of_the_server_ends_a_poll() -> None:
    client_only = {1000, 1002, 1006, 1009}  # of frames that long polling has not
    assert set(long_poll.ENDS) == set(POLICIES[Socket.EVENTS]) - client_only
    assert set(long_poll.ENDS.values()) <= long_poll.POLL_STATUSES


@given(st.lists(st.one_of(frames, st.binary(min_size=1, max_size=20)), max_size=9))
def test_bodies_give_back_their_frames(some: list[bytes]) -> None:
    lines: list[bytes] = []
    expected: list[str | bytes] = []
    for frame in some:
        is_text = frame[:1] in (b"[", b"{") and b"\xff" not in frame
        try:
            text = (
                frame.decode() if is_text and b"\n" not in frame and frame[-1:] != b"\r" else None
            )
        except UnicodeDecodeError:
            text = None
        lines.append(b64encode(frame) if text is None else frame)
        expected.append(frame if text is None else text)
    assert read_frames(b"\n".join(lines), NDJSON) == expected
    if len(lines) == 1:
        assert read_frames(lines[0], "text/plain") == expected


@given(st.binary(max_size=200), st.sampled_from([NDJSON, "application/json"]))
def test_any_body_is_read_or_refused(body: bytes, kind: str) -> None:
    read: list[str | bytes] = []
    with suppress(BodyRefused):
        read = read_frames(body, kind)
    assert len(read) <= body.count(b"\n") + 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]\n" * (socket_limits.POLL_FRAMES.most + 1), 413),
        (b"\n" * socket_limits.POLL_BYTES.most, 413),
        (b"[" + b" " * socket_limits.WATCH_FRAME_BYTES.most, 413),
        (b"AAA", 400),
        (b"AA==AA==", 400),
        (b"[\xff]", 400),
    ],
)
def test_bodies_that_are_refused(body: bytes, status: int) -> None:
    with pytest.raises(BodyRefused) as refused:
        read_frames(body, NDJSON)
    assert refused.value.status == status


def test_a_body_of_as_many_frames_as_may_be() -> None:
    most = socket_limits.POLL_FRAMES.most
    assert len(read_frames(b"[]\n" * most, NDJSON)) == most


# -- a session --------------------------------------------------------------------------

VIEWER = Viewer(Scope(UUID(int=1), Environment.LIVE), UUID(int=2))


@dataclass
class Session:
    """What is carried: it repeats what it takes."""

    outbox: Outbox | None = None
    has_left: int = 0
    taken: list[str | bytes] = field(default_factory=list)

    def begin(self, carrier: LongPollSession) -> None:
        self.outbox = Outbox(carrier, Tick(), overrun=carrier.abort)
        carrier.when_resumed(self.outbox.resumed)

    def take(self, message: str | bytes) -> None:
        self.taken.append(message)
        if self.outbox is not None:
            self.outbox.send(spell_message(b"[%d]" % len(self.taken)))

    def left(self) -> None:
        self.has_left += 1


def make(budget: ByteBudget | None = None) -> tuple[LongPollSession, Session, Wheel]:
    wheel, session = Wheel(), Session()
    house: Any = SimpleNamespace(
        wheel=wheel, budget=budget or ByteBudget(), fair=FairShare(clock=lambda: 0.0)
    )
    carried: Any = session
    polled = LongPollSession("x" * 43, carried, viewer=VIEWER, house=house, bounds=SocketLimits())
    polled.begin()
    return polled, session, wheel


#: What may happen: the server writes events, the client sends, polls, leaves its poll, repeats one.
steps = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.integers(1, 5)),
        st.tuples(st.just("send"), st.integers(1, 5)),
        st.tuples(st.sampled_from(["poll", "abort", "lose", "wait", "turn"]), st.just(0)),
    ),
    max_size=40,
)


@given(steps, st.integers(10, 80))
def test_no_frame_is_lost_or_doubled(some: list[tuple[str, int]], answer_bytes: int) -> None:
    async def main() -> None:
        polled, session, _ = make()
        outbox = session.outbox
        assert outbox is not None
        received: list[str] = []
        written = sent = 0
        token = polled.token
        poll: asyncio.Future[bytes] | None = None

        def settle(lost: bool = False) -> None:
            """Receive the answer, if there is one, or lose it."""
            nonlocal poll, token
            if poll is None or not poll.done():
                return
            answer = json.loads(poll.result())
            polled.leave_poll(poll)
            poll = None
            assert answer["status"] in (200, 204)
            assert sum(map(len, answer["messages"])) <= answer_bytes or len(answer["messages"]) == 1
            if not lost:
                received.extend(answer["messages"])
                found = read_token(answer["token"])
                assert found is not None
                token = found

        def begin() -> None:
            nonlocal poll
            if poll is None:
                poll = polled.poll(token.answer)
                assert poll is not None

        for what, many in some:
            match what:
                case "event":
                    for _ in range(many):
                        frame = spell_message(b'["%d"]' % written)
                        if outbox.write_now(frame) or outbox.offer(frame):
                            written += 1
                case "send":
                    status = await polled.send(["[]"] * many)
                    assert status == (polled.over or 200)
                    sent += many
                case "poll":
                    settle()
                    begin()
                case "abort" if poll is not None and not poll.done():
                    poll.cancel()
                    polled.leave_poll(poll)
                    poll = None
                case "lose":
                    settle(lost=True)
                case "wait":
                    settle()
                    if poll is not None:
                        await asyncio.sleep(socket_limits.POLL_WINDOW_S.most + 1)
                        settle()
                case _:
                    await asyncio.sleep(0)
            if polled.over is not None:
                return  # more replies than its bound: the client knows it from a 410
        for _ in range(200):
            settle()
            begin()
            await asyncio.sleep(0.001)
            if polled.over is not None or len(received) == written + sent:
                break
        settle()
        assert polled.over is None
        assert [one for one in received if '"' in one] == [f'["{n}"]' for n in range(written)]
        assert [one for one in received if '"' not in one] == [f"[{n + 1}]" for n in range(sent)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_poll_session, "_MOST_BYTES", answer_bytes)
        clock.run(main())


def test_a_session_ends_15_s_after_its_last_poll() -> None:
    async def main() -> None:
        polled, session, wheel = make()
        for _ in range(2):
            poll = polled.poll(0)
            assert poll is not None
            before = asyncio.get_running_loop().time()
            assert json.loads(await poll)["status"] == 204
            took_s = asyncio.get_running_loop().time() - before
            assert 10 <= took_s <= 10.2
            polled.leave_poll(poll)
            await asyncio.sleep(14.9)
            assert (polled.over, session.has_left) == (None, 0)
        await asyncio.sleep(0.4)
        assert (polled.over, session.has_left, polled.wake_tick) == (410, 1, None)
        assert polled.poll(0) is None
        assert await polled.send(["[]"]) == 410
        wheel.close()

    clock.run(main())


@pytest.mark.parametrize("code", sorted(long_poll.ENDS))
def test_the_end_answers_the_poll_that_waits(code: int) -> None:
    async def main() -> None:
        polled, session, _ = make()
        poll = polled.poll(0)
        assert poll is not None
        polled.say_goodbye(code, "reason")
        assert json.loads(await poll)["status"] == long_poll.ENDS[code] == polled.over
        polled.say_goodbye(1012, "again")
        assert (polled.over, session.has_left) == (long_poll.ENDS[code], 1)

    clock.run(main())


def test_the_end_comes_behind_what_was_written() -> None:
    async def main() -> None:
        polled, _, _ = make()
        poll = polled.poll(0)
        assert poll is not None
        polled.write(spell_message(b"[1]"))
        polled.say_goodbye(1001, "revoked")
        answer = json.loads(await poll)
        assert (answer["status"], answer["messages"]) == (200, ["[1]"])
        assert polled.poll(1) is None

    clock.run(main())


def test_a_long_body_lets_its_client_fetch_the_replies() -> None:
    """A hundred replies would overrun the bound of a client that only polls in between."""

    async def main() -> None:
        polled, session, _ = make()
        sending = asyncio.create_task(polled.send(["[]"] * 100))
        received: list[str] = []
        while len(received) < 100:
            poll = polled.poll(polled.token.answer)
            assert poll is not None
            received += json.loads(await poll)["messages"]
            polled.leave_poll(poll)
            await asyncio.sleep(0.05)  # until its next poll
        assert await sending == 200
        assert len(session.taken) == 100

    clock.run(main())


def test_a_body_waits_for_those_before_it_but_not_for_ever() -> None:
    async def main() -> None:
        polled, session, _ = make()
        bodies = [asyncio.create_task(polled.send(["[]"] * 40)) for _ in range(2)]
        assert [await body for body in bodies] == [200, 408]  # the first waited for a poll
        assert len(session.taken) == 40

    clock.run(main())


def test_a_client_that_sends_without_polling_is_closed() -> None:
    async def main() -> None:
        polled, session, _ = make()
        assert await polled.send(["[]"] * 100) == 410
        assert polled.over == 410
        assert len(session.taken) == limits.WAITING_REPLIES.most + 1

    clock.run(main())


def test_what_a_key_holds_for_its_clients_is_bounded() -> None:
    async def main() -> None:
        budget = ByteBudget(300_000)
        sessions = [make(budget)[0] for _ in range(3)]
        for polled in sessions:
            poll = polled.poll(0)
            assert poll is not None
            polled.write(spell_message(b'["%b"]' % (b"x" * 120_000)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert [polled.over for polled in sessions] == [None, None, 410]
        for polled in sessions:
            polled.abort()
        assert budget.under_way(VIEWER.key_id) == 0

    clock.run(main())
