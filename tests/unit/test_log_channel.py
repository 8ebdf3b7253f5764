"""The topic `log` of the events socket, over a log in memory: who may join it, and what comes."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from ringline.domain.credentials import KeyKind
from ringline.domain.events import EVENT_TYPES, Event, TranscriptDelta
from ringline.domain.log import Position
from ringline.domain.publication import Publication, Published
from ringline.wire import listed_events
from ringline.wire.events_socket import TopicRefused, WholeLog, read_topic
from ringline.wire.listed_events import listed
from tests.event_sessions import SCOPE, Client, Frame, SessionDesk, scenario
from tests.payload_examples import STORED
from tests.samples import new_id, note

UNAUTHORIZED = {"status": "error", "response": {"reason": "unauthorized"}}
DURABLE = [stored for stored in STORED if stored.event.data.durable]


async def settled() -> None:
    await asyncio.sleep(0.2)


def pushed(client: Client, topic: str = "log") -> list[Frame]:
    return [frame for frame in client.seen if frame[2] == topic and frame[3] != "phx_reply"]


def replies(client: Client) -> list[Any]:
    return [frame[4] for frame in client.named("phx_reply")]


def test_its_name() -> None:
    assert read_topic("log", SCOPE.workspace_id) == WholeLog()
    for name in ("log:", f"log:{SCOPE.workspace_id}", "logs", "Log", " log"):
        with pytest.raises(TopicRefused):
            read_topic(name, SCOPE.workspace_id)


@pytest.mark.parametrize("kind", [kind for kind in KeyKind if kind is not KeyKind.CONSOLE])
def test_only_a_sign_in_may_join_it(kind: KeyKind) -> None:
    async def steps(desk: SessionDesk) -> None:
        client = desk.client(kind=kind)
        client.join("log")
        await desk.happen(note(new_id()))
        await settled()
        assert replies(client) == [UNAUTHORIZED]
        assert pushed(client) == []
        client.join("events")
        await settled()
        assert replies(client)[1]["status"] == "ok", "the socket lives on"

    scenario(steps)


def test_every_event_comes_as_list_events_shows_it() -> None:
    async def steps(desk: SessionDesk) -> None:
        client = desk.client(kind=KeyKind.CONSOLE)
        client.join("log")
        await settled()
        assert replies(client) == [{"status": "ok", "response": {"position": "epoch001:0"}}]
        await desk.happen(*(stored.event for stored in DURABLE))
        await settled()
        rows = [listed(stored, "epoch001") for stored in DURABLE]
        frames = pushed(client)
        assert [frame[:4] for frame in frames] == [[None, None, "log", row["type"]] for row in rows]
        assert [frame[4]["position"] for frame in frames] == [row["position"] for row in rows]
        assert {frame[3] for frame in frames} == {
            name for name, data in EVENT_TYPES.items() if data.durable
        }

    scenario(steps)


def test_parts_of_turns_come_without_a_position() -> None:
    (part,) = (
        stored.event
        for stored in STORED
        if isinstance(stored.event.data, TranscriptDelta) and stored.event.data.sequence == 1
    )

    async def steps(desk: SessionDesk) -> None:
        client = desk.client(kind=KeyKind.CONSOLE)
        client.join("log")
        await settled()
        desk.bus.publish(Publication(SCOPE, (Published(0, part),)))
        await settled()
        (frame,) = pushed(client)
        assert frame[3] == "call.transcript_delta"
        assert set(frame[4]) == {"type", "callUuid", "occurredAt", "data"}
        assert frame[4]["data"]["text"] == part.data.text  # type: ignore[attr-defined]

    scenario(steps)


@pytest.mark.parametrize(
    ("since", "recovered", "offsets"),
    [
        ("0", True, [1, 2, 3]),
        ("epoch001:2", True, [3]),
        ("epoch001:9", False, []),
        ("another1:1", False, []),
        ("nonsense", False, []),
    ],
)
def test_it_resumes_as_events_does(since: str, recovered: bool, offsets: list[int]) -> None:
    async def steps(desk: SessionDesk) -> None:
        await desk.happen(*(note(new_id()) for _ in range(3)))
        client = desk.client(kind=KeyKind.CONSOLE)
        client.join("log", since=since)
        await settled()
        assert replies(client)[0]["response"]["recovered"] is recovered
        assert [frame[4]["offset"] for frame in pushed(client)] == offsets

    scenario(steps)


def test_it_stands_beside_the_other_topics_and_lists_nobody() -> None:
    async def steps(desk: SessionDesk) -> None:
        call = desk.calls.add(new_id(), "one")
        client = desk.client("ada", kind=KeyKind.CONSOLE)
        client.join("log")
        await settled()
        assert client.named("presence_state") == []
        for topic in ("events", "call:one"):
            client.join(topic)
        await settled()
        assert [frame[2] for frame in client.named("presence_state")] == ["events"]
        assert client.named("phx_close") == [], "none takes another's place"
        await desk.happen(note(call))
        await settled()
        names = {frame[2]: frame[3] for frame in client.seen if "eventId" in frame[4]}
        spelt = "call_ai_audit_event"
        assert names == {"log": "call.audit", "events": spelt, "call:one": spelt}

    scenario(steps)


def test_an_event_is_encoded_once_for_all_of_its_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: Counter[str] = Counter()

    def count(event: Event, position: Position) -> dict[str, object]:
        encoded[str(event.id)] += 1
        return spell(event, position)

    spell = listed_events._row  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(listed_events, "_row", count)

    async def steps(desk: SessionDesk) -> None:
        clients = [desk.client(kind=KeyKind.CONSOLE) for _ in range(3)]
        for client in clients:
            client.join("log")
        await settled()
        await desk.happen(note(new_id()), note(new_id()))
        await settled()
        assert [len(pushed(client)) for client in clients] == [2, 2, 2]
        assert list(encoded.values()) == [1, 1]

    scenario(steps)
