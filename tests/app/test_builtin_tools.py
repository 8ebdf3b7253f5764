"""An agent's built-in tools in a session: the call runs them, no client hears of them."""

from typing import Any

from tests.app.test_realtime_tools import answered, say
from tests.realtime_session import connected
from tests.rpc_calls import Rpc
from tests.serving import Service
from tests.watchers import events_client

CLOCK = {"name": "clock", "parameters": {"type": "object"}}


async def agent_with(service: Service, *tools: str) -> str:
    given = {
        "name": "Tools",
        "model": "mock/echo",
        "instructions": "Be brief.",
        "builtinTools": list(tools),
    }
    made = await Rpc(service, service.keys.test_key).run(
        "create_ai_agent", input=given, fields=["id"]
    )
    return made["id"]


async def test_an_agent_hangs_up_once_its_goodbye_was_heard(service: Service) -> None:
    asked: dict[str, Any] = {"agent_id": await agent_with(service, "hang_up")}
    async with events_client(service, service.keys.test_key) as watcher:
        await watcher.join()
        ticket = await service.mint(asked, service.keys.test_key)
        async with connected(service, ticket["client_secret"]) as client:
            await client.start(config={"output_transcription": True})
            await say(client, "/tool hang_up\nGoodbye then")
            ended = await client.until("session.terminating")
            assert ended["error"]["code"] == "call_ended"
            kinds = [event["type"] for event in client.events]
            assert "tool.call" not in kinds
            assert kinds[-2:] == ["response.completed", "session.terminating"]
        pushed = await watcher.until("call_ended")
        audits = [frame[4]["data"] for frame in pushed if frame[3] == "call_ai_audit_event"]
        assert [audit["code"] for audit in audits] == ["tool_call", "tool_result"]
        assert audits[-1]["result"] == {"status": "ending"}
        assert pushed[-1][4]["hangupCause"] == "agent_hangup"


async def test_what_a_session_s_line_cannot_do_the_model_is_told(service: Service) -> None:
    asked = {"agent_id": await agent_with(service, "hold_call")}
    ticket = await service.mint(asked, service.keys.test_key)
    async with connected(service, ticket["client_secret"]) as client:
        await client.start(config={"output_transcription": True, "tools": [CLOCK]})
        await say(client, "/tool hold_call")
        await client.until("response.completed")
        assert "the line of this call cannot do it" in await answered(client)
        await say(client, "/tool hang_up")
        assert await answered(client) == "no tool hang_up"


async def test_a_leash_binds_them_and_a_client_s_tool_of_that_name_is_refused(
    service: Service,
) -> None:
    asked = {"agent_id": await agent_with(service, "hang_up"), "allowed_tools": ["clock"]}
    ticket = await service.mint(asked, service.keys.test_key)
    async with connected(service, ticket["client_secret"]) as client:
        await client.start(config={"output_transcription": True, "tools": [CLOCK]})
        await say(client, "/tool hang_up")
        assert await answered(client) == "no tool hang_up"
    ticket = await service.mint({"agent_id": asked["agent_id"]}, service.keys.test_key)
    async with connected(service, ticket["client_secret"]) as client:
        await client.send("session.start", config={"tools": [{"name": "hang_up"}]})
        refused = await client.until("session.terminating")
        assert refused["error"]["code"] == "invalid_config"
        assert "built-in tool" in refused["error"]["message"]
