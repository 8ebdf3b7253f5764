"""A client of messages under `/v1`, with the `sk_test_` key of a running server."""

from typing import Any

from ringline.domain.ids import Prefix, format_id
from tests.realtime_session import until
from tests.rpc_calls import Rpc
from tests.serving import Service
from tests.v1 import V1, Answer

OURS, THEIRS = "+2348000001234", "+2348031234567"


class Texting:
    """Sends messages of one agent, and those of made-up contacts."""

    def __init__(self, service: Service, agent_id: str | None = None) -> None:
        self.service = service
        self.v1 = V1(service, service.keys.test_key)
        self.rpc = Rpc(service, service.keys.test_key)
        self.agent_id = agent_id or format_id(Prefix.AGENT, service.keys.test_agent_id)

    async def agent(self, name: str, **settings: object) -> "Texting":
        """Create an agent; return the client that sends its messages."""
        made = await self.v1.post("/agents", {"display_name": name, **settings})
        assert made.status == 201, made.body
        return Texting(self.service, made.body["agent_id"])

    async def number(self, e164: str) -> None:
        """Give the agent a number."""
        given = {"phoneE164": e164, "aiAgentId": self.agent_id}
        await self.rpc.run("create_phone_number", input=given, fields=["id"])

    async def write(
        self, body: str, channel: str = "sms", *, from_number: str = THEIRS, to_number: str = OURS
    ) -> Any:
        """Let a contact write; return the ids of the message and its conversation."""
        asked = {"channel": channel, "from_number": from_number, "to_number": to_number}
        answer = await self.v1.post("/sandbox/messages", {**asked, "body": body})
        assert answer.status == 202, answer.body
        return answer.body

    async def send(self, body: Any = None, channel: Any = "sms", **more: object) -> Answer:
        """Send a message of the agent."""
        given = {
            "agent_id": self.agent_id,
            "channel": channel,
            "from_number": OURS,
            "to_number": THEIRS,
            **({} if body is None else {"body": body}),
            **more,
        }
        return await self.v1.post("/messages", given)

    async def sent(self, body: str, channel: str = "sms", **more: object) -> Any:
        """Send a message that is accepted; return what is answered."""
        answer = await self.send(body, channel, **more)
        assert answer.status == 200, answer.body
        return answer.body

    async def conversation(self, conversation_id: str, **query: str | int) -> Any:
        answer = await self.v1.get(f"/conversations/{conversation_id}", **query)
        assert answer.status == 200, answer.body
        return answer.body

    async def hand_over(self, conversation_id: str, mode: str, **more: object) -> Any:
        answer = await self.v1.patch(f"/conversations/{conversation_id}", {"ai_mode": mode, **more})
        assert answer.status == 200, answer.body
        return answer.body

    async def said(self, conversation_id: str) -> list[tuple[str, str]]:
        """Return who has written what in a conversation, the oldest first."""
        found = await self.conversation(conversation_id, page_size=100)
        return [(one["sender"], one["body"]) for one in reversed(found["messages"])]

    async def until_said(self, conversation_id: str, *said: tuple[str, str]) -> None:
        """Wait until exactly this has been written."""

        async def is_said() -> bool:
            return len(await self.said(conversation_id)) >= len(said)

        await until(is_said)
        found = await self.said(conversation_id)
        assert found == list(said), found

    async def events(self) -> list[dict[str, Any]]:
        return (await self.rpc.run("list_events", input={"limit": 1000}))["events"]

    async def types(self) -> list[str]:
        return [event["type"] for event in await self.events()]

    async def until_type(self, type_: str, count: int = 1) -> None:
        """Wait until an event of a type has happened so often."""

        async def happened() -> bool:
            return (await self.types()).count(type_) >= count

        await until(happened)
