"""OpenAI's Live sessions on this machine, strict in both directions.

Every frame is judged by the vendor's types, and by the rules that no type expresses (upstream
protocols, 1.12): `session.start` first and alone, whole samples, appends of a bounded length,
results for open calls only and all of them before `response.create`. What breaks a rule of the
types is noted in `illegal`, which must be empty at the end; what the service refuses, it
answers with `error`.

Its clock is the audio that it is sent: for each piece it sends as much, speech or silence. The
model hears loud audio as speech, stops when it is interrupted, and says back what it is told:

    /tool NAME JSON     each such line calls a function; what it returns is said
    /failed NAME        the backend's run fails after it has called this function
    /error CODE         reports this error
    /mute               says nothing at all
"""

import asyncio
import base64
import json
from array import array
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from ringline.wire.openai_live import ANSWER, SAYS, SAYS_ON, TYPES, TYPES_ON
from tests.fake_sockets import serve_fake
from tests.outside_types import Frame, live_client, live_server
from tests.voice_desk import hum

RATE_HZ = 24_000
KEY = "a key of the fake Live service"
MODELS = ("gpt-live-1", "gpt-live-1.1")
WORD_MS = 100
#: How much silence the model waits for before it answers.
PATIENCE_MS = 300
USAGE_EVERY_MS = 15_000
#: A word as it sounds.
WORD = hum(WORD_MS, RATE_HZ)
_FRAME_BYTES = RATE_HZ // 50 * 2
_PIECE_BYTES = len(WORD)
_ONSET_MS = 100
_LOUD = 1_000
_SECRET = "a text with sk-secret"


@dataclass
class FakeLive:
    """The service: what it saw, and how it misbehaves."""

    url: str = ""
    illegal: list[str] = field(default_factory=list)
    #: What it has refused, by the codes of its errors.
    refused: list[str] = field(default_factory=list)
    #: The frames of all connections, without audio, and how they connected.
    received: list[Frame] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    sessions: list["LiveSession"] = field(default_factory=list)
    #: How much output there is for each piece of audio; the service's own is 1.
    hurry: int = 1
    #: The model goes on when it is interrupted.
    deaf: bool = False
    #: How many answers do not come.
    hesitations: int = 0
    hesitating: asyncio.Event = field(default_factory=asyncio.Event)
    #: The handshake is answered with this status, or by closing the connection.
    refuses: int = 0
    location: str = ""
    cuts: bool = False
    #: `session.start` is answered with this error, this close, or not at all.
    welcome: str = ""
    closes: tuple[int, str] | None = None
    mute: bool = False
    #: Sessions send nothing once they have started.
    stays_silent: bool = False
    expires_at: int = 4_102_444_800

    @property
    def session(self) -> "LiveSession":
        return self.sessions[-1]

    def types(self) -> list[str]:
        return [frame["type"] for frame in self.received]

    def of(self, kind: str) -> list[Frame]:
        return [frame for frame in self.received if frame["type"] == kind]

    async def settled(self) -> None:
        """Wait until nothing is on its way to or from the last session."""
        session, quiet = self.session, 0
        while quiet < 3:
            before = session.frames
            await (await session.connection.ping())
            await asyncio.sleep(0)
            quiet = quiet + 1 if session.frames == before else 0


@asynccontextmanager
async def fake_live(**traits: Any) -> AsyncIterator[FakeLive]:
    """Run the service; at the end, check that nobody sent an illegal frame."""
    fake = FakeLive(**traits)

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        fake.requests.append(request)
        if fake.cuts:
            connection.transport.close()
        if request.path != "/v1/live/sessions":
            fake.illegal.append(f"path {request.path}")
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return connection.respond(HTTPStatus.UNAUTHORIZED, _SECRET)
        if not fake.refuses:
            return None
        response = connection.respond(HTTPStatus(fake.refuses), _SECRET)
        if fake.location:
            response.headers["Location"] = fake.location
        return response

    async def converse(connection: ServerConnection) -> None:
        session = LiveSession(fake, connection)
        fake.sessions.append(session)
        with suppress(ConnectionClosed):
            await session.run()

    async with serve_fake(converse, answer, compression=None) as server:
        fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        yield fake
    assert not fake.illegal, fake.illegal


class LiveSession:
    """One connection."""

    def __init__(self, fake: FakeLive, connection: ServerConnection) -> None:
        self.fake = fake
        self.connection = connection
        self.config: dict[str, Any] = {}
        self.counter = self.frames = 0
        self.run_id = ""
        self.silent = False  # it sends nothing more, but reads
        self.reads = asyncio.Event()
        self.reads.set()
        # The two sides of the conversation.
        self.clock_ms = self.out_ms = 0
        self.pcm = b""
        self.loud_ms = self.quiet_ms = self.heard_ms = 0
        self.lines: list[str] = []
        self.speech: deque[tuple[str, bytes]] = deque()
        self.word = b""
        self.acks: list[Frame] = []
        # The backend.
        self.delegations: dict[str, str] = {}  # by call
        self.names: dict[str, str] = {}
        self.results: dict[str, str] = {}

    # The connection.

    async def run(self) -> None:
        async for message in self.connection:
            await self.reads.wait()
            self.frames += 1
            frame = json.loads(message)
            problems = live_client(frame)
            self.fake.illegal += problems
            if frame["type"] != "session.input_audio.append":
                self.fake.received.append(frame)
            if not problems:
                await self.receive(frame)

    def new_id(self, kind: str) -> str:
        self.counter += 1
        return f"{kind}_{len(self.fake.sessions)}_{self.counter}"

    async def send(self, kind: str, **members: Any) -> None:
        """Send an event, after a judge has seen it."""
        frame = {"type": kind, **members}
        if kind != "session.output_audio.delta":
            frame["event_id"] = self.new_id("event")
        self.fake.illegal += live_server(frame)
        self.frames += 1
        if not (self.silent or self.fake.mute):
            await self.connection.send(json.dumps(frame))

    async def refuse(self, code: str, cause: Frame | None = None) -> None:
        error = {"type": "invalid_request_error", "code": code, "message": _SECRET}
        if cause is not None and "event_id" in cause:
            error["client_event_id"] = cause["event_id"]
        self.fake.refused.append(code)
        await self.send("error", error=error)

    async def raw(self, data: str | bytes) -> None:
        """Send a frame that need not be legal, and that the client may not even take."""
        with suppress(ConnectionClosed):
            await self.connection.send(data)

    def half_a_frame(self) -> None:
        """Send the beginning of a frame, and break the connection."""
        self.connection.transport.write(b"\x81\x7e\x01\x00{")
        self.connection.transport.close()

    async def end(self, reason: str) -> None:
        """Close the session, as the service does for this reason."""
        usage = {"seconds": self.clock_ms / 1000}
        await self.send("session.closed", reason=reason, session=self.resource(), usage=usage)
        await self.connection.close()

    # What the client sends.

    async def receive(self, frame: Frame) -> None:
        kind = frame["type"]
        if (kind == "session.start") != (not self.config):
            self.fake.illegal.append(f"{kind}: session.start comes first, and once")
            return
        match kind:
            case "session.start":
                await self.start(frame)
            case "session.input_audio.append":
                await self.hear(frame["audio"])
            case "session.instructions.append" | "session.commentary.append":
                await self.append(frame)
            case "session.update":
                await self.update(frame)
            case "response.item.create":
                await self.take_result(frame)
            case "response.create":
                await self.go_on(frame)
            case "session.close":
                await self.end("close_requested")
            case _:
                self.fake.illegal.append(f"{kind} is not known to be served")

    def resource(self) -> dict[str, Any]:
        running = {"id": "live_1", "expires_at": self.fake.expires_at, "status": "active"}
        return running | self.config

    async def start(self, frame: Frame) -> None:
        self.config = frame["session"]
        config, fake = self.config, self.fake
        if config["audio"]["format"] != {"type": "audio/pcm", "rate": RATE_HZ}:
            fake.illegal.append(f"a format of {config['audio']['format']}")
        if config["delegation"]["type"] != "responses":
            fake.illegal.append("tools need delegation to Responses")
        history = config.get("input", [])
        if len(history) > 128 or any(len(item["content"]) != 1 for item in history):
            fake.illegal.append("a history of more than it may have")
        for item in history:
            text = item["content"][0]["text"]
            self.lines = [] if item["role"] == "assistant" else [*self.lines, text]
        if config["model"] not in MODELS or fake.welcome:
            await self.refuse(fake.welcome or "model_not_found", frame)
            await self.connection.close(1008)
        elif fake.closes:
            await self.connection.close(*fake.closes)
        else:
            cause = frame.get("event_id")
            await self.send("session.started", session=self.resource(), client_event_id=cause)
            self.silent = self.fake.stays_silent

    async def update(self, frame: Frame) -> None:
        changes = frame["session"]["delegation"]
        if changes["type"] != "responses" or set(frame["session"]) != {"delegation"}:
            self.fake.illegal.append("only the settings of the backend can change")
        self.config["delegation"]["responses"] |= changes["responses"]
        await self.send("session.updated", session=self.resource())

    async def append(self, frame: Frame) -> None:
        content, kind = frame["content"], frame["type"].split(".")[1]
        if len(content.encode()) > 500 or frame["delegation_id"] is not None:
            self.fake.illegal.append(f"{len(content)} characters for {frame['delegation_id']}")
        ack: Frame = {"type": f"session.{kind}.appended"}
        if "event_id" in frame:
            ack["client_event_id"] = frame["event_id"]
        self.acks.append(ack)
        for prefix, text in (
            (p, content.removeprefix(p)) for p in (SAYS, SAYS_ON, TYPES, TYPES_ON)
        ):
            if text == content:
                continue
            if prefix in (SAYS, SAYS_ON):
                self.say(text)
            elif prefix == TYPES:
                self.lines.append(text)
            else:
                self.lines[-1] += text
            return
        if content == ANSWER:
            await self.answer()

    # What it hears, and how its clock goes.

    async def hear(self, audio: str) -> None:
        pcm = base64.b64decode(audio, validate=True)
        if not pcm or len(pcm) % 2:
            self.fake.illegal.append(f"audio of {len(pcm)} bytes")
        for start in range(0, len(pcm), _PIECE_BYTES):
            await self.live(pcm[start : start + _PIECE_BYTES])

    async def live(self, pcm: bytes) -> None:
        """Hear a piece of at most 100 ms, and send as much."""
        before = self.clock_ms // USAGE_EVERY_MS
        self.clock_ms += len(pcm) * 1000 // (2 * RATE_HZ)
        while self.acks:
            ack = self.acks.pop(0)
            await self.send(ack.pop("type"), **ack, **self.at())
        self.pcm += pcm
        while len(self.pcm) >= _FRAME_BYTES:
            frame, self.pcm = self.pcm[:_FRAME_BYTES], self.pcm[_FRAME_BYTES:]
            await self.listen(max(array("h", frame)) >= _LOUD)
        for _ in range(self.fake.hurry):
            await self.sound(len(pcm))
        if self.clock_ms // USAGE_EVERY_MS > before:
            await self.send("session.usage.updated", usage={"seconds": self.clock_ms / 1000})

    def at(self, ms: int = 0) -> Frame:
        return {"start_ms": self.out_ms, "end_ms": self.out_ms + ms}

    async def listen(self, loud: bool) -> None:
        """Hear 20 ms of the caller."""
        if not loud:
            self.quiet_ms += 20
            if self.heard_ms and self.quiet_ms == PATIENCE_MS:
                text, self.heard_ms = f"heard {self.heard_ms} ms", 0
                await self.transcribe(text)
                self.lines.append(text)
                await self.answer()
            elif self.quiet_ms > PATIENCE_MS:
                self.loud_ms = 0
            return
        self.quiet_ms = 0
        self.loud_ms += 20
        if self.loud_ms >= _ONSET_MS:
            self.heard_ms = self.loud_ms
            if not self.fake.deaf:
                self.speech.clear()
                self.word = b""

    async def transcribe(self, text: str) -> None:
        first, rest = text.split(" ", 1)
        for piece in (first, f" {rest}"):
            await self.send("session.input_transcript.delta", delta=piece, **self.at(200))

    async def sound(self, size: int) -> None:
        """Send as much output: what there is to say, and then silence."""
        out = b""
        while len(out) < size:
            if not self.word and self.speech:
                text, self.word = self.speech.popleft()
                said = self.at(len(self.word) * 1000 // (2 * RATE_HZ))
                await self.send("session.output_transcript.delta", delta=text, **said)
            if not self.word:
                out += bytes(size - len(out))
                break
            piece = self.word[: size - len(out)]
            out, self.word = out + piece, self.word[len(piece) :]
        self.out_ms += size * 1000 // (2 * RATE_HZ)
        await self.send("session.output_audio.delta", delta=base64.b64encode(out).decode())

    # What it says.

    def say(self, text: str) -> None:
        words = text.split(" ")
        words = [word + " " for word in words[:-1]] + words[-1:]
        self.speech += [(word, WORD) for word in words if word]

    async def answer(self) -> None:
        if self.fake.hesitations:
            self.fake.hesitations -= 1
            self.fake.hesitating.set()
            return
        lines = [line for text in self.lines for line in text.split("\n")]
        self.lines = []
        calls: list[tuple[str, str]] = []
        said: list[str] = []
        for line in lines:
            command, _, rest = line.partition(" ")
            match command:
                case "/tool":
                    name, _, arguments = rest.partition(" ")
                    calls.append((name, arguments or "{}"))
                case "/failed":
                    await self.work(self.new_id("del"), [(rest, "{}")], completes=False)
                case "/error":
                    await self.refuse(rest)
                case "/mute":
                    pass
                case _:
                    said.append(f"echo: {line}")
        self.say("\n".join(said))
        if calls:
            await self.work(self.new_id("del"), calls)

    # The backend.

    async def event(self, delegation_id: str, kind: str, **members: Any) -> None:
        event = {"type": kind, "sequence_number": self.counter, **members}
        await self.send("response.event", delegation_id=delegation_id, event=event)

    def snapshot(self, status: str, **members: Any) -> dict[str, Any]:
        if status == "in_progress":
            self.run_id = self.new_id("resp")
        return {
            "id": self.run_id,
            "object": "response",
            "created_at": 1,
            "model": self.config["delegation"]["responses"]["model"],
            "status": status,
            "output": [],
            "tools": [],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            **members,
        }

    async def work(
        self, delegation_id: str, calls: list[tuple[str, str]], *, completes: bool = True
    ) -> None:
        """Run the backend model, which calls these functions."""
        delegation = {"id": delegation_id, "type": "delegation", "target": "responses"}
        await self.send("session.delegation.created", delegation=delegation, offset_ms=self.out_ms)
        await self.event(delegation_id, "response.created", response=self.snapshot("in_progress"))
        for index, (name, arguments) in enumerate(calls):
            call_id = self.new_id("call")
            item = {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id}
            item |= {"name": name, "arguments": arguments, "status": "completed"}
            await self.event(
                delegation_id, "response.output_item.done", output_index=index, item=item
            )
            if completes:
                self.delegations[call_id], self.names[call_id] = delegation_id, name
        await self.finish(delegation_id, completes=completes)

    async def finish(self, delegation_id: str, *, completes: bool = True) -> None:
        end = "completed" if completes else "failed"
        usage = {
            "input_tokens": 30,
            "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 0},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 35,
        }
        done = self.snapshot(end, usage=usage)
        await self.event(delegation_id, f"response.{end}", response=done)

    async def take_result(self, frame: Frame) -> None:
        item = frame["item"]
        if item.get("type") != "function_call_output" or item["call_id"] in self.results:
            self.fake.illegal.append(f"{item.get('type')} for {item.get('call_id')}")
        elif item["call_id"] not in self.delegations:
            await self.refuse("no_such_call", frame)
        else:
            self.results[item["call_id"]] = item["output"]

    async def go_on(self, frame: Frame) -> None:
        if self.results.keys() != self.delegations.keys() or not self.results:
            await self.refuse("function_call_outputs_required", frame)
            return
        delegation_id = next(iter(self.delegations.values()))
        said = [f"tool {self.names[id_]} returned {out}" for id_, out in self.results.items()]
        self.delegations, self.results = {}, {}
        await self.event(delegation_id, "response.created", response=self.snapshot("in_progress"))
        await self.finish(delegation_id)
        self.say("\n".join(said))
