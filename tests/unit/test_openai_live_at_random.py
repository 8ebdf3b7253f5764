"""A conversation in a Live session at random: the port's rules hold whatever comes.

Events of the service, legal and not, orders of the call and the caller's audio come in any
sequence, with time between them.
"""

import asyncio
import json
from base64 import b64encode
from collections import Counter
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.audio import Chunk
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    Respond,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolResult,
    Transcribed,
)
from ringline.voices.openai_live_conversation import Conversation
from ringline.wire.openai_live_events import read_event
from ringline.wire.openai_realtime_events import Unreadable
from ringline.wire.upstream_failures import Loss
from tests import clock as virtual
from tests.outside_types import live_client
from tests.voice_desk import Recorder, Said, Spoke, hum, quiet

RATE_HZ = 24_000
LOUD, SILENT = hum(100, RATE_HZ), quiet(100, RATE_HZ)


class Loud:
    """A detector that takes whatever is loud for speech."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def holds_speech(self, frame: bytes) -> bool:
        return any(frame)

    def reset(self) -> None: ...


def audio(pcm: bytes) -> dict[str, Any]:
    return {"type": "session.output_audio.delta", "delta": b64encode(pcm).decode()}


def words(side: str, start_ms: int) -> dict[str, Any]:
    at = {"start_ms": start_ms, "end_ms": start_ms + 100}
    return {"type": f"session.{side}_transcript.delta", "delta": "word ", **at}


def backend(kind: str, delegation: int, **members: Any) -> dict[str, Any]:
    event = {"type": f"response.{kind}", **members}
    return {"type": "response.event", "delegation_id": f"d{delegation}", "event": event}


def call(delegation: int, number: int, arguments: str) -> dict[str, Any]:
    item = {"type": "function_call", "call_id": f"c{number}", "name": "clock"}
    return backend("output_item.done", delegation, item=item | {"arguments": arguments})


_NUMBER = st.integers(0, 3)
_EVENTS = st.one_of(
    st.sampled_from([audio(LOUD), audio(SILENT), audio(SILENT * 6), audio(LOUD[:99]), audio(b"")]),
    st.builds(words, st.sampled_from(["input", "output"]), st.integers(0, 3_000)),
    st.builds(backend, st.sampled_from(["created", "completed", "failed"]), _NUMBER),
    st.builds(call, _NUMBER, st.integers(0, 9), st.sampled_from(["{}", "[1]", "{"])),
    st.builds(
        lambda code, cause: {"type": "error", "error": {"code": code, "client_event_id": cause}},
        st.sampled_from(["server_error", "rate_limit_exceeded"]),
        st.sampled_from(["", "typed", "results", "respond:r0", "respond:r1"]),
    ),
    st.builds(
        lambda seconds: {"type": "session.usage.updated", "usage": {"seconds": seconds}},
        st.integers(-3, 100),
    ),
    st.dictionaries(st.sampled_from(["type", "delta", "event"]), st.text() | _NUMBER, max_size=3),
)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("event"), _EVENTS),
        st.tuples(st.just("speak"), _NUMBER),
        st.tuples(st.just("run"), _NUMBER),
        st.tuples(st.just("hear"), st.sampled_from([LOUD, LOUD, SILENT, SILENT * 6])),
        st.tuples(st.just("respond"), st.sampled_from([None, "Hello."])),
        st.tuples(st.just("cancel"), _NUMBER),
        st.tuples(st.just("type"), st.just("text")),
        st.tuples(st.just("answer"), _NUMBER),
        st.tuples(st.sampled_from(["end", "clear"]), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 0.6, 3.5, 11.0])),
    ),
    max_size=40,
)


class Story:
    """A conversation, and what it was asked for."""

    def __init__(self) -> None:
        self.ear = Recorder()
        self.sent: list[dict[str, Any]] = []
        self.lost: list[Loss] = []
        self.asked = 0
        self.talk = Conversation(
            self.ear,
            config=SessionConfig(model="openai/gpt-live-1.1", voice="marin"),
            new_detector=Loud,
            send=lambda frame: self.sent.append(json.loads(frame)),
            send_audio=lambda _, __: None,
            lose=self.lost.append,
        )

    def get(self, event: dict[str, Any]) -> None:
        """Let an event of the service come."""
        with suppress(Unreadable):
            report = read_event(json.dumps(event).encode())
            if report is not None:
                self.talk.take(report)

    async def take(self, kind: str, what: Any) -> None:
        order: Any = None
        match kind:
            case "event":
                self.get(what)
            case "speak":
                for number in range(1 + what):
                    self.get(words("output", 3_000 + 100 * number))
                    self.get(audio(LOUD))
            case "run":
                self.get(backend("created", what))
                self.get(call(what, len(self.ear.reports), "{}"))
                self.get(backend("completed", what))
            case "hear":
                for start in range(0, len(what), 960):
                    self.talk.hear(Chunk(what[start : start + 960], RATE_HZ))
            case "respond":
                order = Respond(f"r{self.asked}", what)
                self.asked += 1
            case "cancel":
                known = [it.response_id for it in self.ear.all(ResponseStarted)]
                known += [f"r{number}" for number in range(self.asked)]
                order = Cancel(known[-1 - what] if len(known) > what else "unknown", 0)
            case "type":
                order = AddText(what)
            case "answer":
                called = self.ear.all(ToolCall)
                id_ = called[-1 - what].tool_call_id if len(called) > what else "unknown"
                order = ToolResult(id_, "{}")
            case "end":
                order = EndTurn()
            case "clear":
                order = ClearInput()
            case _:
                await asyncio.sleep(what)
        if order is not None:
            self.talk.order(order)


@given(_STEPS)
def test_a_conversation_at_random(steps: list[tuple[str, Any]]) -> None:
    async def main() -> Story:
        story = Story()
        for kind, what in steps:
            await story.take(kind, what)
        await asyncio.sleep(60 + 10 * story.asked)  # whatever is due has come
        story.talk.stop()
        return story

    story = virtual.run(main())
    ear = story.ear
    assert story.lost == []
    assert [problem for frame in story.sent for problem in live_client(frame)] == []
    check_responses(ear)
    check_turns(ear)
    # Each request has come to an end, or was cancelled before it began.
    ended = Counter(it.response_id for it in ear.all(ResponseDone))
    assert max(ended.values(), default=0) <= 1
    assert not story.talk.owed or any(frame["type"] == "response.create" for frame in story.sent)


def check_responses(ear: Recorder) -> None:
    """Check that there is one response at a time, with its output between its ends."""
    running: list[str] = []
    started: list[str] = []
    for report in ear.reports:
        match report:
            case ResponseStarted(response_id):
                assert running == []
                assert response_id not in started
                running = [response_id]
                started.append(response_id)
            case ResponseDone(response_id):
                assert running in ([response_id], []), "one that never began may end as well"
                running = []
            case Said(response_id) | Spoke(response_id) | ToolCall(response_id):
                assert running == [response_id]
            case _:
                pass
    assert running == [], "a stretch of output ends by the clock"


def check_turns(ear: Recorder) -> None:
    """Check that turns begin and end in turn, and that a transcript is final once."""
    speaking = ""
    final: set[str] = set()
    for report in ear.reports:
        match report:
            case SpeechStarted(item_id):
                assert speaking == ""
                speaking = item_id
            case SpeechStopped(item_id):
                assert speaking == item_id
                speaking = ""
            case Transcribed(item_id, _, is_final):
                assert item_id not in final
                if is_final:
                    final.add(item_id)
            case _:
                pass
