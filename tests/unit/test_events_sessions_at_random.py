"""Sessions of the events socket at random: joins, rejoins, leaves, and what happens meanwhile.

Whatever a client does, each of its channels is sent its topic's events without a gap and without
a second copy, from the position in its join's reply on, and nothing once it is closed. Only a
session that closed with "resume" may have sent less.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.domain.credentials import KeyKind
from ringline.wire.phoenix_socket import CLOSE_RESUME
from tests.event_sessions import SCOPE, Client, Frame, SessionDesk, scenario
from tests.samples import ended, new_id, note

CALLS = {"a": new_id(), "b": new_id()}
TOPICS = ("log", "events", f"events:{SCOPE.workspace_id}", "call:a", "call:b", f"call:{CALLS['a']}")
HEARTBEAT = (None, "h", "phoenix", "heartbeat", {})


@dataclass
class Truth:
    """The log as it should be told: of which call each event is, by offset from 1."""

    calls: list[UUID] = field(default_factory=list)

    def of(self, topic: str, after: int) -> list[int]:
        """Return the offsets of a topic's events after an offset."""
        name = topic.partition(":")[2] if topic.startswith("call:") else None
        call = None if name is None else CALLS.get(name, CALLS["a"])
        offsets = range(after + 1, len(self.calls) + 1)
        return [offset for offset in offsets if call in (None, self.calls[offset - 1])]


def told(frame: Frame) -> int | None:
    position = frame[4].get("position")
    return None if position is None else int(position.split(":")[1])


def check(client: Client, truth: Truth, *, whole: bool) -> None:
    """Hold what a client was sent against the log."""
    joined: dict[str, tuple[Any, int]] = {}  # each channel's join and how far it was told
    for frame in client.seen:
        join_ref, ref, topic, event, payload = frame
        if event == "phx_reply" and payload["status"] == "ok" and "position" in payload["response"]:
            joined[topic] = ref, told([None, None, topic, event, payload["response"]]) or 0
        elif event in ("phx_close", "phx_error"):
            if joined.get(topic, (None, 0))[0] == join_ref:
                del joined[topic]
        elif (offset := told(frame)) is not None:
            assert topic in joined, "a channel that is closed is silent"
            name, after = joined[topic]
            assert truth.of(topic, after)[0] == offset, "no gap, and no second copy"
            joined[topic] = name, offset
    if whole:
        for topic, (_, after) in joined.items():
            assert truth.of(topic, after) == [], "and nothing is missing"


_STEPS = st.one_of(
    st.tuples(st.just("join"), st.sampled_from(TOPICS), st.sampled_from([None, "0", "last"])),
    st.tuples(st.just("leave"), st.sampled_from(TOPICS)),
    st.tuples(st.just("stale"), st.sampled_from(TOPICS)),
    st.tuples(st.just("push"), st.sampled_from(TOPICS)),
    st.just(("pause",)),
    st.tuples(st.just("happen"), st.sampled_from(["a", "b"]), st.sampled_from([1, 2, 100])),
    st.tuples(st.just("end"), st.sampled_from(["a", "b"])),
    st.tuples(st.sampled_from(["pause", "read", "beat", "settle", "turn"])),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_STEPS, min_size=8, max_size=40))
def test_every_channel_is_sent_its_topic_whole(steps: list[tuple[Any, ...]]) -> None:
    async def play(desk: SessionDesk) -> None:
        truth, over = Truth(), set[str]()
        for name, call_id in CALLS.items():
            desk.calls.add(call_id, name)
        client, leaves = desk.client(kind=KeyKind.CONSOLE), 0
        client.join()
        await asyncio.sleep(1)
        for step in steps:
            match step:
                case ("join", topic, since):
                    last = next(filter(None, map(position_of, reversed(client.seen))), None)
                    asked = last if since == "last" else since
                    client.join(topic, **({} if asked is None else {"since": asked}))
                case ("leave", topic):
                    leaves += 1
                    client.send(None, f"l{leaves}", topic, "phx_leave", {})
                case ("stale", topic):
                    client.send("old", "s", topic, "phx_leave", {})
                case ("push", topic):
                    client.send(None, "p", topic, "anything", {})
                case ("happen", name, count) if name not in over:
                    truth.calls += [CALLS[name]] * count
                    await desk.happen(*(note(CALLS[name]) for _ in range(count)))
                case ("end", name) if name not in over:
                    over.add(name)
                    truth.calls.append(CALLS[name])
                    desk.calls.add(CALLS[name], name, has_ended=True)
                    await desk.happen(ended(CALLS[name]))
                case ("pause",):
                    client.pause()
                case ("read",):
                    client.read_on()
                case ("beat",):
                    client.send(*HEARTBEAT)
                case ("turn",):
                    await asyncio.sleep(0)
                case ("settle",):
                    await asyncio.sleep(5)
                case _:
                    pass
        client.read_on()
        await asyncio.sleep(5)
        goodbye = client.wire.goodbye
        assert goodbye in (None, (CLOSE_RESUME, "resume"))
        assert not client.wire.aborted
        check(client, truth, whole=goodbye is None)
        client.leave()
        await asyncio.sleep(1)
        assert not desk.hub._users, "nothing is watched for a client that is gone"  # pyright: ignore[reportPrivateUsage]

    scenario(play)


def position_of(frame: Frame) -> str | None:
    return frame[4].get("position") or frame[4].get("response", {}).get("position")
