"""The requests to and answers of endpoints, as bytes; every request by the vendor's types."""

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import voice_limits
from ringline.domain.agent import Tool
from ringline.domain.voice import Usage
from ringline.wire import chat_completions, speech_synthesis, transcriptions
from ringline.wire.chat_completions import ChatCall, ChatReader, encode_chat
from ringline.wire.endpoint_answers import ReportedError, UnreadableAnswer, error_code
from ringline.wire.speech_synthesis import SpeechReader, encode_speech
from ringline.wire.transcriptions import LEAST_BYTES, TranscriptionReader, encode_transcription
from tests.fake_endpoints import (
    call_events,
    chat_events,
    read_chat,
    read_speech,
    read_transcription,
    sse,
    transcript_events,
)

STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def chat(pieces: Sequence[bytes], content_type: str = STREAM) -> tuple[str, ChatReader]:
    reader = ChatReader(content_type)
    return "".join([reader.feed(piece) for piece in pieces]) + reader.end(), reader


def transcribed(pieces: Sequence[bytes], content_type: str = STREAM) -> TranscriptionReader:
    reader = TranscriptionReader(content_type)
    for piece in pieces:
        reader.feed(piece)
    reader.end()
    return reader


def chunk(delta: dict[str, Any], **more: Any) -> bytes:
    return sse(json.dumps({"choices": [{"index": 0, "delta": delta, **more}]}))


# -- requests -----------------------------------------------------------------------------


def test_a_transcription_is_asked_for_in_a_form() -> None:
    pcm = bytes(range(256)) * 200
    body = encode_transcription(pcm, "whisper", language="de", boundary="b0")
    members = read_transcription(transcriptions.content_type("b0"), body)
    assert members.pop("pcm") == pcm
    members.pop("file")
    assert members == {
        "model": "whisper",
        "language": "de",
        "response_format": "json",
        "stream": True,
    }


def test_a_short_turn_is_padded_with_silence() -> None:
    body = encode_transcription(b"\x01\x02", "whisper", language="", boundary="b0")
    members = read_transcription(transcriptions.content_type("b0"), body)
    assert members["pcm"] == b"\x01\x02".ljust(LEAST_BYTES, b"\0")
    assert "language" not in members


def test_a_chat_is_asked_for_as_a_stream_with_its_usage() -> None:
    messages = [{"role": "user", "content": "Hi"}]
    schema = {"type": "object", "properties": {"tz": {"type": "string"}}}
    tools = (Tool(name="clock", description="The time", parameters=schema), Tool(name="lamp"))
    body = encode_chat(messages, "llama", tools=tools, temperature=0.3)
    members = read_chat(JSON, body)
    assert members["temperature"] == 0.3
    first, second = (tool["function"] for tool in members["tools"])
    assert first == {"name": "clock", "description": "The time", "parameters": schema}
    assert second["parameters"] == {"type": "object", "properties": {}}
    assert read_chat(JSON, encode_chat(messages, "llama")) == {
        "model": "llama",
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_speech_is_asked_for_as_bare_samples() -> None:
    assert read_speech(JSON, encode_speech("Hello.", "alloy", model="kokoro")) == {
        "model": "kokoro",
        "voice": "alloy",
        "input": "Hello.",
        "response_format": "pcm",
    }


# -- answers of chat models ---------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_a_chat_stream_however_it_is_cut(size: int) -> None:
    text = "Good day — 你好! How can I help?"
    said, reader = chat(cut(b"".join(chat_events(text)), size))
    assert said == text
    assert (reader.complete, reader.done, reader.calls()) == (True, True, ())
    assert reader.usage == Usage(text_in_tokens=20, text_cached_tokens=10, text_out_tokens=7)


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_several_calls_come_in_pieces(size: int) -> None:
    calls = [("c1", "clock", '{"tz": "Europe/Berlin", "n": [1, 2]}'), ("c2", "lamp", "")]
    said, reader = chat(cut(b"".join(call_events(*calls, text="One moment.")), size))
    assert said == "One moment."
    assert reader.calls() == (
        ChatCall("c1", "clock", {"tz": "Europe/Berlin", "n": [1, 2]}),
        ChatCall("c2", "lamp", {}),
    )


def call(**members: object) -> bytes:
    return chunk({"tool_calls": [members]})


@pytest.mark.parametrize(
    "events",
    [
        # whole calls, all under the same index
        [
            call(index=0, id="a", function={"name": "x", "arguments": '{"n":1}'}),
            call(index=0, id="b", function={"name": "x", "arguments": '{"n":2}'}),
        ],
        # no index
        [
            call(id="a", function={"name": "x", "arguments": '{"n":'}),
            call(function={"arguments": "1}"}),
            call(id="b", function={"name": "x", "arguments": '{"n":2}'}),
        ],
        # the id again in every piece, and pieces that alternate
        [
            call(index=0, id="a", function={"name": "x", "arguments": '{"n":'}),
            call(index=1, id="b", function={"name": "x", "arguments": '{"n":'}),
            call(index=0, id="a", function={"arguments": "1}"}),
            call(index=1, id="b", function={"name": "", "arguments": "2}"}),
        ],
        # an object instead of text, in one event
        [
            chunk(
                {
                    "tool_calls": [
                        {"index": 0, "id": "a", "function": {"name": "x", "arguments": {"n": 1}}},
                        {"index": 1, "id": "b", "function": {"name": "x", "arguments": {"n": 2}}},
                    ]
                }
            )
        ],
    ],
)
def test_servers_spell_calls_in_their_own_ways(events: list[bytes]) -> None:
    _, reader = chat(events)
    assert reader.calls() == (ChatCall("a", "x", {"n": 1}), ChatCall("b", "x", {"n": 2}))


def test_a_server_without_streams_answers_with_a_document() -> None:
    function = {"name": "clock", "arguments": "{}"}
    message = {
        "role": "assistant",
        "content": "Hello.",
        "tool_calls": [{"id": "a", "type": "function", "function": function}],
    }
    document = {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4},
    }
    said, reader = chat(cut(json.dumps(document).encode(), 10), JSON)
    assert said == "Hello."
    assert reader.complete
    assert reader.calls() == (ChatCall("a", "clock", {}),)
    assert reader.usage == Usage(text_in_tokens=3, text_out_tokens=4)


def test_a_stream_may_end_without_saying_so_once_its_answer_is_whole() -> None:
    events = [chunk({"content": "Hi"}), chunk({}, finish_reason="stop")]
    assert chat(events)[1].complete
    assert not chat(events[:1])[1].complete, "half an answer is none"
    assert not chat([chunk({"content": "Hi"})[:-3]])[1].complete


def test_what_follows_the_end_is_ignored() -> None:
    said, reader = chat([*chat_events("Hi."), chunk({"content": "more"}), b"garbage\n\n"])
    assert said == "Hi."
    assert reader.done


def test_single_unreadable_events_are_left_out() -> None:
    noise = [sse("{"), sse("[1]"), sse('{"choices": 5}'), b": comment\n\n", b"event: x\n\n"]
    said, reader = chat([*noise, *chat_events("Hi."), *noise])
    assert (said, reader.complete) == ("Hi.", True)


@pytest.mark.parametrize(
    "data",
    [
        sse("{") * (voice_limits.CASCADE_UNREADABLE_EVENTS.most + 1),
        b"data: " + b"x" * (voice_limits.CASCADE_EVENT_BYTES.most + 1),
        b"".join(
            call(index=at, id=str(at), function={"name": "x"})
            for at in range(voice_limits.CASCADE_TOOL_CALLS.most + 1)
        ),
        call(index=0, id="a", function={"name": "x", "arguments": "x" * 70_000}),
    ],
    ids=["noise", "a large event", "many calls", "long arguments"],
)
def test_an_answer_beyond_its_bounds_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        chat(cut(data, 65_536))


def test_a_document_beyond_its_bound_is_unreadable() -> None:
    with pytest.raises(UnreadableAnswer):
        chat([b"x" * 65_536] * 17, JSON)
    with pytest.raises(UnreadableAnswer):
        transcribed([b"x" * 65_536] * 17, JSON)


@pytest.mark.parametrize("arguments", ["[1]", "5", "{", '{"a": "\\u0000"}', "null"])
def test_arguments_that_are_no_object_make_the_answer_unreadable(arguments: str) -> None:
    _, reader = chat(call_events(("a", "x", arguments)))
    with pytest.raises(UnreadableAnswer):
        reader.calls()


def test_a_call_without_a_name_makes_the_answer_unreadable() -> None:
    _, reader = chat([call(index=0, id="a", function={"arguments": "{}"})])
    with pytest.raises(UnreadableAnswer):
        reader.calls()


# -- answers of recognisers ---------------------------------------------------------------


def test_a_transcript_grows() -> None:
    reader = TranscriptionReader(STREAM)
    grown: list[str] = []
    for event in transcript_events(("Good ", "day.")):
        reader.feed(event)
        grown.append(reader.text)
    assert grown == ["Good ", "Good day.", "Good day."]
    assert reader.complete
    assert reader.usage == Usage(audio_in_tokens=14, text_in_tokens=2, text_out_tokens=5)


def test_a_transcript_in_a_document() -> None:
    document = {"text": "Good day.", "usage": {"type": "duration", "seconds": 3}}
    reader = transcribed([json.dumps(document).encode()], JSON)
    assert (reader.text, reader.complete, reader.usage) == ("Good day.", True, Usage(seconds=3.0))
    tokens = {"text": "", "usage": {"type": "tokens", "input_tokens": 9, "output_tokens": 2}}
    reader = transcribed([json.dumps(tokens).encode()], JSON)
    assert (reader.text, reader.complete) == ("", True)
    assert reader.usage == Usage(audio_in_tokens=9, text_out_tokens=2)


def test_a_transcript_in_chunks_like_a_chat() -> None:
    events = [
        sse(json.dumps({"object": "transcription.chunk", "choices": [{"delta": delta}]}))
        for delta in ({"content": "Good"}, {"content": " day."}, {})
    ]
    reader = transcribed([*events, sse("[DONE]")])
    assert (reader.text, reader.complete) == ("Good day.", True)
    assert not transcribed(events).complete


@pytest.mark.parametrize(
    "document", [b"{}", b"[]", b"Good day.", b'{"text": 5}', b'{"text": null}']
)
def test_a_document_without_a_text_is_unreadable(document: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        transcribed([document], JSON)


def test_a_transcript_has_a_longest() -> None:
    event = sse(json.dumps({"type": "transcript.text.delta", "delta": "x" * 10_000}))
    with pytest.raises(UnreadableAnswer):
        transcribed([event, event])


# -- answers of speech models -------------------------------------------------------------


@given(st.binary(max_size=200), st.integers(1, 9))
def test_speech_is_whole_samples_however_it_is_cut(audio: bytes, size: int) -> None:
    if audio.startswith((b"RIFF", b"ID3", b"OggS", b"fLaC", b"caff", b"\x1aE\xdf\xa3")):
        return
    reader = SpeechReader("audio/pcm;rate=24000")
    pieces = [reader.feed(piece) for piece in cut(audio, size)] + [reader.end()]
    assert all(len(piece) % 2 == 0 for piece in pieces)
    assert b"".join(pieces) == audio[: len(audio) // 2 * 2]


@pytest.mark.parametrize("kind", ["audio/mpeg", "audio/wav", "application/json", "text/html"])
def test_speech_in_another_format_is_refused_by_its_type(kind: str) -> None:
    with pytest.raises(UnreadableAnswer):
        SpeechReader(kind)


@pytest.mark.parametrize("magic", [b"RIFF\x00\x00", b"ID3\x04", b"OggS", b"fLaC"])
def test_speech_in_another_format_is_refused_by_its_beginning(magic: bytes) -> None:
    reader = SpeechReader("application/octet-stream")
    with pytest.raises(UnreadableAnswer):
        [reader.feed(piece) for piece in cut(magic, 1)]


# -- errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ({"code": "insufficient_quota"}, "insufficient_quota"),
        ({"code": None, "type": "server_error"}, "server_error"),
        ({"code": 500, "type": "InternalServerError"}, ""),
        ({"code": "key sk-12345 is wrong"}, ""),
        ({"code": "sk12345"}, ""),
        ({"code": "a" * 65}, ""),
        ("everything is broken: sk-12345", ""),
        ({}, ""),
    ],
)
def test_only_codes_are_shown_of_an_error(error: object, shown: str) -> None:
    body = json.dumps({"error": error})
    assert error_code(body.encode()) == shown
    for read in (chat, transcribed):
        with pytest.raises(ReportedError) as caught:
            read([sse(body)])
        assert caught.value.code == shown


def test_an_error_of_any_shape_has_no_code() -> None:
    for body in (b"", b"<html>", b"[]", b'{"error": [1]}', b"\xff", b"[" * 10_000):
        assert error_code(body) == ""


@given(st.binary(max_size=400), st.sampled_from([STREAM, JSON, ""]))
def test_any_bytes_are_an_answer_or_unreadable(data: bytes, content_type: str) -> None:
    for read in (chat, transcribed):
        for body in (data, b"data: " + data + b"\n\n"):
            with contextlib.suppress(UnreadableAnswer, ReportedError):
                read([body], content_type)


EVENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "tool_calls", "function", "usage", "error", "text"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.lists(EVENTS, max_size=5))
def test_any_events_are_an_answer_or_unreadable(events: list[object]) -> None:
    data = b"".join(sse(json.dumps(event)) for event in events)
    with contextlib.suppress(UnreadableAnswer, ReportedError):
        _, reader = chat([data])
        reader.calls()
    with contextlib.suppress(UnreadableAnswer, ReportedError):
        transcribed([data])


def test_the_paths_are_the_vendors() -> None:
    paths = (chat_completions.PATH, transcriptions.PATH, speech_synthesis.PATH)
    assert paths == ("/chat/completions", "/audio/transcriptions", "/audio/speech")
