"""Endpoints for cascades, on FastAPI and uvicorn: a real server on another library.

Every request is checked by the vendor's own types (`openai`), with nothing unknown in it, and
WAV files by the standard library; answers are made of the vendor's types. A test may put
another answer in front of the usual ones of a stage, or a gate in the middle of them.
"""

import asyncio
import io
import json
import wave
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from functools import cache
from itertools import takewhile
from typing import Any, TypeAlias, get_type_hints

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
)
from openai.types.audio.speech_create_params import SpeechCreateParams
from openai.types.audio.transcription import UsageDuration as TranscriptionUsage
from openai.types.audio.transcription_create_params import TranscriptionCreateParamsStreaming
from openai.types.audio.transcription_text_done_event import Usage, UsageInputTokenDetails
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import SecretStr, TypeAdapter
from typing_extensions import TypedDict

from ringline.domain.cascade import Cascade, Endpoint

KEY = "sk-of-the-house-0123456789"
STAGES = ("transcription", "chat", "speech")
PATHS = {
    "transcription": "/v1/audio/transcriptions",
    "chat": "/v1/chat/completions",
    "speech": "/v1/audio/speech",
}
HEARD = ("What did ", "you say?")
#: What the line `/long` is answered with: each sentence is a request for speech.
LONG = "And on it goes. " * 60
#: Samples of speech per character that is spoken: 20 ms.
SAMPLES = 480

Read: TypeAlias = Callable[[str, bytes], dict[str, Any]]
Answer: TypeAlias = Callable[["Asked"], Response]


@dataclass
class Asked:
    """A request: its stage, its parsed members, and what became of its answer."""

    stage: str
    members: dict[str, Any]
    headers: dict[str, str]
    #: The client's port: one for each connection.
    port: int
    #: The answer was sent to its end; None while it is sent.
    finished: bool | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)
    #: What the answer says was used, as far as it was sent.
    sold: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.members["messages"]

    def over(self, finished: bool) -> None:
        self.finished = finished
        self.done.set()


class FakeEndpoints:
    """The three endpoints; `url` is what a client is configured with."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        #: Answers in front of the usual ones, by stage.
        self.answers: dict[str, deque[Answer]] = {stage: deque() for stage in STAGES}
        #: A stage waits here, once its first piece is sent.
        self.gates: dict[str, asyncio.Event] = {}
        self.problems: list[str] = []
        self._came = asyncio.Event()

    def of(self, stage: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.stage == stage]

    async def until(self, stage: str, count: int = 1) -> Asked:
        """Wait for the count-th request of a stage."""
        while len(found := self.of(stage)) < count:
            self._came.clear()
            await self._came.wait()
        return found[count - 1]

    def cascade(self, name: str = "house", key: str | None = KEY) -> Cascade:
        secret = None if key is None else SecretStr(key)
        hears, answers, speaks = (Endpoint(self.url, f"{s}-model", secret) for s in STAGES)
        return Cascade(name, ("alloy", "onyx"), hears, answers, speaks)

    def voices_file(self) -> str:
        """Return a VOICES_FILE for these endpoints; the key's variable is HOUSE_KEY."""
        tables = [
            f'[cascade.house.{stage}]\nurl = "{self.url}"\nmodel = "{stage}-model"\n'
            'key_env = "HOUSE_KEY"\n'
            for stage in STAGES
        ]
        return '[cascade.house]\nvoices = ["alloy", "onyx"]\n' + "".join(tables)

    def app(self) -> FastAPI:
        app = FastAPI()
        for stage, read in (
            ("transcription", read_transcription),
            ("chat", read_chat),
            ("speech", read_speech),
        ):
            app.add_api_route(PATHS[stage], self._route(stage, read), methods=["POST"])
        return app

    def _route(
        self, stage: str, read: Callable[[str, bytes], dict[str, Any]]
    ) -> Callable[..., Any]:
        async def route(request: Request) -> Response:
            body = await request.body()
            try:
                members = read(request.headers["content-type"], body)
            except Exception as problem:
                self.problems.append(f"{stage}: {problem!r}"[:2_000])
                return JSONResponse({"error": {"code": "bad_request"}}, 400)
            assert request.client is not None
            asked = Asked(stage, members, dict(request.headers), request.client.port)
            self.asked.append(asked)
            self._came.set()
            if self.answers[stage]:
                return self.answers[stage].popleft()(asked)
            return self._usual(asked)

        return route

    def _usual(self, asked: Asked) -> Response:
        match asked.stage:
            case "transcription":
                return streamed(
                    asked, transcript_events(HEARD), gate=self.gates.get("transcription")
                )
            case "chat":
                call = called_for(asked.messages)
                events = call_events(call) if call else chat_events(reply_to(asked.messages))
                return streamed(asked, events, gate=self.gates.get("chat"))
            case _:
                pieces = [tone_of(asked.members["input"])]
                return streamed(
                    asked, pieces, media_type="audio/pcm", gate=self.gates.get("speech")
                )


@asynccontextmanager
async def fake_endpoints() -> AsyncIterator[FakeEndpoints]:
    """Run the endpoints; requests that the vendor's types do not allow fail the test."""
    fake = FakeEndpoints()
    async with serving_app(fake.app()) as url:
        fake.url = f"{url}/v1"
        yield fake
    assert fake.problems == []


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are the test runner's


@asynccontextmanager
async def serving_app(app: Any) -> AsyncIterator[str]:
    """Run an ASGI app on a free port; yield its URL."""
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none")
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.005)  # nothing signals it
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = server.force_exit = True
        await running


# Requests.

_hints = get_type_hints(TranscriptionCreateParamsStreaming, include_extras=True)
del _hints["file"]  # whose own type cannot be validated
#: The vendor's type without the file.
_TRANSCRIPTION_FIELDS: Any = TypedDict("_TRANSCRIPTION_FIELDS", _hints, total=False)  # type: ignore[misc]


def _forced(value: Any) -> Any:
    """Return a validated value with the vendor's lazy lists read to their end."""
    if isinstance(value, dict):
        return {name: _forced(member) for name, member in value.items()}
    if isinstance(value, str | bytes | int | float | bool | None):
        return value
    return [_forced(member) for member in value]


#: Kept, as what they validate is read later.
_adapter = cache(TypeAdapter)


def check(params: Any, members: dict[str, Any]) -> dict[str, Any]:
    """Validate members by the vendor's type; raise for one that it does not know."""
    validated = _forced(_adapter(params).validate_python(members, strict=True))
    assert validated == members, "a member is unknown to the vendor"
    return members


def read_chat(content_type: str, body: bytes) -> dict[str, Any]:
    assert content_type == "application/json"
    members = check(CompletionCreateParamsStreaming, json.loads(body))
    assert members["stream_options"] == {"include_usage": True}
    answered: set[str] = set()
    for message in members["messages"]:
        if message["role"] == "tool":
            assert message["tool_call_id"] in answered, "a result without its call"
            answered.discard(message["tool_call_id"])
        else:
            assert not answered, "a call without its result"
            answered = {call["id"] for call in message.get("tool_calls", ())}
    assert not answered, "a call without its result"
    return members


def read_speech(content_type: str, body: bytes) -> dict[str, Any]:
    assert content_type == "application/json"
    members = check(SpeechCreateParams, json.loads(body))
    assert members["response_format"] == "pcm"
    assert members["input"].strip()
    return members


def read_transcription(content_type: str, body: bytes) -> dict[str, Any]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    members: dict[str, Any] = {}
    parts = BytesParser().parsebytes(head + body)
    assert parts.is_multipart()
    assert not parts.defects
    for part in parts.get_payload():
        assert not isinstance(part, str)
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(name, str)
        assert isinstance(content, bytes)
        members[name] = content if part.get_filename() else content.decode()
    members["stream"] = {"true": True}[members["stream"]]
    check(_TRANSCRIPTION_FIELDS, {name: members[name] for name in members if name != "file"})
    with wave.open(io.BytesIO(members["file"])) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (16_000, 1, 2)
        members["pcm"] = wav.readframes(wav.getnframes())
    return members


# Answers.


def streamed(
    asked: Asked,
    pieces: Sequence[bytes],
    *,
    media_type: str = "text/event-stream",
    gate: asyncio.Event | None = None,
    breaks: bool = False,
) -> Response:
    """Stream an answer piece by piece; `breaks` cuts the connection at its end."""

    async def body() -> AsyncGenerator[bytes]:
        finished = False
        try:
            for number, piece in enumerate(pieces):
                if number == 1 and gate is not None:
                    await gate.wait()
                asked.sold += _usages_in(piece)
                yield piece
                await asyncio.sleep(0)  # a client that has gone is noticed here
            if len(pieces) < 2 and gate is not None:
                await gate.wait()
            finished = True
            if breaks:
                raise ConnectionError("the test cuts it")
        finally:
            asked.over(finished)

    return StreamingResponse(body(), media_type=media_type)


def _usages_in(piece: bytes) -> Iterator[dict[str, Any]]:
    for line in piece.split(b"\n"):
        if line.startswith(b"data: {") and (usage := json.loads(line[6:]).get("usage")):
            yield usage


def document(text: str, seconds: float) -> Answer:
    """Return an answer of a recogniser that has no stream and is billed by time."""
    usage = TranscriptionUsage(type="duration", seconds=seconds)
    body = Transcription(text=text, usage=usage).model_dump(exclude_none=True)

    def answer(asked: Asked) -> Response:
        asked.sold.append(body["usage"])
        asked.over(finished=True)
        return JSONResponse(body)

    return answer


def refusing(status: int, code: str = "", message: str = "") -> Answer:
    """Return an answer that refuses, as the vendor words it."""
    error = {"message": message, "type": "error", "code": code or None, "param": None}
    return lambda asked: JSONResponse({"error": error}, status)


def sse(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


def transcript_events(deltas: Sequence[str]) -> list[bytes]:
    events: list[Any] = [
        TranscriptionTextDeltaEvent(type="transcript.text.delta", delta=delta) for delta in deltas
    ]
    details = UsageInputTokenDetails(audio_tokens=14, text_tokens=2)
    usage = Usage(
        type="tokens",
        input_tokens=16,
        output_tokens=5,
        total_tokens=21,
        input_token_details=details,
    )
    text = "".join(deltas)
    events.append(TranscriptionTextDoneEvent(type="transcript.text.done", text=text, usage=usage))
    return [sse(event.model_dump_json(exclude_none=True)) for event in events]


def chat_chunk(delta: dict[str, Any] | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, **more.pop("choice", {})}]
    chunk = ChatCompletionChunk.model_validate(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_764_400_000,
            "model": "chat-model",
            "choices": [{"finish_reason": None, **choice} for choice in choices],
            **more,
        }
    )
    return sse(chunk.model_dump_json(exclude_unset=True))


#: The end of a chat's stream: why it ended, what it used, and that it is over.
def chat_end(reason: str = "stop") -> list[bytes]:
    usage = {
        "prompt_tokens": 30,
        "completion_tokens": 7,
        "total_tokens": 37,
        "prompt_tokens_details": {"cached_tokens": 10},
    }
    return [
        chat_chunk({}, choice={"finish_reason": reason}),
        chat_chunk(usage=usage),
        sse("[DONE]"),
    ]


def chat_events(text: str) -> list[bytes]:
    """Return a stream of a text, cut where a tokenizer may cut it."""
    cuts = [text[at : at + 5] for at in range(0, len(text), 5)]
    head = chat_chunk({"role": "assistant", "content": ""})
    return [head, *(chat_chunk({"content": cut}) for cut in cuts), *chat_end()]


def call_events(*calls: tuple[str, str, str], text: str = "") -> list[bytes]:
    """Return a stream that calls tools: ids, names and arguments, in pieces."""
    events = [chat_chunk({"role": "assistant", "content": text or None})]
    for index, (call_id, name, arguments) in enumerate(calls):
        function = {"name": name, "arguments": ""}
        first = {"index": index, "id": call_id, "type": "function", "function": function}
        events.append(chat_chunk({"tool_calls": [first]}))
        for at in range(0, len(arguments), 4):
            more = {"index": index, "function": {"arguments": arguments[at : at + 4]}}
            events.append(chat_chunk({"tool_calls": [more]}))
    return events + chat_end("tool_calls")


def reply_to(messages: list[dict[str, Any]]) -> str:
    """Return what the fake model says: an echo of what came since its last answer."""
    last = messages[-1]
    if last["role"] == "tool":
        results = [*takewhile(lambda message: message["role"] == "tool", reversed(messages))]
        return " ".join(f"The tool says {result['content']}." for result in reversed(results))
    if last["role"] != "user":
        told = [message["content"] for message in messages if message["role"] == "tool"]
        return f"The tools said {', '.join(told)}." if told else "I have nothing to answer."
    content = last["content"]
    if not isinstance(content, str):
        content = "\n".join(
            part["text"] if part["type"] == "text" else f"[{part['image_url']['url'][:22]}]"
            for part in content
        )
    lines = (LONG if line == "/long" else line for line in content.split("\n"))
    return "\n".join(f"echo: {line}" for line in lines)


def called_for(messages: list[dict[str, Any]]) -> tuple[str, str, str] | None:
    """Return the tool call that a line `/tool NAME ARGUMENTS` of the last message asks for."""
    last = messages[-1]
    content = last["content"] if last["role"] == "user" else ""
    for line in content.split("\n") if isinstance(content, str) else ():
        if line.startswith("/tool "):
            _, name, arguments = line.split(" ", 2)
            return ("call_asked", name, arguments)
    return None


def tone_of(text: str) -> bytes:
    """Return the speech of a text: the same 20 ms for each of its characters."""
    return b"".join(bytes([1 + ord(character) % 100, 8]) * SAMPLES for character in text)
