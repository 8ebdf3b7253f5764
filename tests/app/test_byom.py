"""A call whose agent is a webhook, which is asked turn by turn (live streams, 4)."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
from aiohttp import web

from ringline.domain.attendant import SETTINGS
from ringline.voices.agent_brain import DEFAULT_APOLOGY, DEFAULT_FALLBACK
from tests.database import TestDatabase
from tests.fake_endpoints import HEARD, KEY, fake_endpoints
from tests.hook_receivers import Received, Receiver, receiver
from tests.realtime_session import Client, Event, connected
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.v1 import V1
from tests.voice_desk import buzz, hum, quiet, speak

CAPTIONS = {"input_transcription": True, "output_transcription": True}
PHRASES = {"phrases": [{"text": phrase.text, "intent": "fallback"} for phrase in SETTINGS.phrases]}

_numbers = itertools.count(1)

#: Answers a turn in a way of its own.
Answer: TypeAlias = Callable[[], Awaitable[web.StreamResponse]]


@dataclass
class Brain:
    """A webhook that answers turns in sequence; when nothing is left, with an echo."""

    answers: list[Any] = field(default_factory=list[Any])
    turns: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    raw: list[Received] = field(default_factory=list[Received])

    async def respond(self, received: Received) -> web.StreamResponse:
        body = received.body
        if "event_type" in body:
            return web.json_response({"received": True})
        self.turns.append(body)
        self.raw.append(received)
        answer = self.answers.pop(0) if self.answers else {"text": f"echo: {body['transcription']}"}
        if callable(answer):
            answer = await cast("Answer", answer)()
        if isinstance(answer, web.StreamResponse):
            return answer
        return web.json_response(answer)


@dataclass
class Office:
    """A server, an agent of model `byom/…` and its webhook."""

    service: Service
    rpc: Rpc
    hook: Receiver
    brain: Brain

    async def agent(self, model: str = "byom/local", **more: object) -> str:
        made = await self.rpc.run(
            "create_ai_agent",
            input={
                "name": f"Ada {next(_numbers)}",
                "model": model,
                "webhookUrl": self.hook.url,
                **more,
            },
            fields=["id"],
        )
        return made["id"]

    @asynccontextmanager
    async def talking(
        self, model: str = "byom/local", config: Any = None, **more: object
    ) -> AsyncIterator[Client]:
        agent = await self.agent(model, **more)
        async with connected(self.service, headers=self.service.bearer()) as client:
            await client.start(agent_id=agent, config=CAPTIONS | (config or {}))
            yield client

    async def events(self, **input_: object) -> list[dict[str, Any]]:
        return (await self.rpc.run("list_events", input=input_))["events"]


@pytest.fixture
async def office(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    monkeypatch.setenv("HOUSE_KEY", KEY)
    brain = Brain()
    async with fake_endpoints() as fake, receiver(brain.respond) as hook:
        path = tmp_path / "voices.toml"
        path.write_text(fake.voices_file(), "utf-8")
        async with serving(
            database, voices_file=path, webhook_allow_private=True, sandbox_clock_scale=0.04
        ) as service:
            yield Office(service, Rpc(service), hook, brain)


async def ask(client: Client, text: str) -> str:
    """Type a line; return what is said to it."""
    before = len(client.text())
    await client.send("text.input", text=text)
    await client.send("response.create")
    await client.until("response.completed")
    return client.text()[before:]


async def test_a_typed_message_is_a_turn(office: Office) -> None:
    office.brain.answers += [{"text": "Yes, until five. Come by!"}]
    async with office.talking(greeting="Welcome.", language="fr") as client:
        await client.until("response.completed")
        call_id = client.events[0]["call_id"]
        assert await ask(client, "Are you open?") == "Yes, until five. Come by!"
        assert await ask(client, "Good.") == "echo: Good."
    first, second = office.brain.turns
    assert {"event", "agent_id", "timestamp"} <= first.keys()
    assert first["call_id"] == call_id
    assert (first["direction"], first["language"]) == ("inbound", "fr")
    assert (first["from_number"], first["to_number"]) == (
        "web:anonymous",
        f"agent:{first['agent_id']}",
    )
    assert first["transcription"] == "Are you open?"
    assert first["messages"] == [
        {"role": "agent", "text": "Welcome."},
        {"role": "caller", "text": "Are you open?"},
    ]
    assert second["messages"] == [
        *first["messages"],
        {"role": "agent", "text": "Yes, until five. Come by!"},
        {"role": "caller", "text": "Good."},
    ]
    said = [
        event["data"]
        for event in await office.events(type="call.turn_completed")
        if event["data"]["role"] == "user"
    ]
    assert len(said) == 2
    hooked = await transcriptions(office, 2)
    assert [turn["turn_id"] for turn in office.brain.turns] == [
        event["payload"]["turn_id"] for event in hooked
    ]


async def transcriptions(office: Office, count: int) -> list[dict[str, Any]]:
    """Wait for the webhook's copies of the caller's turns, in their sequence."""

    def all_of(hook: Receiver) -> list[dict[str, Any]]:
        bodies = [one.body for one in hook.received]
        return [one for one in bodies if one.get("event_type") == "call.transcription"]

    await office.hook.until(lambda hook: len(all_of(hook)) >= count)
    return all_of(office.hook)


async def end_of(office: Office) -> dict[str, Any]:
    """Wait for the end of the only call; return its payload."""

    def ends(hook: Receiver) -> list[dict[str, Any]]:
        bodies = [one.body for one in hook.received]
        return [one for one in bodies if one.get("event_type") == "call.completed"]

    await office.hook.until(lambda hook: bool(ends(hook)))
    (end,) = ends(office.hook)
    return end["payload"]


@pytest.mark.parametrize("model", ["byom/local", "byom/house"])
async def test_a_spoken_turn_is_heard_asked_and_answered_aloud(office: Office, model: str) -> None:
    phrase = "what are your opening hours"
    if model == "byom/local":
        said, speech, more = phrase, await speak(phrase), {"local": PHRASES}
    else:
        said, speech, more = "".join(HEARD), quiet(300) + buzz(1_000), {}
    async with office.talking(model, **more) as client:
        await client.hear(speech + quiet(700))
        await client.until("response.completed")
        assert client.text() == f"echo: {said}"
        assert any(client.pcm())
        heard = [event for event in client.events if event["type"] == "transcript.committed"]
        assert [event["transcript"] for event in heard] == [said]
    (turn,) = office.brain.turns
    assert turn["transcription"] == said
    (event,) = await transcriptions(office, 1)
    assert (event["payload"]["turn_id"], event["payload"]["text"]) == (turn["turn_id"], said)


async def test_what_nobody_understood_is_not_asked(office: Office) -> None:
    local = {**PHRASES, "replies": {"fallback": "Pardon?"}}
    async with office.talking(local=local) as client:
        await client.hear(quiet(300) + hum(1_000, 16_000) + quiet(700))
        await client.until("response.completed")
        assert client.text() == "Pardon?"
    assert office.brain.turns == []


async def test_a_newer_turn_cancels_the_question_before(office: Office) -> None:
    asked = asyncio.Event()

    async def hang() -> web.Response:
        asked.set()
        await asyncio.sleep(60)
        return web.json_response({"text": "Too late."})

    office.brain.answers.append(hang)
    async with office.talking("byom/house") as client:
        turn = quiet(300) + buzz(1_000) + quiet(700)
        await client.hear(turn)
        await asyncio.wait_for(asked.wait(), 20)
        await client.hear(turn)
        await client.until("response.completed")  # of the first one, cut off
        while not client.text():
            await client.until("text.delta")
        said = "".join(HEARD)
        assert client.text().startswith("echo: ")
    first, second = office.brain.turns
    assert first["turn_id"] != second["turn_id"]
    assert second["transcription"] == said
    assert [message["role"] for message in second["messages"]] == ["caller", "caller"]


async def test_after_an_interruption_the_webhook_learns_what_was_heard(office: Office) -> None:
    long = "One two three four five six seven eight nine ten. " * 6
    office.brain.answers.append({"text": long})
    async with office.talking("byom/house") as client:
        await client.send("text.input", text="Count.")
        await client.send("response.create")
        while len(client.pcm()) < 24_000:
            await client.until("audio.delta")
        await client.hear(quiet(300) + buzz(1_000) + quiet(700))
        await client.until("response.completed")
        await client.until("response.completed")
    _, second = office.brain.turns
    agent = [one["text"] for one in second["messages"] if one["role"] == "agent"]
    assert len("".join(agent)) < len(long)
    assert long.startswith("".join(agent))
    assert second["messages"][-1] == {"role": "caller", "text": "".join(HEARD)}


async def test_one_failure_is_a_line_and_three_are_the_end(office: Office) -> None:
    async def broken() -> web.Response:
        return web.Response(status=500)

    failing = [broken, broken, {"text": "Back."}, broken, {"no": "text"}, broken]
    office.brain.answers += failing
    async with office.talking() as client:
        assert await ask(client, "One.") == DEFAULT_FALLBACK
        assert await ask(client, "Two.") == DEFAULT_FALLBACK
        assert await ask(client, "Three.") == "Back."
        assert await ask(client, "Four.") == DEFAULT_FALLBACK
        assert await ask(client, "Five.") == DEFAULT_FALLBACK
        assert await ask(client, "Six.") == DEFAULT_APOLOGY
        assert await client.closed() is not None
        errors = [event["error"] for event in client.events if event["type"] == "error"]
        assert [error["details"] for error in errors] == [
            "status",
            "status",
            "status",
            "invalid_answer",
            "status",
        ]
    end = await end_of(office)
    assert (end["status"], end["disposition"]) == ("failed", "agent_error")
    # What stood for an answer was said, so the next request holds it.
    assert office.brain.turns[1]["messages"][1] == {"role": "agent", "text": DEFAULT_FALLBACK}


async def test_an_agent_has_lines_of_its_own(office: Office) -> None:
    async def broken() -> web.Response:
        return web.Response(text="<html>")

    office.brain.answers += [broken] * 3
    local = {"replies": {"fallback": "Pardon ?", "apology": "Désolé."}}
    async with office.talking(local=local) as client:
        assert [await ask(client, "Oui.") for _ in range(3)] == ["Pardon ?", "Pardon ?", "Désolé."]


async def test_an_empty_answer_says_nothing(office: Office) -> None:
    office.brain.answers += [{"text": ""}, {"text": "Now."}]
    async with office.talking() as client:
        assert await ask(client, "Hm.") == ""
        await client.send("response.create")  # nothing is unanswered
        await client.until("response.completed")
        assert await ask(client, "Say something.") == "Now."
    assert len(office.brain.turns) == 2


async def test_a_text_session_asks_too(office: Office) -> None:
    async with office.talking(config={"modalities": ["text"]}) as client:
        assert await ask(client, "Hello.") == "echo: Hello."
        assert client.pcm() == b""


async def test_several_lines_are_one_question(office: Office) -> None:
    async with office.talking() as client:
        await client.send("text.input", text="One.")
        assert await ask(client, "And two.") == "echo: One.\nAnd two."
    (turn,) = office.brain.turns
    assert turn["messages"] == [{"role": "caller", "text": "One.\nAnd two."}]


async def test_the_agents_tools_are_the_webhooks_business(office: Office) -> None:
    tools = [{"name": "clock", "parameters": {"type": "object"}}]
    async with office.talking(tools=tools) as client:
        assert "tools" in client.events[0]["warnings"][0]
        assert await ask(client, "Hello.") == "echo: Hello."


async def test_a_model_that_asks_needs_an_agent_that_can_be_asked(office: Office) -> None:
    service = office.service
    silent = await office.rpc.run(
        "create_ai_agent", input={"name": "Mute", "model": "local/attendant"}, fields=["id"]
    )
    mints = f"{service.base_url}/v3/realtime-sessions"
    for body in (
        {"config": {"model": "byom/local"}},
        {"config": {"model": "byom/local"}, "agent_id": silent["id"]},
    ):
        async with service.http.post(mints, json=body, headers=service.bearer()) as answer:
            assert answer.status == 400
            error = (await answer.json())["error"]
            assert (error["code"], "webhookUrl" in error["message"]) == ("invalid_config", True)
    for start in ({}, {"agent_id": silent["id"]}):
        async with connected(service, headers=service.bearer()) as client:
            await client.send("session.start", config={"model": "byom/local"}, **start)
            assert refusal(await client.until("session.terminating")) == "invalid_config"


def refusal(event: Event) -> str:
    return event.get("reason") or event["error"]["code"]


async def test_the_list_of_models_has_one_for_each_cascade(office: Office) -> None:
    url = f"{office.service.base_url}/v3/models?type=realtime&provider=byom"
    async with office.service.http.get(url) as answer:
        models = (await answer.json())["models"]
    assert [model["id"] for model in models] == ["byom/house", "byom/local"]
    for model in models:
        assert model["capabilities"] == ["audio", "text"]
        assert KEY not in json.dumps(model)
        assert office.hook.url not in json.dumps(model)


async def test_the_url_may_change_between_two_turns(office: Office) -> None:
    async def other(_: Received) -> web.Response:
        return web.json_response({"text": "from another"})

    agent = await office.agent()
    async with (
        receiver(other) as hook,
        connected(office.service, headers=office.service.bearer()) as client,
    ):
        await client.start(agent_id=agent, config=CAPTIONS)
        assert await ask(client, "One.") == "echo: One."
        await office.rpc.run(
            "update_ai_agent", identity=agent, input={"webhookUrl": hook.url}, fields=["id"]
        )
        assert await ask(client, "Two.") == "from another"


# What a webhook may do instead of answering: all of it is a fallback line and nothing else.


async def flood() -> web.Response:
    return web.Response(body=b'{"text":"' + b"x" * 10_485_760 + b'"}')


async def redirect() -> web.Response:
    return web.Response(status=302, headers={"Location": "/elsewhere"})


async def deep() -> web.Response:
    return web.Response(text='{"text":"a","b":' + "[" * 100 + "]" * 100 + "}")


async def not_text() -> web.Response:
    return web.Response(body=b'{"text":"\xff\xfe"}')


async def lying() -> web.Response:
    return web.Response(body=b'{"text":"a"}', headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize("answer", [flood, redirect, deep, not_text, lying])
async def test_a_receiver_that_misbehaves_disturbs_nothing(office: Office, answer: Answer) -> None:
    office.brain.answers.append({"text": "Hi."})
    async with office.talking() as one, office.talking() as other:
        assert await ask(one, "Hello.") == "Hi."
        office.brain.answers.append(answer)
        assert await ask(one, "Again.") in (DEFAULT_FALLBACK, "a")
        assert await ask(other, "Hello.") == "echo: Hello."
        assert await ask(one, "Once more.") == "echo: Once more."


async def test_an_answer_ends_the_call_once_it_was_heard(office: Office) -> None:
    office.brain.answers.append({"text": "Good bye.", "end_call": True, "dtmf": "1"})
    async with office.talking() as client:
        assert await ask(client, "That is all.") == "Good bye."
        assert await client.closed() == 1000
    end = await end_of(office)
    assert (end["status"], end["disposition"]) == ("completed", "agent_hangup")


async def results(office: Office, key: str = "") -> list[dict[str, Any]]:
    """Return what became of the built-in tools that were called."""
    rpc = Rpc(office.service, key) if key else office.rpc
    page = await rpc.run("list_events", input={"type": "call.audit"})
    audits = [event["data"] for event in page["events"]]
    return [audit["detail"] for audit in audits if audit["auditType"] == "tool_result"]


async def sandbox_call(office: Office, answers: list[Any]) -> tuple[dict[str, Any], list[str]]:
    """Place a sandbox call of a `byom` agent; return its end, and what was said."""
    office.brain.answers += answers
    rpc = Rpc(office.service, office.service.keys.test_key)
    made = await rpc.run(
        "create_ai_agent",
        input={"name": "Ada", "model": "byom/local", "webhookUrl": office.hook.url},
        fields=["id"],
    )
    body = {"agent_id": made["id"], "to_number": "+2348031234567", "from_number": "+2348000001234"}
    placed = await V1(office.service, office.service.keys.test_key).post("/calls", body)
    assert placed.status == 200, placed.body

    end = await end_of(office)
    return end, [turn["text"] for turn in end["transcript"]]


async def test_the_webhook_answers_in_the_sandbox(office: Office) -> None:
    end, said = await sandbox_call(office, [{"text": "On Saturdays too."}])
    assert said == ["Hello, are you open on Saturdays?", "On Saturdays too."]
    assert (end["ai_mode"], end["disposition"]) == ("byom", "caller_hangup")
    (turn,) = office.brain.turns
    assert (turn["direction"], turn["from_number"]) == ("outbound", "+2348000001234")
    (event,) = await transcriptions(office, 1)
    assert turn["turn_id"] == event["payload"]["turn_id"]
    assert "X-Voicebip-Signature" in office.brain.raw[0].headers


async def test_the_webhook_ends_a_call_in_the_sandbox(office: Office) -> None:
    end, said = await sandbox_call(office, [{"text": "Bye.", "end_call": True}])
    assert (end["disposition"], said[1]) == ("agent_hangup", "Bye.")


async def test_an_answer_transfers_the_call_once_it_was_heard(office: Office) -> None:
    answer = {"text": "One moment.", "transfer_to": "+2348005550000"}
    end, said = await sandbox_call(office, [answer])
    assert (end["disposition"], said[1]) == ("transferred", "One moment.")
    assert await results(office, office.service.keys.test_key) == [
        {"name": "transfer_call", "result": {"status": "transferring"}}
    ]


async def test_an_answer_sends_digits_once_it_was_heard(office: Office) -> None:
    end, said = await sandbox_call(office, [{"text": "I am dialling.", "dtmf": "12#"}])
    assert (end["disposition"], said[1]) == ("caller_hangup", "I am dialling.")
    assert await results(office, office.service.keys.test_key) == [
        {"name": "send_digits", "result": {"status": "sent"}}
    ]


async def test_a_line_that_cannot_be_transferred_stays(office: Office) -> None:
    office.brain.answers.append({"text": "One moment.", "transfer_to": "+2348005550000"})
    async with office.talking() as client:
        assert await ask(client, "A person, please.") == "One moment."
        assert await ask(client, "Hello?") == "echo: Hello?"
    assert await results(office) == [
        {
            "name": "transfer_call",
            "result": {"error": "the line of this call cannot do it"},
        }
    ]


async def test_a_webhook_that_fails_in_the_sandbox(office: Office) -> None:
    async def broken() -> web.Response:
        return web.Response(status=503)

    _, said = await sandbox_call(office, [broken])
    assert said[1] == DEFAULT_FALLBACK
