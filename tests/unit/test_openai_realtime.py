"""The codec of OpenAI's protocol and xAI's dialect, judged by types that others wrote."""

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringline.domain.agent import Tool, TurnDetection, TurnDetectionType
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.voice import AddImage, MessageRole, PastCall, PastTurn, ResponseEnd, Usage
from ringline.voices import xai
from ringline.wire import openai_realtime as frames
from ringline.wire import openai_realtime_events as events
from ringline.wire.openai_realtime import OPENAI, Dialect
from tests.outside_types import Frame, Judge, openai_client, openai_server, xai_client, xai_server

CONFIG = SessionConfig(
    model="openai/gpt-realtime-2.1",
    voice="marin",
    instructions="Be brief.",
    tools=(
        Tool(name="clock", description="tells the time", parameters={"type": "object"}),
        Tool(name="stop"),
    ),
)
DIALECTS = {"openai": (OPENAI, openai_client), "xai": (xai.DIALECT, xai_client)}
both = pytest.mark.parametrize(("dialect", "judge"), DIALECTS.values(), ids=DIALECTS)


def session(config: SessionConfig, dialect: Dialect, judge: Judge, *, language: str = "") -> Frame:
    """Return the session of a `session.update` with all of a config, once it is judged."""
    members = frames.session_of(config, dialect, language=language)
    frame = json.loads(frames.update_session(members, dialect))
    assert judge(frame) == []
    assert frame["event_id"] == "config"
    return frame["session"]


def detecting(**chosen: Any) -> SessionConfig:
    return replace(CONFIG, turn_detection=TurnDetection(**chosen))


# -- the session --------------------------------------------------------------------------


def test_a_config_becomes_a_session_of_openai():
    pcm = {"type": "audio/pcm", "rate": 24_000}
    detection = {
        "type": "server_vad",
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "create_response": False,
        "interrupt_response": False,
    }
    assert session(CONFIG, OPENAI, openai_client) == {
        "type": "realtime",
        "instructions": "Be brief.",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": pcm,
                "transcription": {"model": "gpt-transcribe"},
                "turn_detection": detection,
            },
            "output": {"format": pcm, "voice": "marin"},
        },
        "tools": [
            {
                "type": "function",
                "name": "clock",
                "description": "tells the time",
                "parameters": {"type": "object"},
            },
            {
                "type": "function",
                "name": "stop",
                "description": "",
                "parameters": {"type": "object", "properties": {}},
            },
        ],
    }


def test_the_recogniser_is_told_what_the_caller_speaks():
    asked = session(CONFIG, OPENAI, openai_client, language="pt")
    recogniser = {"model": "gpt-transcribe", "language": "pt"}
    assert asked["audio"]["input"]["transcription"] == recogniser
    theirs = session(CONFIG, xai.DIALECT, xai_client, language="pt")
    assert "language" not in theirs["audio"]["input"]["transcription"]


def test_a_config_becomes_a_session_of_xai():
    asked = session(replace(CONFIG, voice="ara", tools=()), xai.DIALECT, xai_client)
    pcm = {"type": "audio/pcm", "rate": 24_000}
    assert asked == {
        "instructions": "Be brief.",
        "voice": "ara",
        "turn_detection": {
            "type": "server_vad",
            "prefix_padding_ms": 300,
            "silence_duration_ms": 500,
        },
        "audio": {
            "input": {"format": pcm, "transcription": {"model": "grok-transcribe"}},
            "output": {"format": pcm},
        },
        "tools": [],
    }


def test_turn_detection_is_what_the_config_asks_for():
    def detection(config: SessionConfig) -> Any:
        return session(config, OPENAI, openai_client)["audio"]["input"]["turn_detection"]

    semantic = detection(detecting(type=TurnDetectionType.SEMANTIC_VAD))
    ours = {"create_response": False, "interrupt_response": False}
    assert semantic == {"type": "semantic_vad", **ours}
    assert detection(detecting(type=TurnDetectionType.NONE)) is None
    assert detection(detecting(threshold=0.8))["threshold"] == 0.8
    assert "threshold" not in detection(CONFIG), "each provider has its own default"


@pytest.mark.parametrize(("asked", "sent"), [(0.0, 0.1), (0.7, 0.7), (1.0, 0.9)])
def test_a_threshold_is_kept_within_what_xai_takes(asked: float, sent: float):
    found = session(detecting(threshold=asked), xai.DIALECT, xai_client)["turn_detection"]
    assert found["threshold"] == sent


def test_openai_answers_in_audio_or_in_text_alone():
    for asked, sent in (
        ((Modality.TEXT,), "text"),
        ((Modality.AUDIO,), "audio"),
        ((Modality.TEXT, Modality.AUDIO), "audio"),
    ):
        config = replace(CONFIG, modalities=asked)
        assert session(config, OPENAI, openai_client)["output_modalities"] == [sent]


def test_effort_and_recogniser_are_passed_on():
    config = replace(CONFIG, reasoning_effort="low", input_transcription_model="whisper-1")
    asked = session(config, OPENAI, openai_client)
    assert asked["reasoning"] == {"effort": "low"}
    assert asked["audio"]["input"]["transcription"] == {"model": "whisper-1"}


@both
def test_an_update_holds_only_what_changes(dialect: Dialect, judge: Judge):
    before = frames.session_of(CONFIG, dialect)
    changed = replace(CONFIG, instructions="", turn_detection=TurnDetection(threshold=0.6))
    update = frames.update_session(
        frames.changed(before, frames.session_of(changed, dialect)), dialect
    )
    frame = json.loads(update)
    assert judge(frame) == []
    names = {"instructions", "turn_detection"} if dialect.flat_session else {"instructions"}
    kind = set() if dialect.flat_session else {"type", "audio"}
    assert set(frame["session"]) == names | kind
    if not dialect.flat_session:
        assert set(frame["session"]["audio"]["input"]) == {"turn_detection"}
    assert not frames.changed(before, before)


# -- everything else that we send ---------------------------------------------------------

FRAMES: dict[str, Callable[[Dialect], bytes]] = {
    "append": lambda _: frames.append_audio(b"AAAA"),
    "commit": lambda _: frames.commit_audio(),
    "clear": lambda _: frames.clear_audio(),
    "text": lambda _: frames.add_text('She said "hello"\n'),
    "context": lambda _: frames.add_message(MessageRole.SYSTEM, "The caller is Bo."),
    "what was said": lambda _: frames.add_past_turn(PastTurn(TurnRole.AGENT, "Hello.")),
    "what was heard": lambda _: frames.add_past_turn(PastTurn(TurnRole.CALLER, "Hello.")),
    "what was called": lambda _: frames.add_past_call(PastCall("call_1", "clock", {"tz": "UTC"})),
    "result": lambda _: frames.add_tool_result("call_1", '{"time": "noon"}'),
    "respond": lambda dialect: frames.respond("r1", dialect),
    "say": lambda dialect: frames.respond("r1", dialect, say="Good morning."),
    "cancel": lambda dialect: frames.cancel_response("resp_1", dialect),
    "cancel any": lambda dialect: frames.cancel_response("", dialect),
    "truncate": lambda _: frames.truncate_item("item_1", 120),
    "delete": lambda _: frames.delete_item("item_1"),
}


@both
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_every_frame_is_legal(frame: Callable[[Dialect], bytes], dialect: Dialect, judge: Judge):
    assert judge(json.loads(frame(dialect))) == []


def test_an_image_comes_after_its_text():
    picture = AddImage("data:image/png;base64,AAAA", "low", "the page")
    frame = json.loads(frames.add_image(picture))
    assert openai_client(frame) == []
    text, image = frame["item"]["content"]
    assert text == {"type": "input_text", "text": "the page"}
    assert image == {"type": "input_image", "image_url": picture.image_url, "detail": "low"}
    alone = json.loads(frames.add_image(AddImage(picture.image_url)))
    assert [part["type"] for part in alone["item"]["content"]] == ["input_image"]


def test_a_response_is_named_where_the_name_comes_back():
    named = json.loads(frames.respond("r1", OPENAI))
    assert named["response"]["metadata"] == {frames.OUR_ID: "r1"}
    assert "response" not in json.loads(frames.respond("r1", xai.DIALECT))
    scripted = json.loads(frames.respond("r1", OPENAI, say="Good morning."))["response"]
    assert scripted["instructions"].endswith("\n\nGood morning.")
    assert scripted["tool_choice"] == "none"
    forced = json.loads(frames.respond("r1", xai.DIALECT, say="Good morning."))
    assert (forced["type"], forced["item"]["type"]) == ("conversation.item.create", "force_message")


# -- what we read -------------------------------------------------------------------------


def read(kind: str, judge: Judge | None = openai_server, **members: Any) -> Any:
    frame = {"type": kind, "event_id": "event_1", **members}
    if judge is not None:
        assert judge(frame) == []
    return events.read_event(json.dumps(frame).encode())


AT: dict[str, Any] = {
    "response_id": "resp_1",
    "item_id": "item_1",
    "output_index": 0,
    "content_index": 0,
}
COUNTED: dict[str, Any] = {
    "input_tokens": 100,
    "output_tokens": 50,
    "total_tokens": 150,
    "input_token_details": {
        "text_tokens": 40,
        "audio_tokens": 60,
        "cached_tokens": 30,
        "cached_tokens_details": {"text_tokens": 10, "audio_tokens": 20},
    },
    "output_token_details": {"text_tokens": 15, "audio_tokens": 35},
}
USED = Usage(
    audio_in_tokens=40,
    audio_cached_tokens=20,
    audio_out_tokens=35,
    text_in_tokens=30,
    text_cached_tokens=10,
    text_out_tokens=15,
)
_HEARD = "conversation.item.input_audio_transcription"


def test_the_callers_turn_is_read():
    assert read("input_audio_buffer.speech_started", item_id="i", audio_start_ms=1) == (
        events.SpeechBegan("i", 1.0)
    )
    assert read("input_audio_buffer.speech_stopped", item_id="i", audio_end_ms=1) == (
        events.SpeechEnded("i", at_ms=1.0)
    )
    assert read("input_audio_buffer.committed", item_id="i", previous_item_id=None) == (
        events.SpeechEnded("i", committed=True)
    )
    assert read("input_audio_buffer.cleared") == events.AudioCleared()
    assert read("input_audio_buffer.speech_started", xai_server, item_id="i") == (
        events.SpeechBegan("i")
    )


def test_transcripts_are_read_in_both_dialects():
    piece = read(f"{_HEARD}.delta", item_id="i", content_index=0, delta="hel")
    assert piece == events.Heard("i", "hel", piece=True)
    usage = {"type": "duration", "seconds": 1.5}
    final = read(f"{_HEARD}.completed", item_id="i", content_index=0, transcript="x", usage=usage)
    assert final == events.Heard("i", "x", final=True, usage=Usage(seconds=1.5))
    counted = {"type": "tokens", **COUNTED}
    del counted["output_token_details"]
    counted["input_token_details"] = {"text_tokens": 40, "audio_tokens": 60}
    final = read(f"{_HEARD}.completed", item_id="i", content_index=0, transcript="x", usage=counted)
    assert final.usage == Usage(audio_in_tokens=60, text_in_tokens=40, text_out_tokens=50)
    error = {"type": "x", "code": "y", "message": "z"}
    failed = read(f"{_HEARD}.failed", item_id="i", content_index=0, error=error)
    assert failed == events.Heard("i", None, final=True)
    assert read(f"{_HEARD}.updated", xai_server, item_id="i", transcript="hal") == (
        events.Heard("i", "hal")
    )
    part = read(
        f"{_HEARD}.completed", xai_server, item_id="i", transcript="x", status="in_progress"
    )
    assert part == events.Heard("i", "x")
    whole = read(f"{_HEARD}.completed", xai_server, item_id="i", transcript="x")
    assert whole == events.Heard("i", "x", final=True)


def test_a_response_is_read():
    response: Frame = {"id": "resp_1", "object": "realtime.response", "status": "in_progress"}
    response["output"] = []
    named = response | {"metadata": {frames.OUR_ID: "r1"}}
    assert read("response.created", response=named) == events.ResponseBegan("resp_1", "r1")
    assert read("response.created", xai_server, response=response) == (
        events.ResponseBegan("resp_1", "")
    )
    ids = ("resp_1", "item_1")
    assert read("response.output_audio.delta", delta="AAAA", **AT) == (
        events.SpeechDelta(*ids, bytes(3))
    )
    assert read("response.output_audio.delta", **AT, delta="AAAA") == (
        events.SpeechDelta(*ids, bytes(3), b"AAAA")
    )
    assert read("response.output_audio_transcript.delta", delta="a", **AT) == (
        events.TextDelta(*ids, "a", spoken=True)
    )
    assert read("response.output_text.delta", delta="a", **AT) == (
        events.TextDelta(*ids, "a", spoken=False)
    )
    assert read("response.text.delta", xai_server, delta="a") == (
        events.TextDelta("", "", "a", spoken=False)
    )
    message = {"id": "item_1", "type": "message", "role": "assistant", "content": []}
    place = {"response_id": "resp_1", "output_index": 0}
    assert read("response.output_item.added", item=message, **place) == events.ItemAdded(*ids)
    done = response | {"status": "completed", "usage": COUNTED}
    assert read("response.done", response=done) == (
        events.ResponseEnded("resp_1", ResponseEnd.COMPLETED, usage=USED)
    )
    done = response | {"status": "completed", "usage": {}, "status_details": "unimplemented"}
    found = read("response.done", xai_server, response=done, usage=COUNTED)
    assert found == events.ResponseEnded("resp_1", ResponseEnd.COMPLETED, usage=USED)


@pytest.mark.parametrize(
    ("status", "details", "end", "code"),
    [
        ("cancelled", {"reason": "client_cancelled"}, ResponseEnd.CANCELLED, ""),
        ("incomplete", {"reason": "turn_detected"}, ResponseEnd.CANCELLED, ""),
        ("incomplete", {"reason": "max_output_tokens"}, ResponseEnd.COMPLETED, ""),
        ("failed", {"error": {"code": "server_error"}}, ResponseEnd.FAILED, "server_error"),
        ("failed", {"error": {"type": "overloaded"}}, ResponseEnd.FAILED, "overloaded"),
        ("failed", {}, ResponseEnd.FAILED, "unknown"),
    ],
)
def test_why_a_response_ended(status: str, details: Frame, end: ResponseEnd, code: str):
    response = {"id": "resp_1", "object": "realtime.response", "status": status}
    response["status_details"] = {"type": status, **details}  # pyright: ignore[reportArgumentType]
    ended = read("response.done", response=response)
    assert (ended.end, ended.code) == (end, code)


def test_a_tool_call_is_read_wherever_it_is_whole():
    call = {"call_id": "call_1", "name": "clock", "arguments": '{"tz": "UTC"}'}
    at = {name: AT[name] for name in ("response_id", "item_id", "output_index")}
    read_call = events.ToolCalled("resp_1", "call_1", "clock", {"tz": "UTC"})
    assert read("response.function_call_arguments.done", **call, **at) == read_call
    item = {"type": "function_call", "id": "item_1", **call}
    place = {"response_id": "resp_1", "output_index": 0}
    assert read("response.output_item.done", item=item, **place) == read_call
    bare = read("response.function_call_arguments.done", xai_server, **call)
    assert bare == events.ToolCalled("", "call_1", "clock", {"tz": "UTC"})
    call["arguments"] = ""
    assert read("response.function_call_arguments.done", **call, **at).arguments == {}
    for arguments in ("[1]", "{", "7", "[" * 5_000):
        call["arguments"] = arguments
        assert read("response.function_call_arguments.done", **call, **at).arguments is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"type": "invalid_request_error", "code": "rate_limit_exceeded"}, "rate_limit_exceeded"),
        ({"type": "internal_error"}, "internal_error"),
        ({"code": "", "message": "There is no active response."}, "response_cancel_not_active"),
        (
            {"message": "The conversation already has an active response"},
            "conversation_already_has_active_response",
        ),
        ({"message": "cannot truncate that"}, "item_truncate_invalid"),
        ({"code": "a key: sk-secret"}, "unknown"),
        ({"code": "x" * 65, "type": "odd type!"}, "unknown"),
        ({"code": 7}, "unknown"),
    ],
)
def test_an_error_is_known_by_its_code_alone(error: Frame, code: str):
    assert read("error", None, error={"message": "sk-secret", **error}).code == code


def test_an_error_names_the_frame_that_caused_it():
    error = {"type": "x", "code": "y", "message": "z", "event_id": "cancel"}
    assert read("error", error=error) == events.ErrorReported("y", "cancel")


@pytest.mark.parametrize("kind", ["rate_limits.updated", "ping", "a.new.event", ""])
def test_other_events_are_of_no_interest(kind: str):
    assert events.read_event(json.dumps({"type": kind, "timestamp": 1}).encode()) is None


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"[]", "not_an_object"),
        (b"7", "not_an_object"),
        (b"{}", "no_type"),
        (b'{"type": 7}', "no_type"),
        (b'{"type": "response.created"}', "no_response"),
        (b'{"type": "response.created", "response": {}}', "no_id"),
        (b'{"type": "response.output_audio.delta"}', "no_delta"),
        (b'{"type": "response.audio.delta", "delta": "no base64"}', "bad_audio"),
        (
            b'{"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"A"}',
            "bad_audio",
        ),
        (b'{"type": "error", "error": "x"}', "no_error"),
    ],
)
def test_an_unreadable_frame_has_a_kind(frame: bytes, kind: str):
    with pytest.raises(events.Unreadable) as raised:
        events.read_event(frame)
    assert raised.value.kind == kind


_speech_members = st.permutations(
    [("type", "response.output_audio.delta"), ("response_id", "r"), ("item_id", "i"), ("delta", "")]
).flatmap(
    lambda members: st.sampled_from(
        [members, [*members, ("more", {"delta": "AAAA"})], [("more", {"delta": "AA=="}), *members]]
    )
)


@given(st.binary(max_size=40), _speech_members, st.sampled_from(["a", " ", ""]), st.booleans())
def test_speech_is_read_however_it_is_written(
    pcm: bytes, members: list[tuple[str, Any]], blank: str, slashes_escaped: bool
):
    audio = base64.b64encode(pcm).decode()
    written = dict(members) | {"delta": audio}
    separators = None if blank == "a" else (f",{blank}", f":{blank}")
    frame = json.dumps(written, separators=separators)
    if slashes_escaped:
        frame = frame.replace("/", "\\/")
    speech = events.read_event(frame.encode())
    assert isinstance(speech, events.SpeechDelta)
    assert (speech.upstream_id, speech.item_id, speech.pcm) == ("r", "i", pcm)
    assert speech.base64 in (None, audio.encode())
    if frame.endswith(f'"{audio}"}}') and pcm:
        assert speech.base64 is not None


_names = st.sampled_from(
    ["type", "response", "item", "item_id", "id", "delta", "error", "usage", "status_details"]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=5),
    max_leaves=12,
)


@given(st.sampled_from(sorted(events.READERS)), st.dictionaries(_names, _values, max_size=6))
def test_whatever_comes_is_read_or_unreadable(kind: str, members: dict[str, Any]):
    frame = json.dumps({**members, "type": kind}).encode()
    with suppress(events.Unreadable):
        events.read_event(frame)  # nothing else is raised


@given(st.binary(max_size=64))
def test_whatever_bytes_come_are_read_or_unreadable(frame: bytes):
    with suppress(events.Unreadable):
        events.read_event(frame)  # nothing else is raised


def test_a_session_may_tell_when_it_expires() -> None:
    def opened(**session: object) -> object:
        return events.read_event(
            json.dumps({"type": "session.created", "session": session}).encode()
        )

    assert opened(expires_at=1_764_000_000) == events.Opened("session.created", 1_764_000_000.0)
    for odd in ({}, {"expires_at": None}, {"expires_at": "soon"}, {"expires_at": -1}):
        assert opened(**odd) == events.Opened("session.created")
    assert events.read_event(b'{"type": "session.created"}') == events.Opened("session.created")
