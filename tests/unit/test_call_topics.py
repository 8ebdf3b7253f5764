"""The channels `call:…` of the events socket (contract, 11), over a log in memory."""

import asyncio
from typing import Any

import pytest

from ringline.domain import limits, socket_limits
from ringline.domain.topics import ALL_EVENTS
from ringline.wire.events_socket import CallNamed, TopicRefused, read_topic
from tests.event_sessions import SCOPE, Client, Frame, SessionDesk, scenario
from tests.samples import a_scope, ended, new_id, note, turn

NOT_FOUND = {"status": "error", "response": {"reason": "not_found"}}


def replies(client: Client) -> list[Any]:
    return [frame[4] for frame in client.named("phx_reply")]


def pushed(client: Client, topic: str) -> list[str]:
    """Return the names of what came on a topic besides the reply to the join."""
    return [frame[3] for frame in client.seen if frame[2] == topic and frame[3] != "phx_reply"]


async def settled() -> None:
    await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("events", ALL_EVENTS),
        ("call:a", CallNamed("a")),
        ("call:a:b::c", CallNamed("a:b::c")),
        ("call: \u2028é", CallNamed(" \u2028é")),
        ("call:", CallNamed("")),
        ("call:events", CallNamed("events")),
    ],
)
def test_whatever_follows_the_colon_names_a_call(name: str, asked: object) -> None:
    assert read_topic(name, SCOPE.workspace_id) == asked


@pytest.mark.parametrize("name", ["call", "calls:a", "Call:a", "call_a", " call:a"])
def test_other_prefixes_are_no_topics(name: str) -> None:
    with pytest.raises(TopicRefused):
        read_topic(name, SCOPE.workspace_id)


def test_the_events_of_one_call_come_and_the_channel_closes_behind_the_last() -> None:
    async def steps(desk: SessionDesk) -> None:
        one, other = desk.calls.add(new_id(), "one:1"), desk.calls.add(new_id(), "other")
        client = desk.client()
        ref = client.join("call:one:1")
        await settled()
        assert replies(client) == [{"status": "ok", "response": {"position": "epoch001:0"}}]
        await desk.happen(note(one), turn(one, "hello"))
        await desk.happen(note(other))
        await desk.happen(ended(other), ended(one))
        await settled()
        assert pushed(client, "call:one:1") == [
            "call_ai_audit_event",
            "call_transcript_completed",
            "call_ended",
            "phx_close",
        ]
        assert client.seen[-1] == [ref, ref, "call:one:1", "phx_close", {}]
        assert {frame[4]["callId"] for frame in client.named("call_ended")} == {str(one)}
        client.send(None, "9", "call:one:1", "phx_leave", {})
        await settled()
        assert client.seen[-1][4]["status"] == "ok"

    scenario(steps)


def test_a_call_that_ends_while_it_is_joined_is_told_whole() -> None:
    async def steps(desk: SessionDesk) -> None:
        call = desk.calls.add(new_id(), "one")
        client = desk.client()
        client.join("call:one")
        await asyncio.sleep(0.0005)  # the position is known, the call not yet
        await desk.happen(note(call), ended(call))
        await settled()
        assert pushed(client, "call:one") == ["call_ai_audit_event", "call_ended", "phx_close"]

    scenario(steps)


@pytest.mark.parametrize("since", [None, "0", "epoch001:1", "epoch001:2", "epoch001:9", "nonsense"])
def test_an_ended_call_is_found_only_while_something_is_left(since: str | None) -> None:
    async def steps(desk: SessionDesk) -> None:
        call = desk.calls.add(new_id(), "one", has_ended=True)
        await desk.happen(note(call), ended(call))
        client = desk.client()
        client.join("call:one", since=since)
        await settled()
        if since in ("0", "epoch001:1"):
            assert replies(client)[0]["response"] == {
                "position": "epoch001:0" if since == "0" else since,
                "recovered": True,
            }
            left = ["call_ended", "phx_close"]
            expected = ["call_ai_audit_event", *left] if since == "0" else left
            assert pushed(client, "call:one") == expected
        else:
            assert replies(client) == [NOT_FOUND]
            assert pushed(client, "call:one") == []

    scenario(steps)


def test_unknown_and_foreign_calls_are_the_same() -> None:
    async def steps(desk: SessionDesk) -> None:
        call = desk.calls.add(new_id(), "one")
        client, stranger = desk.client(), desk.client(scope=a_scope(2))
        for name in ("two", "", str(new_id())):
            client.join(f"call:{name}")
        for name in ("one", str(call)):
            stranger.join(f"call:{name}")
        await settled()
        assert replies(client) == [NOT_FOUND] * 3
        assert replies(stranger) == [NOT_FOUND] * 2
        assert all(frame[0] == frame[1] for frame in client.seen), "with its join_ref"

    scenario(steps)


def test_a_call_has_one_channel_under_whatever_name_and_none_of_the_others() -> None:
    async def steps(desk: SessionDesk) -> None:
        call = desk.calls.add(new_id(), "one", "call_1")
        client = desk.client()
        names = ["call:one", "call:call_1", f"call:{call}"]
        for name in ("events", *names):
            client.join(name)
            await settled()
        closed = [frame[2] for frame in client.named("phx_close")]
        assert closed == names[:-1], "each took over, and `events` is another topic"
        await desk.happen(note(call))
        await settled()
        told: list[Frame] = client.named("call_ai_audit_event")
        assert {frame[2] for frame in told} == {"events", names[-1]}
        assert len(told) == 2

    scenario(steps)


def test_a_socket_looks_up_a_few_calls_at_once() -> None:
    async def steps(desk: SessionDesk) -> None:
        client = desk.client()
        names = [f"call {number}" for number in range(40)]
        for name in names:
            desk.calls.add(new_id(), name)
            client.join(f"call:{name}")
        await settled()
        assert desk.calls.most_asked == socket_limits.JOINS_AT_ONCE.most
        assert len(replies(client)) == len(names)
        assert all(reply["status"] == "ok" for reply in replies(client))

    scenario(steps)


def test_a_database_that_is_away_refuses_the_join() -> None:
    async def steps(desk: SessionDesk) -> None:
        desk.calls.add(new_id(), "one")
        desk.store.go_away()
        client = desk.client()
        client.join("call:one")
        await settled()
        assert replies(client) == [{"status": "error", "response": {"reason": "unavailable"}}]

    scenario(steps)


def test_a_client_that_does_not_read_is_told_to_resume_and_not_that_it_is_over() -> None:
    async def steps(desk: SessionDesk) -> None:
        call = desk.calls.add(new_id(), "one")
        client = desk.client()
        client.join("call:one")
        await settled()
        client.pause()
        await desk.happen(*(note(call) for _ in range(limits.WAITING_FRAMES.most + 1)))
        await desk.happen(ended(call))
        await settled()
        assert client.wire.goodbye == (4001, "resume")
        assert client.named("phx_close") == []

    scenario(steps)
