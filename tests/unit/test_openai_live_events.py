"""What a Live session sends: every event is legal by its vendor's types before it is read."""

import json
from contextlib import suppress
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.voice import Usage
from ringline.wire.openai_live_events import (
    Closed,
    FunctionCalled,
    Heard,
    Metered,
    Report,
    RunBegan,
    RunEnded,
    Said,
    Spoke,
    Started,
    read_event,
)
from ringline.wire.openai_realtime_events import ErrorReported, Unreadable
from tests.outside_types import live_server

SESSION = {"id": "live_1", "expires_at": 1_000, "status": "active", "model": "gpt-live-1.1"}
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-6-luna",
    "output": [],
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
}
USAGE: dict[str, Any] = {
    "input_tokens": 30,
    "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 35,
}


def event(kind: str, **members: Any) -> dict[str, Any]:
    frame = {"type": kind, **members}
    if kind != "session.output_audio.delta":
        frame["event_id"] = "event_1"
    assert live_server(frame) == []
    return frame


def enveloped(kind: str, delegation_id: str | None = "del_1", **members: Any) -> dict[str, Any]:
    nested = {"type": kind, "sequence_number": 1, **members}
    return event("response.event", delegation_id=delegation_id, event=nested)


def called(arguments: str) -> dict[str, Any]:
    item = {"type": "function_call", "call_id": "c1", "name": "clock", "arguments": arguments}
    return enveloped("response.output_item.done", output_index=0, item=item)


def read(frame: dict[str, Any]) -> Report | None:
    return read_event(json.dumps(frame).encode())


@pytest.mark.parametrize(
    ("frame", "report"),
    [
        (event("session.started", session=SESSION), Started(1_000)),
        (event("session.output_audio.delta", delta="AAAA"), Spoke("AAAA")),
        (
            event("session.input_transcript.delta", delta="hi", start_ms=1, end_ms=2),
            Heard("hi", 1, 2),
        ),
        (
            event("session.output_transcript.delta", delta="ho", start_ms=3, end_ms=4),
            Said("ho", 3, 4),
        ),
        (event("session.usage.updated", usage={"seconds": 1.5}), Metered(1.5)),
        (
            event("session.closed", reason="expired", session=SESSION, usage={"seconds": 9.0}),
            Closed("expired", 9.0),
        ),
        (enveloped("response.created", response=RESPONSE), RunBegan("del_1")),
        (enveloped("response.created", None, response=RESPONSE), RunBegan("")),
        (called('{"tz":"UTC"}'), FunctionCalled("del_1", "c1", "clock", {"tz": "UTC"})),
        (called(""), FunctionCalled("del_1", "c1", "clock", {})),
        (called("[1]"), FunctionCalled("del_1", "c1", "clock", None)),
        (called("{broken"), FunctionCalled("del_1", "c1", "clock", None)),
        (
            enveloped("response.completed", response={**RESPONSE, "usage": USAGE}),
            RunEnded(
                "del_1",
                True,
                Usage(text_in_tokens=10, text_cached_tokens=20, text_out_tokens=5),
                RESPONSE["id"],
            ),
        ),
        (
            enveloped("response.failed", response=RESPONSE),
            RunEnded("del_1", False, Usage(), RESPONSE["id"]),
        ),
        (
            enveloped("response.incomplete", response=RESPONSE),
            RunEnded("del_1", False, Usage(), RESPONSE["id"]),
        ),
    ],
)
def test_events_are_read(frame: dict[str, Any], report: Report) -> None:
    assert read(frame) == report


@pytest.mark.parametrize("place", ["error", "event", None])
def test_an_error_is_read_by_its_code_and_cause(place: str | None) -> None:
    error = {"type": "invalid_request_error", "code": "unknown_parameter", "message": "sk-secret"}
    outside: dict[str, Any] = {}
    if place == "error":
        error["client_event_id"] = "typed"
    elif place == "event":
        outside["client_event_id"] = "typed"
    report = read(event("error", error=error, **outside))
    assert report == ErrorReported("unknown_parameter", "typed" if place else "")
    assert "secret" not in repr(report)


@pytest.mark.parametrize(
    "frame",
    [
        event("session.instructions.appended", start_ms=1, end_ms=1),
        event("session.updated", session=SESSION),
        event("info", code="data_channel_permissions", message="m"),
        event(
            "session.delegation.created",
            offset_ms=1,
            delegation={"id": "del_1", "type": "delegation", "target": "responses"},
        ),
        enveloped(
            "response.output_item.done",
            output_index=0,
            item={
                "type": "message",
                "id": "m",
                "role": "assistant",
                "status": "completed",
                "content": [],
            },
        ),
        enveloped(
            "response.output_text.delta",
            item_id="m",
            output_index=0,
            content_index=0,
            delta="x",
            logprobs=[],
        ),
        {"type": "an.event.of.tomorrow"},
        {"type": "response.event", "event": {}},
        {"type": "response.event", "event": {"type": {}}},
        {"type": "response.event", "event": {"type": "response.output_item.done", "item": 3}},
    ],
)
def test_events_of_no_interest_are_ignored(frame: dict[str, Any]) -> None:
    assert read(frame) is None


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b"", "not_json"),
        (b"no JSON", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[]", "shape"),
        (b"{}", "shape"),
        (b'{"type":3}', "shape"),
        (b'{"type":"session.started","session":{}}', "shape"),
        (b'{"type":"session.output_audio.delta","delta":[]}', "shape"),
        (b'{"type":"session.usage.updated","usage":{"seconds":"9"}}', "shape"),
        (b'{"type":"error","error":"broken"}', "shape"),
        (
            b'{"type":"response.event","event":{"type":"response.output_item.done",'
            b'"item":{"type":"function_call","name":"clock"}}}',  # no id to answer by
            "shape",
        ),
        (
            b'{"type":"response.event","event":{"type":"response.completed",'
            b'"response":{"usage":[]}}}',
            "shape",
        ),
        (b'{"type":"response.event","event":' + b'{"a":' * 5_000, "not_json"),
    ],
)
def test_what_is_unreadable_has_a_kind(frame: bytes, kind: str) -> None:
    with pytest.raises(Unreadable) as unreadable:
        read_event(frame)
    assert unreadable.value.kind == kind


@given(
    st.builds(
        lambda into, cached, out: {
            "input_tokens": into,
            "output_tokens": out,
            "input_tokens_details": {"cached_tokens": cached},
        },
        *[st.integers(-5, 10_000)] * 3,
    )
)
def test_tokens_are_disjoint(counted: dict[str, Any]) -> None:
    response = {"usage": counted}
    frame = {"type": "response.event", "event": {"type": "response.failed", "response": response}}
    report = read(frame)
    assert isinstance(report, RunEnded)
    used = report.usage
    assert all(count >= 0 for count in astuple(used))
    assert used.text_in_tokens + used.text_cached_tokens == max(0, counted["input_tokens"])


_WORDS = [
    "type",
    "event",
    "delta",
    "response",
    "usage",
    "item",
    "call_id",
    "name",
    "arguments",
    "error",
    "code",
    "session",
    "expires_at",
    "seconds",
    "start_ms",
    "delegation_id",
    "session.started",
    "session.output_audio.delta",
    "session.output_transcript.delta",
    "session.closed",
    "response.event",
    "response.output_item.done",
    "response.completed",
    "function_call",
]


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text()
        | st.sampled_from(_WORDS),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=4)
        ),
    )
)
def test_any_json_is_read_or_refused(value: object) -> None:
    with suppress(Unreadable):
        read_event(json.dumps(value).encode())


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(Unreadable):
        read_event(data)
