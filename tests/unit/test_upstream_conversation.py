"""A conversation in OpenAI's protocol: orders to frames and events to signals, without a socket.

Every frame it sends is judged by types that others wrote.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from ringline.domain import voice_limits
from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    MessageRole,
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
    TurnEmpty,
    UpdateConfig,
    Usage,
    UsageKind,
    UsageReported,
    VoiceFailed,
    VoiceFailure,
)
from ringline.voices import openai, xai
from ringline.voices.heard_clock import HeardClock
from ringline.voices.upstream_conversation import Conversation
from ringline.wire import openai_realtime as frames
from ringline.wire import openai_realtime_events as events
from ringline.wire.upstream_failures import QUOTA, STALLED, Loss
from tests.outside_types import Frame, Judge, openai_client, xai_client
from tests.voice_desk import Recorder, Spoke, hum

CONFIG = SessionConfig(model="openai/gpt-realtime-2.1", voice="marin")
MANUAL = replace(CONFIG, turn_detection=TurnDetection(type=TurnDetectionType.NONE))


class Talk:
    """A conversation, what it sent, and what it reported."""

    def __init__(self, dialect: frames.Dialect = openai.DIALECT, config: SessionConfig = CONFIG):
        self.judge: Judge = xai_client if dialect.flat_session else openai_client
        self.sent: list[Frame] = []
        self.lost: list[Loss] = []
        self.now = 0.0
        self.clock = HeardClock(lambda: self.now)
        self.ear = Recorder()
        self.talk = Conversation(
            dialect,
            self.ear,
            config=config,
            clock=self.clock,
            send=self._send,
            lose=self.lost.append,
        )

    def _send(self, payload: bytes) -> None:
        frame = json.loads(payload)
        assert self.judge(frame) == []
        self.sent.append(frame)

    def order(self, *orders: Any) -> "Talk":
        for order in orders:
            self.talk.order(order)
        return self

    def take(self, *told: events.UpstreamEvent) -> "Talk":
        for event in told:
            self.talk.take(event)
        return self

    def types(self) -> list[str]:
        """Return the types of the frames since the last time."""
        types, self.sent = [frame["type"] for frame in self.sent], []
        return types

    def reports(self) -> list[Any]:
        """Return the reports since the last time."""
        reports, self.ear.reports = self.ear.reports, []
        return reports

    def troubles(self) -> list[str]:
        return [failed.details for failed in self.ear.all(VoiceFailed) if failed.recoverable]

    def running(self, response_id: str = "r1") -> "Talk":
        """Bring a response to run, as `resp_1`."""
        self.order(Respond(response_id)).take(began("resp_1", response_id))
        self.types()
        return self


def began(upstream_id: str, our_id: str = "") -> events.ResponseBegan:
    return events.ResponseBegan(upstream_id, our_id)


def speech(ms: int, item: str = "item_1", of: str = "resp_1") -> events.SpeechDelta:
    pcm = hum(ms, 24_000)
    return events.SpeechDelta(of, item, pcm, base64.b64encode(pcm))


def done(of: str = "resp_1", end: ResponseEnd = ResponseEnd.COMPLETED, code: str = "") -> Any:
    return events.ResponseEnded(of, end, code)


CALL = events.ToolCalled("resp_1", "call_1", "clock", {"tz": "UTC"})


# -- responses ----------------------------------------------------------------------------


def test_context_keeps_its_role():
    context = AddText("[system] Bo", MessageRole.SYSTEM, "Bo")
    talk = Talk().order(context, AddText("Hello"))
    told, typed = (frame["item"] for frame in talk.sent)
    assert (told["role"], told["content"][0]["text"]) == ("system", "Bo")
    assert (typed["role"], typed["content"][0]["text"]) == ("user", "Hello")


def test_a_response_has_our_id():
    talk = Talk().order(AddText("Hello"), Respond("r1"))
    assert talk.types() == ["conversation.item.create", "response.create"]
    talk.take(began("resp_1", "r1"), speech(100), done())
    started, spoke, ended = talk.reports()
    assert started == ResponseStarted("r1")
    assert (spoke.response_id, spoke.chunk.pcm) == ("r1", hum(100, 24_000))
    assert spoke.chunk.base64 is not None, "it is passed on as it came"
    assert ended == ResponseDone("r1")


def test_odd_pieces_of_speech_are_joined():
    talk = Talk().running()
    pcm = hum(40, 24_000)
    for piece in (pcm[:3], b"", pcm[3:4], pcm[4:101], pcm[101:]):
        talk.take(events.SpeechDelta("resp_1", "item_1", piece, base64.b64encode(piece)))
    assert talk.ear.pcm_of("r1") == pcm
    assert all(len(spoke.chunk.pcm) % 2 == 0 for spoke in talk.ear.all(Spoke))


def test_a_response_without_our_name_is_the_one_that_was_asked_for():
    talk = Talk().order(Respond("r1")).take(began("resp_1"))
    assert talk.reports() == [ResponseStarted("r1")]


def test_a_second_request_waits_for_the_end_of_the_first_and_so_does_what_follows():
    talk = Talk().running()
    talk.order(Respond("r2"), AddText("later"), ToolResult("call_1", "{}"))
    assert talk.types() == []
    talk.take(done())
    assert talk.types() == ["response.create", "conversation.item.create"]


def test_texts_and_images_before_it_do_not_wait():
    talk = Talk().running()
    talk.order(AddText("more"), AddImage("data:image/png;base64,AAAA"))
    assert talk.types() == ["conversation.item.create"] * 2


def test_too_much_that_waits_ends_the_connection():
    talk = Talk().running().order(Respond("r2"))
    talk.order(*(AddText("x") for _ in range(voice_limits.HELD_ORDERS.most - 1)))
    assert talk.lost == []
    assert talk.order(AddText("x")).lost == [STALLED]
    talk = Talk().running().order(Respond("r2"))
    image = "data:image/png;base64," + "A" * (voice_limits.HELD_CHARACTERS.most // 2)
    assert talk.order(AddImage(image)).lost == []
    assert talk.order(AddImage(image)).lost == [STALLED]


def test_what_another_response_says_is_dropped():
    talk = Talk().running()
    talk.reports()
    talk.take(speech(100, of="resp_0"), events.TextDelta("resp_0", "i", "no", spoken=True))
    talk.take(done("resp_0"))
    assert talk.reports() == []


def test_a_response_that_nobody_asked_for_is_stopped():
    talk = Talk().take(began("resp_9"), speech(100, of="resp_9"))
    assert talk.types() == ["response.cancel"]
    used = Usage(audio_out_tokens=7)
    talk.take(events.ResponseEnded("resp_9", ResponseEnd.CANCELLED, usage=used))
    assert talk.reports() == [UsageReported(UsageKind.RESPONSE, used)], "but it costs"
    assert talk.talk.owed is False


def test_a_response_whose_end_was_never_told_has_failed():
    talk = Talk().running()
    talk.order(Respond("r2"))
    talk.take(began("resp_2", "r2"))
    ends = [report for report in talk.reports() if isinstance(report, ResponseDone)]
    assert ends == [ResponseDone("r1", ResponseEnd.FAILED)]


def test_a_failed_response_is_told_with_the_providers_code():
    talk = Talk().running().take(done(end=ResponseEnd.FAILED, code="server_error"))
    assert talk.troubles() == ["server_error"]
    assert talk.reports()[-1] == ResponseDone("r1", ResponseEnd.FAILED)
    talk = Talk().running().take(done(end=ResponseEnd.FAILED, code="insufficient_quota"))
    assert talk.lost == [QUOTA]


# -- cancelling ---------------------------------------------------------------------------


def test_a_cancelled_response_says_no_more_and_is_cut_to_what_was_played():
    talk = Talk().running().take(speech(300))
    talk.reports()
    talk.order(Cancel("r1", 120))
    cancel, cut = talk.sent
    assert cancel == {"type": "response.cancel", "event_id": "cancel", "response_id": "resp_1"}
    assert (cut["type"], cut["item_id"], cut["audio_end_ms"]) == (
        "conversation.item.truncate",
        "item_1",
        120,
    )
    talk.take(speech(100), CALL, done(end=ResponseEnd.CANCELLED))
    assert talk.reports() == [ResponseDone("r1", ResponseEnd.CANCELLED)]
    assert talk.order(Cancel("r1", 120)).types() == [
        "response.cancel",
        "conversation.item.truncate",
    ]


@pytest.mark.parametrize(
    ("played_ms", "cuts"),
    [
        (0, [("item_1", None), ("item_2", None)]),
        (60, [("item_1", 60), ("item_2", None)]),
        (100, [("item_2", None)]),
        (150, [("item_2", 50)]),
        (300, []),
        (9_999, []),
    ],
)
def test_what_was_not_played_of_a_finished_response_is_forgotten(
    played_ms: int, cuts: list[tuple[str, int | None]]
):
    talk = Talk().running().take(speech(100), speech(200, "item_2"), done())
    talk.order(Cancel("r1", played_ms))
    found = [(frame["item_id"], frame.get("audio_end_ms")) for frame in talk.sent]
    assert found == cuts


def test_more_of_a_running_response_may_be_on_its_way_so_it_is_cut_in_any_case():
    talk = Talk().running().take(speech(100)).order(Cancel("r1", 100))
    assert talk.types() == ["response.cancel", "conversation.item.truncate"]


def test_items_that_come_after_the_cancel_are_deleted():
    talk = Talk().running().order(Cancel("r1", 0))
    assert talk.types() == ["response.cancel"]
    talk.take(events.ItemAdded("resp_1", "item_1"), speech(100))
    talk.take(done(end=ResponseEnd.CANCELLED))
    assert talk.types() == ["conversation.item.delete"]


def test_text_is_not_cut():
    talk = Talk().running()
    talk.take(events.ItemAdded("resp_1", "i"), events.TextDelta("resp_1", "i", "a", spoken=False))
    assert talk.order(Cancel("r1", 0)).types() == ["response.cancel"]


def test_a_response_that_waits_is_cancelled_without_a_word():
    talk = Talk().running().order(Respond("r2"), AddText("more"), Cancel("r2", 0))
    assert talk.types() == ["conversation.item.create"]
    assert talk.take(done()).types() == []


def test_a_response_that_was_not_begun_never_begins():
    talk = Talk().order(Respond("r1"), Cancel("r1", 0), Cancel("r1", 0))
    assert talk.types() == ["response.create", "response.cancel"]
    talk.take(began("resp_1", "r1"), speech(100))
    assert talk.types() == ["response.cancel"], "the first one may have come too early"
    talk.take(done(end=ResponseEnd.CANCELLED))
    assert talk.reports() == [ResponseDone("r1", ResponseEnd.CANCELLED)]


def test_cancelling_the_unknown_does_nothing():
    assert Talk().order(Cancel("r9", 0)).types() == []


# -- turns --------------------------------------------------------------------------------


def test_a_turn_is_reported_once_though_two_events_tell_its_end():
    talk = Talk().take(events.SpeechBegan("i"), events.SpeechEnded("i"))
    talk.take(events.SpeechEnded("i", committed=True))
    assert talk.reports() == [SpeechStarted("i"), SpeechStopped("i", 500.0)]
    talk.take(events.SpeechBegan("j"), events.SpeechEnded("j", committed=True))
    talk.take(events.SpeechEnded("j"))
    assert talk.reports() == [SpeechStarted("j"), SpeechStopped("j")]


def test_a_turn_whose_end_was_never_told_is_over_when_the_next_one_begins():
    talk = Talk().take(*[events.SpeechBegan("i")] * 2, events.SpeechBegan("j"))
    kinds = [(type(report), report.item_id) for report in talk.reports()]
    assert kinds == [(SpeechStarted, "i"), (SpeechStopped, "i"), (SpeechStarted, "j")]


def test_a_turn_ends_under_its_own_id():
    talk = Talk().take(events.SpeechBegan("i"), events.SpeechEnded("j"))
    assert [report.item_id for report in talk.reports()] == ["i", "i"]


def test_a_turn_may_have_the_id_of_one_that_is_over():
    turn = (events.SpeechBegan("i"), events.SpeechEnded("i"))
    talk = Talk().take(*turn, *turn)
    assert [type(report) for report in talk.reports()] == [SpeechStarted, SpeechStopped] * 2


def test_the_end_of_a_turn_that_lasts_is_ordered_once():
    talk = Talk().order(EndTurn()).take(events.SpeechBegan("i")).order(EndTurn(), EndTurn())
    assert talk.types() == ["input_audio_buffer.commit"]
    talk.take(events.SpeechEnded("i", committed=True))
    assert talk.reports()[-1] == SpeechStopped("i")
    assert not talk.talk.owed


def test_without_detection_a_commit_ends_the_turn():
    talk = Talk(config=MANUAL).order(EndTurn())
    assert talk.types() == ["input_audio_buffer.commit"]
    assert talk.talk.owed
    talk.take(events.SpeechEnded("i", committed=True))
    assert talk.reports() == [SpeechStopped("i")]


def test_there_may_be_nothing_to_commit():
    empty = events.ErrorReported("input_audio_buffer_commit_empty", "commit")
    talk = Talk(config=MANUAL).order(EndTurn()).take(empty)
    assert talk.reports() == [TurnEmpty()]
    assert not talk.talk.owed
    talk = Talk().take(events.SpeechBegan("i")).order(EndTurn()).take(empty)
    assert talk.reports() == [SpeechStarted("i")], "the client ordered no turn"


def test_a_turn_that_is_cleared_has_no_transcript():
    talk = Talk().take(events.SpeechBegan("i")).order(ClearInput()).take(events.AudioCleared())
    assert talk.types() == ["input_audio_buffer.clear"]
    assert talk.reports() == [SpeechStarted("i"), SpeechStopped("i"), TurnCleared("i")]
    talk.take(events.Heard("i", "late", final=True), events.SpeechEnded("i"))
    assert talk.reports() == []
    assert talk.take(events.AudioCleared()).reports() == []


def test_a_turn_whose_transcript_is_final_is_not_cleared():
    talk = Talk().take(events.SpeechBegan("i")).take(events.Heard("i", "Hello.", final=True))
    talk.order(ClearInput()).take(events.AudioCleared())
    said = Transcribed("i", "Hello.", final=True)
    assert talk.reports() == [SpeechStarted("i"), said, SpeechStopped("i")]


def test_transcripts_grow_or_are_replaced():
    talk = Talk().take(
        events.Heard("i", "hel", piece=True),
        events.Heard("i", "lo", piece=True),
        events.Heard("j", "hallo"),
        events.Heard("j", "hello"),
        events.Heard("i", "Hello.", final=True, usage=Usage(seconds=1.0)),
        events.Heard("i", "again", final=True),
        events.Heard("j", None, final=True),
    )
    assert talk.reports() == [
        Transcribed("i", "hel", final=False),
        Transcribed("i", "hello", final=False),
        Transcribed("j", "hallo", final=False),
        Transcribed("j", "hello", final=False),
        UsageReported(UsageKind.TRANSCRIPTION, Usage(seconds=1.0)),
        Transcribed("i", "Hello.", final=True),
        Transcribed("j", "", final=True),
    ]


def test_a_transcript_whose_end_is_lost_is_given_up():
    talk = Talk().take(events.SpeechBegan("i"), events.SpeechEnded("i"))
    talk.now = 3.0
    talk.take(events.SpeechBegan("j"), events.SpeechEnded("j"))
    talk.take(events.Heard("i", "hel", piece=True), events.Heard("i", "lo", piece=True))
    talk.reports()
    assert talk.talk.turns.unread_since == 0.0
    talk.talk.turns.give_up()
    assert talk.reports() == [Transcribed("i", "hello", final=True)]
    assert talk.talk.turns.unread_since == 3.0
    talk.take(events.Heard("i", "Hello there.", final=True))  # too late
    talk.take(events.Heard("j", "Bye.", final=True))
    assert talk.reports() == [Transcribed("j", "Bye.", final=True)]
    assert talk.talk.turns.unread_since is None


def test_a_transcript_may_be_final_before_its_turn_is_over():
    talk = Talk().take(events.SpeechBegan("i"), events.Heard("i", "Hello.", final=True))
    talk.take(events.SpeechEnded("i"))
    assert talk.talk.turns.unread_since is None


def test_transcripts_are_bounded():
    most = voice_limits.UPSTREAM_TRANSCRIPT_CHARACTERS.most
    talk = Talk().take(*[events.Heard("i", "x" * 20_000, piece=True)] * 2)
    assert [len(heard.text) for heard in talk.ear.all(Transcribed)] == [20_000, most]
    talk.take(*[events.Heard(f"i{number}", "hel", piece=True) for number in range(1_000)])
    assert len(talk.talk.turns._texts) < 10, "turns that never end are forgotten"


def test_it_is_told_how_long_ago_somebody_spoke():
    talk = Talk()
    for _ in range(200):  # 4 s of audio
        talk.clock.give(20)
        talk.now += 0.02
    # Speech from 1.0 to 2.5 s, with the padding before it and the quiet after it.
    talk.take(events.SpeechBegan("i", 700.0), events.SpeechEnded("i", at_ms=3_000.0))
    began, ended = talk.reports()
    assert began.ago_ms == pytest.approx(3_000, abs=1)
    assert ended.ago_ms == pytest.approx(1_500, abs=1)
    assert ended.began_ago_ms == 0.0
    manual = Talk(config=MANUAL)
    manual.clock.give(500)
    manual.now += 2
    manual.order(EndTurn()).take(events.SpeechEnded("i", committed=True))
    assert manual.reports() == [SpeechStopped("i", 2_000.0, 2_000.0)]


# -- tools --------------------------------------------------------------------------------


def test_a_tool_call_is_told_once_and_its_result_passed_on():
    talk = Talk().running()
    talk.reports()
    talk.take(CALL, CALL)
    assert talk.reports() == [ToolCall("r1", "call_1", "clock", {"tz": "UTC"})]
    talk.order(ToolResult("call_1", '{"time": "noon"}'), ToolResult("call_1", "again"))
    (frame,) = talk.sent
    assert frame["item"] == {
        "type": "function_call_output",
        "call_id": "call_1",
        "output": '{"time": "noon"}',
    }
    assert Talk().order(ToolResult("call_9", "{}")).types() == []


def test_arguments_that_nobody_can_read_are_answered_here():
    talk = Talk().running()
    call = events.ToolCalled("resp_1", "call_1", "clock", None)
    talk.take(call, call)
    assert talk.ear.all(ToolCall) == []
    assert talk.troubles() == ["invalid_tool_arguments"]
    (frame,) = talk.sent
    assert json.loads(frame["item"]["output"]) == {"error": "the arguments are not a JSON object"}


# -- errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        events.ErrorReported("response_cancel_not_active", ""),
        events.ErrorReported("item_truncate_invalid", ""),
        events.ErrorReported("whatever", "cancel"),
        events.ErrorReported("whatever", "trim"),
        events.ErrorReported("input_audio_buffer_commit_empty", ""),
    ],
)
def test_what_came_too_late_is_no_error(error: events.ErrorReported):
    talk = Talk().take(error)
    assert talk.reports() == []
    assert talk.lost == []


def test_an_error_leaves_the_conversation_open():
    talk = Talk().take(events.ErrorReported("rate_limit_exceeded", ""))
    (failed,) = talk.reports()
    assert (failed.code, failed.details) == (VoiceFailure.UPSTREAM_ERROR, "rate_limit_exceeded")
    assert failed.recoverable


def test_an_error_about_a_request_ends_what_was_asked_for():
    talk = Talk().order(Respond("r1"), Respond("r2"))
    talk.take(events.ErrorReported("invalid_value", "respond:r1"))
    assert talk.reports()[-1] == ResponseDone("r1", ResponseEnd.FAILED)
    assert talk.types() == ["response.create", "response.create"]


def test_a_response_in_the_way_is_waited_for():
    active = events.ErrorReported("conversation_already_has_active_response", "respond:r2")
    unknown = Talk().order(Respond("r2")).take(active)
    assert unknown.types() == ["response.create"]
    unknown.take(done("resp_0"))
    assert unknown.types() == ["response.create"]
    assert unknown.take(began("resp_2", "r2")).reports() == [ResponseStarted("r2")]


@pytest.mark.parametrize("code", ["invalid_api_key", "model_not_found", "session_expired"])
def test_an_error_may_end_the_conversation(code: str):
    assert Talk().take(events.ErrorReported(code, "")).lost[0].cause == code


# -- the config ---------------------------------------------------------------------------


def test_a_changed_config_sends_what_has_changed():
    talk = Talk().order(UpdateConfig(replace(CONFIG, instructions="Be brief.")))
    assert talk.sent[0]["session"] == {"type": "realtime", "instructions": "Be brief."}
    talk.types()
    talk.order(UpdateConfig(replace(CONFIG, instructions="Be brief.")))
    assert talk.types() == []


def test_the_voice_is_fixed_once_it_has_spoken():
    silent = Talk().order(UpdateConfig(replace(CONFIG, voice="cedar")))
    assert silent.sent[0]["session"]["audio"]["output"] == {"voice": "cedar"}
    talk = Talk().running().take(speech(100))
    talk.order(UpdateConfig(replace(CONFIG, voice="cedar", instructions="Be brief.")))
    assert talk.sent[0]["session"] == {"type": "realtime", "instructions": "Be brief."}
    assert talk.troubles() == ["cannot_update_voice"]


# -- a provider that answers by itself ----------------------------------------------------


def xai_talk() -> Talk:
    return Talk(xai.DIALECT, replace(CONFIG, model="xai/grok-voice-latest", voice="ara"))


def spoke(talk: Talk, item: str = "i") -> Talk:
    talk.take(events.SpeechBegan(item), events.SpeechEnded(item))
    talk.reports()
    return talk


def test_its_answer_is_the_response_that_the_call_asks_for():
    talk = spoke(xai_talk())
    assert talk.talk.answer_due
    talk.order(Respond("r1"))
    assert talk.types() == [], "it answers by itself"
    talk.take(began("resp_1"), speech(100), done())
    assert [type(report) for report in talk.reports()] == [ResponseStarted, Spoke, ResponseDone]
    assert not talk.talk.answer_due


def test_its_answer_may_come_before_the_call_asks():
    talk = spoke(xai_talk()).take(began("resp_1"), speech(100), CALL, done())
    assert talk.reports() == []
    talk.order(Respond("r1"))
    kinds = [type(report) for report in talk.reports()]
    assert kinds == [ResponseStarted, Spoke, ToolCall, ResponseDone]
    assert talk.types() == []


def test_an_answer_that_nobody_asks_for_is_stopped():
    talk = spoke(xai_talk()).take(began("resp_1"), speech(100))
    talk.talk.answer_overdue()
    assert talk.types() == ["response.cancel"]
    talk.take(done(end=ResponseEnd.CANCELLED))
    assert talk.types() == [], "nothing of it was shown"
    over = spoke(xai_talk()).take(began("resp_1"), speech(100), done())
    over.talk.answer_overdue()
    assert not over.talk.owed


def test_speech_over_an_unclaimed_answer_ends_it():
    talk = spoke(xai_talk()).take(began("resp_1"), speech(100), events.SpeechBegan("j"))
    assert talk.types() == [], "it stops for speech by itself"
    talk.take(done(end=ResponseEnd.CANCELLED), events.SpeechEnded("j"), began("resp_2"))
    talk.order(Respond("r1")).take(speech(100, of="resp_2"))
    assert talk.ear.pcm_of("r1") == hum(100, 24_000)


def test_speech_over_its_answer_is_not_followed_by_a_cancel_that_could_hit_the_next_one():
    talk = spoke(xai_talk()).order(Respond("r1")).take(began("resp_1"), speech(500))
    talk.take(events.SpeechBegan("j"))
    talk.order(Cancel("r1", 200))
    assert talk.types() == ["conversation.item.truncate"]
    talk.take(done(end=ResponseEnd.CANCELLED))
    assert ResponseDone("r1", ResponseEnd.CANCELLED) in talk.reports()


def test_what_was_requested_is_cancelled_once_it_begins_where_responses_have_no_names():
    talk = xai_talk().order(Respond("r1"), Cancel("r1", 0))
    assert talk.types() == ["response.create"]
    talk.take(began("resp_1"))
    assert talk.types() == ["response.cancel"]


def test_an_answer_that_never_comes_is_requested():
    talk = spoke(xai_talk()).order(Respond("r1"))
    talk.talk.answer_overdue()
    assert talk.types() == ["response.create"]
    cancelled = spoke(xai_talk()).order(Respond("r1"), Cancel("r1", 0), Respond("r2"))
    cancelled.talk.answer_overdue()
    assert cancelled.types() == ["response.create"]


def test_a_given_text_does_not_wait_for_an_answer():
    talk = spoke(xai_talk()).order(Respond("r1", "Good morning."))
    assert talk.types() == ["conversation.item.create"]


def test_a_given_text_takes_the_place_of_an_unclaimed_answer():
    talk = spoke(xai_talk()).take(began("resp_1")).order(Respond("r1", "Good morning."))
    assert talk.types() == ["response.cancel"]
    talk.take(done(end=ResponseEnd.CANCELLED))
    assert talk.types() == ["conversation.item.create"]


def test_an_unclaimed_answer_is_bounded():
    talk = spoke(xai_talk()).take(began("resp_1"))
    piece = events.TextDelta("resp_1", "i", "x", spoken=True)
    talk.take(*(piece for _ in range(voice_limits.UNCLAIMED_EVENTS.most)))
    assert talk.types() == []
    assert talk.take(piece).types() == ["response.cancel"]


def test_typed_texts_are_counted_where_they_are_billed():
    for talk, items in ((xai_talk(), 2), (Talk(), 0)):
        talk.order(AddText("one"), AddText("two"), Respond("r1"))
        talk.take(began("resp_1"), done())
        assert talk.reports()[-1] == ResponseDone("r1", usage=Usage(text_items=items))
        talk.order(Respond("r2")).take(began("resp_2"), done("resp_2"))
        assert talk.reports()[-1] == ResponseDone("r2")


_EVENTS: list[Callable[[], events.UpstreamEvent]] = [
    lambda: events.Opened("session.created"),
    lambda: events.SpeechEnded("nobody"),
    lambda: events.AudioCleared(),
    lambda: speech(20, of=""),
    lambda: done("nobody"),
]


@pytest.mark.parametrize("event", _EVENTS)
def test_events_out_of_place_do_nothing(event: Callable[[], events.UpstreamEvent]):
    assert Talk().take(event()).reports() == []


# -- what was said before, or elsewhere ---------------------------------------------------


def items_of(talk: Talk) -> list[tuple[str, str]]:
    """Return the kind of each item that was created, and its role or the call it is about."""
    items = [frame["item"] for frame in talk.sent]
    return [(item["type"], item.get("role") or item["call_id"]) for item in items]


def test_past_calls_are_told_with_their_results_and_open_ones_take_theirs_later() -> None:
    talk = Talk()
    clock, lamp = PastCall("c1", "clock", {"tz": "UTC"}, "12:00"), PastCall("c2", "lamp", {})
    silent = PastTurn(TurnRole.CALLER, "")
    talk.talk.remember((PastTurn(TurnRole.CALLER, "Time?"), silent, clock, lamp))
    assert items_of(talk) == [
        ("message", "user"),
        ("function_call", "c1"),
        ("function_call_output", "c1"),
        ("function_call", "c2"),
    ]
    assert json.loads(talk.sent[1]["item"]["arguments"]) == {"tz": "UTC"}
    talk.types()
    talk.order(ToolResult("c2", "on"), ToolResult("c1", "again"))
    assert items_of(talk) == [("function_call_output", "c2")]


def test_a_result_that_came_elsewhere_is_told_of_a_call_that_is_known() -> None:
    talk = Talk()
    talk.order(Remember((PastCall("c1", "clock", {}),)))
    talk.types()
    known = PastCall("c1", "clock", {}, "12:00")
    talk.order(Remember((PastTurn(TurnRole.AGENT, "One moment."), known)), Remember((known,)))
    assert items_of(talk) == [("message", "assistant"), ("function_call_output", "c1")]


def test_what_is_told_waits_behind_a_request_that_waits() -> None:
    talk = Talk().running()
    talk.order(Respond("r2"), Remember((PastTurn(TurnRole.AGENT, "Hello."),)))
    assert talk.types() == []


def test_context_is_charged_where_texts_are() -> None:
    talk = Talk(xai.DIALECT).order(AddText("[system] Bo", MessageRole.SYSTEM, "Bo"))
    talk.running().take(done())
    assert talk.ear.all(ResponseDone)[0].usage.text_items == 1


@pytest.mark.parametrize("how", ["lost", "closed"])
def test_what_was_used_without_a_response_is_reported_at_the_end(how: str) -> None:
    talk = xai_talk().order(AddText("one"))
    end = talk.talk.settle if how == "lost" else talk.talk.stop
    end()
    end()
    used = UsageReported(UsageKind.RESPONSE, Usage(text_items=1))
    assert talk.ear.all(UsageReported) == [used]


@pytest.mark.parametrize("how", ["lost", "closed"])
def test_an_answer_that_nobody_took_is_charged_at_the_end(how: str) -> None:
    talk = spoke(xai_talk()).take(began("resp_1"))
    ended = events.ResponseEnded("resp_1", ResponseEnd.COMPLETED, usage=Usage(text_in_tokens=3))
    talk.take(ended)
    assert talk.ear.all(UsageReported) == [], "it may still be taken"
    (talk.talk.settle if how == "lost" else talk.talk.stop)()
    talk.take(ended)
    used = UsageReported(UsageKind.RESPONSE, Usage(text_in_tokens=3))
    assert talk.ear.all(UsageReported) == [used]
    assert talk.types() == [], "it is over"


def test_told_texts_are_charged_where_texts_are() -> None:
    talk = Talk(xai.DIALECT)
    talk.talk.remember((PastTurn(TurnRole.CALLER, "Hi"), PastTurn(TurnRole.AGENT, "Yes?")))
    talk.running().take(events.ResponseEnded("resp_1", ResponseEnd.COMPLETED))
    (done,) = talk.ear.all(ResponseDone)
    assert done.usage.text_items == 2
