"""Clients of the OpenAI-compatible surface, which judge every frame by the vendor's types."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.outside_types import openai_server
from tests.serving import Service

PATH = "/v1/realtime"
SECRETS = "/v1/realtime/client_secrets"
MODEL = "mock/echo"
WAIT_S = 20.0  # a bound on waiting, far above what anything takes

Event = dict[str, Any]


def user_says(text: str) -> Event:
    """Return an item: a message of the user."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def judge(events: Iterable[Event]) -> None:
    """Check every frame by the vendor's types, with a walk over unknown members."""
    wrong = [flaw for event in events for flaw in openai_server(event)]
    assert not wrong, wrong


@dataclass
class Client:
    """A session's client; `events` are all that it received, in order."""

    socket: aiohttp.ClientWebSocketResponse
    events: list[Event] = field(default_factory=list[Event])

    async def send(self, kind: str, **members: object) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **members}))

    async def update(self, **session: object) -> Event:
        """Change the session; return it as it is then."""
        await self.send("session.update", session={"type": "realtime", **session})
        return (await self.until("session.updated"))["session"]

    async def say(self, text: str, **members: object) -> None:
        """Type a message and ask for a response."""
        await self.send("conversation.item.create", item=user_says(text))
        await self.send("response.create", **members)

    async def hear(self, pcm: bytes) -> None:
        await self.send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    async def next(self) -> Event | None:
        """Return the next event; None when the server has closed the socket."""
        message = await self.socket.receive(WAIT_S)
        if message.type is not aiohttp.WSMsgType.TEXT:
            closing = (
                aiohttp.WSMsgType.CLOSE,
                aiohttp.WSMsgType.CLOSING,
                aiohttp.WSMsgType.CLOSED,
            )
            assert message.type in closing, message
            return None
        event = json.loads(message.data)
        self.events.append(event)
        return event

    async def until(self, kind: str) -> Event:
        """Wait for an event of a type."""
        while True:
            event = await self.next()
            assert event is not None, (kind, self.socket.close_code, self.kinds())
            if event["type"] == kind:
                return event

    async def error(self) -> Event:
        """Wait for an error; return what it says."""
        return (await self.until("error"))["error"]

    async def closed(self) -> int | None:
        """Wait for the close; return its code."""
        while await self.next() is not None:
            pass
        return self.socket.close_code

    def kinds(self) -> list[str]:
        """Return the types of the events, with runs of the same type collapsed."""
        kinds = [event["type"] for event in self.events]
        return [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    def text(self) -> str:
        """Return all that the agent said or wrote."""
        kinds = ("response.output_audio_transcript.delta", "response.output_text.delta")
        return "".join(event["delta"] for event in self.events if event["type"] in kinds)

    def pcm(self) -> bytes:
        pieces = [event["delta"] for event in self.of("response.output_audio.delta")]
        return b"".join(base64.b64decode(piece, validate=True) for piece in pieces)


@asynccontextmanager
async def connected(
    service: Service,
    secret: str | None = None,
    *,
    model: str | None = MODEL,
    judged: bool = True,
    **options: Any,
) -> AsyncIterator[Client]:
    """Open a session's socket with a client secret or the test key, and judge what it sends."""
    if secret is not None:
        options["protocols"] = ["realtime", f"openai-insecure-api-key.{secret}"]
    else:
        options.setdefault("headers", service.bearer(service.keys.test_key))
    query = "" if model is None else f"?model={model}"
    async with service.http.ws_connect(
        service.ws_url + PATH + query, max_msg_size=0, **options
    ) as socket:
        client = Client(socket)
        yield client
    if judged:
        judge(client.events)


@asynccontextmanager
async def talking(service: Service, **session: object) -> AsyncIterator[Client]:
    """Open a session whose client sees what the caller says, and wait until it has begun."""
    async with connected(service) as client:
        await client.until("session.created")
        audio = {"input": {"transcription": {"model": "whisper-1"}}}
        await client.update(audio=audio, **session)
        yield client


async def mint(service: Service, body: object = None, **options: Any) -> tuple[int, Event]:
    """Mint a client secret with the test key; return the status and the answer."""
    headers = options.pop("headers", service.bearer(service.keys.test_key))
    async with service.http.post(
        service.base_url + SECRETS, json=body if body is not None else {}, headers=headers
    ) as answer:
        return answer.status, await answer.json()


async def soon(condition: Any) -> None:
    """Wait, within a bound, until a condition holds."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # nothing signals the condition
