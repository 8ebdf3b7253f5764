"""A Gemini Live service on this machine, for tests: a WebSocket server that obeys the protocol.

It is strict in both directions. What a client sends must be legal by the vendor's types, and by
the rules that no type expresses (upstream protocols, 2): `setup` first, the edges of activity
only where detection is off, results only for open calls, and so on. What a test makes the
service send must be legal as well. Whatever is not is noted in `illegal`, which is asserted to
be empty at the end, and closes the connection with 1007.

The model is `tests/gemini_model.py`, or a script: a coroutine that gets the conversation after
its `setup`, and drives it alone.
"""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from typing import Any, TypeAlias

from pydantic import ValidationError
from websockets.asyncio.server import Server, ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.fake_sockets import serve_fake
from tests.gemini_types import Illegal, camel, check_client, check_server

PATHS = tuple(
    f"/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"
    for version in ("v1", "v1beta")
)
IMAGES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")

#: The models, and what each does otherwise than the others.
MODELS: dict[str, frozenset[str]] = {
    "models/gemini-3.8-live": frozenset(),
    "models/gemini-3.8-live-extended-thinking": frozenset({"background"}),
    "models/gemini-3.1-flash-live-preview": frozenset({"thinks", "blocks", "types_in_realtime"}),
}

Script: TypeAlias = Callable[["Conversation"], Awaitable[None]]


class Conversation:
    """One connection of a client."""

    def __init__(self, socket: ServerConnection, service: "FakeGemini") -> None:
        self.socket = socket
        self.service = service
        self.key = (socket.request.headers if socket.request else {}).get("x-goog-api-key", "")
        self.setup: dict[str, Any] = {}
        self.traits: frozenset[str] = frozenset()
        #: Everything that came, as the name of the message and its body.
        self.received: list[tuple[str, dict[str, Any]]] = []
        #: What it has said that was used.
        self.sold: list[dict[str, Any]] = []
        self.open_calls: dict[str, str] = {}
        self.seeding = False
        self.active = False
        self._answered: set[str] = set()
        self._ready = False
        self._in_turn = False
        self._interrupted = False

    @property
    def by_order(self) -> bool:
        """Return whether the client marks the edges of the caller's speech."""
        detection = self.setup.get("realtimeInputConfig", {}).get("automaticActivityDetection", {})
        return bool(detection.get("disabled"))

    def inputs(self, kind: str) -> list[Any]:
        """Return the realtime input of one kind that came."""
        bodies = [body for name, body in self.received if name == "realtimeInput"]
        return [body[kind] for body in bodies if kind in body]

    def bodies(self, name: str) -> list[dict[str, Any]]:
        return [body for found, body in self.received if found == name]

    async def read(self) -> tuple[str, dict[str, Any]]:
        """Return the client's next message, once it is found legal. Raises ConnectionClosed."""
        data = await self.socket.recv()
        try:
            name, body = check_client(data)
            body = _camelled(body)
            self._check(name, body)
        except (Illegal, ValidationError, ValueError) as error:
            self.service.illegal.append(f"client: {error}")
            await self.socket.close(1007, "Request contains an invalid argument.")
            raise ConnectionClosed(None, None) from None
        self.received.append((name, body))
        return name, body

    async def send(self, **members: Any) -> None:
        """Send a message, once it is found legal."""
        try:
            check_server(members)
            self._check_order(members)
        except (Illegal, ValidationError) as error:
            self.service.illegal.append(f"service: {error}")
            raise
        await self.socket.send(json.dumps(members).encode())  # binary, as the service does
        if "usageMetadata" in members:
            self.sold.append(members["usageMetadata"])

    async def raw(self, data: str | bytes) -> None:
        """Send a frame that need not be legal, and that the client may not even take."""
        with suppress(ConnectionClosed):
            await self.socket.send(data)

    def half_a_frame(self) -> None:
        """Send the beginning of a frame, and break the connection."""
        self.socket.transport.write(b"\x82\x7e\x01\x00{")
        self.socket.transport.close()

    async def content(self, **members: Any) -> None:
        await self.send(serverContent=members)

    async def speak(self, text: str, pcm: bytes) -> None:
        """Send a piece of speech, with its text."""
        blob = {"mimeType": "audio/pcm;rate=24000", "data": b64encode(pcm).decode()}
        await self.content(
            outputTranscription={"text": text},
            modelTurn={"role": "model", "parts": [{"inlineData": blob}]},
        )

    async def start(self) -> None:
        """Take the client's `setup` and confirm it."""
        await self.read()
        if self.service.mute:
            await self.socket.wait_closed()
        if self.service.welcome:
            await self.socket.close(*self.service.welcome)
            raise ConnectionClosed(None, None)
        if self.setup["model"] not in MODELS:
            await self.socket.close(1008, f"{self.setup['model']} is not found")
            raise ConnectionClosed(None, None)
        await self.send(setupComplete={"sessionId": "s1"})
        if "sessionResumption" in self.setup:
            await self.send(sessionResumptionUpdate={"newHandle": "handle-1", "resumable": True})

    # What no type expresses.

    def _check(self, name: str, body: dict[str, Any]) -> None:
        if (name == "setup") != (not self.setup):
            raise Illegal(f"{name}: `setup` comes first, and once")
        match name:
            case "setup":
                self._check_setup(body)
            case _ if not self._ready:
                raise Illegal(f"{name} before setupComplete")
            case "realtimeInput":
                self._check_input(body)
            case "clientContent":
                self._check_content(body)
            case "toolResponse":
                for response in body["functionResponses"]:
                    self._check_result(response)
            case _:
                raise Illegal(f"{name} is not known to be served")

    def _check_setup(self, setup: dict[str, Any]) -> None:
        self.setup = setup
        self.traits = MODELS.get(setup["model"], frozenset())
        generation = setup.get("generationConfig", {})
        if generation.get("responseModalities") not in (None, ["AUDIO"]):
            raise Illegal("native audio models speak, and nothing else")
        if "thinkingConfig" in generation and "thinks" not in self.traits:
            raise Illegal(f"{setup['model']} takes no thinkingConfig")
        self.seeding = setup.get("historyConfig", {}).get("initialHistoryInClientContent", False)

    def _check_input(self, body: dict[str, Any]) -> None:
        if self.seeding:
            raise Illegal("realtime input before the history has ended")
        if body.keys() & {"activityStart", "activityEnd"} and not self.by_order:
            raise Illegal("activity is detected automatically")
        if "audioStreamEnd" in body and self.by_order:
            raise Illegal("audioStreamEnd is for automatic detection")
        if "activityStart" in body or "activityEnd" in body:
            if self.active == ("activityStart" in body):
                raise Illegal("the edges of activity alternate")
            self.active = not self.active
        if "audio" in body:
            self._check_audio(body["audio"])
        if "video" in body and body["video"].get("mimeType") not in IMAGES:
            raise Illegal(f"no image: {body['video'].get('mimeType')}")

    def _check_audio(self, blob: dict[str, Any]) -> None:
        pcm = decoded(blob["data"])
        if blob.get("mimeType") != "audio/pcm;rate=16000" or not pcm or len(pcm) % 2:
            raise Illegal(f"audio of {blob.get('mimeType')}, {len(pcm)} bytes")
        if self.by_order and not self.active:
            raise Illegal("audio outside of the caller's activity")

    def _check_content(self, body: dict[str, Any]) -> None:
        if self.active:
            raise Illegal("clientContent within the caller's activity")
        if self.seeding:
            self.seeding = not body.get("turnComplete")
        elif "types_in_realtime" in self.traits:
            raise Illegal("this model takes clientContent for its history alone")
        for turn in body.get("turns", []):
            if turn.get("role") not in ("user", "model") or not turn.get("parts"):
                raise Illegal(f"a turn of {turn.get('role')}")

    def _check_result(self, response: dict[str, Any]) -> None:
        call_id, name = response.get("id", ""), response.get("name")
        if call_id in self._answered or self.open_calls.get(call_id, name) != name:
            raise Illegal(f"a second result, or one under another name: {call_id}")
        if "scheduling" in response and "blocks" in self.traits:
            raise Illegal("scheduling is for functions that do not block")
        if not isinstance(response.get("response"), dict):
            raise Illegal("a result is an object")
        self._answered.add(call_id)

    def _check_order(self, members: dict[str, Any]) -> None:
        if self._ready != ("setupComplete" not in members):
            raise Illegal("setupComplete comes first, and once")
        self._ready = True
        content = members.get("serverContent", {})
        if content.keys() & {"modelTurn", "outputTranscription"}:
            self._in_turn, self._interrupted = True, False
        if "interrupted" in content:
            self._interrupted = True
        if "generationComplete" in content and self._interrupted:
            raise Illegal("generationComplete after interrupted")
        if "turnComplete" in content:
            self._in_turn = self._interrupted = False
        for call in members.get("toolCall", {}).get("functionCalls", []):
            self.open_calls[call["id"]] = call["name"]
        for call_id in members.get("toolCallCancellation", {}).get("ids", []):
            if self.open_calls.pop(call_id, None) is None:
                raise Illegal(f"{call_id} is not open")


class FakeGemini:
    """The service; `url` is what `RINGLINE_GEMINI_URL` names."""

    def __init__(self, script: Script, *, refuse_with: int = 0, location: str = "") -> None:
        self.script = script
        self.refuse_with = refuse_with
        self.location = location
        #: It answers no `setup`, or only by closing with this code and reason.
        self.mute = False
        self.welcome: tuple[int, str] | None = None
        self.conversations: list[Conversation] = []
        self.illegal: list[str] = []
        self.dialled: list[Request] = []
        self._server: Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None, "it is entered first"
        return f"http://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def settled(self) -> None:
        """Wait until nothing is on its way to or from the last conversation."""
        talk, quiet = self.conversations[-1], 0
        while quiet < 3:
            before = len(talk.received)
            await (await talk.socket.ping())
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(talk.received) == before else 0

    async def __aenter__(self) -> "FakeGemini":
        self._server = await serve_fake(self._converse, self._admit)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()
        if kind is None:
            assert self.illegal == []

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        self.dialled.append(request)
        if self.refuse_with:
            response = socket.respond(HTTPStatus(self.refuse_with), "no\n")
            if self.location:
                response.headers["Location"] = self.location
            return response
        if request.path not in PATHS:
            self.illegal.append(f"path {request.path}")
            return socket.respond(HTTPStatus.NOT_FOUND, "no\n")
        if not request.headers.get("x-goog-api-key"):
            return socket.respond(HTTPStatus.FORBIDDEN, "no\n")
        return None

    async def _converse(self, socket: ServerConnection) -> None:
        conversation = Conversation(socket, self)
        self.conversations.append(conversation)
        try:
            await conversation.start()
            await self.script(conversation)
        except ConnectionClosed:
            pass


def decoded(data: str) -> bytes:
    """Read base64 of either alphabet; the vendor's client sends the URL-safe one."""
    return b64decode(data.translate(str.maketrans("-_", "+/")), validate=True)


def _camelled(body: dict[str, Any]) -> dict[str, Any]:
    """Spell an object's keys in camel case; values of functions keep theirs."""

    def spelt(value: Any, name: str = "") -> Any:
        if isinstance(value, dict) and name not in ("response", "args", "parametersJsonSchema"):
            return {camel(key): spelt(item, camel(key)) for key, item in value.items()}
        return [spelt(item) for item in value] if isinstance(value, list) else value

    return spelt(body)
