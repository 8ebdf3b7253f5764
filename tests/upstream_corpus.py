"""What providers send, as examples for fuzzing; their own types find them legal."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.voice_desk import hum

Frame = dict[str, Any]

_AUDIO = base64.b64encode(hum(20, 24_000)).decode()
_AT: Frame = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
_MESSAGE: Frame = {"id": "item_1", "object": "realtime.item", "type": "message"}
_MESSAGE |= {"role": "assistant", "status": "in_progress", "content": []}
_CALL: Frame = {"call_id": "call_1", "name": "clock", "arguments": '{"tz": "UTC"}'}
_CALL_ITEM: Frame = {**_CALL, "id": "item_2", "object": "realtime.item", "type": "function_call"}
_USAGE: Frame = {
    "input_tokens": 30,
    "output_tokens": 20,
    "total_tokens": 50,
    "input_token_details": {
        "text_tokens": 10,
        "audio_tokens": 20,
        "cached_tokens": 5,
        "cached_tokens_details": {"text_tokens": 1, "audio_tokens": 4, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 5, "audio_tokens": 15},
}
_TRANSCRIPT = "conversation.item.input_audio_transcription"


def _response(status: str, **members: Any) -> Frame:
    base: Frame = {"id": "resp_1", "object": "realtime.response", "output": [], "status": status}
    return base | members


def _error(code: str, **members: Any) -> Frame:
    error = {"type": "invalid_request_error", "message": "No.", "param": None, "code": code}
    return {"type": "error", "error": error | members}


_ASKED = {"metadata": {"ringline_response_id": "r1"}}

#: OpenAI's protocol, as generally available.
OPENAI: list[Frame] = [
    {"type": "input_audio_buffer.speech_started", "item_id": "i1", "audio_start_ms": 100},
    {"type": "input_audio_buffer.speech_started", "item_id": "i2", "audio_start_ms": 1_200},
    {"type": "input_audio_buffer.speech_stopped", "item_id": "i1", "audio_end_ms": 900},
    {"type": "input_audio_buffer.committed", "item_id": "i1", "previous_item_id": None},
    {"type": "input_audio_buffer.cleared"},
    {"type": f"{_TRANSCRIPT}.delta", "item_id": "i1", "content_index": 0, "delta": "hel"},
    {
        "type": f"{_TRANSCRIPT}.completed",
        "item_id": "i1",
        "content_index": 0,
        "transcript": "hello",
        "usage": {"type": "duration", "seconds": 1.5},
    },
    {
        "type": f"{_TRANSCRIPT}.failed",
        "item_id": "i1",
        "content_index": 0,
        "error": {"code": "audio_unintelligible"},
    },
    {"type": "response.created", "response": _response("in_progress", **_ASKED)},
    {"type": "response.created", "response": _response("in_progress")},
    {
        "type": "response.output_item.added",
        "response_id": "resp_1",
        "output_index": 0,
        "item": _MESSAGE,
    },
    {"type": "response.output_audio.delta", "delta": _AUDIO, **_AT},
    {"type": "response.output_audio_transcript.delta", "delta": "Good ", **_AT},
    {"type": "response.output_text.delta", "delta": "day.", **_AT},
    {"type": "response.function_call_arguments.done", **_CALL, "response_id": "resp_1"}
    | {"item_id": "item_2", "output_index": 1},
    {
        "type": "response.output_item.done",
        "response_id": "resp_1",
        "output_index": 1,
        "item": _CALL_ITEM,
    },
    {"type": "response.done", "response": _response("completed", usage=_USAGE)},
    {
        "type": "response.done",
        "response": _response(
            "cancelled", status_details={"type": "cancelled", "reason": "turn_detected"}
        ),
    },
    {
        "type": "response.done",
        "response": _response(
            "failed", status_details={"type": "failed", "error": {"code": "server_error"}}
        ),
    },
    {"type": "response.created", "response": _response("in_progress") | {"id": "resp_2"}},
    {"type": "response.output_audio.delta", "delta": _AUDIO, **_AT, "response_id": "resp_2"},
    {"type": "response.done", "response": _response("completed") | {"id": "resp_2"}},
    {"type": "session.updated", "session": {"type": "realtime"}},
    _error("rate_limit_exceeded"),
    _error("conversation_already_has_active_response", event_id="respond:r1"),
    _error("input_audio_buffer_commit_empty", event_id="commit"),
    _error("invalid_value", event_id="trim"),
    _error("session_expired"),
]

#: xAI's dialect: what differs.
XAI: list[Frame] = [
    *OPENAI,
    {"type": "ping", "timestamp": 1},
    {"type": "conversation.created", "conversation": {"id": "conv_1"}},
    {"type": f"{_TRANSCRIPT}.updated", "item_id": "i1", "transcript": "hallo"},
    {"type": f"{_TRANSCRIPT}.completed", "item_id": "i1", "transcript": "hello"},
    {"type": "input_audio_buffer.speech_started", "item_id": "i3"},
    {"type": "response.function_call_arguments.done", **_CALL},
    {"type": "response.done", "response": _response("completed", usage={}), "usage": _USAGE},
]

_BLOB = {"mimeType": "audio/pcm;rate=24000", "data": _AUDIO}
_CONTENT: list[Frame] = [
    {"inputTranscription": {"text": "hel"}},
    {"inputTranscription": {"text": "lo", "finished": True}},
    {"outputTranscription": {"text": "Good "}},
    {"modelTurn": {"role": "model", "parts": [{"inlineData": _BLOB}]}},
    {"generationComplete": True},
    {"interrupted": True},
    {"turnComplete": True},
    {"turnComplete": True, "turnCompleteReason": "PROHIBITED_INPUT_CONTENT"},
    {"turnComplete": True, "interactionStatus": "IN_PROGRESS"},
    {"interactionStatus": "IDLE"},
]

#: Gemini Live.
GEMINI: list[Frame] = [
    *({"serverContent": content} for content in _CONTENT),
    {"toolCall": {"functionCalls": [{"id": "call_1", "name": "clock", "args": {"tz": "UTC"}}]}},
    {"toolCall": {"functionCalls": [{"id": "call_2", "name": "lamp"}]}},
    {"toolCallCancellation": {"ids": ["call_1"]}},
    {
        "usageMetadata": {
            "promptTokenCount": 30,
            "responseTokenCount": 10,
            "totalTokenCount": 40,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}],
        }
    },
    {"goAway": {"timeLeft": "50s"}},
    {"sessionResumptionUpdate": {"newHandle": "handle-1", "resumable": True}},
    {"setupComplete": {"sessionId": "s1"}},
]


def _run(kind: str, **members: Any) -> Frame:
    event = {"type": kind, "sequence_number": 1, **members}
    return {"type": "response.event", "delegation_id": "del_1", "event": event}


_LIVE_CALL: Frame = {**_CALL, "type": "function_call", "id": "fc_1", "status": "completed"}
_TOKENS = {"input_tokens": 30, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 20}}

#: OpenAI's Live sessions.
LIVE: list[Frame] = [
    {"type": "session.output_audio.delta", "delta": _AUDIO},
    {"type": "session.output_audio.delta", "delta": base64.b64encode(bytes(4_800)).decode()},
    {"type": "session.input_transcript.delta", "delta": "hel", "start_ms": 0, "end_ms": 200},
    {"type": "session.output_transcript.delta", "delta": "Good ", "start_ms": 0, "end_ms": 100},
    {"type": "session.usage.updated", "usage": {"seconds": 15.0}},
    {"type": "session.closed", "reason": "expired", "usage": {"seconds": 16.0}},
    _run("response.created", response={"id": "resp_1"}),
    _run("response.output_item.done", output_index=0, item=_LIVE_CALL),
    _run("response.completed", response={"id": "resp_1", "usage": _TOKENS}),
    _run("response.failed", response={"id": "resp_1"}),
    {"type": "session.started", "session": {"id": "live_1", "expires_at": 4_102_444_800}},
    _error("rate_limit_exceeded"),
    _error("no_such_call", client_event_id="results"),
]

CORPORA: Mapping[str, list[Frame]] = {
    "openai": OPENAI,
    "xai": XAI,
    "gemini": GEMINI,
    "openai live": LIVE,
}

#: What JSON may hold where something else is expected.
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "i1", "i2", "resp_1", "resp_2", "call_1", "\0", "\ud800", "A", "AAA="]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=5,
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a frame, as a container and the key in it."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    places = [(value, key) for key in keys]
    for key in keys:
        if isinstance(value[key], dict | list):
            places += _places(value[key])
    return places


@st.composite
def _mutated(draw: st.DrawFn, corpus: list[Frame]) -> bytes:
    """Draw a legal frame of which some members are another's, are missing or make no sense."""
    frame = json.loads(json.dumps(draw(st.sampled_from(corpus))))
    for _ in range(draw(st.integers(1, 2))):
        container, key = draw(st.sampled_from(_places(frame)))
        if isinstance(container, dict) and key not in container:
            continue
        if draw(st.integers(0, 3)) == 0 and isinstance(container, dict):
            del container[key]
        else:
            container[key] = draw(_values)
        if not frame:
            break
    return json.dumps(frame).encode()


def frames_of(corpus: list[Frame]) -> st.SearchStrategy[bytes]:
    """Return frames of a provider: mostly legal ones, mutated ones, and any bytes."""
    legal = st.sampled_from([json.dumps(frame).encode() for frame in corpus])
    return st.one_of(legal, legal, _mutated(corpus), st.binary(max_size=40))
