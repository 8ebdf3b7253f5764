"""Messages and opt-outs under `/v1` (live streams, 6.4, 6.12 and 1.9)."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from ringline.domain import v1_limits
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.rest.message_members import IN_THREAD, MESSAGE
from tests.database import NOW, TestDatabase, new_id
from tests.message_rows import add_message
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.texting import OURS, THEIRS, Texting
from tests.v1 import V1, Answer

NOBODY = format_id(Prefix.AGENT, UUID(int=7))
IMAGE = {"message_type": "image", "media_url": "https://media.example.com/a.png"}
BUTTONS = {"type": "button", "body": {"text": "Which?"}, "action": {"buttons": []}}
TEMPLATE = {
    "from_number": OURS,
    "to_number": THEIRS,
    "template_name": "order_ready",
    "language_code": "en",
}


@pytest.fixture
async def quick(database: TestDatabase) -> AsyncIterator[Service]:
    """Give a server whose sandbox is a hundred times as fast."""
    async with serving(database, sandbox_clock_scale=0.01) as service:
        yield service


@pytest.fixture
def texting(service: Service) -> Texting:
    return Texting(service)


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


# -- sending ----------------------------------------------------------------------------------


async def test_an_sms_is_queued_then_sent_and_delivered(quick: Service) -> None:
    texting = Texting(quick)
    sent = await texting.sent("Your order is ready. 😀")
    assert set(sent) == {
        "message_id",
        "conversation_id",
        "channel",
        "status",
        "from_number",
        "to_number",
        "segments",
        "created_at",
    }
    assert (sent["channel"], sent["status"], sent["segments"]) == ("sms", "queued", 1)
    assert (sent["from_number"], sent["to_number"]) == (OURS, THEIRS)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", sent["created_at"])
    await texting.until_type("message.delivered")
    found = (await texting.v1.get(f"/messages/{sent['message_id']}")).body
    assert list(found) == [member.name for member in MESSAGE]
    assert found | {"status": "queued"} == found | sent
    assert (found["status"], found["body"]) == ("delivered", "Your order is ready. 😀")
    assert (found["direction"], found["sender"]) == ("outbound", "ai")
    assert found["agent_id"] == texting.agent_id
    assert await texting.types() == [
        "conversation.created",
        "message.sent",
        "message.dlr",
        "message.delivered",
    ]


@pytest.mark.parametrize(
    ("body", "segments"),
    [("a" * 160, 1), ("a" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("ş" * 70, 1), ("ş" * 71, 2)],
)
async def test_segments_of_an_sms(texting: Texting, body: str, segments: int) -> None:
    assert (await texting.sent(body))["segments"] == segments


async def test_whatsapp_takes_media_and_interactive_messages(texting: Texting) -> None:
    await texting.write("hi", "whatsapp")
    shown: list[tuple[object, ...]] = []
    for more in (
        {"body": "hello"},
        {**IMAGE, "media_caption": "The cake."},
        {**IMAGE, "message_type": "document", "body": "The bill."},
        {"message_type": "interactive", "interactive": BUTTONS},
    ):
        answer = await texting.send(channel="whatsapp", **more)
        assert answer.status == 200, answer.body
        assert "segments" not in answer.body
        found = (await texting.v1.get(f"/messages/{answer.body['message_id']}")).body
        shown.append(
            (found["message_type"], found["body"], found["media_url"], found["interactive"])
        )
    url = IMAGE["media_url"]
    assert shown == [
        ("text", "hello", None, None),
        ("image", "The cake.", url, None),
        ("document", "The bill.", url, None),
        ("interactive", "", None, BUTTONS),
    ]


async def test_outside_of_the_window_whatsapp_takes_templates_alone(texting: Texting) -> None:
    answer = await texting.send("hello", "whatsapp")
    assert refused(answer) == (422, "CONVERSATION_WINDOW_CLOSED")
    assert "template" in answer.message
    assert await texting.types() == [], "a refused message opens no conversation"
    given = {"agent_id": texting.agent_id, **TEMPLATE, "parameters": ["Ada", "12"]}
    sent = await texting.v1.post("/messages/template", given)
    assert sent.status == 200
    assert (sent.body["channel"], sent.body["status"]) == ("whatsapp", "queued")
    assert "segments" not in sent.body
    found = (await texting.v1.get(f"/messages/{sent.body['message_id']}")).body
    assert (found["message_type"], found["body"]) == ("template", "")
    assert (found["template_name"], found["language_code"]) == ("order_ready", "en")
    assert found["parameters"] == ["Ada", "12"]
    await texting.write("thanks", "whatsapp")
    assert (await texting.send("You are welcome.", "whatsapp")).status == 200


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"channel": "email"}, "channel"),
        ({"channel": None}, "channel is required"),
        ({"agent_id": "x"}, "agent_id"),
        ({"from_number": "12"}, "from_number"),
        ({"to_number": "+"}, "to_number"),
        ({"to_number": None}, "to_number is required"),
        ({"body": None}, "body is required"),
        ({"body": " \n"}, "body is required"),
        ({"body": 7}, "body"),
        ({"body": "a" * (v1_limits.MESSAGE_BODY.most + 1)}, "body"),
        ({"body": "a\0b"}, "body"),
        (IMAGE, "message_type must be text of an SMS"),
        ({"message_type": "template"}, "message_type"),
        ({"media_url": "https://example.com/a.png"}, "media_url is for media"),
        ({"media_caption": "x"}, "media_caption is for media"),
        ({"interactive": {}}, "interactive is for message_type interactive"),
    ],
)
async def test_messages_that_are_refused(
    texting: Texting, given: dict[str, object], says: str
) -> None:
    answer = await texting.send(**{"body": "hello"} | given)
    assert refused(answer) == (400, "INVALID_ARGUMENT")
    assert says in answer.message
    assert await texting.types() == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"message_type": "image"}, "media_url is required"),
        ({**IMAGE, "media_url": "ftp://example.com/a.png"}, "media_url"),
        ({**IMAGE, "media_url": "https://"}, "media_url"),
        ({**IMAGE, "media_url": "https://[/a.png"}, "media_url"),
        ({**IMAGE, "media_url": "https://example.com/a b.png"}, "media_url"),
        ({**IMAGE, "media_url": "https://example.com/" + "a" * 2_048}, "media_url"),
        ({**IMAGE, "media_caption": "a" * 1_025}, "media_caption"),
        ({"message_type": "interactive"}, "interactive is required"),
        ({"message_type": "interactive", "interactive": []}, "interactive"),
        (
            {"message_type": "interactive", "interactive": {"text": "a" * 16_384}},
            "interactive",
        ),
    ],
)
async def test_whatsapp_messages_that_are_refused(
    texting: Texting, given: dict[str, object], says: str
) -> None:
    answer = await texting.send(channel="whatsapp", **given)
    assert refused(answer) == (400, "INVALID_ARGUMENT")
    assert answer.message.startswith(says)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"template_name": None}, "template_name is required"),
        ({"template_name": "a" * 513}, "template_name"),
        ({"language_code": ""}, "language_code is required"),
        ({"language_code": "a" * 17}, "language_code"),
        ({"parameters": "Ada"}, "parameters"),
        ({"parameters": ["Ada"] * 51}, "parameters"),
        ({"parameters": ["a" * 1_025]}, "parameters"),
        ({"parameters": [7]}, "parameters"),
        ({"from_number": "me"}, "from_number"),
    ],
)
async def test_templates_that_are_refused(
    texting: Texting, given: dict[str, object], says: str
) -> None:
    asked = {"agent_id": texting.agent_id, **TEMPLATE, **given}
    answer = await texting.v1.post("/messages/template", asked)
    assert refused(answer) == (400, "INVALID_ARGUMENT")
    assert answer.message.startswith(says)


async def test_an_unknown_agent_is_not_found(texting: Texting, service: Service) -> None:
    live = service.agent_id
    answers = [await texting.send("hello", agent_id=agent_id) for agent_id in (NOBODY, live)]
    assert [refused(answer) for answer in answers] == [(404, "NOT_FOUND")] * 2
    assert answers[0].message == answers[1].message


async def test_live_messages_need_a_number_of_ours_and_a_provider(service: Service) -> None:
    v1 = V1(service)
    given = {
        "agent_id": service.agent_id,
        "channel": "sms",
        "from_number": OURS,
        "to_number": THEIRS,
        "body": "hello",
    }
    answer = await v1.post("/messages", given)
    assert refused(answer) == (400, "INVALID_ARGUMENT")
    assert answer.message.startswith("from_number")
    voice = {"phoneE164": OURS, "channels": ["voice", "whatsapp"]}
    number = await Rpc(service).run("create_phone_number", input=voice, fields=["id"])
    assert (await v1.post("/messages", given)).status == 400, "it is not used for sms"
    every: dict[str, object] = {"channels": ["sms", "whatsapp"], "outboundEnabled": False}
    await Rpc(service).run("update_phone_number", identity=number["id"], input=every)
    assert (await v1.post("/messages", given)).status == 400, "it sends nothing"
    every = {"outboundEnabled": True}
    await Rpc(service).run("update_phone_number", identity=number["id"], input=every)
    answer = await v1.post("/messages", given)
    assert refused(answer) == (503, "UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
    template = {"agent_id": service.agent_id, **TEMPLATE}
    assert (await v1.post("/messages/template", template)).status == 503


async def test_a_message_with_an_idempotency_key_is_sent_once(texting: Texting) -> None:
    given = {
        "agent_id": texting.agent_id,
        "channel": "sms",
        "from_number": OURS,
        "to_number": THEIRS,
        "body": "hello",
    }
    template = {"agent_id": texting.agent_id, **TEMPLATE}
    headers = {"Idempotency-Key": "k"}
    for path, body, other in (
        ("/messages", given, given | {"body": "another"}),
        ("/messages/template", template, template | {"template_name": "another"}),
    ):
        first = await texting.v1.ask("POST", path, body, headers=headers)
        again = await texting.v1.ask("POST", path, body, headers=headers)
        assert (first.status, again.status, again.body) == (200, 200, first.body)
        assert again.headers["Idempotent-Replayed"] == "true"
        conflict = await texting.v1.ask("POST", path, other, headers=headers)
        assert refused(conflict) == (409, "IDEMPOTENCY_CONFLICT")
    assert len((await texting.v1.get("/messages")).body["messages"]) == 2
    # What was refused is not remembered.
    headers = {"Idempotency-Key": "another"}
    late = given | {"channel": "whatsapp", "to_number": "+2348031234568"}
    answer = await texting.v1.ask("POST", "/messages", late, headers=headers)
    assert refused(answer) == (422, "CONVERSATION_WINDOW_CLOSED")
    await texting.write("hi", "whatsapp", from_number="+2348031234568")
    assert (await texting.v1.ask("POST", "/messages", late, headers=headers)).status == 200


# -- what comes in ----------------------------------------------------------------------------


async def test_a_contacts_message_opens_a_thread_with_the_numbers_agent(texting: Texting) -> None:
    theirs = await texting.agent("Clerk", ai_provider="mock", ai_model="echo")
    await theirs.number("+2348000005678")
    one = await texting.write("hello")
    two = await texting.write("hello", to_number="+2348000005678")
    assert set(one) == {"message_id", "conversation_id"}
    agents = [
        (await texting.conversation(ids["conversation_id"]))["agent_id"] for ids in (one, two)
    ]
    assert agents == [texting.agent_id, theirs.agent_id]
    found = (await texting.v1.get(f"/messages/{two['message_id']}")).body
    assert (found["direction"], found["sender"]) == ("inbound", "contact")
    assert (found["from_number"], found["to_number"]) == (THEIRS, "+2348000005678")
    assert (found["status"], found["segments"]) == ("received", 1)


async def test_a_thread_stays_with_its_agent_while_it_is_open(texting: Texting) -> None:
    clerk = await texting.agent("Clerk", ai_provider="mock", ai_model="echo")
    opened = (await clerk.sent("We have your cake."))["conversation_id"]
    assert (await texting.write("Lovely!"))["conversation_id"] == opened
    await texting.hand_over(opened, "closed")
    again = await texting.write("Hello?")
    assert again["conversation_id"] != opened, "the routing chose again"
    assert (await texting.conversation(again["conversation_id"]))["agent_id"] == texting.agent_id


async def test_the_first_message_is_what_routing_rules_listen_to(texting: Texting) -> None:
    baker = await texting.agent("Baker", ai_provider="mock", ai_model="echo")
    number = (await texting.v1.new_number(OURS, agent_id=texting.agent_id))["number_id"]
    rule = {"match_type": "keyword", "match_value": "cake"}
    await texting.v1.new_rule(number, baker.agent_id, **rule)
    agents: list[str] = []
    for contact, text in enumerate(("I want a CAKE", "Hello?", "cake"), 10):
        opened = await texting.write(text, from_number=f"+23480312345{contact}")
        agents.append((await texting.conversation(opened["conversation_id"]))["agent_id"])
    assert agents == [baker.agent_id, texting.agent_id, baker.agent_id]
    # What follows stays in the thread, whatever it says.
    again = await texting.write("About my cake.", from_number="+2348031234511")
    assert (await texting.conversation(again["conversation_id"]))["agent_id"] == texting.agent_id


@pytest.mark.parametrize("with_agent", [False, True])
async def test_a_number_without_an_agent_or_the_channel_takes_no_messages(
    texting: Texting, with_agent: bool
) -> None:
    number: dict[str, object] = {"phoneE164": OURS}
    if with_agent:
        number |= {"channels": ["voice", "whatsapp"], "aiAgentId": texting.agent_id}
    await texting.rpc.run("create_phone_number", input=number, fields=["id"])
    asked = {"channel": "sms", "from_number": THEIRS, "to_number": OURS, "body": "hello"}
    assert refused(await texting.v1.post("/sandbox/messages", asked)) == (404, "NOT_FOUND")
    assert await texting.types() == []


@pytest.mark.parametrize("name", ["channel", "from_number", "to_number", "body"])
async def test_what_comes_in_needs_all_of_its_members(texting: Texting, name: str) -> None:
    asked = {"channel": "sms", "from_number": THEIRS, "to_number": OURS, "body": "hello"}
    for value in (None, 7, "", "+"):
        if (name, value) == ("body", "+"):
            continue
        answer = await texting.v1.post("/sandbox/messages", asked | {name: value})
        assert refused(answer) == (400, "INVALID_ARGUMENT")
        assert answer.message.startswith(name)


async def test_nobody_writes_to_the_live_environment_by_the_sandbox(service: Service) -> None:
    asked = {"channel": "sms", "from_number": THEIRS, "to_number": OURS, "body": "hello"}
    answer = await V1(service).post("/sandbox/messages", asked)
    assert refused(answer) == (403, "PERMISSION_DENIED")


# -- the list ---------------------------------------------------------------------------------


async def listed(texting: Texting, path: str = "/messages", **query: str | int) -> list[Any]:
    """Return the rows of all pages of a list."""
    key, found = path.rpartition("/")[2].replace("-", "_"), list[Any]()
    while True:
        answer = await texting.v1.get(path, **query)
        assert answer.status == 200, answer.body
        found += answer.body[key]
        token = answer.body.get("next_page_token")
        if token is None:
            return found
        query["page_token"] = token


@pytest.fixture
async def thousand(texting: Texting, database: TestDatabase) -> list[tuple[Any, ...]]:
    """Store 1,000 messages of four threads; return (id, agent, thread, direction, state)."""
    other = await texting.agent("Clerk", ai_provider="mock", ai_model="echo")
    threads: list[tuple[str, str, str]] = []
    for client, channel in itertools.product((texting, other), ("sms", "whatsapp")):
        if channel == "sms":
            opened = (await client.sent("x"))["conversation_id"]
        else:
            template = {"agent_id": client.agent_id, **TEMPLATE}
            opened = (await client.v1.post("/messages/template", template)).body["conversation_id"]
        threads.append((opened, client.agent_id, channel))
    states = (("inbound", "received"), ("outbound", "queued"), ("outbound", "delivered"))
    stored: list[tuple[Any, ...]] = []
    async with database.connection() as superuser:
        await superuser.execute("DELETE FROM ringline.conversation_items")
        await superuser.execute("DELETE FROM ringline.timers WHERE kind LIKE 'message%'")
        for number in range(1_000):
            thread, agent_id, channel = threads[number % 4]
            direction, status = states[number % 3]
            id_, conversation = new_id(), parse_id(Prefix.CONVERSATION, thread)
            assert conversation is not None
            at = NOW + timedelta(seconds=number // 10)  # ten of a time
            await add_message(
                superuser, conversation, id_, at=at, direction=direction, status=status
            )
            stored.append((id_, agent_id, thread, channel, direction, status, at))
    stored.sort(key=lambda row: (row[6], row[0]), reverse=True)
    return stored


async def test_each_message_is_on_one_page_newest_first_whatever_the_filters(
    texting: Texting, thousand: list[tuple[Any, ...]]
) -> None:
    ids = [format_id(Prefix.MESSAGE, row[0]) for row in thousand]
    assert [row["message_id"] for row in await listed(texting, page_size=100)] == ids
    names = ("agent_id", "conversation_id", "channel", "direction", "status")
    for place, name in enumerate(names, 1):
        for value in {row[place] for row in thousand}:
            wanted = [id_ for id_, row in zip(ids, thousand, strict=True) if row[place] == value]
            found = await listed(texting, page_size=100, **{name: value})
            assert [row["message_id"] for row in found] == wanted
    _, agent_id, thread, _, direction, _, _ = thousand[500]
    query = {"agent_id": agent_id, "conversation_id": thread, "direction": direction}
    wanted = [
        id_
        for id_, row in zip(ids, thousand, strict=True)
        if (row[1], row[2], row[4]) == (agent_id, thread, direction)
    ]
    assert [row["message_id"] for row in await listed(texting, page_size=7, **query)] == wanted
    assert await listed(texting, agent_id=NOBODY) == []


async def test_a_threads_messages_are_paged_newest_first(
    texting: Texting, thousand: list[tuple[Any, ...]]
) -> None:
    thread = thousand[0][2]
    wanted = [format_id(Prefix.MESSAGE, row[0]) for row in thousand if row[2] == thread]
    first = await texting.conversation(thread, page_size=100)
    assert first["conversation_id"] == thread
    shown, page = list(first["messages"]), first
    while "next_page_token" in page:
        page = await texting.conversation(thread, page_size=100, page_token=page["next_page_token"])
        shown += page["messages"]
    assert [row["message_id"] for row in shown] == wanted
    assert list(shown[0]) == [member.name for member in IN_THREAD]
    # A token is good for its own thread alone; a hand-over's answer goes on with `GET`.
    token = first["next_page_token"]
    other = next(row[2] for row in thousand if row[2] != thread)
    answer = await texting.v1.get(f"/conversations/{other}", page_size=100, page_token=token)
    assert refused(answer) == (400, "INVALID_ARGUMENT")
    handed = await texting.hand_over(thread, "human")
    assert len(handed["messages"]) == 20
    page = await texting.conversation(thread, page_token=handed["next_page_token"])
    assert [row["message_id"] for row in page["messages"]] == wanted[20:40]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("agent_id", "x"),
        ("conversation_id", "msg_" + "0" * 22),
        ("channel", "voice"),
        ("direction", "both"),
        ("status", "Delivered"),
        ("page_size", "101"),
        ("page_token", "x"),
    ],
)
async def test_filters_that_are_refused(texting: Texting, name: str, text: str) -> None:
    answer = await texting.v1.get("/messages", **{name: text})
    assert refused(answer) == (400, "INVALID_ARGUMENT")
    assert answer.message.startswith(name)


async def test_a_message_of_a_deleted_agent_stays_its_own(texting: Texting) -> None:
    clerk = await texting.agent("Clerk", ai_provider="mock", ai_model="echo")
    sent = await clerk.sent("hello")
    assert (await texting.v1.delete(f"/agents/{clerk.agent_id}")).status == 204
    (found,) = await listed(texting, agent_id=clerk.agent_id)
    assert (found["message_id"], found["agent_id"]) == (sent["message_id"], clerk.agent_id)
    assert (await texting.conversation(sent["conversation_id"]))["agent_id"] is None


async def test_items_that_are_no_messages_are_not_listed(texting: Texting) -> None:
    sent = await texting.sent("hello")
    item = {"conversationId": sent["conversation_id"], "content": "A note.", "role": "operator"}
    made = await texting.rpc.run("create_conversation_item", input=item, fields=["id", "direction"])
    assert made["direction"] is None
    assert [row["body"] for row in await listed(texting)] == ["hello"]
    assert await texting.said(sent["conversation_id"]) == [("ai", "hello")]
    note = format_id(Prefix.MESSAGE, UUID(made["id"]))
    assert (await texting.v1.get(f"/messages/{note}")).status == 404
    items = await texting.rpc.run("list_conversation_items", fields=["content"])
    assert sorted(row["content"] for row in items) == ["A note.", "hello"]


# -- opt-outs ---------------------------------------------------------------------------------


async def test_stop_and_start(texting: Texting) -> None:
    await texting.sent("Sale!")
    stopped = (await texting.write(" stop "))["conversation_id"]
    assert refused(await texting.send("More sale!")) == (422, "OPT_OUT_ENFORCED")
    assert (await texting.conversation(stopped))["opt_out"] is True
    (found,) = await listed(texting, "/opt-outs")
    assert (found["agent_id"], found["number"], found["channel"]) == (
        texting.agent_id,
        THEIRS,
        "sms",
    )
    assert "message.opt_out" in await texting.types()
    await texting.write("START")
    assert await listed(texting, "/opt-outs") == []
    assert (await texting.send("Welcome back.")).status == 200
    assert [said for said in await texting.said(stopped) if said[0] == "contact"] == [
        ("contact", " stop "),
        ("contact", "START"),
    ]


async def test_opt_outs_are_added_listed_and_removed(texting: Texting) -> None:
    clerk = await texting.agent("Clerk", ai_provider="mock", ai_model="echo")
    added: list[Any] = []
    for number in range(5):
        given = {
            "agent_id": (texting, clerk)[number % 2].agent_id,
            "number": f"+23480312345{number:02}",
            "channel": ("sms", "whatsapp")[number % 2],
        }
        answer = await texting.v1.post("/opt-outs", given)
        assert answer.status == 201
        assert answer.body == given | {"opted_out_at": answer.body["opted_out_at"]}
        added.append(answer.body)
    again = await texting.v1.post(
        "/opt-outs", {name: added[0][name] for name in ("agent_id", "number", "channel")}
    )
    assert (again.status, again.body) == (201, added[0])
    for size in (1, 2, 100):
        assert await listed(texting, "/opt-outs", page_size=size) == added[::-1]
    assert await listed(texting, "/opt-outs", agent_id=clerk.agent_id) == [added[3], added[1]]
    path = f"/opt-outs/{texting.agent_id}/{added[0]['number']}"
    assert (await texting.v1.delete(f"{path}?channel=whatsapp")).status == 404
    assert (await texting.v1.delete(path)).status == 204
    assert refused(await texting.v1.delete(path)) == (404, "NOT_FOUND")
    assert (await texting.v1.delete("/opt-outs/" + "/".join((clerk.agent_id, "me")))).status == 400
    assert len(await listed(texting, "/opt-outs")) == 4


async def test_opt_outs_that_are_refused(texting: Texting) -> None:
    given = {"agent_id": texting.agent_id, "number": THEIRS, "channel": "sms"}
    for name, value in (("number", "me"), ("channel", "voice"), ("agent_id", None)):
        answer = await texting.v1.post("/opt-outs", given | {name: value})
        assert refused(answer) == (400, "INVALID_ARGUMENT")
        assert answer.message.startswith(name)
    assert (await texting.v1.post("/opt-outs", given | {"agent_id": NOBODY})).status == 404
