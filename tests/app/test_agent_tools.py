"""An agent's tools are run at its webhook, whatever model calls them (live streams, 5)."""

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
from pydantic import SecretStr
from structlog.testing import capture_logs

from ringline.domain.tool_runs import MAX_ROUNDS
from tests import fake_endpoints, fake_openai, fake_openai_live, openai_session
from tests.database import TestDatabase
from tests.fake_gemini import FakeGemini
from tests.gemini_model import EchoModel
from tests.hook_receivers import Received, Receiver, receiver
from tests.realtime_session import Client, connected
from tests.receivers import MANY_BYTES, Connection, Drive, answering, pouring, receiving
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.watchers import StreamClient, stream_client

CAPTIONS = {"input_transcription": True, "output_transcription": True}
LOOKUP = {"name": "lookup", "description": "Find an order.", "parameters": {"type": "object"}}
CLOCK = {"name": "clock", "parameters": {"type": "object"}}
MODELS = (
    "mock/echo",
    "openai/gpt-realtime-2.1",
    "xai/grok-voice-latest",
    "gemini/gemini-3.8-live",
    "cascade/house",
)
LIVE = "openai/gpt-live-1.1"
ASKED = '/tool lookup {"order": "A-19"}'
SECRET = "4111 1111 1111 1111"

_numbers = itertools.count(1)

#: Answers an invocation in a way of its own.
Answer: TypeAlias = Callable[[], Awaitable[web.StreamResponse]]


@dataclass
class Tools:
    """A webhook that runs tools: what it was asked, and what it answers in sequence."""

    answers: list[Any] = field(default_factory=list[Any])
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    raw: list[Received] = field(default_factory=list[Received])

    async def respond(self, received: Received) -> web.StreamResponse:
        body = received.body
        if body.get("event_type") != "tool.invocation":
            return web.json_response({"received": True})
        self.asked.append(body)
        self.raw.append(received)
        answer = self.answers.pop(0) if self.answers else {"status": "shipped"}
        if callable(answer):
            answer = await cast("Answer", answer)()
        if isinstance(answer, web.StreamResponse):
            return answer
        return web.json_response(answer)


@dataclass
class Shop:
    """A server whose agents have tools, and their webhook."""

    service: Service
    hook: Receiver
    tools: Tools
    endpoints: fake_endpoints.FakeEndpoints

    @property
    def rpc(self) -> Rpc:
        return Rpc(self.service, self.service.keys.test_key)

    async def agent(self, model: str = "mock/echo", **more: object) -> str:
        given = {"name": f"Ada {next(_numbers)}", "model": model, "webhookUrl": self.hook.url}
        given |= {"tools": [LOOKUP, CLOCK]} | more
        made = await self.rpc.run("create_ai_agent", input=given, fields=["id"])
        return made["id"]

    @asynccontextmanager
    async def talking(
        self,
        model: str = "mock/echo",
        *,
        config: dict[str, object] | None = None,
        minted: dict[str, object] | None = None,
        **agent: object,
    ) -> AsyncIterator[Client]:
        """Open a session of a new agent that its ticket names."""
        asked = {"agent_id": await self.agent(model, **agent), **(minted or {})}
        ticket = await self.service.mint(asked, self.service.keys.test_key)
        async with connected(self.service, ticket["client_secret"]) as client:
            await client.start(config=CAPTIONS | (config or {}))
            yield client

    async def audits(self, call_uuid: str) -> list[dict[str, Any]]:
        listed = await self.rpc.run("list_events", input={"type": "call.audit"})
        return [event for event in listed["events"] if event["callUuid"] == call_uuid]


@pytest.fixture
async def shop(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Shop]:
    monkeypatch.setenv("HOUSE_KEY", fake_endpoints.KEY)
    tools = Tools()
    async with (
        fake_endpoints.fake_endpoints() as endpoints,
        fake_openai.fake_provider() as openai,
        fake_openai.fake_provider(fake_openai.XAI) as xai,
        FakeGemini(EchoModel()) as gemini,
        receiver(tools.respond) as hook,
    ):
        path = tmp_path / "voices.toml"
        path.write_text(endpoints.voices_file(), "utf-8")
        async with serving(
            database,
            voices_file=path,
            openai_api_key=SecretStr(fake_openai.KEY),
            openai_url=openai.url,
            xai_api_key=SecretStr(fake_openai.KEY),
            xai_url=xai.url,
            gemini_api_key=SecretStr("AIza-of-the-tests"),
            gemini_url=gemini.url,
            webhook_allow_private=True,
        ) as service:
            yield Shop(service, hook, tools, endpoints)


async def ask(client: Client, text: str, responses: int = 2) -> str:
    """Type a text; return what is said until so many responses are over."""
    before = len(client.text())
    await client.send("text.input", text=text)
    await client.send("response.create")
    for _ in range(responses):
        await client.until("response.completed")
    return client.text()[before:]


async def test_every_model_has_its_agents_tools_run(shop: Shop) -> None:
    """They are asked for once, mirrored and followed up once, and the client hears nothing."""
    for number, model in enumerate(MODELS, 1):
        async with shop.talking(model) as client:
            call_id, uuid = client.events[0]["call_id"], client.events[0]["call_uuid"]
            key = shop.service.keys.test_key
            async with stream_client(shop.service, call_id, key) as watcher:
                assert '{"status": "shipped"}' in await ask(client, ASKED), model
                assert (await ask(client, "Thanks.", 1)).endswith("Thanks.")
                mirrored = await invocation(watcher)
            assert client.kinds().count("response.started") == 3
            assert not {"tool.call", "error"} & {*client.kinds()}
        assert len(shop.tools.asked) == number, "it is asked once"
        assert mirrored == (body := shop.tools.asked[-1]), "watchers see what it was asked"
        called, returned = [event["data"] for event in await shop.audits(uuid)]
        (event_id, _) = [event["eventId"] for event in await shop.audits(uuid)]
        assert body["tool"] == {
            "name": "lookup",
            "arguments": {"order": "A-19"},
            "tool_call_id": called["detail"]["toolCallId"],
        }
        assert body["event_id"] == event_id
        assert shop.tools.raw[-1].headers["X-Voicebip-Event-ID"] == event_id
        assert (called["auditType"], called["code"]) == ("tool_call", "tool_invocation")
        assert returned["detail"]["result"] == {"status": "shipped"}
        await no_delivery(shop, event_id)


async def test_a_model_that_delegates_has_them_run_too(database: TestDatabase) -> None:
    tools = Tools()
    async with (
        fake_openai_live.fake_live(hurry=5) as fake,
        receiver(tools.respond) as hook,
        serving(
            database,
            openai_api_key=SecretStr(fake_openai_live.KEY),
            openai_url=fake.url,
            webhook_allow_private=True,
        ) as service,
        Shop(service, hook, tools, fake_endpoints.FakeEndpoints()).talking(LIVE) as client,
    ):
        await client.send("text.input", text=f"{ASKED}\n/tool clock {{}}")
        await client.send("response.create")
        while '{"status": "shipped"}' not in client.text():
            assert await client.next() is not None
        assert not {"tool.call", "error"} & {*client.kinds()}
    assert sorted(body["tool"]["name"] for body in tools.asked) == ["clock", "lookup"]


async def invocation(watcher: StreamClient) -> dict[str, Any]:
    """Wait for the mirror of a question on the call's WebSocket."""
    while (frame := await watcher.receive())["event_type"] != "tool.invocation":
        pass
    return frame


async def no_delivery(shop: Shop, event_id: str) -> None:
    """Assert that a question is in no ledger: it is never delivered, and never again."""
    url = f"{shop.service.base_url}/v1/events/{event_id}/deliveries"
    headers = shop.service.bearer(shop.service.keys.test_key)
    async with shop.service.http.get(url, headers=headers) as answer:
        assert (answer.status, (await answer.json())["webhooks"]) == (200, [])


async def test_the_tools_of_one_response_run_at_once(shop: Shop) -> None:
    both = asyncio.Barrier(2)

    async def together() -> web.Response:
        await both.wait()  # neither is answered before the other one was asked
        return web.json_response({"ok": True})

    shop.tools.answers += [together, together]
    async with shop.talking() as client:
        said = await ask(client, "/tool lookup {}\n/tool clock {}")
        assert said.count('{"ok": true}') == 2
        assert (await ask(client, "Thanks.", 1)) == "echo: Thanks."
        assert client.kinds().count("response.started") == 3
    names = [body["tool"]["name"] for body in shop.tools.asked]
    assert sorted(names) == ["clock", "lookup"]
    assert len({body["turn_id"] for body in shop.tools.asked}) == 1
    assert len({body["event_id"] for body in shop.tools.asked}) == 2


async def test_a_model_that_cannot_stop_is_stopped(shop: Shop) -> None:
    """What a tool returns is the model's next input: here it is a call, again and again."""
    async with shop.talking("cascade/house") as client:
        for _ in range(MAX_ROUNDS + 1):
            shop.endpoints.answers["chat"].append(calling_again)
        said = await ask(client, "Where is it?", MAX_ROUNDS + 2)
        assert "too_many_rounds" in said
    assert len(shop.tools.asked) == MAX_ROUNDS


def calling_again(asked: fake_endpoints.Asked) -> Any:
    call = (f"call_{next(_numbers)}", "lookup", "{}")
    return fake_endpoints.streamed(asked, fake_endpoints.call_events(call))


# Who runs them.


async def test_a_client_runs_the_tools_that_are_not_the_agents(shop: Shop) -> None:
    own: dict[str, object] = {"tools": [CLOCK]}
    ways: list[dict[str, Any]] = [
        {"webhookUrl": None},
        {"minted": {"config": own}},
    ]
    for way in ways:
        async with shop.talking(**way) as client:
            await client.send("text.input", text="/tool clock {}")
            await client.send("response.create")
            call = await client.until("tool.call")
            result = {"tool_call_id": call["tool_call_id"], "tool_result": {"time": "12:00"}}
            await client.send("tool.result", **result)
            await client.until("response.completed")
            await client.until("response.completed")
            assert "12:00" in client.text()
    assert shop.tools.asked == []


async def test_a_session_that_brings_its_own_tools_while_it_runs(shop: Shop) -> None:
    agent = await shop.agent()
    async with connected(
        shop.service, headers=shop.service.bearer(shop.service.keys.test_key)
    ) as client:
        await client.start(agent_id=agent, config=CAPTIONS)
        assert "shipped" in await ask(client, ASKED)
        await client.send("session.update", config={"tools": [CLOCK]})
        await client.until("session.updated")
        await client.send("text.input", text="/tool clock {}")
        await client.send("response.create")
        assert (await client.until("tool.call"))["tool_name"] == "clock"
    assert len(shop.tools.asked) == 1


async def test_a_result_of_a_client_that_was_not_asked_is_refused(shop: Shop) -> None:
    release = asyncio.Event()

    async def wait() -> web.Response:
        await release.wait()
        return web.json_response({"ok": True})

    shop.tools.answers.append(wait)
    async with shop.talking() as client:
        await client.send("text.input", text=ASKED)
        await client.send("response.create")
        await shop.hook.until(lambda _: bool(shop.tools.asked))
        tool_call_id = shop.tools.asked[0]["tool"]["tool_call_id"]
        await client.send("tool.result", tool_call_id=tool_call_id, tool_result="mine")
        assert (await client.until("error"))["error"]["code"] == "tool_call_not_found"
        release.set()
        await client.until("response.completed")
        assert '{"ok": true}' in client.text()


async def test_openais_clients_hear_the_answer_alone(shop: Shop) -> None:
    asked = {"agent_id": await shop.agent()}
    status, minted = await openai_session.mint(shop.service, asked)
    assert status == 200, minted
    async with openai_session.connected(shop.service, minted["value"], model=None) as client:
        await client.until("session.created")
        await client.say(ASKED)
        await client.until("response.done")
        await client.until("response.done")
        assert '{"status": "shipped"}' in client.text()
        await client.say("Thanks.")
        await client.until("response.done")
        assert client.text().endswith("echo: Thanks.")
        kinds = client.kinds()
        assert not [kind for kind in kinds if "function_call" in kind or kind == "error"]
    assert len(shop.tools.asked) == 1


# What the webhook does wrong.


def says(status: int, body: bytes, head: bytes = b"") -> Drive:
    lines = b"HTTP/1.1 %d X\r\n%bContent-Length: %d\r\n\r\n" % (status, head, len(body))
    return answering(lines + body)


async def hang_up(connection: Connection) -> None:
    await connection.read()
    connection.reset()


#: What webhooks answer, and what the model is told of it.
FAULTS: dict[str, tuple[Drive, dict[str, Any]]] = {
    "500": (says(500, b"no"), {"error": "tool_failed", "status": 500}),
    "no JSON": (
        says(200, b"<html>"),
        {"error": "tool_failed", "status": 200, "reason": "not_json"},
    ),
    "text that is JSON": (says(200, b"[1]", b"Content-Type: text/plain\r\n"), {"result": [1]}),
    "its own error": (says(200, b'{"error":"unknown_tool"}'), {"error": "unknown_tool"}),
    "a redirect": (
        says(302, b"", b"Location: /x\r\n"),
        {"error": "tool_failed", "reason": "redirect"},
    ),
    "a reset": (hang_up, {"error": "tool_failed", "reason": "reset"}),
}


async def test_the_model_is_told_what_went_wrong(shop: Shop) -> None:
    for fault, (drive, told) in FAULTS.items():
        with capture_logs() as lines:
            async with receiving(drive) as hook, shop.talking(webhookUrl=hook.url) as client:
                said = await ask(client, f'/tool lookup {{"card": "{SECRET}"}}')
                assert json.loads(said.removeprefix("tool lookup returned ")) == told, fault
                assert (await ask(client, "Thanks.", 1)) == "echo: Thanks."
                posts = [post for post in hook.posts if b"tool.invocation" in post.body]
                assert len(posts) == 1, "it is never asked again"
        assert SECRET not in str(lines)
        failed = [line for line in lines if line["event"] == "tool_failed"]
        assert len(failed) == ("tool_failed" in told.values()), fault


async def test_a_webhook_that_pours_is_not_read_to_its_end(shop: Shop) -> None:
    left: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    drive = pouring(left, only=b"tool.invocation")
    async with receiving(drive) as hook, shop.talking(webhookUrl=hook.url) as client:
        assert "too_large" in await ask(client, ASKED)
        assert await left < MANY_BYTES


@pytest.mark.parametrize("how", ["cancel", "leave"])
async def test_whoever_gives_up_closes_the_request(shop: Shop, how: str) -> None:
    came, gone = asyncio.Event(), asyncio.Event()

    async def hang(connection: Connection) -> None:
        if b"tool.invocation" not in (await connection.read()).body:
            return
        came.set()
        assert await connection.reader.read() == b""
        gone.set()

    async with receiving(hang) as hook:
        async with shop.talking(webhookUrl=hook.url) as client:
            await client.send("text.input", text=f"{ASKED}\n" + "and so on " * 100)
            await client.send("response.create")
            await asyncio.wait_for(came.wait(), 20)
            if how == "cancel":
                await client.send("response.cancel")
                await client.until("response.completed")
                await asyncio.wait_for(gone.wait(), 20)
                said = await ask(client, "Thanks.", 1)
                assert '{"error":"tool_failed","reason":"cancelled"}' in said, "it may go on"
        await asyncio.wait_for(gone.wait(), 20)
