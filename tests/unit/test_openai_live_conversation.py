"""A conversation in a Live session: orders to frames, events to reports.

Every frame is legal by the vendor's types, and so is every event. Time is virtual.
"""

import asyncio
import json
from base64 import b64encode
from typing import Any

import pytest
from msgspec.structs import replace

from ringline.domain import voice_limits
from ringline.domain.agent import Tool, TurnDetection
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    PastCall,
    PastTurn,
    Remember,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolResult,
    Transcribed,
    TurnCleared,
    UpdateConfig,
    Usage,
    UsageKind,
    UsageReported,
    VoiceFailed,
    VoiceFailure,
)
from ringline.voices.openai_live_conversation import ANSWER_S, SILENCE, WORDS_S, Conversation
from ringline.wire.openai_live import ANSWER, SAYS, TYPES
from ringline.wire.openai_live_events import read_event
from ringline.wire.upstream_failures import STALLED, Loss
from tests import clock as virtual
from tests.outside_types import live_client, live_server
from tests.voice_desk import Recorder, Said, Spoke, hum, quiet

RATE_HZ = 24_000
SPEECH = hum(400, RATE_HZ)
SILENT = quiet(700, RATE_HZ)
PIECE = hum(100, RATE_HZ)
CONFIG = SessionConfig(model="openai/gpt-live-1.1", voice="marin")
SESSION = {"id": "live_1", "expires_at": 1_000, "status": "active", "model": "gpt-live-1.1"}
CANCELLED, COMPLETED, FAILED = ResponseEnd.CANCELLED, ResponseEnd.COMPLETED, ResponseEnd.FAILED


class Loud:
    """A detector that takes whatever is loud for speech."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def holds_speech(self, frame: bytes) -> bool:
        return any(frame)

    def reset(self) -> None: ...


class Desk:
    """A conversation, what it reports and what it sends."""

    def __init__(self) -> None:
        self.ear = Recorder()
        self.sent: list[dict[str, Any]] = []
        self.audio: list[bytes] = []
        self.lost: list[Loss] = []
        self.out_ms = 0
        self.talk = Conversation(
            self.ear,
            config=CONFIG,
            new_detector=Loud,
            send=lambda frame: self.sent.append(self.legal(frame)),
            send_audio=lambda frame, _: self.audio.append(frame),
            lose=self.lost.append,
        )

    def legal(self, frame: bytes) -> dict[str, Any]:
        read = json.loads(frame)
        assert live_client(read) == []
        return read

    def hears(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 960):
            self.talk.hear(Chunk(pcm[start : start + 960], RATE_HZ))

    def order(self, *orders: Any) -> None:
        for order in orders:
            self.talk.order(order)

    # What the service sends.

    def gets(self, kind: str, **members: Any) -> None:
        frame = {"type": kind, **members}
        if kind != "session.output_audio.delta":
            frame["event_id"] = "event_1"
        assert live_server(frame) == []
        report = read_event(json.dumps(frame).encode())
        if report is not None:
            self.talk.take(report)

    def sounds(self, pcm: bytes) -> None:
        self.gets("session.output_audio.delta", delta=b64encode(pcm).decode())
        self.out_ms += len(pcm) // 48

    def says(self, *words: str) -> None:
        for word in words:
            self.tells(word, 100)
            self.sounds(PIECE)

    def tells(self, text: str, ms: int = 0, late_ms: int = 0) -> None:
        """Let words come, without their sound."""
        start_ms = self.out_ms - late_ms
        at = {"start_ms": start_ms, "end_ms": start_ms + ms}
        self.gets("session.output_transcript.delta", delta=text, **at)

    def is_quiet(self, ms: int = 500) -> None:
        for _ in range(ms // 100):
            self.sounds(quiet(100, RATE_HZ))

    def hears_words(self, *words: str) -> None:
        for word in words:
            self.gets("session.input_transcript.delta", delta=word, start_ms=1, end_ms=2)

    def backend(self, kind: str, delegation_id: str = "d1", **members: Any) -> None:
        event = {"type": f"response.{kind}", "sequence_number": 1, **members}
        self.gets("response.event", delegation_id=delegation_id, event=event)

    def snapshot(
        self, kind: str, delegation_id: str = "d1", *, usage: Any = None, run: str = "resp_1"
    ) -> None:
        response = {
            "id": run,
            "object": "response",
            "created_at": 1,
            "model": "gpt-6-luna",
            "output": [],
            "tools": [],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "usage": usage,
        }
        self.backend(kind, delegation_id, response=response)

    def calls(self, *call_ids: str, end: str = "completed", arguments: str = '{"a":1}') -> None:
        """Let a run of the backend call functions, and end."""
        self.snapshot("created")
        for call_id in call_ids:
            item = {"type": "function_call", "call_id": call_id, "name": "clock"}
            item |= {"arguments": arguments, "status": "completed"}
            self.backend("output_item.done", output_index=0, item=item)
        if end:
            self.snapshot(end)

    def fails(self, code: str, cause: str = "") -> None:
        error = {"type": "invalid_request_error", "code": code, "message": "sk-secret"}
        if cause:
            error["client_event_id"] = cause
        self.gets("error", error=error)

    # What came of it.

    def contents(self) -> list[str]:
        return [frame["content"] for frame in self.sent if "content" in frame]

    def kinds(self) -> list[str]:
        """Return the kinds of the reports, each run of speech and text once."""
        kinds: list[str] = []
        for report in self.ear.reports:
            name = type(report).__name__
            if name not in ("Said", "Spoke") or kinds[-1:] != [name]:
                kinds.append(name)
        return kinds

    def done(self) -> list[tuple[str, ResponseEnd]]:
        return [(done.response_id, done.reason) for done in self.ear.all(ResponseDone)]

    def started(self) -> list[str]:
        return [started.response_id for started in self.ear.all(ResponseStarted)]

    def finals(self) -> list[str]:
        return [heard.text for heard in self.ear.all(Transcribed) if heard.final]

    def troubles(self) -> list[str]:
        failures = self.ear.all(VoiceFailed)
        assert all(it.recoverable and it.code is VoiceFailure.UPSTREAM_ERROR for it in failures)
        assert "secret" not in repr(failures)
        return [failure.details for failure in failures]


# The caller's turn.


async def test_a_spoken_turn_and_its_answer() -> None:
    desk = Desk()
    desk.hears(SPEECH)
    desk.hears_words("what is", " the time?")
    desk.hears(SILENT)
    desk.says("It is ", "noon.")
    desk.is_quiet()
    assert desk.kinds() == [
        "SpeechStarted",
        "Transcribed",
        "Transcribed",
        "SpeechStopped",
        "Transcribed",
        "ResponseStarted",
        *["Said", "Spoke"] * 2,
        "ResponseDone",
    ]
    assert desk.finals() == ["what is the time?"]
    assert b"".join(desk.audio).count(b"session.input_audio.append") == 55
    (response_id,) = desk.started()
    assert desk.done() == [(response_id, COMPLETED)]
    assert desk.ear.text_of(response_id) == "It is noon."
    assert desk.sent == [], "nothing has to be asked for"


async def test_an_answer_ends_a_turn_whose_end_we_have_not_heard() -> None:
    desk = Desk()
    desk.hears(SPEECH + quiet(200, RATE_HZ))
    desk.says("Yes.")
    assert desk.kinds() == ["SpeechStarted", "SpeechStopped", "ResponseStarted", "Said", "Spoke"]
    desk.hears(SILENT)
    assert len(desk.ear.all(SpeechStopped)) == 1


async def test_the_model_may_speak_while_it_listens() -> None:
    desk = Desk()
    desk.hears(SPEECH)
    desk.hears_words("my number")
    desk.says("Mhm.")
    desk.hears(SPEECH)
    desk.hears_words(" is ten")
    desk.is_quiet()
    assert desk.kinds().count("SpeechStarted") == 1
    assert desk.ear.all(SpeechStopped) == []
    assert [reason for _, reason in desk.done()] == [COMPLETED]
    desk.hears(SILENT)
    desk.says("Thank you.")
    assert desk.finals() == ["my number is ten"]


def test_a_turn_that_nobody_answers_is_final_by_the_clock() -> None:
    async def main() -> None:
        desk = Desk()
        desk.hears(SPEECH + SILENT)
        desk.hears_words("well")
        await asyncio.sleep(WORDS_S - 0.1)
        desk.hears_words(" then")
        await asyncio.sleep(WORDS_S - 0.1)
        assert desk.finals() == []
        await asyncio.sleep(0.2)
        assert desk.finals() == ["well then"]
        desk.talk.stop()

    virtual.run(main())


def test_words_of_a_turn_that_lasts_are_not_final() -> None:
    async def main() -> None:
        desk = Desk()
        desk.hears(SPEECH)
        desk.hears_words("well")
        for _ in range(10):
            desk.hears(SPEECH)
            await asyncio.sleep(WORDS_S / 5)
        assert desk.finals() == []
        desk.talk.stop()

    virtual.run(main())


async def test_a_cleared_turn_has_no_transcript_and_no_answer() -> None:
    desk = Desk()
    desk.hears(SPEECH)
    desk.hears_words("never")
    desk.order(ClearInput())
    desk.hears_words(" mind")
    desk.says("What ", "is it?")
    desk.is_quiet()
    assert [type(report) for report in desk.ear.reports[-2:]] == [SpeechStopped, TurnCleared]
    assert desk.finals() == []
    assert desk.started() == []
    desk.says("Hello.")
    assert len(desk.started()) == 1


async def test_a_response_that_was_asked_for_is_not_the_answer_to_a_cleared_turn() -> None:
    desk = Desk()
    desk.hears(SPEECH)
    desk.order(Respond("r1"), ClearInput())
    desk.says("Yes.")
    assert desk.started() == ["r1"]


async def test_the_answer_to_a_cleared_turn_is_not_the_answer_to_the_next() -> None:
    desk = Desk()
    desk.hears(SPEECH)
    desk.order(ClearInput())
    desk.hears(SPEECH + SILENT)
    desk.says("Yes.")
    assert len(desk.started()) == 1, "it has not answered the cleared one"


async def test_an_end_that_is_ordered_ends_the_turn_that_lasts() -> None:
    desk = Desk()
    desk.order(EndTurn())
    desk.hears(SPEECH)
    desk.order(EndTurn(), EndTurn())
    assert desk.kinds() == ["SpeechStarted", "SpeechStopped"]


# Its clock.


def test_silence_is_sent_in_place_of_a_caller_who_sends_none() -> None:
    async def main() -> None:
        desk = Desk()
        await asyncio.sleep(1.05)
        assert desk.audio == [SILENCE] * 9  # from 200 ms on, ten a second
        desk.hears(quiet(20, RATE_HZ))
        await asyncio.sleep(0.19)
        assert len(desk.audio) == 10
        desk.talk.stop()
        await asyncio.sleep(1)
        assert len(desk.audio) == 10

    virtual.run(main())


# The model's output.


async def test_silence_is_no_response() -> None:
    desk = Desk()
    desk.is_quiet(2_000)
    assert desk.ear.reports == []


async def test_a_short_pause_belongs_to_a_response() -> None:
    desk = Desk()
    desk.says("One.")
    desk.is_quiet(400)
    desk.says(" Two.")
    desk.is_quiet(400)
    assert desk.done() == []
    desk.is_quiet(100)
    (response_id,) = desk.started()
    assert desk.done() == [(response_id, COMPLETED)]
    heard = desk.ear.pcm_of(response_id)
    assert heard == PIECE + quiet(400, RATE_HZ) + PIECE + quiet(500, RATE_HZ)
    desk.is_quiet(500)
    desk.says(" Three.")
    assert len(desk.started()) == 2
    assert desk.ear.text_of(desk.started()[1]) == " Three."


def test_output_that_ceases_is_a_pause_too() -> None:
    async def main() -> None:
        desk = Desk()
        desk.says("One.")
        await asyncio.sleep(0.55)
        assert desk.done() == []
        await asyncio.sleep(0.1)
        assert [reason for _, reason in desk.done()] == [COMPLETED]
        desk.talk.stop()

    virtual.run(main())


def test_output_that_comes_ahead_of_time_is_no_pause() -> None:
    async def main() -> None:
        desk = Desk()
        desk.sounds(PIECE * 30)
        await asyncio.sleep(3.4)
        desk.sounds(PIECE)
        await asyncio.sleep(0.5)
        assert desk.done() == []
        await asyncio.sleep(0.2)
        assert len(desk.done()) == len(desk.started()) == 1
        desk.talk.stop()

    virtual.run(main())


async def test_words_may_come_before_their_sound() -> None:
    desk = Desk()
    desk.tells("Good ", 400)
    desk.tells("day.", 400)
    desk.is_quiet(800)
    desk.sounds(PIECE)
    desk.is_quiet()
    (response_id,) = desk.started()
    assert desk.kinds() == ["ResponseStarted", "Said", "Spoke", "ResponseDone"]
    assert desk.ear.text_of(response_id) == "Good day."


async def test_words_without_any_sound_are_a_response_that_ends() -> None:
    desk = Desk()
    desk.tells("Good ", 100)
    desk.is_quiet(900)
    assert desk.done() == []
    desk.is_quiet(100)
    assert [reason for _, reason in desk.done()] == [COMPLETED]


async def test_a_stream_may_be_cut_anywhere() -> None:
    desk = Desk()
    desk.sounds(PIECE[:101])
    desk.sounds(PIECE[101:])
    (response_id,) = desk.started()
    assert desk.ear.pcm_of(response_id) == PIECE


@pytest.mark.parametrize("by_order", [False, True])
async def test_the_rest_of_a_response_that_was_stopped_is_dropped(by_order: bool) -> None:
    desk = Desk()
    desk.says("This ", "is ")
    (response_id,) = desk.started()
    if by_order:
        desk.order(Cancel(response_id, 100))
    else:
        desk.hears(SPEECH)
    desk.says("too ", "much.")
    desk.is_quiet(400)
    desk.says(" Really.")
    assert desk.done() == [(response_id, CANCELLED)]
    assert desk.ear.text_of(response_id) == "This is "
    desk.is_quiet(500)
    desk.tells(" Truly.", 100, late_ms=450)
    assert len(desk.started()) == 1
    desk.is_quiet(500)
    desk.says("Yes?")
    assert [desk.ear.text_of(it) for it in desk.started()] == ["This is ", "Yes?"]


async def test_words_after_a_gap_are_no_rest_of_what_was_stopped() -> None:
    """The service tells where they belong, before their sound has paused for long enough."""
    desk = Desk()
    desk.says("This ")
    desk.hears(SPEECH)
    desk.out_ms += 600
    desk.says("Yes?")
    assert [desk.ear.text_of(it) for it in desk.started()] == ["This ", "Yes?"]


async def test_speech_over_silence_interrupts_nothing() -> None:
    desk = Desk()
    desk.says("One.")
    desk.is_quiet()
    desk.hears(SPEECH)
    assert [reason for _, reason in desk.done()] == [COMPLETED]


# What is asked for.


async def test_a_response_that_is_asked_for_has_our_id() -> None:
    desk = Desk()
    desk.order(AddText("Hello"), Respond("r1"))
    assert desk.contents() == [f"{TYPES}Hello", ANSWER]
    assert desk.talk.owed
    desk.says("Hi.")
    assert not desk.talk.owed
    desk.is_quiet()
    assert desk.done() == [("r1", COMPLETED)]


async def test_a_text_is_said_word_for_word() -> None:
    desk = Desk()
    desk.order(Respond("r1", "Good morning."))
    assert desk.contents() == [f"{SAYS}Good morning."]


async def test_what_was_typed_after_a_request_waits_for_its_response() -> None:
    desk = Desk()
    desk.order(AddText("one"), Respond("r1"), AddText("two"), Respond("r2"))
    assert desk.contents() == [f"{TYPES}one", ANSWER]
    desk.says("One.")
    assert len(desk.sent) == 2
    desk.is_quiet()
    assert desk.contents() == [f"{TYPES}one", ANSWER, f"{TYPES}two", ANSWER]
    desk.says("Two.")
    assert desk.started() == ["r1", "r2"]


async def test_a_request_waits_for_a_pause() -> None:
    """Else what the model says by itself would be taken for the answer."""
    desk = Desk()
    desk.says("By the way, ")
    desk.order(AddText("Hello"), Respond("r1"))
    assert desk.contents() == [f"{TYPES}Hello"]
    desk.says("it rains.")
    desk.is_quiet()
    assert desk.contents()[1:] == [ANSWER]
    desk.says("Hi.")
    assert desk.started()[1:] == ["r1"]


def test_a_response_that_never_begins_has_failed() -> None:
    async def main() -> None:
        desk = Desk()
        desk.order(Respond("r1"), AddText("two"), Respond("r2"))
        await asyncio.sleep(ANSWER_S - 0.1)
        assert desk.done() == []
        await asyncio.sleep(0.2)
        assert desk.done() == [("r1", FAILED)]
        assert desk.troubles() == ["no_answer"]
        assert desk.contents() == [ANSWER, f"{TYPES}two", ANSWER]
        desk.says("Two.")
        assert desk.started() == ["r2"]
        desk.talk.stop()

    virtual.run(main())


def test_the_work_of_the_backend_is_waited_for() -> None:
    async def main() -> None:
        desk = Desk()
        desk.order(Respond("r1"))
        await asyncio.sleep(ANSWER_S - 0.1)
        desk.snapshot("created")
        await asyncio.sleep(ANSWER_S - 0.1)
        desk.says("Noon.")
        assert desk.started() == ["r1"]
        desk.talk.stop()

    virtual.run(main())


async def test_a_request_that_waits_can_be_cancelled() -> None:
    desk = Desk()
    desk.order(Respond("r1"), Respond("r2"), Respond("r3"), Cancel("r2", 0))
    desk.says("One.")
    desk.is_quiet()
    desk.says("Three.")
    assert desk.started() == ["r1", "r3"]


async def test_a_response_cancelled_before_it_began_is_swallowed() -> None:
    desk = Desk()
    desk.order(Respond("r1"), Cancel("r1", 0))
    assert not desk.talk.owed
    desk.says("Hi ", "there.")
    desk.is_quiet()
    assert desk.ear.reports == []
    desk.says("Anything else?")
    assert len(desk.started()) == 1
    assert desk.started() != ["r1"]


def test_one_that_the_model_never_began_swallows_no_other() -> None:
    async def main() -> None:
        desk = Desk()
        desk.order(Respond("r1"), Cancel("r1", 0))
        await asyncio.sleep(ANSWER_S + 0.1)
        desk.says("By the way.")
        assert len(desk.started()) == 1
        assert desk.ear.all(VoiceFailed) == []
        desk.talk.stop()

    virtual.run(main())


async def test_what_the_caller_says_then_is_answered() -> None:
    desk = Desk()
    desk.order(Respond("r1"), Cancel("r1", 0))
    desk.hears(SPEECH + SILENT)
    desk.says("Yes.")
    assert len(desk.started()) == 1


async def test_speech_before_the_first_word_of_a_request_is_answered() -> None:
    desk = Desk()
    desk.order(Respond("r1"))
    desk.hears(SPEECH)
    desk.order(Cancel("r1", 0))  # as the call does
    desk.hears(SILENT)
    desk.says("Yes.")
    (answer,) = desk.started()
    assert desk.ear.text_of(answer) == "Yes."


async def test_an_answer_to_a_turn_whose_end_we_have_not_heard_is_wanted() -> None:
    desk = Desk()
    desk.order(Respond("r1"))
    desk.hears(SPEECH)
    desk.order(Cancel("r1", 0))
    desk.hears(quiet(200, RATE_HZ))  # which is enough for the model
    desk.says("Yes.")
    assert len(desk.started()) == 1


async def test_orders_about_nothing_are_ignored() -> None:
    desk = Desk()
    desk.order(Cancel("r9", 0), ToolResult("c9", "{}"), AddImage("data:image/png;base64,AA"))
    desk.order(EndTurn(), ClearInput(), UpdateConfig(CONFIG))
    assert desk.sent == []
    assert desk.ear.reports == []


async def test_more_than_may_wait_loses_the_service() -> None:
    desk = Desk()
    for number in range(voice_limits.HELD_ORDERS.most + 2):
        desk.order(Respond(f"r{number}"))
    assert set(desk.lost) == {STALLED}


# The backend's functions.


async def test_calls_come_in_a_response_and_their_results_go_back_together() -> None:
    desk = Desk()
    desk.hears(SPEECH + SILENT)
    desk.says("One moment.")
    desk.is_quiet()
    desk.calls("c1", "c2")
    calls = desk.ear.all(ToolCall)
    assert [(it.tool_call_id, it.name, it.arguments) for it in calls] == [
        ("c1", "clock", {"a": 1}),
        ("c2", "clock", {"a": 1}),
    ]
    assert {it.response_id for it in calls} == {desk.started()[1]}
    desk.is_quiet(1_000)
    assert len(desk.done()) == 2
    desk.order(ToolResult("c2", "two"), ToolResult("c2", "again"))
    assert desk.sent == []
    desk.order(ToolResult("c1", "one"))
    outputs = [(it["item"]["call_id"], it["item"]["output"]) for it in desk.sent[:2]]
    assert outputs == [("c1", "one"), ("c2", "two")]
    assert [it["type"] for it in desk.sent[2:]] == ["response.create"]
    assert desk.talk.owed
    desk.snapshot("created")
    assert not desk.talk.owed
    desk.snapshot("completed")
    desk.says("It is noon.")
    assert len(desk.started()) == 3


async def test_calls_while_it_speaks_are_of_that_response() -> None:
    desk = Desk()
    desk.says("One ")
    desk.calls("c1")
    desk.says("moment.")
    (response_id,) = desk.started()
    assert desk.ear.all(ToolCall)[0].response_id == response_id


async def test_calls_for_an_answer_that_was_asked_for_are_of_it() -> None:
    desk = Desk()
    desk.order(Respond("r1"))
    desk.calls("c1")
    assert desk.started() == ["r1"]
    assert desk.ear.all(ToolCall)[0].response_id == "r1"


async def test_an_interruption_does_not_end_delegated_work() -> None:
    desk = Desk()
    desk.says("One ")
    desk.hears(SPEECH)
    desk.calls("c1")
    first, second = desk.started()
    assert desk.done() == [(first, CANCELLED), (second, COMPLETED)]
    assert desk.ear.all(ToolCall)[0].response_id == second
    desk.says("moment.")
    assert desk.ear.text_of(first) == "One "
    assert desk.ear.text_of(second) == "", "what it said is still dropped"


async def test_a_run_that_fails_calls_nothing() -> None:
    desk = Desk()
    desk.calls("c1", end="failed")
    assert desk.ear.reports == []
    desk.order(ToolResult("c1", "one"))
    assert desk.sent == []


async def test_arguments_that_are_no_object_are_told_to_the_backend() -> None:
    desk = Desk()
    desk.calls("c1", arguments="[1]")
    assert desk.troubles() == ["invalid_tool_arguments"]
    assert desk.ear.all(ToolCall) == []
    assert [frame["type"] for frame in desk.sent] == ["response.item.create", "response.create"]


async def test_a_config_changes_what_the_backend_is_told_and_how_turns_end() -> None:
    desk = Desk()
    patient = TurnDetection(silence_duration_ms=1_500)
    config = replace(CONFIG, tools=(Tool(name="clock"),), turn_detection=patient)
    desk.order(UpdateConfig(config), UpdateConfig(config))
    (update,) = desk.sent
    assert update["session"]["delegation"]["responses"].keys() == {"tools"}
    desk.hears(SPEECH + SILENT)
    assert desk.ear.all(SpeechStopped) == []
    desk.hears(SILENT + quiet(200, RATE_HZ))
    assert len(desk.ear.all(SpeechStopped)) == 1


# What it costs, and how it fails.


async def test_the_sum_of_seconds_is_reported_by_its_growth() -> None:
    desk = Desk()
    for seconds in (15.0, 15.0, 31.5, 30.0):
        desk.gets("session.usage.updated", usage={"seconds": seconds})
    desk.gets("session.closed", reason="expired", session=SESSION, usage={"seconds": 40.0})
    assert desk.ear.all(UsageReported) == [
        UsageReported(UsageKind.SESSION, Usage(seconds=15.0)),
        UsageReported(UsageKind.SESSION, Usage(seconds=16.5)),
        UsageReported(UsageKind.SESSION, Usage(seconds=8.5)),
    ]


async def test_the_backends_tokens_are_reported() -> None:
    desk = Desk()
    usage = {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 35,
    }
    desk.snapshot("created")
    desk.snapshot("completed", usage=usage)
    desk.snapshot("completed", usage=usage)  # told twice
    (reported,) = desk.ear.all(UsageReported)
    tokens = Usage(text_in_tokens=10, text_cached_tokens=20, text_out_tokens=5)
    assert reported == UsageReported(UsageKind.RESPONSE, tokens)
    desk.snapshot("completed", usage=usage, run="resp_2")
    desk.snapshot("completed", run="resp_3")  # one that says nothing of it
    assert desk.ear.all(UsageReported) == [reported, reported]


@pytest.mark.parametrize(
    ("reason", "cause", "again"),
    [
        ("expired", "session_expired", True),
        ("content", "content", False),
        ("connection_lost", "connection_lost", True),
        ("remote_hangup", "remote_hangup", True),
        ("close_requested", "close_requested", True),
    ],
)
async def test_a_session_that_is_closed_is_lost(reason: str, cause: str, again: bool) -> None:
    desk = Desk()
    desk.gets("session.closed", reason=reason, session=SESSION, usage={"seconds": 0.0})
    assert desk.lost == [Loss(cause, again)]


async def test_an_error_goes_by() -> None:
    desk = Desk()
    desk.order(Respond("r1"))
    desk.fails("unknown_parameter", "typed")
    desk.says("Hi.")
    assert desk.troubles() == ["unknown_parameter"]
    assert desk.started() == ["r1"]


async def test_an_error_about_a_request_fails_its_response() -> None:
    desk = Desk()
    desk.order(Respond("r1"), Respond("r2"))
    desk.fails("too_long", "respond:r1")
    assert desk.done() == [("r1", FAILED)]
    desk.says("Two.")
    assert desk.started() == ["r2"]


async def test_an_error_about_results_ends_the_wait_for_their_use() -> None:
    desk = Desk()
    desk.calls("c1")
    desk.order(ToolResult("c1", "one"))
    assert desk.talk.owed
    desk.fails("no_such_call", "results")
    assert not desk.talk.owed


@pytest.mark.parametrize("code", ["invalid_api_key", "insufficient_quota", "session_expired"])
async def test_an_error_that_ends_the_session_loses_it(code: str) -> None:
    desk = Desk()
    desk.fails(code)
    assert len(desk.lost) == 1
    assert desk.ear.reports == []


async def test_reports_of_its_own_turns_hold_no_speech() -> None:
    desk = Desk()
    with pytest.raises(AssertionError):
        desk.talk.on_voice_audio("r1", Chunk(PIECE, RATE_HZ))
    with pytest.raises(AssertionError):
        desk.talk.on_voice_text("r1", "x")


async def test_a_hook_may_cancel_while_it_is_told() -> None:
    desk = Desk()

    def cancel(report: object) -> None:
        if isinstance(report, Said | Spoke):
            desk.order(Cancel(report.response_id, 0))

    desk.ear.hooks.append(cancel)
    desk.says("One ", "two.")
    assert [reason for _, reason in desk.done()] == [CANCELLED]
    assert len(desk.ear.all(Said)) == 1
    assert desk.ear.all(Spoke) == []
    assert desk.ear.all(SpeechStarted) == []


def appended(desk: Desk) -> list[tuple[str, str]]:
    """Return what was appended to the model's context: how, and what."""
    return [(frame["type"].split(".")[1], frame["content"]) for frame in desk.sent]


async def test_what_was_said_elsewhere_is_told_and_open_calls_take_their_results() -> None:
    desk = Desk()
    clock = PastCall("c1", "clock", {"tz": "UTC"})
    desk.talk.expect_results((clock,))
    turns = (PastTurn(TurnRole.CALLER, "Time?"), PastTurn(TurnRole.AGENT, "A moment."))
    done = PastCall("c2", "lamp", {}, "on")
    desk.talk.order(Remember((*turns, PastTurn(TurnRole.CALLER, ""), done)))
    assert appended(desk) == [
        ("instructions", "The caller has said to you before: Time?"),
        ("instructions", "You have said to the caller before: A moment."),
        ("instructions", "You have called a tool before: lamp with {}; it returned on"),
    ]
    desk.sent.clear()
    desk.talk.order(ToolResult("c1", "12:00"))
    desk.talk.order(ToolResult("c1", "again"))
    result = "A tool has returned this; answer the caller with it: clock: 12:00"
    assert appended(desk) == [("commentary", result)]
    desk.talk.stop()
