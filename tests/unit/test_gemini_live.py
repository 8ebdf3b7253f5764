"""What we send to Gemini Live: legal by its vendor's types, and equal to its client's setup."""

import json
from base64 import b64encode
from typing import Any

import pytest
from google.genai import types
from pydantic import ValidationError

from ringline.domain.agent import Tool, TurnDetection, TurnDetectionType
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import PastCall, PastTurn
from ringline.wire import gemini_live as wire
from ringline.wire.gemini_live import Dialect, FunctionResult
from tests.gemini_types import Illegal, check_client, vendor_setup

MODEL = "gemini-3.8-live"
CLOCK = Tool(
    name="clock",
    description="the time",
    parameters={"type": "object", "properties": {"time_zone": {"type": "string"}}},
)


def config(**members: Any) -> SessionConfig:
    return SessionConfig(model=f"gemini/{MODEL}", voice="Puck", **members)


def sent(frame: bytes) -> dict[str, Any]:
    """Return a frame's body, once it is found legal."""
    return check_client(frame)[1]


def plain(**members: Any) -> types.LiveConnectConfig:
    """Return the vendor's config of a conversation with our defaults."""
    defaults: dict[str, Any] = {
        "response_modalities": ["AUDIO"],
        "speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Puck"}}},
        "realtime_input_config": {"automatic_activity_detection": {"silence_duration_ms": 500}},
        "input_audio_transcription": {},
        "output_audio_transcription": {},
        "context_window_compression": {"sliding_window": {}},
        "session_resumption": {},
    }
    return types.LiveConnectConfig(**defaults | members)


def detecting(**members: Any) -> dict[str, Any]:
    return {"realtime_input_config": {"automatic_activity_detection": members}}


SETUPS = {
    "nothing but defaults": (config(), Dialect(), plain()),
    "instructions": (
        config(instructions="Be brief."),
        Dialect(),
        plain(system_instruction="Be brief."),
    ),
    "temperature": (config(temperature=0.0), Dialect(), plain(temperature=0.0)),
    "tools": (
        config(tools=(CLOCK, Tool(name="end_call"))),
        Dialect(),
        plain(
            tools=[
                {
                    "function_declarations": [
                        {
                            "name": "clock",
                            "description": "the time",
                            "parameters_json_schema": CLOCK.parameters,
                        },
                        {"name": "end_call"},
                    ]
                }
            ]
        ),
    ),
    "a longer silence": (
        config(turn_detection=TurnDetection(silence_duration_ms=1_200)),
        Dialect(),
        plain(**detecting(silence_duration_ms=1_200)),
    ),
    "less sensitive": (
        config(turn_detection=TurnDetection(threshold=0.6)),
        Dialect(),
        plain(
            **detecting(
                silence_duration_ms=500, start_of_speech_sensitivity="START_SENSITIVITY_LOW"
            )
        ),
    ),
    "more sensitive": (
        config(turn_detection=TurnDetection(threshold=0.2)),
        Dialect(),
        plain(
            **detecting(
                silence_duration_ms=500, start_of_speech_sensitivity="START_SENSITIVITY_HIGH"
            )
        ),
    ),
    "push to talk": (
        config(turn_detection=TurnDetection(type=TurnDetectionType.NONE)),
        Dialect(),
        plain(**detecting(disabled=True)),
    ),
    "reasoning where it is asked for": (
        config(reasoning_effort="low"),
        Dialect(thinks_on_demand=True),
        plain(thinking_config={"thinking_level": "LOW"}),
    ),
    "no reasoning unless asked": (config(), Dialect(thinks_on_demand=True), plain()),
}


@pytest.mark.parametrize("case", SETUPS)
def test_a_setup_is_the_vendors(case: str) -> None:
    ours, dialect, theirs = SETUPS[case]
    body = wire.setup(MODEL, ours, dialect=dialect)
    check_client(wire.setup_frame(body))
    assert body == vendor_setup(MODEL, theirs)


def test_a_setup_announces_the_history() -> None:
    body = wire.setup(MODEL, config(), dialect=Dialect(), history=True)
    announced = {"initial_history_in_client_content": True}
    assert body == vendor_setup(MODEL, plain(history_config=announced))
    check_client(wire.setup_frame(body))


def test_the_history_is_told_in_order_and_asks_for_no_answer() -> None:
    history = (
        PastTurn(TurnRole.CALLER, "Hello?"),
        PastTurn(TurnRole.AGENT, "Good day."),
        PastTurn(TurnRole.CALLER, ""),  # nobody could read it
    )
    assert sent(wire.contents_frame(wire.past_contents(history), answer=True)) == {
        "turns": [
            {"role": "user", "parts": [{"text": "Hello?"}]},
            {"role": "model", "parts": [{"text": "Good day."}]},
        ],
        "turnComplete": True,  # of the history: the model is not called (vendor's HistoryConfig)
    }


def test_a_call_from_before_is_told_together_with_its_result() -> None:
    calls = (
        PastCall("c1", "clock", {"tz": "UTC"}, '{"time": "12:00"}'),
        PastCall("c2", "lamp", {}, "on"),
        PastCall("c3", "horn", {}),  # the service knows no open call from before
    )
    assert sent(wire.contents_frame(wire.past_contents(calls), answer=False)) == {
        "turns": [
            {
                "role": "model",
                "parts": [{"functionCall": {"id": "c1", "name": "clock", "args": {"tz": "UTC"}}}],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "c1",
                            "name": "clock",
                            "response": {"time": "12:00"},
                        }
                    }
                ],
            },
            {
                "role": "model",
                "parts": [{"functionCall": {"id": "c2", "name": "lamp", "args": {}}}],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "c2", "name": "lamp", "response": {"output": "on"}}}
                ],
            },
        ],
        "turnComplete": False,
    }


def test_a_handle_resumes_what_the_service_knows() -> None:
    body = wire.setup(MODEL, config(), dialect=Dialect(), handle="h1")
    assert body == vendor_setup(MODEL, plain(session_resumption={"handle": "h1"}))


def test_typed_text_is_content() -> None:
    body = sent(wire.typed_frame(["One.", "Two."], answer=True))
    assert [turn["parts"] for turn in body["turns"]] == [[{"text": "One."}], [{"text": "Two."}]]
    assert body["turnComplete"] is True
    assert sent(wire.typed_frame(["One."], answer=False))["turnComplete"] is False
    assert sent(wire.typed_frame([], answer=True)) == {"turnComplete": True}
    assert sent(wire.realtime_text_frame('a "quoted" word')) == {"text": 'a "quoted" word'}


def test_audio_tells_its_rate() -> None:
    pcm = bytes(range(256)) * 2
    body = sent(wire.audio_frame(Chunk(pcm, 16_000)))
    assert body["audio"] == {
        "mimeType": "audio/pcm;rate=16000",
        "data": b64encode(pcm).decode(),
    }


def test_the_edges_of_the_callers_speech() -> None:
    assert sent(wire.AUDIO_STREAM_END) == {"audioStreamEnd": True}
    assert sent(wire.ACTIVITY_START) == {"activityStart": {}}
    assert sent(wire.ACTIVITY_END) == {"activityEnd": {}}


def test_an_image_is_video() -> None:
    assert sent(wire.image_frame("image/png", "iVBORw0KGgo=")) == {
        "video": {"mimeType": "image/png", "data": "iVBORw0KGgo="}
    }


def responses(dialect: Dialect, *texts: str) -> list[dict[str, Any]]:
    results = [FunctionResult(f"c{number}", "clock", text) for number, text in enumerate(texts)]
    return sent(wire.results_frame(results, dialect=dialect))["functionResponses"]


def test_results_are_objects() -> None:
    told = responses(
        Dialect(), '{"time":"12:00"}', "noon", "[1]", '"x"', "null", "{broken", "[" * 9999
    )
    assert [response["response"] for response in told] == [
        {"time": "12:00"},
        {"output": "noon"},
        {"output": [1]},
        {"output": "x"},
        {"output": None},
        {"output": "{broken"},
        {"output": "[" * 9999},
    ]


def test_several_results_have_one_follow_up() -> None:
    told = responses(Dialect(), "1", "2", "3")
    assert [response["scheduling"] for response in told] == ["SILENT", "SILENT", "WHEN_IDLE"]
    blocking = responses(Dialect(tools_block=True), "1", "2")
    assert all("scheduling" not in response for response in blocking)


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"setup": {}, "realtimeInput": {"text": "x"}},
        {"session": {}},
        {"setup": {"model": "models/x", "modell": "y"}},
        {"realtimeInput": {"audio": {"data": "###", "mimeType": "audio/pcm;rate=16000"}}},
        {"realtimeInput": {"text": "x", "audioStreamEnd": True}},
        {"toolResponse": {"functionResponses": [{"id": 1}]}},
    ],
)
def test_the_check_refuses_what_is_illegal(frame: dict[str, Any]) -> None:
    with pytest.raises((Illegal, ValidationError)):
        check_client(json.dumps(frame))
