"""A cascade against real endpoints on another library: stages, interruptions, failures."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from fastapi import Response
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse
from msgspec.structs import replace as changed

from ringline.domain import limits, voice_limits
from ringline.domain.agent import Tool, TurnDetection, TurnDetectionType
from ringline.domain.cascade import Endpoint
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolResult,
    Transcribed,
    UpdateConfig,
    Usage,
    UsageKind,
    UsageReported,
    VoiceFailed,
    VoiceFailure,
    VoiceOpening,
)
from ringline.voices.cascade import JOBS_LIMIT, Cascades, CascadeVoice
from ringline.voices.detectors import DETECTORS
from ringline.voices.endpoints import Endpoints, Patience
from tests.fake_endpoints import (
    HEARD,
    KEY,
    STAGES,
    Answer,
    Asked,
    FakeEndpoints,
    call_events,
    chat_end,
    chat_events,
    fake_endpoints,
    refusing,
    streamed,
    tone_of,
)
from tests.voice_desk import Recorder, Said, Spoke, buzz, feed, quiet

CONFIG = SessionConfig(model="cascade/house", voice="alloy", instructions="Be brief.")
SPEECH = quiet(300) + buzz(600)
TURN = SPEECH + quiet(700)
IMPATIENT = Patience(ready_s=5.0, stall_s=1.0)
PNG = "data:image/png;base64,iVBORw0KGgo="


@dataclass
class Desk:
    """A conversation with a cascade, and its endpoints."""

    fake: FakeEndpoints
    voice: CascadeVoice
    ear: Recorder

    async def ask(self, text: str, response_id: str = "r") -> ResponseDone:
        """Type a text; wait for the end of its response."""
        self.voice.send(AddText(text))
        return await self.respond(Respond(response_id))

    async def respond(self, order: Respond) -> ResponseDone:
        ended = len(self.ear.all(ResponseDone))
        self.voice.send(order)
        return await self.ear.until(ResponseDone, ended + 1)

    @property
    def failures(self) -> list[VoiceFailed]:
        return self.ear.all(VoiceFailed)

    def messages(self, request: int = -1) -> list[dict[str, Any]]:
        return self.fake.of("chat")[request].messages


@asynccontextmanager
async def conversing(
    fake: FakeEndpoints,
    config: SessionConfig = CONFIG,
    *,
    patience: Patience | None = None,
    **stages: Endpoint,
) -> AsyncIterator[Desk]:
    cascades = Cascades(Endpoints(patience), DETECTORS["webrtc"])
    ear = Recorder()
    voice = await cascades.opener(replace(fake.cascade(), **stages))(VoiceOpening(config), ear)
    assert isinstance(voice, CascadeVoice)
    yield Desk(fake, voice, ear)
    await voice.close()
    await cascades.close()


@pytest.fixture
async def fake() -> AsyncIterator[FakeEndpoints]:
    async with fake_endpoints() as endpoints:
        yield endpoints


@pytest.fixture
async def desk(fake: FakeEndpoints) -> AsyncIterator[Desk]:
    async with conversing(fake) as found:
        yield found


def chat_of(*pieces: str | asyncio.Event, breaks: bool = False) -> Answer:
    """Return an answer of the chat model; at an event it waits."""
    gate = next((piece for piece in pieces if isinstance(piece, asyncio.Event)), None)
    texts = [piece for piece in pieces if isinstance(piece, str)]
    bodies = [b"".join(chat_events(text)[: -len(chat_end())]) for text in texts]
    if not breaks:
        bodies[-1] += b"".join(chat_end())
    return lambda asked: streamed(asked, bodies, gate=gate, breaks=breaks)


# -- the stages ---------------------------------------------------------------------------


async def test_a_spoken_turn_goes_through_the_three_stages(desk: Desk) -> None:
    desk.ear.answer_turns(desk.voice)
    feed(desk.voice, TURN)
    done = await desk.ear.until(ResponseDone)
    (transcription, chat, speech) = desk.fake.asked
    assert [transcription.stage, chat.stage, speech.stage] == list(STAGES)
    heard = "".join(HEARD)
    assert buzz(600)[:3_200] in transcription.members["pcm"]
    assert chat.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": heard},
    ]
    assert (speech.members["input"], speech.members["voice"]) == (f"echo: {heard}", "alloy")
    assert desk.ear.text_of("r1") == f"echo: {heard}"
    assert desk.ear.pcm_of("r1") == tone_of(f"echo: {heard}")
    assert {spoke.chunk.rate_hz for spoke in desk.ear.all(Spoke)} == {24_000}
    assert max(spoke.chunk.duration_ms for spoke in desk.ear.all(Spoke)) == 100
    assert done.usage == Usage(text_in_tokens=20, text_cached_tokens=10, text_out_tokens=7)
    (reported,) = desk.ear.all(UsageReported)
    used = Usage(audio_in_tokens=14, text_in_tokens=2, text_out_tokens=5)
    assert reported == UsageReported(UsageKind.TRANSCRIPTION, used)
    assert desk.failures == []


async def test_partial_transcripts_are_reported_where_the_endpoint_gives_them(desk: Desk) -> None:
    gate = desk.fake.gates["transcription"] = asyncio.Event()
    feed(desk.voice, TURN)
    first = await desk.ear.until(Transcribed)
    assert (first.text, first.final) == (HEARD[0], False)
    gate.set()
    while not (last := desk.ear.all(Transcribed)[-1]).final:
        await desk.ear.until(Transcribed, len(desk.ear.all(Transcribed)) + 1)
    assert (last.text, last.item_id) == ("".join(HEARD), first.item_id)


async def test_a_sentence_is_spoken_while_the_next_is_still_being_written(desk: Desk) -> None:
    gate = asyncio.Event()
    desk.fake.answers["chat"].append(chat_of("The first. The se", gate, "cond."))
    asking = asyncio.create_task(desk.ask("Go"))
    await desk.ear.until(Spoke)
    assert desk.ear.text_of("r") == "The first. "
    assert not desk.fake.of("chat")[0].done.is_set()
    gate.set()
    await asking
    assert [asked.members["input"] for asked in desk.fake.of("speech")] == [
        "The first.",
        "The second.",
    ]
    assert desk.ear.text_of("r") == "The first. The second."


async def test_the_text_of_a_sentence_comes_with_its_first_sound(desk: Desk) -> None:
    desk.fake.answers["chat"].append(chat_of("One. — Two. 😀"))
    await desk.ask("Go")
    kinds = [
        report.delta if isinstance(report, Said) else "sound"
        for report in desk.ear.reports
        if isinstance(report, Said | Spoke)
    ]
    runs = [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]
    assert runs == ["One. ", "sound", "— Two. ", "sound", "😀"]
    assert [asked.members["input"] for asked in desk.fake.of("speech")] == ["One.", "— Two."]


async def test_a_written_answer_streams_and_is_not_spoken(fake: FakeEndpoints) -> None:
    async with conversing(fake, changed(CONFIG, modalities=(Modality.TEXT,))) as desk:
        gate = asyncio.Event()
        fake.answers["chat"].append(chat_of("No sentence ", gate, "at all"))
        asking = asyncio.create_task(desk.ask("Go"))
        await desk.ear.until(Said)
        gate.set()
        await asking
        assert desk.ear.text_of("r") == "No sentence at all"
        assert (fake.of("speech"), desk.ear.all(Spoke)) == ([], [])


async def test_a_new_config_holds_from_the_next_response(desk: Desk) -> None:
    tools = (Tool(name="clock"),)
    config = changed(CONFIG, instructions="Sing.", voice="onyx", temperature=0.5, tools=tools)
    await desk.ask("One")
    desk.voice.send(UpdateConfig(config))
    await desk.ask("Two")
    first, second = desk.fake.of("chat")
    assert "tools" not in first.members
    assert "temperature" not in first.members
    assert second.messages[0]["content"] == "Sing."
    assert second.members["temperature"] == 0.5
    assert second.members["tools"][0]["function"]["name"] == "clock"
    assert [asked.members["voice"] for asked in desk.fake.of("speech")] == ["alloy", "onyx"]


async def test_a_picture_is_shown_to_the_chat_model(desk: Desk) -> None:
    desk.voice.send(AddImage(PNG, "low", "What is this?"))
    await desk.respond(Respond("r"))
    image = {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}
    text = {"type": "text", "text": "What is this?"}
    assert desk.messages()[-1] == {"role": "user", "content": [image, text]}


async def test_a_large_picture_is_sent_whole(desk: Desk) -> None:
    large = PNG + "A" * (8 * 1024 * 1024)
    desk.voice.send(AddImage(large))
    await desk.respond(Respond("r"))
    (part,) = desk.messages()[-1]["content"]
    assert part["image_url"]["url"] == large
    assert desk.fake.of("chat")[0].headers["content-length"].isdecimal()


async def test_an_endpoint_without_a_key_gets_none(fake: FakeEndpoints) -> None:
    open_chat = Endpoint(fake.url, "chat-model")
    async with conversing(fake, chat=open_chat) as desk:
        await desk.ask("Hi")
        (chat,), (speech,) = fake.of("chat"), fake.of("speech")
        assert "authorization" not in chat.headers
        assert speech.headers["authorization"] == f"Bearer {KEY}"


async def test_connections_are_kept(desk: Desk) -> None:
    await desk.ask("One")
    await desk.ask("Two")
    ports = {asked.port for asked in desk.fake.asked}
    assert len(desk.fake.asked) == 4
    assert len(ports) == 1


# -- tools --------------------------------------------------------------------------------


async def test_tools_are_called_and_answered(fake: FakeEndpoints) -> None:
    config = changed(CONFIG, tools=(Tool(name="clock"), Tool(name="lamp")))
    async with conversing(fake, config) as desk:
        calls = [("c1", "clock", '{"tz":"UTC"}'), ("c2", "lamp", "{}")]
        fake.answers["chat"].append(
            lambda asked: streamed(asked, call_events(*calls, text="One moment."))
        )
        done = await desk.ask("Time?")
        assert done.reason is ResponseEnd.COMPLETED
        assert desk.ear.text_of("r") == "One moment."
        assert desk.ear.all(ToolCall) == [
            ToolCall("r", "c1", "clock", {"tz": "UTC"}),
            ToolCall("r", "c2", "lamp", {}),
        ]
        desk.voice.send(ToolResult("c2", "on"))
        desk.voice.send(ToolResult("c1", "12:00"))
        await desk.respond(Respond("r2"))
        assert [message["role"] for message in desk.messages()] == [
            "system",
            "user",
            "assistant",
            "tool",
            "tool",
        ]
        assert [message["content"] for message in desk.messages()[-2:]] == ["12:00", "on"]
        assert desk.ear.text_of("r2") == "The tool says 12:00. The tool says on."


async def test_a_call_that_cannot_be_read_ends_its_response_alone(desk: Desk) -> None:
    for _ in range(2):
        desk.fake.answers["chat"].append(
            lambda asked: streamed(asked, call_events(("c1", "clock", '{"tz":')))
        )
    done = await desk.ask("Time?")
    assert done.reason is ResponseEnd.FAILED
    assert done.usage.tokens == 2 * 37, "both answers cost"
    (failed,) = desk.failures
    assert (failed.code, failed.recoverable) == (VoiceFailure.UPSTREAM_ERROR, True)
    assert failed.details == "invalid_tool_arguments"
    assert desk.ear.all(ToolCall) == []
    assert (await desk.ask("Again", "r2")).reason is ResponseEnd.COMPLETED


# -- interruptions ------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["chat", "speech"])
async def test_a_new_turn_stops_a_response_at_every_stage(desk: Desk, stage: str) -> None:
    gate = desk.fake.gates[stage] = asyncio.Event()
    desk.voice.send(AddText("Tell me a story."))
    desk.voice.send(Respond("long"))
    asked = await desk.fake.until(stage)
    feed(desk.voice, SPEECH)
    await desk.ear.until(SpeechStarted)
    desk.voice.send(Cancel("long", 0))  # as the call does
    (done,) = desk.ear.all(ResponseDone)
    assert (done.response_id, done.reason) == ("long", ResponseEnd.CANCELLED)
    # How much the chat model used is known once it has written everything.
    assert (done.usage.tokens > 0) == (stage == "speech")
    await asked.done.wait()
    assert asked.finished is False, "the endpoint was told to stop"
    del desk.fake.gates[stage]
    gate.set()
    feed(desk.voice, quiet(700))
    done = await desk.respond(Respond("next"))
    assert (done.response_id, done.reason) == ("next", ResponseEnd.COMPLETED)
    heard = "".join(HEARD)
    assert desk.messages()[1:] == [{"role": "user", "content": f"Tell me a story.\n{heard}"}]
    assert desk.failures == []


async def test_a_new_turn_keeps_what_was_said_in_the_one_before(desk: Desk) -> None:
    gate = desk.fake.gates["transcription"] = asyncio.Event()
    feed(desk.voice, TURN)
    desk.voice.send(Respond("first"))
    await desk.fake.until("transcription")
    feed(desk.voice, SPEECH)
    desk.voice.send(Cancel("first", 0))
    feed(desk.voice, quiet(700))
    await desk.fake.until("transcription", 2)
    gate.set()
    await desk.respond(Respond("second"))
    heard = "".join(HEARD)
    assert desk.messages()[1:] == [{"role": "user", "content": f"{heard}\n{heard}"}]
    finals = [part for part in desk.ear.all(Transcribed) if part.final]
    assert len({part.item_id for part in finals}) == len(finals) == 2
    assert ResponseStarted("first") not in desk.ear.reports


async def test_the_chat_model_is_told_what_was_heard(desk: Desk) -> None:
    text = "One two three four. Five six seven eight."
    desk.fake.answers["chat"].append(chat_of(text))
    await desk.ask("Count.")
    first_ms = len("One two three four.") * 20
    desk.voice.send(Cancel("r", first_ms + 200))  # it was all produced, and not all played
    await desk.ask("And?", "r2")
    assert desk.messages()[2]["role"] == "assistant"
    assert desk.messages()[2]["content"].strip() == "One two three four. Five six"
    assert len(desk.ear.all(ResponseDone)) == 2


async def test_a_greeting_is_spoken_and_remembered(desk: Desk) -> None:
    await desk.respond(Respond("hello", "Good day. How are you?"))
    assert desk.ear.text_of("hello") == "Good day. How are you?"
    assert desk.fake.of("chat") == []
    await desk.ask("Fine.")
    assert desk.messages()[1] == {"role": "assistant", "content": "Good day. How are you?"}


@pytest.mark.parametrize("stage", STAGES)
async def test_closing_stops_everything(fake: FakeEndpoints, stage: str) -> None:
    fake.gates[stage] = asyncio.Event()
    async with conversing(fake) as desk:
        desk.ear.answer_turns(desk.voice)
        feed(desk.voice, TURN)
        asked = await fake.until(stage)
        await desk.voice.close()
        before = list(desk.ear.reports)
        await asked.done.wait()
        assert asked.finished is False
        desk.voice.send(Respond("late"))
        feed(desk.voice, TURN)
        assert desk.ear.reports == before


# -- failures -----------------------------------------------------------------------------

#: What ends a conversation at once: the status, the provider's code, the cause.
FINAL = [
    (401, "", "http_401"),
    (401, "invalid_api_key", "invalid_api_key"),
    (403, "", "http_403"),
    (404, "model_not_found", "model_not_found"),
    (404, "", "http_404"),
    (405, "", "http_405"),
    (429, "rate_limit_exceeded", "http_429"),
    (429, "insufficient_quota", "quota"),
    (201, "", "http_201"),
]


def expect_lost(desk: Desk, cause: str) -> None:
    failed = desk.failures[-1]
    assert (failed.code, failed.recoverable) == (VoiceFailure.UPSTREAM_CLOSED, False)
    assert failed.lost is not None
    assert (failed.lost.model, failed.lost.cause) == ("cascade/house", cause)
    assert KEY not in failed.message


@pytest.mark.parametrize(("status", "code", "cause"), FINAL)
async def test_an_endpoint_that_refuses_ends_the_conversation(
    desk: Desk, status: int, code: str, cause: str
) -> None:
    desk.fake.answers["chat"].append(refusing(status, code, f"Your key {KEY} is bad"))
    desk.voice.send(AddText("Hi"))
    desk.voice.send(Respond("r"))
    await desk.ear.until(VoiceFailed)
    expect_lost(desk, cause)
    assert len(desk.fake.of("chat")) == 1
    assert desk.ear.reports[-1] is desk.failures[-1], "after its end it reports nothing"


@pytest.mark.parametrize("stage", STAGES)
async def test_a_server_error_is_tried_again_once(desk: Desk, stage: str) -> None:
    desk.ear.answer_turns(desk.voice)
    desk.fake.answers[stage].append(refusing(503))
    feed(desk.voice, TURN)
    done = await desk.ear.until(ResponseDone)
    assert (done.reason, desk.failures) == (ResponseEnd.COMPLETED, [])
    assert len(desk.fake.of(stage)) == 2
    assert desk.ear.text_of("r1") == "echo: " + "".join(HEARD)
    assert len(desk.ear.all(ResponseStarted)) == 1


@pytest.mark.parametrize("stage", STAGES)
async def test_a_second_server_error_ends_the_conversation(desk: Desk, stage: str) -> None:
    desk.ear.answer_turns(desk.voice)
    desk.fake.answers[stage] += [refusing(500), refusing(502)]
    feed(desk.voice, TURN)
    await desk.ear.until(VoiceFailed)
    expect_lost(desk, "http_502")
    assert len(desk.fake.of(stage)) == 2


async def test_a_completed_response_grants_another_try(desk: Desk) -> None:
    for number in range(3):
        desk.fake.answers["chat"].append(refusing(503))
        assert (await desk.ask("Hi", f"r{number}")).reason is ResponseEnd.COMPLETED
    assert desk.failures == []


@pytest.mark.parametrize("status", [400, 413, 415, 422])
@pytest.mark.parametrize("stage", STAGES)
async def test_a_refused_request_ends_its_response_alone(
    desk: Desk, stage: str, status: int
) -> None:
    desk.ear.answer_turns(desk.voice)
    desk.fake.answers[stage].append(refusing(status, "context_length_exceeded"))
    feed(desk.voice, TURN)
    done = await desk.ear.until(ResponseDone)
    (failed,) = desk.failures
    assert (failed.code, failed.recoverable) == (VoiceFailure.UPSTREAM_ERROR, True)
    assert failed.details == f"http_{status}"
    if stage == "transcription":  # the turn has no words, and is answered all the same
        assert desk.ear.all(Transcribed)[-1].text == ""
        assert desk.messages()[-1]["content"] == "(inaudible)"
    else:
        assert done.reason is ResponseEnd.FAILED
    assert (await desk.ask("Again", "again")).reason is ResponseEnd.COMPLETED


def plain(body: bytes, media_type: str, **headers: str) -> Answer:
    return lambda asked: Response(body, 200, headers, media_type)


def chat_stream(*pieces: bytes, breaks: bool = False) -> Answer:
    return lambda asked: streamed(asked, pieces, breaks=breaks)


def speech_stream(*pieces: bytes, breaks: bool = False) -> Answer:
    return lambda asked: streamed(asked, pieces, media_type="audio/pcm", breaks=breaks)


def redirect(asked: Asked) -> Response:
    return RedirectResponse("/v1/chat/completions", 307)


WHOLE = b"".join(chat_events("Good day."))
#: What is no answer: the stage, the answer, the cause, whether it is tried again.
NO_ANSWERS: list[tuple[str, Answer, str, bool]] = [
    ("chat", plain(b"<html>", "text/html"), "unreadable", True),
    ("chat", plain(b"data: {\n\n" * 60, "text/event-stream"), "unreadable", True),
    ("chat", plain(b"", "text/event-stream"), "cut", True),
    ("chat", plain(WHOLE[: len(WHOLE) // 3], "text/event-stream"), "cut", True),
    ("chat", chat_stream(WHOLE[: len(WHOLE) // 3], breaks=True), "cut", True),
    ("chat", chat_stream(*[b": " + b"x" * 65_000 + b"\n"] * 260), "unreadable", True),
    ("chat", plain(b"x" * 2_000_000, "application/json"), "unreadable", True),
    (
        "chat",
        plain(gzip.compress(WHOLE), "text/event-stream", **{"Content-Encoding": "gzip"}),
        "unreadable",
        True,
    ),
    ("chat", redirect, "http_307", False),
    ("transcription", plain(b"Good day.", "text/plain"), "unreadable", True),
    ("transcription", plain(b'data: {"type": "transc', "text/event-stream"), "cut", True),
    ("transcription", lambda asked: JSONResponse({"words": []}), "unreadable", True),
    ("speech", plain(b"ID3\x04 and so on", "audio/mpeg"), "unreadable", True),
    ("speech", plain(b"RIFF\x00\x00\x00\x00WAVE", "audio/pcm"), "unreadable", True),
    ("speech", lambda asked: JSONResponse({"error": "no"}), "unreadable", True),
    ("speech", speech_stream(b"", breaks=True), "cut", True),
]


@pytest.mark.parametrize(("stage", "answer", "cause", "again"), NO_ANSWERS)
async def test_no_answer_ends_the_conversation(
    desk: Desk, stage: str, answer: Answer, cause: str, *, again: bool
) -> None:
    desk.ear.answer_turns(desk.voice)
    desk.fake.answers[stage] += [answer, answer]
    feed(desk.voice, TURN)
    await desk.ear.until(VoiceFailed)
    expect_lost(desk, cause)
    assert len(desk.fake.of(stage)) == (2 if again else 1)
    assert desk.ear.all(Spoke) == []


async def test_an_error_within_an_answer_ends_its_response_alone(desk: Desk) -> None:
    error = b'data: {"error": {"message": "no", "code": "server_busy"}}\n\n'
    desk.fake.answers["chat"].append(chat_stream(error))
    assert (await desk.ask("Hi")).reason is ResponseEnd.FAILED
    (failed,) = desk.failures
    assert (failed.recoverable, failed.details) == (True, "server_busy")


@pytest.mark.parametrize("stage", ["chat", "speech"])
async def test_a_response_that_breaks_off_is_over_once_something_was_said(
    desk: Desk, stage: str
) -> None:
    if stage == "chat":
        desk.fake.answers["chat"].append(chat_of("The first. The sec", breaks=True))
    else:
        desk.fake.answers["chat"].append(chat_of("The first. The second."))
        desk.fake.answers["speech"].append(speech_stream(tone_of("The f"), breaks=True))
    done = await desk.ask("Go")
    assert done.reason is ResponseEnd.FAILED
    assert desk.ear.text_of("r") == "The first. "
    (failed,) = desk.failures
    assert (failed.recoverable, failed.details) == (True, "cut")
    await desk.ask("And?", "r2")
    assert desk.messages()[2] == {"role": "assistant", "content": "The first. "}


@pytest.mark.parametrize("stage", STAGES)
async def test_an_endpoint_that_falls_silent_is_given_up(fake: FakeEndpoints, stage: str) -> None:
    async with conversing(fake, patience=IMPATIENT) as desk:
        desk.ear.answer_turns(desk.voice)
        gate = asyncio.Event()
        media_type = "audio/pcm" if stage == "speech" else "text/event-stream"

        def hang(asked: Asked) -> Response:
            return streamed(asked, [b"", b"late"], media_type=media_type, gate=gate)

        fake.answers[stage] += [hang, hang]
        feed(desk.voice, TURN)
        await desk.ear.until(VoiceFailed)
        expect_lost(desk, "stalled")
        assert len(fake.of(stage)) == 2


async def test_an_answer_that_trickles_for_too_long_is_given_up(fake: FakeEndpoints) -> None:
    async with conversing(fake, patience=replace(IMPATIENT, answer_s=0.3)) as desk:

        def trickle(asked: Asked) -> Response:
            async def body() -> AsyncIterator[bytes]:
                while True:
                    yield b": still here\n\n"
                    await asyncio.sleep(0.02)

            return StreamingResponse(body(), media_type="text/event-stream")

        fake.answers["chat"] += [trickle, trickle]
        desk.voice.send(AddText("Hi"))
        desk.voice.send(Respond("r"))
        await desk.ear.until(VoiceFailed)
        expect_lost(desk, "stalled")


async def test_nobody_listens_there(fake: FakeEndpoints) -> None:
    async with unheard_of() as url, conversing(fake, chat=Endpoint(url, "m")) as desk:
        desk.voice.send(AddText("Hi"))
        desk.voice.send(Respond("r"))
        await desk.ear.until(VoiceFailed)
        expect_lost(desk, "connect")


@asynccontextmanager
async def unheard_of() -> AsyncIterator[str]:
    """Yield the URL of a port that was free a moment ago."""
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    yield f"http://127.0.0.1:{port}/v1"


@pytest.mark.parametrize(
    ("said", "cause"),
    [(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "unreadable"), (b"", "cut"), (b"HTTP/1.1 200 OK\r\n", "cut")],
)
async def test_what_listens_speaks_no_http(fake: FakeEndpoints, said: bytes, cause: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server, conversing(fake, chat=Endpoint(url, "m")) as desk:
        desk.voice.send(AddText("Hi"))
        desk.voice.send(Respond("r"))
        await desk.ear.until(VoiceFailed)
        expect_lost(desk, cause)


async def test_speech_without_an_end_is_cut_off(desk: Desk) -> None:
    second = bytes([1, 8]) * 24_000
    desk.fake.answers["speech"].append(speech_stream(*[second] * 4_000))
    assert (await desk.ask("Hi")).reason is ResponseEnd.COMPLETED
    spoken_ms = sum(spoke.chunk.duration_ms for spoke in desk.ear.all(Spoke))
    most = voice_limits.CASCADE_SPEECH_MS.most
    assert most <= spoken_ms <= most + 2_000
    (asked,) = desk.fake.of("speech")
    await asked.done.wait()
    assert asked.finished is False


async def test_text_without_an_end_is_cut_off(fake: FakeEndpoints) -> None:
    async with conversing(fake, changed(CONFIG, modalities=(Modality.TEXT,))) as desk:
        fake.answers["chat"].append(chat_of("word " * 5_000))
        assert (await desk.ask("Go")).reason is ResponseEnd.COMPLETED
        assert len(desk.ear.text_of("r")) == limits.RESPONSE_CHARACTERS.most


async def test_the_key_is_in_no_report_and_in_no_log(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    leaks: list[Callable[[], Answer]] = [
        lambda: refusing(400, KEY, KEY),
        lambda: refusing(422, "invalid_key", f"Bearer {KEY}"),
        lambda: chat_stream(
            b'data: {"error": {"code": "%b", "type": "%b"}}\n\n' % ((KEY.encode(),) * 2)
        ),
        lambda: refusing(401, KEY, KEY),
    ]
    for number, leak in enumerate(leaks):
        desk.fake.answers["chat"].append(leak())
        desk.voice.send(AddText("Hi"))
        desk.voice.send(Respond(f"r{number}"))
        await desk.ear.until(VoiceFailed, number + 1)
    logged = capsys.readouterr()
    assert logged.out.count("voice_endpoint_failed") == len(leaks)
    for text in (logged.out, logged.err, repr(desk.ear.reports)):
        assert KEY not in text
        assert desk.fake.url not in text


# -- bounds -------------------------------------------------------------------------------


async def test_too_much_work_is_refused(desk: Desk) -> None:
    desk.fake.gates["chat"] = asyncio.Event()
    desk.voice.send(AddText("Hi"))
    desk.voice.send(Respond("running"))
    await desk.fake.until("chat")
    for number in range(JOBS_LIMIT + 1):
        desk.voice.send(Respond(f"r{number}"))
    (failed,) = desk.failures
    assert (failed.code, failed.recoverable) == (VoiceFailure.OVERLOADED, True)
    assert desk.ear.all(ResponseDone) == [ResponseDone(f"r{JOBS_LIMIT}", ResponseEnd.FAILED)]
    desk.voice.send(AddText("too late"))
    assert len(desk.failures) == 2


async def test_pictures_that_wait_are_bounded(desk: Desk) -> None:
    desk.fake.gates["chat"] = asyncio.Event()
    desk.voice.send(AddText("Hi"))
    desk.voice.send(Respond("running"))
    await desk.fake.until("chat")
    large = PNG + "A" * (voice_limits.CASCADE_IMAGE_BYTES.most // 2)
    desk.voice.send(AddImage(large))
    desk.voice.send(AddImage(large))
    assert [failed.code for failed in desk.failures] == [VoiceFailure.OVERLOADED]


async def test_turns_that_are_transcribed_at_once_are_bounded(fake: FakeEndpoints) -> None:
    by_order = TurnDetection(type=TurnDetectionType.NONE)
    async with conversing(fake, changed(CONFIG, turn_detection=by_order)) as desk:
        gate = fake.gates["transcription"] = asyncio.Event()
        most = voice_limits.CASCADE_TURNS.most
        for _ in range(most + 1):
            feed(desk.voice, buzz(100))
            desk.voice.send(EndTurn())
        assert len(desk.ear.all(SpeechStopped)) == most + 1
        assert [failed.code for failed in desk.failures] == [VoiceFailure.OVERLOADED]
        assert [heard.text for heard in desk.ear.all(Transcribed)] == [""]
        gate.set()
        while len([heard for heard in desk.ear.all(Transcribed) if heard.final]) < most + 1:
            await desk.ear.until(Transcribed, len(desk.ear.all(Transcribed)) + 1)
        feed(desk.voice, buzz(100))
        desk.voice.send(ClearInput())
        desk.voice.send(EndTurn())
        assert len(fake.of("transcription")) == most
