"""What we send to a Live session: every frame is legal by its vendor's types."""

import json
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from openai.types.live.built_in_voice import BuiltInVoice

from ringline.domain import voice_limits
from ringline.domain.agent import Tool, TurnDetection
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import PastCall, PastItem, PastTurn
from ringline.voices import openai_live as models
from ringline.wire import openai_live as frames
from tests.outside_types import live_client
from tests.voice_desk import hum

CONFIG = SessionConfig(model="openai/gpt-live-1.1", voice="cedar")
CLOCK = Tool(name="clock", description="the time", parameters={"type": "object"})


def legal(frame: bytes) -> dict[str, Any]:
    read = json.loads(frame)
    assert live_client(read) == []
    return read


def start(config: SessionConfig = CONFIG, *history: PastItem) -> dict[str, Any]:
    frame = frames.start("gpt-live-1.1", config, delegation_model="gpt-6-luna", history=history)
    return legal(frame)["session"]


def test_a_session_starts_with_all_that_it_can_be_told() -> None:
    assert start() == {
        "model": "gpt-live-1.1",
        "audio": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "output": {"voice": "cedar"},
        },
        "delegation": {"type": "responses", "responses": {"model": "gpt-6-luna", "tools": []}},
    }


def test_instructions_are_for_both_models_and_tools_for_the_backend() -> None:
    config = replace(
        CONFIG,
        instructions="Be brief.",
        reasoning_effort="low",
        tools=(CLOCK, Tool(name="lamp")),
    )
    session = start(config)
    assert session["instructions"] == "Be brief."
    backend = session["delegation"]["responses"]
    assert backend["instructions"] == "Be brief."
    assert backend["reasoning"] == {"effort": "low"}
    clock, lamp = backend["tools"]
    assert clock == {
        "type": "function",
        "name": "clock",
        "description": "the time",
        "parameters": {"type": "object"},
    }
    assert lamp["parameters"] == {"type": "object", "properties": {}}


def test_the_history_comes_along_as_text() -> None:
    session = start(
        CONFIG,
        PastTurn(TurnRole.CALLER, "What time is it?"),
        PastTurn(TurnRole.AGENT, ""),
        PastTurn(TurnRole.AGENT, "Noon."),
    )
    assert [(item["role"], item["content"]) for item in session["input"]] == [
        ("user", [{"type": "input_text", "text": "What time is it?"}]),
        ("assistant", [{"type": "output_text", "text": "Noon."}]),
    ]


def test_calls_of_the_history_are_notes_to_the_model() -> None:
    calls = PastCall("c1", "clock", {"tz": "UTC"}, "12:00"), PastCall("c2", "lamp", {})
    messages = start(CONFIG, *calls)["input"]
    assert {message["role"] for message in messages} == {"developer"}
    assert [message["content"][0]["text"] for message in messages] == [
        'You have called a tool before: clock with {"tz":"UTC"}; it returned 12:00',
        "You have called a tool before: lamp with {}; its result is not in yet",
    ]


def test_of_a_long_history_the_newest_turns_are_kept() -> None:
    most = voice_limits.LIVE_HISTORY_TURNS.most
    turns = [PastTurn(TurnRole.CALLER, f"turn {number}") for number in range(most + 5)]
    texts = [item["content"][0]["text"] for item in start(CONFIG, *turns)["input"]]
    assert texts == [turn.text for turn in turns[5:]]


@given(st.lists(st.text(max_size=9_000), max_size=5))
def test_a_history_stays_below_its_tokens(texts: list[str]) -> None:
    session = start(CONFIG, *(PastTurn(TurnRole.AGENT, text) for text in texts))
    kept = [item["content"][0]["text"] for item in session.get("input", [])]
    wanted = [text for text in texts if text]
    assert kept == wanted[len(wanted) - len(kept) :]
    tokens = sum(8 + len(text.encode()) // 2 for text in kept)
    assert tokens <= voice_limits.LIVE_HISTORY_TOKENS.most


def test_only_what_the_backend_is_told_is_updated() -> None:
    for same in (
        replace(CONFIG, instructions="Be long."),
        replace(CONFIG, turn_detection=TurnDetection(silence_duration_ms=900)),
    ):
        assert frames.update(CONFIG, same) is None
    frame = frames.update(CONFIG, replace(CONFIG, tools=(CLOCK,), reasoning_effort="high"))
    assert frame is not None
    delegation = legal(frame)["session"]["delegation"]
    assert delegation["type"] == "responses"
    assert delegation["responses"].keys() == {"tools", "reasoning"}
    removed = frames.update(replace(CONFIG, tools=(CLOCK,)), CONFIG)
    assert removed is not None
    assert legal(removed)["session"]["delegation"]["responses"] == {"tools": []}


def test_audio_goes_as_it_comes() -> None:
    chunk = Chunk(hum(20, 24_000), 24_000)
    assert legal(frames.append_audio(chunk))["audio"] == chunk.as_base64().decode()
    assert len(legal(frames.silence(100))["audio"]) == 6_400


def test_a_response_is_asked_for_by_its_id() -> None:
    (asked,) = map(legal, frames.respond("r1"))
    assert asked["type"] == "session.commentary.append"
    assert (asked["event_id"], asked["delegation_id"]) == ("respond:r1", None)
    (said,) = map(legal, frames.respond("r2", "Good morning."))
    assert said["content"] == f"{frames.SAYS}Good morning."


@given(st.text(max_size=3_000))
def test_texts_of_any_length_are_sent_in_pieces(text: str) -> None:
    for pieces, first, later in (
        (frames.add_text(text), frames.TYPES, frames.TYPES_ON),
        (frames.respond("r1", text), frames.SAYS, frames.SAYS_ON),
    ):
        contents = [legal(frame)["content"] for frame in pieces]
        assert all(
            len(content.encode()) <= voice_limits.LIVE_APPEND_TOKENS.most for content in contents
        )
        head, *tail = contents
        assert head.startswith(first)
        assert all(content.startswith(later) for content in tail)
        whole = head.removeprefix(first) + "".join(it.removeprefix(later) for it in tail)
        assert whole == text


def test_pieces_end_between_words() -> None:
    contents = [legal(frame)["content"] for frame in frames.add_text("telephone " * 100)]
    assert len(contents) > 2
    assert all(content.endswith("telephone ") for content in contents)


def test_results_and_ends_are_legal() -> None:
    result = legal(frames.add_tool_result("call_1", '{"on":true}'))
    assert result["item"]["output"] == '{"on":true}'
    assert legal(frames.CONTINUE)["type"] == "response.create"
    assert legal(frames.CLOSE)["type"] == "session.close"


@pytest.mark.parametrize("model", models.MODELS)
def test_the_voices_are_the_vendors(model: str) -> None:
    capabilities = models.MODELS[model].capabilities
    assert capabilities.voices == typing.get_args(BuiltInVoice)
    assert model.startswith("openai/gpt-live-")


@pytest.mark.parametrize("effort", models.CAPABILITIES.reasoning_efforts)
def test_the_efforts_are_the_vendors(effort: str) -> None:
    start(replace(CONFIG, reasoning_effort=effort))
