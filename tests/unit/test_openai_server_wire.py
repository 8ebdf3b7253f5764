"""What a client of OpenAI's protocol may send: a value, or a documented error."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.agent import TurnDetectionType
from ringline.domain.audio import Chunk
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.leg import ImageShown, ToolAnswered, Typed
from ringline.domain.session_config import EffectiveConfig
from ringline.domain.voice import VoiceCapabilities
from ringline.voices import gemini, mock, openai, xai
from ringline.wire import openai_server_events as events
from ringline.wire.openai_client_secrets import read_client_secret
from ringline.wire.openai_server_errors import OWN_ERRORS, ServerProblem
from ringline.wire.openai_server_handshake import is_client_secret, offered_secret
from ringline.wire.openai_server_items import ReadItem, Takes, read_item
from ringline.wire.openai_server_responses import AskedResponse, read_response
from ringline.wire.openai_server_session import (
    ALWAYS,
    Shown,
    Unfit,
    config_of,
    fit,
    full_model,
    merge,
    shown,
)
from ringline.wire.openai_server_tables import OPENAI_ERRORS, TOLD
from ringline.wire.realtime_mint import TicketRequest
from ringline.wire.strict_json import encode
from tests.openai_examples import OPENAI_CLIENT_EXAMPLES
from tests.outside_types import openai_server

CODES = {*OWN_ERRORS, *TOLD}
PIXEL = "data:image/png;base64,iVBORw0KGgo="

#: Any JSON, with the names that mean something here more often than others.
_NAMES = st.sampled_from(
    [
        "type",
        "audio",
        "input",
        "output",
        "format",
        "rate",
        "voice",
        "id",
        "model",
        "tools",
        "name",
        "parameters",
        "instructions",
        "turn_detection",
        "create_response",
        "interrupt_response",
        "transcription",
        "threshold",
        "output_modalities",
        "reasoning",
        "effort",
        "tool_choice",
        "role",
        "content",
        "text",
        "image_url",
        "call_id",
        "event_id",
        "item",
        "session",
        "response",
        "metadata",
    ]
)
_WORDS = st.sampled_from(
    [
        "realtime",
        "audio",
        "text",
        "message",
        "user",
        "input_text",
        "input_image",
        "input_audio",
        "AQD+/w==",
        "server_vad",
        "semantic_vad",
        "none",
        "auto",
        "audio/pcm",
        "marin",
        "a",
        "function",
        PIXEL,
        "",
    ]
)
_LEAVES = st.none() | st.booleans() | st.integers(-1, 24_000) | st.floats() | _WORDS | st.text()
ANY = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(_NAMES, ANY, max_size=6)


ALL = Takes(images=True, speech=True)


def running(capabilities: VoiceCapabilities = mock.ECHO) -> Shown:
    config = SessionConfig(model="mock/echo", voice=capabilities.default_voice)
    members = {"model": "mock/echo"}
    return Shown("sess_1", EffectiveConfig(config, capabilities, members=members), {}, {})


# -- events -------------------------------------------------------------------------------


@given(st.text() | ANY.map(json.dumps) | OBJECTS.map(json.dumps))
def test_any_frame_is_an_event_or_a_documented_problem(frame: str) -> None:
    read = events.decode(frame)
    if isinstance(read, ServerProblem):
        assert read.code in CODES
        assert read.message
    else:
        assert type(read) in events.CLIENT_EVENTS.values()
    assert events.may_be_large(frame) in (True, False)


@given(st.sampled_from(sorted(OPENAI_CLIENT_EXAMPLES)), _NAMES, ANY)
def test_an_event_with_a_wrong_member_keeps_its_event_id(kind: str, name: str, value: Any) -> None:
    frame = json.loads(OPENAI_CLIENT_EXAMPLES[kind][0]) | {"event_id": "mine"}
    if name not in ("type", "event_id"):
        frame[name] = value
    read = events.decode(json.dumps(frame))
    if isinstance(read, ServerProblem):
        assert (read.code, read.event_id) in (("invalid_event", "mine"), ("invalid_json", ""))
    else:
        assert read.request == "mine"


@pytest.mark.parametrize(
    ("frame", "code", "event_id"),
    [
        ("", "invalid_json", ""),
        ('{"type":"response.create","event_id":7}', "invalid_event", ""),
        ('{"type":"no.such","event_id":"x"}', "unknown_event", "x"),
        ('{"type":"output_audio_buffer.clear","event_id":"x"}', "unsupported_event", "x"),
        ('{"type":"input_audio_buffer.append"}', "invalid_event", ""),
        ('{"event_id":"x"}', "invalid_event", ""),
        ('{"type":"response.create","event_id":"\\u0000"}', "invalid_json", ""),
    ],
)
def test_what_is_wrong_with_a_frame(frame: str, code: str, event_id: str) -> None:
    read = events.decode(frame)
    assert isinstance(read, ServerProblem)
    assert (read.code, read.event_id) == (code, event_id)


def test_only_a_message_may_be_large() -> None:
    message = {"type": "conversation.item.create", "item": {"type": "message", "content": []}}
    output = {"type": "conversation.item.create", "item": {"type": "function_call_output"}}
    assert events.may_be_large(json.dumps(message))
    for other in (output, {"type": "session.update", "session": {"type": "message"}}, []):
        assert not events.may_be_large(json.dumps(other))


# -- items and responses ------------------------------------------------------------------


@given(OBJECTS, st.builds(Takes, images=st.booleans(), speech=st.booleans()))
def test_any_item_is_read_or_refused(item: dict[str, Any], takes: Takes) -> None:
    read = read_item(item, "mine", takes=takes)
    if isinstance(read, ServerProblem):
        assert read.code in CODES
        assert read.event_id == "mine"
    else:
        assert read.adds
        signals = [added for added in read.adds if not isinstance(added, Chunk)]
        assert all(signal.request == "mine" for signal in signals)


def test_texts_that_follow_each_other_are_one_turn() -> None:
    parts = [
        {"type": "input_text", "text": "one"},
        {"type": "input_text", "text": "two"},
        {"type": "input_image", "image_url": PIXEL},
        {"type": "input_text", "text": "three"},
    ]
    read = read_item({"type": "message", "role": "user", "content": parts}, "", takes=ALL)
    assert isinstance(read, ReadItem)
    assert read.adds == (Typed("one\ntwo"), ImageShown(PIXEL), Typed("three"))
    assert "image_url" not in json.dumps(read.shown)


@pytest.mark.parametrize(
    ("audio", "takes", "code"),
    [
        ("AQD+/w==", Takes(images=True, speech=False), "unsupported_value"),
        ("", ALL, "invalid_value"),
        (None, ALL, "invalid_value"),
        (7, ALL, "invalid_value"),
        ("AA==", ALL, "invalid_value"),
        ("???", ALL, "invalid_audio"),
        ("A" * 4 * 160_004, ALL, "invalid_audio"),
    ],
)
def test_audio_that_no_message_can_have(audio: object, takes: Takes, code: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": audio}]}
    read = read_item(item, "mine", takes=takes)
    assert isinstance(read, ServerProblem)
    assert (read.code, read.param, read.event_id) == (code, "item.content[0]", "mine")


def test_the_speech_of_a_message_is_in_its_place_and_not_shown() -> None:
    spoken = {"type": "input_audio", "audio": "AQD+/w==", "transcript": "hm"}
    parts = [{"type": "input_text", "text": "one"}, spoken, {"type": "input_text", "text": "two"}]
    read = read_item({"type": "message", "role": "user", "content": parts}, "", takes=ALL)
    assert isinstance(read, ReadItem)
    assert read.adds == (
        Typed("one"),
        Chunk(b"\x01\x00\xfe\xff", 24_000, b"AQD+/w=="),
        Typed("two"),
    )
    shown = cast("list[dict[str, object]]", read.shown["content"])
    assert shown[1] == {"type": "input_audio", "transcript": "hm"}
    twice = read_item({"type": "message", "role": "user", "content": [spoken] * 2}, "", takes=ALL)
    assert isinstance(twice, ServerProblem)
    assert twice.code == "unsupported_value"


def test_an_output_answers_its_call() -> None:
    item = {"type": "function_call_output", "call_id": "call_1", "output": "noon"}
    read = read_item(item, "mine", takes=Takes(images=False, speech=False))
    assert isinstance(read, ReadItem)
    assert read.adds == (ToolAnswered("call_1", "noon", "mine"),)


@given(OBJECTS)
def test_any_response_is_read_or_refused(asked: dict[str, Any]) -> None:
    read = read_response(asked, "mine")
    assert isinstance(read, AskedResponse) or read.code in CODES


# -- sessions -----------------------------------------------------------------------------


@given(st.lists(OBJECTS, max_size=3), st.booleans())
def test_any_update_leaves_a_session_that_can_be_shown(
    updates: list[dict[str, Any]], opening: bool
) -> None:
    session = running()
    for changes in updates:
        changed = session.updated(changes, "mine", opening=opening)
        if isinstance(changed, ServerProblem):
            assert changed.code in CODES
            assert changed.event_id == "mine"
        else:
            session = changed
    members = session.members
    assert members["id"] == "sess_1"
    assert json.loads(json.dumps(members, default=str))


def test_a_session_maps_to_our_config() -> None:
    session = {
        "type": "realtime",
        "model": "gpt-realtime-2.1",
        "instructions": "Be brief.",
        "output_modalities": ["text"],
        "tools": [{"type": "function", "name": "clock"}],
        "reasoning": {"effort": "low"},
        "audio": {
            "input": {"transcription": {"model": "whisper-1"}, "turn_detection": None},
            "output": {"voice": {"id": "voice_1"}},
        },
    }
    assert config_of(session) == {
        "model": "openai/gpt-realtime-2.1",
        "instructions": "Be brief.",
        "modalities": ["text"],
        "tools": [{"type": "function", "name": "clock"}],
        "reasoning_effort": "low",
        "input_transcription": True,
        "input_transcription_model": "whisper-1",
        "turn_detection": {"type": "none"},
        "voice": "voice_1",
    }
    assert full_model("xai/grok-voice-latest") == "xai/grok-voice-latest"
    with pytest.raises(Unfit):
        config_of({"audio": {"input": {"turn_detection": {"type": "none"}}}})


@pytest.mark.parametrize("name", ["create_response", "interrupt_response"])
def test_how_turns_are_answered_is_true_or_false(name: str) -> None:
    detection = {"type": "server_vad", name: "no"}
    with pytest.raises(Unfit) as unfit:
        config_of({"audio": {"input": {"turn_detection": detection}}})
    problem = unfit.value.problem
    assert problem.param == f"session.audio.input.turn_detection.{name}"
    assert problem.code == "invalid_value"


def test_speech_interrupts_unless_the_session_says_so() -> None:
    detection = {"type": "server_vad", "interrupt_response": False}
    asked = {"audio": {"input": {"turn_detection": detection}}}
    for capabilities in (mock.ECHO, xai.MODELS["xai/grok-voice-latest"].capabilities):
        before = running(capabilities)
        assert before.speech_interrupts
        after = before.updated(asked, "mine")
        if capabilities.interrupts_by_itself:
            assert isinstance(after, ServerProblem)
            assert (after.code, after.event_id) == ("unsupported_value", "mine")
            assert after.param == "session.audio.input.turn_detection.interrupt_response"
            # A client secret binds it without a model: then the session shows what counts.
            after = replace(before, given=asked)
        assert isinstance(after, Shown)
        assert after.speech_interrupts == capabilities.interrupts_by_itself
        shown = json.loads(encode(after.members))["audio"]["input"]["turn_detection"]
        assert shown["interrupt_response"] == capabilities.interrupts_by_itself


def test_what_a_model_lacks_is_replaced_only_if_it_is_openais() -> None:
    asked = {
        "voice": "marin",
        "reasoning_effort": "xhigh",
        "turn_detection": {"type": "semantic_vad"},
        "input_transcription_model": "whisper-1",
    }
    for models in (gemini.MODELS,):
        for model, about in models.items():
            fitted = fit(asked, about.capabilities, model=model)
            assert fitted == {"voice": "", "turn_detection": {"type": "server_vad"}}
    for model, about in openai.MODELS.items():
        assert fit(asked, about.capabilities, model=model) == asked
    assert fit({"voice": "nobody"}, mock.ECHO, model="mock/echo") == {"voice": "nobody"}


def test_objects_merge_and_unions_are_replaced() -> None:
    before = {
        "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.3}}},
        "tracing": {"a": 1},
    }
    after = merge(
        before,
        {
            "audio": {"input": {"turn_detection": {"type": "semantic_vad"}}, "output": None},
            "tracing": {"b": 2},
        },
    )
    assert after == {
        "audio": {"input": {"turn_detection": {"type": "semantic_vad"}}, "output": None},
        "tracing": {"b": 2},
    }
    assert before["tracing"] == {"a": 1}


def test_the_session_shown_is_the_vendors() -> None:
    config = SessionConfig(model="mock/echo", voice="a", modalities=(Modality.TEXT,))
    session = shown({"audio": {"output": {"speed": 1}}}, config, session_id="sess_1")
    frame = {"type": "session.updated", "event_id": "e", "session": json.loads(json.dumps(session))}
    assert openai_server(frame) == []
    assert session["output_modalities"] == ["text"]


def test_a_tool_that_is_not_allowed_is_not_shown() -> None:
    base = running()
    effective = EffectiveConfig(
        base.effective.config,
        mock.ECHO,
        members={"model": "mock/echo"},
        allowed_tools=frozenset({"clock"}),
    )
    tools = [{"type": "function", "name": name, "strict": True} for name in ("clock", "bomb")]
    changed = Shown("sess_1", effective, {}, {}).updated({"tools": tools}, "")
    assert isinstance(changed, Shown)
    assert changed.members["tools"] == [
        {"type": "function", "name": "clock", "strict": True, "description": "", "parameters": {}}
    ]


def test_a_model_whose_config_is_fixed_takes_it_while_it_is_opened() -> None:
    model, about = next(iter(gemini.MODELS.items()))
    config = SessionConfig(model=model, voice=about.capabilities.default_voice)
    session = Shown(
        "sess_1",
        EffectiveConfig(config, about.capabilities, members={"model": model, **ALWAYS}),
        {},
        {},
    )
    changes = {"instructions": "Be brief."}
    late = session.updated(changes, "mine")
    assert isinstance(late, ServerProblem)
    assert (late.code, late.param) == ("immutable_field", "session.instructions")
    opened = session.updated(changes, "mine", opening=True)
    assert isinstance(opened, Shown)
    assert opened.effective.config.instructions == "Be brief."
    assert opened.effective.capabilities == about.capabilities


# -- the mint, and the handshake ----------------------------------------------------------


@given(OBJECTS.map(json.dumps) | ANY.map(json.dumps) | st.text())
def test_any_body_mints_or_is_refused(body: str) -> None:
    read = read_client_secret(body.encode("utf-8", "replace"), {"mock/echo": mock.ECHO})
    if not isinstance(read, TicketRequest):
        error = json.loads(read.body)["error"]
        assert error["code"] in {*OPENAI_ERRORS, "unsupported_voice"}
        assert read.status == 400


def test_a_secret_binds_everything_that_its_session_sets() -> None:
    session = {"instructions": "", "audio": {"input": {"turn_detection": None}}}
    read = read_client_secret(json.dumps({"session": session}).encode(), {})
    assert isinstance(read, TicketRequest)
    assert read.binding.values == {
        "instructions": "",
        "turn_detection": {"type": TurnDetectionType.NONE},
    }
    assert read.session == session


def test_a_secret_is_offered_as_a_subprotocol() -> None:
    assert offered_secret(["realtime", "openai-insecure-api-key.ek_x"]) == "ek_x"
    assert offered_secret(["realtime"]) is None
    assert offered_secret(["openai-insecure-api-key."]) == ""
    assert is_client_secret("ek_x")
    assert not is_client_secret("sk_x")
