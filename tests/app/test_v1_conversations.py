"""Conversations under `/v1`: threads of messages, who answers them, and their events.

Live streams, 6.5 and 7.2.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.rest.conversation_members import CONVERSATION, WHOLE
from tests.database import TestDatabase, add_member
from tests.fake_endpoints import KEY, FakeEndpoints, fake_endpoints, refusing
from tests.hook_receivers import Receiver, receiver
from tests.realtime_session import until
from tests.serving import Service, serving
from tests.texting import OURS, THEIRS, Texting
from tests.v1 import V1

ECHO = {"ai_provider": "mock", "ai_model": "echo"}
PHRASES = {
    "phrases": [{"text": "are you open today", "intent": "open"}],
    "replies": {"open": "Yes, until six.", "fallback": "Ask me about our hours."},
}
#: How many messages come at once. With 10,000 the test takes 53 s.
FLOOD = 400
CHANGED = "conversation.mode_changed"
NOBODY = format_id(Prefix.CONVERSATION, UUID(int=7))


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, sandbox_clock_scale=0.01, webhook_allow_private=True) as service:
        yield service


@pytest.fixture
async def echo(service: Service) -> Texting:
    """Give an agent that answers with what it is told, whose number is `OURS`."""
    clerk = await Texting(service).agent("Clerk", **ECHO)
    await clerk.number(OURS)
    return clerk


async def modes(texting: Texting) -> list[tuple[str, str, str | None]]:
    """Return the hand-overs that were reported."""
    return [
        (event["data"]["fromMode"], event["data"]["toMode"], event["data"]["actorUserId"])
        for event in await texting.events()
        if event["type"] == CHANGED
    ]


# -- an agent answers -------------------------------------------------------------------------


@pytest.fixture
async def house(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Texting, FakeEndpoints]]:
    """Give an agent whose model is a fake of a vendor's, and that model."""
    monkeypatch.setenv("HOUSE_KEY", KEY)
    async with fake_endpoints() as fake:
        path = tmp_path / "voices.toml"
        path.write_text(fake.voices_file(), "utf-8")
        async with serving(database, voices_file=path) as service:
            settings = {"ai_provider": "cascade", "system_prompt": "Be brief."}
            clerk = await Texting(service).agent("Clerk", **settings)
            await clerk.number(OURS)
            yield clerk, fake


async def test_an_agent_answers_with_the_thread_as_its_history(
    house: tuple[Texting, FakeEndpoints],
) -> None:
    clerk, fake = house
    opened = (await clerk.sent("Your cake is ready."))["conversation_id"]
    await clerk.write("Until when are you open?")
    await clerk.until_type("message.sent", 2)
    await clerk.write("And on Sunday?")
    await clerk.until_type("message.sent", 3)
    assert await clerk.said(opened) == [
        ("ai", "Your cake is ready."),
        ("contact", "Until when are you open?"),
        ("ai", "echo: Until when are you open?"),
        ("contact", "And on Sunday?"),
        ("ai", "echo: And on Sunday?"),
    ]
    first, second = (
        [(one["role"], one["content"]) for one in asked.messages] for asked in fake.of("chat")
    )
    assert first == [
        ("system", "Be brief."),
        ("assistant", "Your cake is ready."),
        ("user", "Until when are you open?"),
    ]
    assert second == [
        *first,
        ("assistant", "echo: Until when are you open?"),
        ("user", "And on Sunday?"),
    ]
    assert fake.of("speech") == [], "nobody listens"


async def test_a_model_that_was_away_answers_once_when_it_is_back(
    house: tuple[Texting, FakeEndpoints],
) -> None:
    clerk, fake = house
    fake.answers["chat"].extend([refusing(400)] * 2)
    opened = (await clerk.write("Hello?"))["conversation_id"]
    await until(lambda: _asked(fake, 1))
    await clerk.write("Anybody?")
    await clerk.until_type("message.sent")
    said = await clerk.said(opened)
    assert said[:2] == [("contact", "Hello?"), ("contact", "Anybody?")]
    assert said[2:] == [("ai", "echo: Hello?\necho: Anybody?")]


async def _asked(fake: FakeEndpoints, count: int) -> bool:
    return len(fake.of("chat")) >= count


async def test_the_local_agent_answers_by_its_phrases(service: Service) -> None:
    texting = Texting(service)
    agent = await texting.rpc.run(
        "create_ai_agent",
        input={"name": "Baker", "model": "local/attendant", "local": PHRASES},
        fields=["id"],
    )
    baker = Texting(service, format_id(Prefix.AGENT, UUID(agent["id"])))
    await baker.number(OURS)
    opened = (await baker.write("Are you open today?"))["conversation_id"]
    said = [("contact", "Are you open today?"), ("ai", "Yes, until six.")]
    await baker.until_said(opened, *said)
    await baker.write("Do you sell ladders?")
    said += [("contact", "Do you sell ladders?"), ("ai", "Ask me about our hours.")]
    await baker.until_said(opened, *said)


async def test_stop_and_start_are_not_answered(echo: Texting) -> None:
    opened = (await echo.sent("Sale!"))["conversation_id"]
    for text in ("STOP", "start", "Hello?"):
        await echo.write(text)
    said = [("ai", "Sale!"), ("contact", "STOP"), ("contact", "start"), ("contact", "Hello?")]
    await echo.until_said(opened, *said, ("ai", "echo: Hello?"))


async def test_an_agent_is_deleted_while_messages_come_and_go(service: Service) -> None:
    """Whoever writes a message and whoever deletes its agent lock rows in one sequence."""
    texting = Texting(service)
    for _ in range(3):
        clerk = await texting.agent("Clerk", **ECHO)
        asked = {"channel": "sms", "from_number": THEIRS, "to_number": OURS, "body": "hi"}
        await clerk.sent("hello")

        async def delete(one: Texting = clerk) -> int:
            await asyncio.sleep(0.02)
            return (await one.v1.delete(f"/agents/{one.agent_id}")).status

        coming = [clerk.v1.post("/sandbox/messages", asked) for _ in range(15)]
        going = [clerk.send("hello") for _ in range(15)]
        deleted, answers = await asyncio.gather(delete(), asyncio.gather(*coming, *going))
        assert deleted == 204
        assert {answer.status for answer in answers} <= {200, 202, 404}


async def test_a_byom_agent_is_answered_for_by_its_receiver(service: Service) -> None:
    async with receiver() as hook:
        texting = await Texting(service).agent("Byom", ai_provider="byom", webhook_url=hook.url)
        await texting.number(OURS)
        opened = (await texting.write("Hello?"))["conversation_id"]
        received = (await hook.until_accepted(1))[0].body
        assert received["event_type"] == "message.received"
        assert received["payload"]["body"] == "Hello?"
        assert (received["from"], received["number"]) == (THEIRS, OURS)
        sent = await texting.sent("Hello yourself.")
        assert sent["conversation_id"] == opened
        await texting.until_type("message.sent")
        assert await texting.said(opened) == [
            ("contact", "Hello?"),
            ("ai", "Hello yourself."),
        ]


async def test_many_messages_at_once_keep_their_order_and_are_answered_once(
    house: tuple[Texting, FakeEndpoints],
) -> None:
    """Were two answers under way at once, they would answer the same messages."""
    clerk, fake = house
    opened = (await clerk.write("first"))["conversation_id"]
    await asyncio.gather(*(clerk.write(f"m{number}") for number in range(FLOOD)))
    last = (await clerk.write("last"))["message_id"]

    async def is_answered() -> bool:
        return any("last" in asked.messages[-1]["content"] for asked in fake.of("chat"))

    await until(is_answered)
    rows: list[Any] = []
    page = await clerk.conversation(opened, page_size=100)
    while True:
        rows += page["messages"]
        if "next_page_token" not in page:
            break
        token = page["next_page_token"]
        page = await clerk.conversation(opened, page_size=100, page_token=token)
    inbound = [row for row in reversed(rows) if row["direction"] == "inbound"]
    assert len(inbound) == FLOOD + 2
    assert inbound[-1]["message_id"] == last
    received: list[str] = []
    after: str | None = None
    while True:
        asked = {"limit": 1000, "type": "message.received", "after": after}
        told = await clerk.rpc.run("list_events", input=asked)
        received += [event["data"]["messageId"] for event in told["events"]]
        after = told["position"]
        if not told["hasMore"]:
            break
    message_ids = [str(parse_id(Prefix.MESSAGE, row["message_id"])) for row in inbound]
    assert received == message_ids, "the log has the thread's order"
    texts = [row["body"] for row in inbound]
    answered = [text for asked in fake.of("chat") for text in _unanswered(asked.messages)]
    assert answered == [text for text in texts if text in set(answered)], "in order, and once"
    assert len(answered) == len(set(answered))


def _unanswered(messages: list[dict[str, Any]]) -> list[str]:
    """Return the lines that a model was asked to answer."""
    assert messages[-1]["role"] == "user"
    return messages[-1]["content"].split("\n")


# -- handing over -----------------------------------------------------------------------------


async def test_a_thread_is_handed_to_a_person_and_back(
    echo: Texting, database: TestDatabase
) -> None:
    async with database.connection() as superuser:
        workspace_id = echo.service.keys.workspace_id
        user = await add_member(superuser, workspace_id, "ada@example.com")
    opened = (await echo.write("one"))["conversation_id"]
    said = [("contact", "one"), ("ai", "echo: one")]
    await echo.until_said(opened, *said)

    handed = await echo.hand_over(opened, "human", actor_user_id=format_id(Prefix.USER, user))
    assert handed["ai_mode"] == "human"
    assert list(handed) == [member.name for member in WHOLE] + ["messages"]
    assert await echo.hand_over(opened, "human") == await echo.conversation(opened)
    await echo.write("two")
    await echo.sent("A person here.")
    await echo.write("three")
    await echo.write("four")
    said += [
        ("contact", "two"),
        ("human", "A person here."),
        ("contact", "three"),
        ("contact", "four"),
    ]
    assert await echo.said(opened) == said

    assert (await echo.hand_over(opened, "ai"))["ai_mode"] == "ai"
    # What the person has answered is not answered again.
    await echo.until_said(opened, *said, ("ai", "echo: three\nfour"))
    assert await modes(echo) == [("ai", "human", str(user)), ("human", "ai", None)]


async def test_a_closed_thread_is_reopened_by_what_comes_in(echo: Texting) -> None:
    opened = (await echo.write("one"))["conversation_id"]
    await echo.until_said(opened, ("contact", "one"), ("ai", "echo: one"))
    assert (await echo.hand_over(opened, "closed"))["ai_mode"] == "closed"
    (row,) = await echo.rpc.run("list_conversations", fields=["id", "status", "aiMode"])
    assert (row["status"], row["aiMode"]) == ("closed", "closed")
    assert (await echo.write("two"))["conversation_id"] == opened
    assert (await echo.conversation(opened))["ai_mode"] == "ai"
    await echo.until_type("message.sent", 2)
    assert await modes(echo) == [("ai", "closed", None), ("closed", "ai", None)]


async def test_hand_overs_that_are_refused(echo: Texting, service: Service) -> None:
    opened = (await echo.write("one"))["conversation_id"]
    path = f"/conversations/{opened}"
    answer = await echo.v1.patch(path, {"ai_mode": "paused"})
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    unknown = format_id(Prefix.USER, UUID(int=7))
    answer = await echo.v1.patch(path, {"ai_mode": "human", "actor_user_id": unknown})
    assert (answer.status, answer.code) == (404, "NOT_FOUND")
    assert (await echo.v1.patch(path, {})).body["ai_mode"] == "ai"
    assert (await echo.v1.patch(f"/conversations/{NOBODY}", {"ai_mode": "human"})).status == 404
    assert (await V1(service).patch(path, {"ai_mode": "human"})).status == 404
    plain = await echo.rpc.run("create_conversation", input={}, fields=["id"])
    answer = await echo.v1.patch(f"/conversations/{plain['id']}", {"ai_mode": "human"})
    assert answer.status == 404, "it holds no messages"
    assert await modes(echo) == []


# -- RPC's conversations are the same rows ----------------------------------------------------


async def rpc_change(texting: Texting, conversation_id: str, **given: object) -> Any:
    return await texting.rpc.run(
        "update_conversation",
        identity=str(parse_id(Prefix.CONVERSATION, conversation_id)),
        input=given,
        fields=["aiMode", "status", "mode", "metadata"],
    )


@pytest.mark.parametrize(
    ("given", "ai_mode", "status"),
    [
        ([{"aiMode": "human"}], "human", "active"),
        ([{"aiMode": "closed"}], "closed", "closed"),
        ([{"status": "closed"}], "closed", "closed"),
        ([{"status": "closed", "aiMode": "closed"}], "closed", "closed"),
        ([{"status": "waiting"}], "ai", "waiting"),
        ([{"status": "waiting", "aiMode": "human"}], "human", "waiting"),
        ([{"status": "closed"}, {"status": "active"}], "ai", "active"),
        ([{"status": "closed"}, {"status": "waiting", "aiMode": "human"}], "human", "waiting"),
        ([{"aiMode": "closed"}, {"aiMode": "human"}], "human", "active"),
    ],
)
async def test_rpc_hands_a_thread_over(
    echo: Texting, given: list[dict[str, object]], ai_mode: str, status: str
) -> None:
    opened = (await echo.sent("hello"))["conversation_id"]
    await echo.until_type("message.delivered")
    before = len(await echo.events())
    for changes in given:
        await rpc_change(echo, opened, **changes)
        told = await echo.rpc.run("list_events", input={"limit": 1000})
        assert await rpc_change(echo, opened, **changes), "the same again changes nothing"
        again = await echo.rpc.run("list_events", input={"limit": 1000})
        assert len(again["events"]) == len(told["events"])
    found = await rpc_change(echo, opened)
    assert (found["aiMode"], found["status"]) == (ai_mode, status)
    assert (await echo.conversation(opened))["ai_mode"] == ai_mode
    told = Counter(event["type"] for event in (await echo.events())[before:])
    assert told["conversation.updated"] == len(given)
    expected = 0 if given == [{"status": "waiting"}] else len(given)
    assert told[CHANGED] == expected


async def test_rpc_changes_a_mode_and_more_with_one_event_each(echo: Texting) -> None:
    opened = (await echo.sent("hello"))["conversation_id"]
    await echo.until_type("message.delivered")
    before = len(await echo.events())
    changed = await rpc_change(echo, opened, aiMode="human", metadata={"seat": 7}, mode="voice")
    assert changed == {
        "aiMode": "human",
        "status": "active",
        "mode": "voice",
        "metadata": {"seat": 7},
    }
    updated, handed = (await echo.events())[before:]
    assert (updated["type"], handed["type"]) == ("conversation.updated", CHANGED)
    assert updated["data"]["metadata"] == {"seat": 7}
    assert handed["data"]["toMode"] == "human"


async def test_an_agent_that_rpc_gives_a_thread_back_answers(echo: Texting) -> None:
    opened = (await echo.sent("hello"))["conversation_id"]
    await rpc_change(echo, opened, aiMode="human")
    await echo.write("one")
    await rpc_change(echo, opened, aiMode="ai")
    await echo.until_said(opened, ("ai", "hello"), ("contact", "one"), ("ai", "echo: one"))


async def test_rpc_refuses_what_no_thread_has(echo: Texting) -> None:
    opened = (await echo.sent("hello"))["conversation_id"]
    plain = await echo.rpc.run("create_conversation", input={}, fields=["id"])
    ask = {"action": "update_conversation", "fields": ["id"]}
    answer = await echo.rpc.ask({**ask, "identity": plain["id"], "input": {"aiMode": "human"}})
    (problem,) = answer["errors"]
    assert (problem["type"], problem["fields"]) == ("invalid_attribute", ["aiMode"])
    for given in (
        {"aiMode": "human", "status": "closed"},
        {"aiMode": "closed", "status": "active"},
    ):
        identity = str(parse_id(Prefix.CONVERSATION, opened))
        answer = await echo.rpc.ask({**ask, "identity": identity, "input": given})
        (problem,) = answer["errors"]
        assert problem["type"] == "invalid_changes"
    (problem,) = await echo.rpc.problems(
        "update_conversation", identity=plain["id"], input={"aiMode": "off"}, fields=["id"]
    )
    assert problem["type"] == "invalid_attribute"
    # A plain conversation is closed by its status alone, and no thread's mode changes.
    await echo.rpc.run("update_conversation", identity=plain["id"], input={"status": "closed"})
    assert await modes(echo) == []


# -- the list ---------------------------------------------------------------------------------


async def test_threads_are_listed_newest_first_by_agent_and_channel(echo: Texting) -> None:
    other = await echo.agent("Other", **ECHO)
    await echo.rpc.run("create_conversation", input={"channel": "sms"}, fields=["id"])
    opened: list[tuple[str, str, str]] = []
    for number in range(6):
        client, channel = (echo, other)[number % 2], ("sms", "whatsapp")[number // 3]
        to_number = f"+23480312345{number:02}"
        if channel == "sms":
            sent = await client.sent("hello", to_number=to_number)
        else:
            sent = await echo.write("hi", channel, from_number=to_number)
        opened.append((sent["conversation_id"], client.agent_id, channel))

    async def listed(**query: str | int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = (await echo.v1.get("/conversations", **query)).body
            found += page["conversations"]
            if "next_page_token" not in page:
                return found
            query["page_token"] = page["next_page_token"]

    ids = [one[0] for one in reversed(opened)]
    for size in (1, 4, 100):
        rows = await listed(page_size=size)
        assert [row["conversation_id"] for row in rows] == ids
    assert list(rows[0]) == [member.name for member in CONVERSATION]
    assert "ai_mode" not in rows[0]
    by_agent = await listed(agent_id=other.agent_id, page_size=1)
    assert {row["agent_id"] for row in by_agent} == {other.agent_id}
    by_channel = await listed(channel="whatsapp")
    assert [row["conversation_id"] for row in by_channel] == ids[:3]
    assert all(row["window_expires_at"] for row in by_channel)
    by_channel = await listed(channel="sms", page_size=2)
    assert [row["conversation_id"] for row in by_channel] == ids[3:]
    assert {row["window_expires_at"] for row in by_channel} == {None}
    assert (rows[-1]["from_number"], rows[-1]["to_number"]) == ("+2348031234500", OURS)
    for name, text in (("agent_id", "x"), ("channel", "chat")):
        answer = await echo.v1.get("/conversations", **{name: text})
        assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")


# -- one event, one id, everywhere ------------------------------------------------------------


@dataclass
class Told:
    """What a receiver was told: the types in sequence, and each event's id."""

    types: list[str]
    ids: list[str]


def told(hook: Receiver) -> Told:
    bodies = [one.body for one in hook.accepted]
    return Told(
        [body.get("event_type") or body["type"] for body in bodies],
        [body.get("event_id") or body["id"] for body in bodies],
    )


async def test_a_thread_drives_both_webhooks_and_the_log_with_one_id_per_event(
    service: Service,
) -> None:
    async with receiver() as of_agent, receiver() as of_endpoint:
        texting = await Texting(service).agent("Clerk", **ECHO, webhook_url=of_agent.url)
        await texting.number(OURS)
        made = await texting.v1.post(
            "/webhook-endpoints",
            {"url": of_endpoint.url, "events": ["communication.message.*", "conversation.*"]},
        )
        assert made.status == 201, made.body
        opened = (await texting.write("Hello?"))["conversation_id"]
        await texting.until_type("message.delivered")
        await texting.hand_over(opened, "human")
        await texting.write("STOP")
        await of_agent.until(lambda one: len(one.accepted) >= 7)
        await of_endpoint.until(lambda one: len(one.accepted) >= 9)
        events = await texting.events()
    by_type = [(event["type"], event["eventId"]) for event in events]
    assert [type_ for type_, _ in by_type] == [
        "conversation.created",
        "message.received",
        "message.sent",
        "message.dlr",
        "message.delivered",
        "conversation.updated",
        CHANGED,
        "message.received",
        "message.opt_out",
    ]
    messages = [one for one in by_type if one[0].startswith("message.") or one[0] == CHANGED]
    agents = told(of_agent)
    assert sorted(zip(agents.types, agents.ids, strict=True)) == sorted(messages)
    sent = {
        (f"communication.{type_}" if type_.startswith("message.") else type_, id_)
        for type_, id_ in by_type
    }
    endpoints = told(of_endpoint)
    assert set(zip(endpoints.types, endpoints.ids, strict=True)) == sent
    for one in of_agent.accepted:
        headers = {name.lower(): value for name, value in one.headers.items()}
        assert headers["x-voicebip-event-id"] == one.body["event_id"]
        assert one.body["payload"]["conversation_id"] == opened
        assert json.dumps(one.body)
