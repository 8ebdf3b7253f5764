"""A provider on this machine that speaks OpenAI's realtime protocol, or xAI's dialect of it.

It judges every frame in both directions by types that others wrote, so no test can use an
illegal one, and refuses what the services refuse: a second response at once, a cancel of
nothing, a cut beyond an item's end. Turns are answered, and speech interrupts, unless the
session's turn detection says otherwise. It hears loud audio as speech and echoes what it is told:

    /tool NAME JSON     each such line calls a tool; its result is echoed later
    /long               speaks for 20 s or `long_ms`, paced
    /fail CODE          the response fails with this code
    /error CODE         reports this error, then answers
"""

import asyncio
import base64
import json
import time
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.fake_sockets import serve_fake
from tests.outside_types import Frame, Judge, openai_client, openai_server, xai_client, xai_server
from tests.voice_desk import hum

RATE_HZ = 24_000
_FRAME = RATE_HZ // 50
_FRAME_MS = 20
_LOUD = 1_000
_LEAST_MS = 100  # of audio in a commit
PIECE_MS = 100
CHARACTER_MS = 20
LONG_MS = 20_000
KEY = "a key of the fake provider"
_SCRIPT = "word for word, and nothing else:\n\n"


@dataclass(frozen=True)
class Rules:
    """What a provider does in its own way."""

    client: Judge
    server: Judge
    xai: bool = False


OPENAI = Rules(openai_client, openai_server)
XAI = Rules(xai_client, xai_server, xai=True)


@dataclass
class FakeProvider:
    """A running provider: what it saw, and how it misbehaves."""

    rules: Rules
    url: str = ""
    #: What was wrong with a frame, by its type; and what it refused.
    illegal: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    #: The frames of each connection, without audio, and how they connected.
    received: list[Frame] = field(default_factory=list)
    #: The frames that it sent, without speech.
    sent: list[Frame] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    sessions: list["FakeSession"] = field(default_factory=list)
    #: The handshake is answered with this status.
    refuses: int = 0
    location: str = ""
    #: The handshake is answered by closing the connection.
    cuts: bool = False
    #: The first event is this error.
    welcome: str = ""
    #: Nothing is sent at all.
    mute: bool = False
    #: Turns are not answered by the provider, where it does so by itself.
    lazy: bool = False
    #: Its sessions are confirmed, and then say nothing more.
    stays_silent: bool = False
    #: A session tells that it will be closed in so many seconds, and is.
    expires_in_s: float = 0.0
    #: It says nothing of what it sells.
    unmetered: bool = False
    #: How long it speaks when it is told `/long`.
    long_ms: int = LONG_MS
    #: For how long its connections that have ended were open, all together.
    open_s: float = 0.0

    @property
    def session(self) -> "FakeSession":
        return self.sessions[-1]

    async def settled(self) -> None:
        """Wait until nothing is on its way to or from the last session."""
        session, quiet = self.session, 0
        while quiet < 3:
            before = session.frames
            await (await session.connection.ping())
            await asyncio.sleep(0)
            quiet = quiet + 1 if session.frames == before else 0

    def types(self) -> list[str]:
        return [frame["type"] for frame in self.received]

    def of(self, kind: str) -> list[Frame]:
        return [frame for frame in self.received if frame["type"] == kind]


@asynccontextmanager
async def fake_provider(rules: Rules = OPENAI) -> AsyncIterator[FakeProvider]:
    """Run a provider; at the end, check that nobody sent an illegal frame."""
    fake = FakeProvider(rules)

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        fake.requests.append(request)
        if fake.cuts:
            connection.transport.close()
        if not fake.refuses:
            return None
        response = connection.respond(HTTPStatus(fake.refuses), "a text with sk-secret\n")
        if fake.location:
            response.headers["Location"] = fake.location
        return response

    async def converse(connection: ServerConnection) -> None:
        session = FakeSession(fake, connection)
        fake.sessions.append(session)
        opened_at = time.monotonic()
        try:
            with suppress(ConnectionClosed):
                await session.run()
        finally:
            fake.open_s += time.monotonic() - opened_at
            await session.stop()

    async with serve_fake(converse, answer, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        fake.url = f"http://127.0.0.1:{port}/v1"
        yield fake
    assert not fake.illegal, fake.illegal


@dataclass
class _Turn:
    """The caller's turn being heard."""

    item_id: str
    silence_ms: int  # as the config was when it began
    heard_ms: int = 0
    quiet_ms: int = 0


class FakeSession:
    """One connection."""

    def __init__(self, fake: FakeProvider, connection: ServerConnection) -> None:
        self.fake = fake
        self.connection = connection
        self.xai = fake.rules.xai
        self.config: dict[str, Any] = {"voice": "eve"} if self.xai else {"type": "realtime"}
        self.config |= {"id": "sess_1", "object": "realtime.session", "model": "m"}
        self.counter = self.frames = 0
        self.pcm = b""
        self.loud_ms = 0
        self.buffered_ms = 0
        self.turn: _Turn | None = None
        self.unanswered: list[str] = []
        self.taken: list[str] = []  # what the last answer is to
        self.items: dict[str, float] = {}  # the length of each item's speech
        self.messages: dict[str, Frame] = {}
        self.calls: dict[str, str] = {}
        self.active: str = ""
        self.speaking: asyncio.Task[None] | None = None
        self.silent = False  # it says nothing more, but reads
        #: Where the last speech belongs to: of which response, and of which item.
        self.last_place: Frame = {}
        #: How many answers do not begin until they are interrupted.
        self.hesitations = 0
        self.hesitating = asyncio.Event()
        #: A final transcript comes again, and says something else; or none comes at all.
        self.repeats = self.endless = False
        #: A response runs that the client knows nothing of.
        self.occupied = False
        self.deaf = asyncio.Event()
        self.deaf.set()

    async def run(self) -> None:
        if self.fake.welcome:
            await self.refuse(self.fake.welcome, message="sk-secret")
        elif not self.fake.mute:
            if self.fake.expires_in_s:
                expires_at = time.time() + self.fake.expires_in_s
                self.config["expires_at"] = int(-(-expires_at // 1))
            await self.send("session.created", session=dict(self.config))
            if self.xai:
                conversation = {"id": "conv_1", "object": "realtime.conversation"}
                await self.send("conversation.created", conversation=conversation)
                await self.send("ping", timestamp=1)
        async for message in self.connection:
            await self.deaf.wait()
            self.frames += 1
            await self.receive(json.loads(message))

    async def stop(self) -> None:
        if self.speaking is not None:
            self.speaking.cancel()
            await asyncio.gather(self.speaking, return_exceptions=True)

    def new_id(self, kind: str) -> str:
        self.counter += 1
        return f"{kind}_{len(self.fake.sessions)}_{self.counter}"

    async def send(self, kind: str, **members: Any) -> None:
        """Send a frame, after a judge has seen it."""
        frame = {"type": kind, "event_id": self.new_id("event"), **members}
        self.fake.illegal += self.fake.rules.server(frame)
        self.frames += 1
        if kind != "response.output_audio.delta":
            self.fake.sent.append(frame)
        if not (self.fake.mute or self.silent):
            await self.connection.send(json.dumps(frame))

    async def refuse(self, code: str, cause: Frame | None = None, message: str = "No.") -> None:
        error = {"type": "invalid_request_error", "message": message, "param": None}
        if cause is not None:
            error["event_id"] = cause.get("event_id")
        if self.xai:
            error = {name: value for name, value in error.items() if value is not None}
        await self.send("error", error=error | {"code": code})

    # What the client sends.

    async def receive(self, frame: Frame) -> None:
        self.fake.illegal += self.fake.rules.client(frame)
        kind = frame["type"]
        if kind != "input_audio_buffer.append":
            self.fake.received.append(frame)
        match kind:
            case "session.update":
                await self.update(frame["session"])
            case "input_audio_buffer.append":
                await self.hear(base64.b64decode(frame["audio"], validate=True))
            case "input_audio_buffer.commit":
                await self.commit(frame)
            case "input_audio_buffer.clear":
                await self.clear()
            case "conversation.item.create":
                await self.create(frame)
            case "conversation.item.truncate" | "conversation.item.delete":
                await self.trim(frame)
            case "conversation.item.retrieve":
                await self.retrieve(frame)
            case "response.create":
                await self.respond(frame)
            case "response.cancel":
                await self.cancel(frame)

    async def update(self, changes: Frame) -> None:
        merge(self.config, changes)
        await self.send("session.updated", session=json.loads(json.dumps(self.config)))
        self.silent = self.fake.stays_silent

    def detection(self) -> Frame | None:
        place = self.config if self.xai else self.config.get("audio", {}).get("input", {})
        found = place.get("turn_detection")
        return found if found and found["type"] else None

    def does(self, what: str) -> bool:
        """Return whether it answers turns, or is interrupted, by itself."""
        return self.xai or bool((self.detection() or {}).get(what, True))

    async def answer_turn(self) -> None:
        if not self.fake.lazy and self.detection() and self.does("create_response"):
            await self.start({})

    async def hear(self, pcm: bytes) -> None:
        self.pcm += pcm
        self.buffered_ms += len(pcm) * 1000 // (2 * RATE_HZ)
        while len(self.pcm) >= 2 * _FRAME:
            samples = array("h", self.pcm[: 2 * _FRAME])
            self.pcm = self.pcm[2 * _FRAME :]
            await self.hear_frame(max(max(samples), -min(samples)) > _LOUD)

    async def hear_frame(self, loud: bool) -> None:
        detection = self.detection()
        if detection is None:
            self.loud_ms += loud * _FRAME_MS
            return
        if loud and self.turn is None:
            await self.begin_turn(detection.get("silence_duration_ms", 500))
        if (turn := self.turn) is None:
            return
        turn.quiet_ms = 0 if loud else turn.quiet_ms + _FRAME_MS
        turn.heard_ms += loud * _FRAME_MS
        if turn.quiet_ms >= turn.silence_ms:
            await self.end_turn()

    async def begin_turn(self, silence_ms: int) -> None:
        self.turn = _Turn(self.new_id("item"), silence_ms)
        at = {} if self.xai else {"audio_start_ms": 0}
        await self.send("input_audio_buffer.speech_started", item_id=self.turn.item_id, **at)
        if self.active and self.does("interrupt_response"):
            await self.interrupt("turn_detected")

    async def end_turn(self) -> None:
        assert self.turn is not None
        turn, self.turn = self.turn, None
        at = {} if self.xai else {"audio_end_ms": turn.heard_ms}
        await self.send("input_audio_buffer.speech_stopped", item_id=turn.item_id, **at)
        await self.committed(turn.item_id, turn.heard_ms)
        await self.answer_turn()

    async def commit(self, frame: Frame) -> None:
        if self.turn is not None:
            turn, self.turn = self.turn, None
            await self.committed(turn.item_id, turn.heard_ms)
            await self.answer_turn()
        elif self.buffered_ms < _LEAST_MS:
            await self.refuse("input_audio_buffer_commit_empty", frame)
        else:
            loud_ms, self.loud_ms = self.loud_ms, 0
            await self.committed(self.new_id("item"), loud_ms)

    async def committed(self, item_id: str, heard_ms: int) -> None:
        self.buffered_ms = 0
        await self.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
        text = f"heard {heard_ms} ms"
        self.unanswered.append(text)
        done = "conversation.item.input_audio_transcription.completed"
        if self.xai:
            part = "conversation.item.input_audio_transcription.updated"
            await self.send(part, item_id=item_id, transcript="herd")
            await self.send(done, item_id=item_id, transcript=text[:5], status="in_progress")
            if not self.endless:
                await self.send(done, item_id=item_id, transcript=text)
            if self.repeats:
                await self.send(done, item_id=item_id, transcript="something else")
            return
        part = "conversation.item.input_audio_transcription.delta"
        for piece in (text[:5], text[5:]):
            await self.send(part, item_id=item_id, content_index=0, delta=piece)
        usage = {"type": "duration", "seconds": heard_ms / 1000}
        at = {"item_id": item_id, "content_index": 0, "usage": usage}
        if not self.endless:
            await self.send(done, transcript=text, **at)
        if self.repeats:
            await self.send(done, transcript="something else", **at)

    async def clear(self) -> None:
        self.turn, self.pcm, self.loud_ms, self.buffered_ms = None, b"", 0, 0
        await self.send("input_audio_buffer.cleared")

    async def create(self, frame: Frame) -> None:
        item = frame["item"]
        if item["type"] == "function_call_output":
            name = self.calls.pop(item["call_id"], None)
            if name is None:
                self.fake.refused.append("output")
                await self.refuse("invalid_tool_call_id", frame)
                return
            self.unanswered.append(f"tool {name} returned {item['output']}")
        elif item["type"] == "force_message":
            await self.start({"instructions": _SCRIPT + item["content"][0]["text"]})
            return
        elif item["type"] == "function_call":
            self.calls[item["call_id"]] = item["name"]
        elif item["role"] == "user":
            said = [part["text"] for part in item["content"] if part["type"] == "input_text"]
            shown = [part for part in item["content"] if part["type"] == "input_image"]
            self.unanswered += [*said, *(f"an image, {part['detail']}" for part in shown)]
        else:
            self.unanswered.clear()  # it was answered before this conversation
        added = {**item, "id": self.new_id("item"), "object": "realtime.item"}
        await self.send("conversation.item.added", item=added, previous_item_id=None)

    async def trim(self, frame: Frame) -> None:
        item_id = frame["item_id"]
        if frame["type"] == "conversation.item.delete":
            self.items.pop(item_id, None)
            await self.send("conversation.item.deleted", item_id=item_id)
            return
        end_ms = frame["audio_end_ms"]
        if not 0 < end_ms <= self.items.get(item_id, 0.0):
            self.fake.refused.append("truncate")
            await self.refuse("invalid_value", frame, "Audio content is already shorter")
            return
        self.items[item_id] = end_ms
        cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": end_ms}
        await self.send("conversation.item.truncated", **cut)

    async def retrieve(self, frame: Frame) -> None:
        found = self.messages.get(frame["item_id"])
        if found is None:
            await self.refuse("item_not_found", frame)
            return
        await self.send("conversation.item.retrieved", item=found)

    async def respond(self, frame: Frame) -> None:
        if self.active or self.occupied:
            self.fake.refused.append("create")
            message = "Conversation already has an active response in progress"
            code = "" if self.xai else "conversation_already_has_active_response"
            await self.refuse(code, frame, message)
            if self.occupied:
                self.occupied, self.active = False, self.new_id("resp")
                await self.end("completed", None)
            return
        await self.start(frame.get("response") or {})

    async def cancel(self, frame: Frame) -> None:
        if not self.active:
            self.fake.refused.append("cancel")
            code = "" if self.xai else "response_cancel_not_active"
            await self.refuse(code, frame, "Cancellation failed: no active response found")
            return
        await self.interrupt("client_cancelled")

    async def interrupt(self, reason: str) -> None:
        assert self.speaking is not None
        self.speaking.cancel()
        await asyncio.gather(self.speaking, return_exceptions=True)
        if self.active:
            await self.end("cancelled", {"type": "cancelled", "reason": reason})

    # What it answers.

    async def start(self, asked: Frame) -> None:
        self.active = self.new_id("resp")
        self.asked = asked
        answer = self.answer_to(asked)
        begun: Frame = {"id": self.active, "object": "realtime.response", "output": []}
        begun["status"] = "in_progress"
        if "metadata" in asked:
            begun["metadata"] = asked["metadata"]
        await self.send("response.created", response=begun)
        self.speaking = asyncio.create_task(self.speak(answer))

    def answer_to(self, asked: Frame) -> list[str]:
        _, is_script, script = asked.get("instructions", "").partition(_SCRIPT)
        if is_script:
            self.taken = []
            return [script]
        self.taken, self.unanswered = self.unanswered, []
        return self.taken or ["nothing to answer"]

    async def speak(self, answer: list[str]) -> None:
        if self.hesitations:
            self.hesitations -= 1
            self.hesitating.set()
            self.unanswered = [*self.taken, *self.unanswered]  # the next answer's
            await asyncio.Event().wait()
        lines = [line for text in answer for line in text.split("\n")]
        script = "instructions" in self.asked
        said: list[str] = []
        for line in lines:
            command, _, rest = line.partition(" ")
            match command:
                case "/tool":
                    if said:
                        await self.say("\n".join(said), paced="/long" in lines)
                        said = []
                    await self.call_tool(*rest.split(" ", 1))
                case "/fail":
                    error = {"type": "server_error", "code": rest, "message": "sk-secret"}
                    await self.end("failed", {"type": "failed", "error": error})
                    return
                case "/error":
                    await self.refuse(rest, message="a text with sk-secret")
                case _:
                    said.append(line if script else f"echo: {line}")
        if said:
            await self.say("\n".join(said), paced="/long" in lines)
        await self.end("completed", None)

    def modality(self) -> str:
        return "audio" if self.xai else self.config.get("output_modalities", ["audio"])[0]

    async def say(self, text: str, *, paced: bool) -> None:
        item_id, response_id = self.new_id("item"), self.active
        at = {"response_id": response_id, "output_index": 0}
        item = {"id": item_id, "object": "realtime.item", "type": "message", "role": "assistant"}
        empty = self.messages[item_id] = {**item, "status": "in_progress", "content": []}
        await self.send("response.output_item.added", item=empty, **at)
        at |= {"item_id": item_id, "content_index": 0}
        self.last_place = dict(at)
        if self.modality() == "text":
            await self.send("response.output_text.delta", delta=text, **at)
            done = {
                **item,
                "status": "completed",
                "content": [{"type": "output_text", "text": text}],
            }
        else:
            await self.send("response.content_part.added", part={"type": "audio"}, **at)
            await self.speak_aloud(text, self.fake.long_ms if paced else 0, at)
            part = {"type": "output_audio", "transcript": text}
            done = {**item, "status": "completed", "content": [part]}
        self.messages[item_id] = done
        place = {"response_id": response_id, "output_index": 0}
        await self.send("response.output_item.done", item=done, **place)

    async def speak_aloud(self, text: str, paced_ms: int, at: Frame) -> None:
        pcm = hum(paced_ms or CHARACTER_MS * max(len(text), 5), RATE_HZ)
        size = 2 * RATE_HZ * PIECE_MS // 1000
        pieces = range(0, len(pcm), size)
        spread = len(text) / len(pieces)
        for number, start in enumerate(pieces):
            delta = text[int(number * spread) : int((number + 1) * spread)]
            if delta:
                await self.send("response.output_audio_transcript.delta", delta=delta, **at)
            piece = pcm[start : start + size]
            known = self.items.get(at["item_id"], 0.0)
            self.items[at["item_id"]] = known + len(piece) * 500 / RATE_HZ
            audio = base64.b64encode(piece).decode()
            await self.send("response.output_audio.delta", delta=audio, **at)
            await asyncio.sleep(0.02 if paced_ms else 0)
        await self.send("response.output_audio.done", **at)
        transcript = {} if self.xai else {"transcript": text}
        await self.send("response.output_audio_transcript.done", **at, **transcript)

    async def call_tool(self, name: str, arguments: str = "{}") -> None:
        call_id, item_id = self.new_id("call"), self.new_id("item")
        self.calls[call_id] = name
        at = {"response_id": self.active, "output_index": 0}
        call = {"call_id": call_id, "name": name, "arguments": ""}
        item: Frame = {"id": item_id, "object": "realtime.item", "type": "function_call", **call}
        await self.send("response.output_item.added", item={**item, "status": "in_progress"}, **at)
        call["arguments"] = arguments
        place = {} if self.xai else {**at, "item_id": item_id}
        await self.send("response.function_call_arguments.done", **call, **place)
        done = {**item, **call, "status": "completed"}
        await self.send("response.output_item.done", item=done, **at)

    async def end(self, status: str, details: Frame | None) -> None:
        response_id, self.active = self.active, ""
        counted = {"input_tokens": 30, "output_tokens": 20, "total_tokens": 50}
        done: Frame = {"id": response_id, "object": "realtime.response", "output": []}
        done |= {"status": status}
        if self.xai:
            error = (details or {}).get("error")
            done |= {"status_details": {"error": error} if error else "unimplemented", "usage": {}}
            if self.fake.unmetered:
                await self.send("response.done", response=done)
                return
            kinds = {"input_token_details": {"text_tokens": 10, "audio_tokens": 20}}
            kinds |= {"output_token_details": {"text_tokens": 5, "audio_tokens": 15}}
            await self.send("response.done", response=done, usage=counted | kinds)
            return
        if details is not None:
            done["status_details"] = details
        cached = {"text_tokens": 1, "audio_tokens": 4, "image_tokens": 0}
        into: Frame = {"text_tokens": 10, "audio_tokens": 20, "cached_tokens": 5}
        into["cached_tokens_details"] = cached
        out = {"text_tokens": 5, "audio_tokens": 15}
        usage = {**counted, "input_token_details": into, "output_token_details": out}
        metered = {} if self.fake.unmetered else {"usage": usage}
        await self.send("response.done", response=done | metered)

    # How it misbehaves.

    async def raw(self, data: str | bytes) -> None:
        """Send what is no frame of the protocol; the other side may close meanwhile."""
        with suppress(ConnectionClosed):
            await self.connection.send(data)

    async def half_a_frame(self) -> None:
        """Send the beginning of a frame, and cut the connection."""
        transport = self.connection.transport
        transport.write(bytes((0x81, 126, 1, 0)) + b'{"type":')
        await asyncio.sleep(0)
        transport.close()


def merge(config: Frame, changes: Frame) -> None:
    """Apply a partial update: objects of settings are merged, everything else is replaced."""
    for name, value in changes.items():
        mergeable = name in ("audio", "input", "output") and isinstance(value, dict)
        if mergeable:
            merge(config.setdefault(name, {}), value)
        else:
            config[name] = value


#: Something that a test does to a session.
Misbehaviour = Callable[[FakeSession], Any]
