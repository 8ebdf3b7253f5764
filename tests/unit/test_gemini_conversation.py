"""A conversation with Gemini Live: orders to frames, messages to reports.

Every frame is legal by the vendor's types, and so is every message.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ringline.domain import voice_limits
from ringline.domain.agent import TurnDetection, TurnDetectionType
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    GoingAway,
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
    ToolCallsCancelled,
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
from ringline.voices.gemini_conversation import Conversation
from ringline.wire.gemini_live import SAY, Dialect
from ringline.wire.gemini_reports import read_message
from ringline.wire.upstream_failures import STALLED, Loss
from tests import clock as virtual
from tests.gemini_types import check_client, check_server
from tests.voice_desk import Recorder, Said, Spoke, hum, quiet

RATE_HZ = 16_000
SPEECH = hum(400, RATE_HZ)
SILENCE = quiet(700, RATE_HZ)
PIECE = hum(100, 24_000)
BLOCKING = Dialect(tools_block=True)


class Loud:
    """A detector that takes whatever is loud for speech."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def holds_speech(self, frame: bytes) -> bool:
        return any(frame)

    def reset(self) -> None: ...


class Desk:
    """A conversation, what it reports and what it sends."""

    def __init__(
        self,
        dialect: Dialect | None = None,
        detection: TurnDetectionType = TurnDetectionType.SERVER_VAD,
    ) -> None:
        self.ear = Recorder()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.lost: list[Loss] = []
        config = SessionConfig(
            model="gemini/gemini-3.8-live",
            voice="Puck",
            turn_detection=TurnDetection(type=detection),
        )
        self.talk = Conversation(
            dialect or Dialect(),
            self.ear,
            config=config,
            new_detector=Loud,
            send=lambda frame: self.sent.append(check_client(frame)),
            send_audio=lambda frame, _: self.sent.append(check_client(frame)),
            lose=self.lost.append,
        )

    def hears(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 640):
            self.talk.hear(Chunk(pcm[start : start + 640], RATE_HZ))

    def gets(self, **members: Any) -> None:
        """Let a message of the service come."""
        self.talk.take(read_message(json.dumps(check_server(members))))

    def content(self, **members: Any) -> None:
        self.gets(serverContent=members)

    def speaks(self, *words: str) -> None:
        for word in words:
            blob = {"mimeType": "audio/pcm;rate=24000", "data": b64encode(PIECE).decode()}
            self.content(
                outputTranscription={"text": word}, modelTurn={"parts": [{"inlineData": blob}]}
            )

    def calls(self, *call_ids: str) -> None:
        calls = [{"id": call_id, "name": "clock", "args": {"a": 1}} for call_id in call_ids]
        self.gets(toolCall={"functionCalls": calls})

    def over(self, **members: Any) -> None:
        self.content(generationComplete=True)
        self.content(turnComplete=True, **members)

    def frames(self, kind: str = "clientContent") -> list[dict[str, Any]]:
        return [body for name, body in self.sent if name == kind]

    def inputs(self) -> list[str]:
        """Return the kinds of realtime input that were sent, each run of audio once."""
        kinds: list[str] = []
        for body in self.frames("realtimeInput"):
            (kind,) = body
            if kind != "audio" or kinds[-1:] != ["audio"]:
                kinds.append(kind)
        return kinds

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


def typed(*texts: str, answer: bool = True) -> dict[str, Any]:
    turns = [{"role": "user", "parts": [{"text": text}]} for text in texts]
    return {"turnComplete": answer} | ({"turns": turns} if turns else {})


# The caller's turn.


async def test_a_spoken_turn_and_its_answer() -> None:
    desk = Desk()
    desk.hears(SPEECH)
    desk.content(inputTranscription={"text": "what is"})
    desk.content(inputTranscription={"text": " the time?"})
    desk.hears(SILENCE)
    desk.speaks("It is ", "noon.")
    desk.over()
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
    assert desk.ear.all(Transcribed)[-1].text == "what is the time?"
    assert desk.inputs() == ["audio"], "all of it goes there, and nothing else"
    (response_id,) = desk.started()
    assert desk.ear.text_of(response_id) == "It is noon."
    assert desk.ear.pcm_of(response_id) == PIECE * 2
    assert desk.done() == [(response_id, ResponseEnd.COMPLETED)]


async def test_the_end_of_a_turn_can_be_ordered() -> None:
    desk = Desk()
    desk.talk.order(EndTurn())
    assert desk.sent == desk.ear.reports == []
    desk.hears(SPEECH)
    desk.talk.order(EndTurn())
    assert desk.inputs() == ["audio", "audioStreamEnd"]
    assert desk.kinds() == ["SpeechStarted", "SpeechStopped"]


def test_a_caller_who_sends_no_more_has_finished() -> None:
    async def story() -> None:
        desk = Desk()
        desk.hears(SPEECH)
        await asyncio.sleep(2)
        assert desk.inputs() == ["audio", "audioStreamEnd"]
        assert desk.kinds() == ["SpeechStarted", "SpeechStopped"]
        desk.talk.close()

    virtual.run(story())


async def test_the_answer_ends_a_turn_that_our_detector_still_hears() -> None:
    desk = Desk()
    desk.hears(SPEECH)
    desk.speaks("Yes.")
    assert desk.kinds()[:3] == ["SpeechStarted", "SpeechStopped", "ResponseStarted"]
    assert desk.inputs() == ["audio"], "to the service it is over"


async def test_push_to_talk_is_sent_when_it_ends() -> None:
    desk = Desk(detection=TurnDetectionType.NONE)
    desk.talk.order(EndTurn())
    assert desk.ear.reports == [TurnEmpty()]
    desk.hears(SPEECH + SILENCE)
    assert desk.sent == [], "an open microphone interrupts nobody"
    desk.talk.order(EndTurn())
    assert desk.inputs() == ["activityStart", "audio", "activityEnd"]
    audio = desk.frames("realtimeInput")[1:-1]
    assert len(audio) == 11  # of 100 ms
    desk.content(inputTranscription={"text": "hello"})
    desk.speaks("Hi.")
    assert desk.kinds() == [
        "TurnEmpty",
        "SpeechStopped",
        "Transcribed",
        "Transcribed",
        "ResponseStarted",
        "Said",
        "Spoke",
    ]


async def test_push_to_talk_can_be_cleared() -> None:
    desk = Desk(detection=TurnDetectionType.NONE)
    desk.hears(SPEECH)
    desk.talk.order(ClearInput())
    desk.talk.order(EndTurn())
    assert (desk.sent, desk.ear.reports) == ([], [TurnEmpty()])


async def test_a_turn_that_is_cleared_is_answered_to_nobody() -> None:
    desk = Desk()
    desk.talk.order(ClearInput())
    assert desk.sent == []
    desk.hears(SPEECH)
    desk.talk.order(ClearInput())
    assert desk.inputs() == ["audio", "audioStreamEnd"]
    desk.content(inputTranscription={"text": "never mind"})
    desk.speaks("Never mind what?")
    desk.over()
    (item,) = [cleared.item_id for cleared in desk.ear.all(TurnCleared)]
    assert desk.kinds() == ["SpeechStarted", "SpeechStopped", "TurnCleared"]
    assert desk.ear.all(SpeechStarted)[0].item_id == item
    desk.speaks("By the way.")
    assert len(desk.started()) == 1, "only its own answer is swallowed"


async def test_speech_after_a_cleared_turn_is_answered() -> None:
    desk = Desk()
    desk.hears(SPEECH)
    desk.talk.order(ClearInput())
    desk.hears(SPEECH + SILENCE)  # the service has not answered the other
    desk.speaks("Yes?")
    assert len(desk.started()) == 1


# Interruptions.


async def test_speech_interrupts_before_the_service_says_so() -> None:
    desk = Desk()
    desk.speaks("Let me ", "tell you ")
    desk.hears(SPEECH)
    (response_id,) = desk.started()
    assert desk.kinds()[-2:] == ["SpeechStarted", "ResponseDone"]
    assert desk.done() == [(response_id, ResponseEnd.CANCELLED)]
    told = len(desk.ear.reports)
    desk.speaks("a story ")  # it has not noticed yet
    desk.content(interrupted=True)
    desk.content(turnComplete=True)
    assert len(desk.ear.reports) == told
    desk.hears(SILENCE)
    desk.speaks("Yes?")
    assert len(desk.started()) == 2


async def test_a_service_that_does_not_notice_goes_on_unheard() -> None:
    desk = Desk()
    desk.speaks("Once ")
    desk.hears(SPEECH + SILENCE)
    desk.speaks("upon ", "a time.")
    desk.over()
    assert len(desk.started()) == 1
    assert desk.ear.text_of(desk.started()[0]) == "Once "
    desk.speaks("Yes?")
    assert desk.ear.text_of(desk.started()[1]) == "Yes?"


@pytest.mark.parametrize("generated", [True, False])
async def test_an_interruption_that_our_detector_missed_is_reported(generated: bool) -> None:
    desk = Desk()
    desk.speaks("Let me tell you")
    if generated:
        desk.content(generationComplete=True)
    told = len(desk.ear.reports)
    desk.content(interrupted=True)
    kinds = [type(report) for report in desk.ear.reports[told:]]
    ended = [] if generated else [ResponseDone]
    assert kinds == [SpeechStarted, *ended, SpeechStopped]
    end = ResponseEnd.COMPLETED if generated else ResponseEnd.CANCELLED
    assert desk.done() == [(desk.started()[0], end)]
    (began,), (stopped,) = desk.ear.all(SpeechStarted), desk.ear.all(SpeechStopped)
    desk.content(inputTranscription={"text": "wait"})
    assert desk.ear.all(Transcribed)[-1].item_id == began.item_id == stopped.item_id


async def test_words_before_an_interruption_are_of_its_turn() -> None:
    desk = Desk()
    desk.speaks("Let me tell you")
    desk.content(inputTranscription={"text": "no "})
    desk.content(interrupted=True)
    desk.content(turnComplete=True)
    desk.content(inputTranscription={"text": "wait"})
    desk.speaks("Yes?")
    (item_id,) = {heard.item_id for heard in desk.ear.all(Transcribed)}
    assert desk.ear.all(SpeechStarted)[0].item_id == item_id
    assert desk.ear.all(Transcribed)[-1].text == "no wait"


async def test_an_interruption_that_follows_speech_is_reported_once() -> None:
    desk = Desk()
    desk.speaks("All of it.")
    desk.content(generationComplete=True)  # it still plays
    desk.hears(SPEECH + SILENCE)
    desk.content(interrupted=True)
    desk.content(turnComplete=True)
    assert len(desk.ear.all(SpeechStarted)) == 1


async def test_an_interruption_of_our_own_making_is_no_speech() -> None:
    desk = Desk()
    desk.talk.order(Respond("r1"))
    desk.speaks("All of it.")
    desk.content(generationComplete=True)
    desk.talk.order(Respond("r2"))
    desk.content(interrupted=True)
    desk.content(turnComplete=True)
    desk.speaks("More.")
    desk.over()
    assert desk.ear.all(SpeechStarted) == []
    assert desk.done() == [("r1", ResponseEnd.COMPLETED), ("r2", ResponseEnd.COMPLETED)]


async def test_a_request_may_interrupt_an_answer_that_has_not_begun() -> None:
    desk = Desk()
    desk.hears(SPEECH + SILENCE)
    desk.talk.order(Respond("r1", "One moment."))
    desk.content(interrupted=True)  # what it was about to say
    desk.content(turnComplete=True)
    assert desk.done() == [], "that was not what was asked for"
    desk.speaks("One moment.")
    desk.over()
    assert desk.done() == [("r1", ResponseEnd.COMPLETED)]
    assert len(desk.ear.all(SpeechStarted)) == 1


async def test_a_request_may_interrupt_an_answer_that_seems_to_be_its_own() -> None:
    desk = Desk()
    desk.hears(SPEECH + SILENCE)
    desk.talk.order(Respond("r1", "One moment."))
    desk.speaks("It is ")  # the answer to the turn, which was on its way
    desk.content(interrupted=True)
    desk.content(turnComplete=True)
    assert len(desk.ear.all(SpeechStarted)) == 1, "nobody has spoken but the caller before"
    desk.speaks("One moment.")
    desk.over()
    assert [end for _, end in desk.done()] == [ResponseEnd.CANCELLED, ResponseEnd.COMPLETED]


async def test_a_cancelled_request_stays_unwanted_when_another_turn_is_interrupted() -> None:
    desk = Desk()
    desk.hears(SPEECH + SILENCE)
    desk.talk.order(Respond("r1"))
    desk.talk.order(Cancel("r1", 0))
    desk.content(interrupted=True)
    desk.content(turnComplete=True)
    desk.speaks("Nobody wants to hear this.")
    desk.over()
    assert desk.started() == []


async def test_speech_before_the_first_word_of_a_request_is_answered() -> None:
    desk = Desk()
    desk.talk.order(Respond("r1"))
    desk.hears(SPEECH)
    desk.talk.order(Cancel("r1", 0))  # as the call does
    desk.content(interrupted=True)
    desk.content(turnComplete=True)
    desk.hears(SILENCE)
    desk.speaks("It is nine.")
    desk.over()
    assert [end for _, end in desk.done()] == [ResponseEnd.COMPLETED]
    assert "r1" not in desk.started()


async def test_an_interruption_while_the_caller_speaks_begins_no_second_turn() -> None:
    desk = Desk()
    desk.hears(SPEECH)
    desk.talk.order(Respond("r1"))
    desk.speaks("Hello")
    desk.content(interrupted=True)
    assert len(desk.ear.all(SpeechStarted)) == 1
    assert desk.done() == [("r1", ResponseEnd.CANCELLED)]
    desk.hears(SILENCE)
    assert len(desk.ear.all(SpeechStopped)) == 1


async def test_push_to_talk_interrupts_without_speech() -> None:
    desk = Desk(detection=TurnDetectionType.NONE)
    desk.speaks("Let me tell you")
    desk.hears(SPEECH)
    assert desk.done() == []
    desk.talk.order(EndTurn())
    desk.content(interrupted=True)
    assert desk.ear.all(SpeechStarted) == []
    assert [end for _, end in desk.done()] == [ResponseEnd.CANCELLED]


# Responses that the call requests.


async def test_typed_text_waits_for_its_response() -> None:
    desk = Desk()
    desk.talk.order(AddText("One."))
    desk.talk.order(AddText("Two."))
    assert desk.sent == []
    desk.talk.order(Respond("both"))
    assert desk.frames() == [typed("One.", "Two.")]
    desk.speaks("Three.")
    desk.over()
    assert desk.started() == ["both"]
    assert desk.done() == [("both", ResponseEnd.COMPLETED)]


async def test_a_response_can_be_requested_to_nothing() -> None:
    desk = Desk()
    desk.talk.order(Respond("r"))
    assert desk.frames() == [typed()]


async def test_typed_text_is_known_before_the_caller_speaks() -> None:
    desk = Desk()
    desk.talk.order(AddText("I am Ada."))
    desk.hears(quiet(40))
    assert desk.frames() == [typed("I am Ada.", answer=False)]
    assert [name for name, _ in desk.sent] == ["clientContent", *["realtimeInput"] * 2]
    desk.talk.order(Respond("r"))
    assert desk.frames()[1:] == [typed()]


async def test_typed_text_never_interrupts() -> None:
    desk = Desk()
    desk.speaks("Let me tell you")
    desk.talk.order(AddText("I am Ada."))
    desk.hears(quiet(40))
    assert desk.frames() == []
    desk.over()
    desk.hears(quiet(40))
    assert desk.frames() == [typed("I am Ada.", answer=False)]


async def test_typed_text_does_not_interrupt_an_answer_that_is_due() -> None:
    desk = Desk()
    desk.hears(SPEECH + SILENCE)
    desk.talk.order(AddText("I am Ada."))
    desk.hears(quiet(40))
    assert desk.frames() == [], "the service has not answered the turn yet"
    desk.speaks("It is nine.")
    desk.over()
    desk.hears(quiet(40))
    assert desk.frames() == [typed("I am Ada.", answer=False)]


async def test_push_to_talk_is_told_what_was_typed() -> None:
    desk = Desk(detection=TurnDetectionType.NONE)
    desk.talk.order(AddText("I am Ada."))
    desk.hears(SPEECH)
    desk.talk.order(EndTurn())
    assert desk.sent[0] == ("clientContent", typed("I am Ada.", answer=False))


async def test_a_given_text_is_asked_for_and_answers_nothing() -> None:
    desk = Desk()
    desk.talk.order(AddText("Hello?"))
    desk.talk.order(Respond("greeting", "Good day."))
    assert desk.frames() == [typed(SAY + "Good day.")]
    desk.speaks("Good day.")
    desk.over()
    desk.talk.order(Respond("answer"))
    assert desk.frames()[1:] == [typed("Hello?")]


async def test_a_request_waits_for_the_response_before_it() -> None:
    desk = Desk()
    for order in (Respond("r1"), AddText("Two."), Respond("r2"), AddText("Three."), Respond("r3")):
        desk.talk.order(order)
    assert desk.frames() == [typed()]
    desk.speaks("One.")
    desk.content(generationComplete=True)
    assert desk.frames()[1:] == [typed("Two.")]
    desk.content(turnComplete=True)
    desk.speaks("Two!")
    desk.over()
    assert desk.frames()[2:] == [typed("Three.")]


async def test_a_request_that_waits_can_be_cancelled() -> None:
    desk = Desk()
    for order in (Respond("r1"), AddText("Two."), Respond("r2"), AddText("Three.")):
        desk.talk.order(order)
    desk.talk.order(Cancel("r2", 0))
    desk.talk.order(Respond("r3"))
    desk.speaks("One.")
    desk.over()
    assert desk.frames()[1:] == [typed("Two.", "Three.")]


async def test_a_response_cancelled_before_it_began_never_begins() -> None:
    desk = Desk()
    desk.talk.order(Respond("r1"))
    desk.talk.order(Cancel("r1", 0))
    desk.speaks("One.")
    desk.over()
    assert desk.ear.reports == []
    desk.speaks("Another matter.")
    assert len(desk.started()) == 1


async def test_the_response_after_a_cancelled_one_is_heard() -> None:
    desk = Desk()
    desk.talk.order(Respond("r1"))
    desk.talk.order(Cancel("r1", 0))
    desk.talk.order(Respond("r2"))
    desk.speaks("Two.")
    desk.over()
    assert desk.done() == [("r2", ResponseEnd.COMPLETED)]


async def test_a_cancelled_response_says_no_more_and_the_next_one_does() -> None:
    desk = Desk()
    desk.talk.order(Respond("r1"))
    desk.speaks("Once ")
    desk.talk.order(Cancel("r1", 40))
    desk.speaks("upon ")
    desk.talk.order(AddText("Stop."))
    desk.talk.order(Respond("r2"))
    desk.speaks("a time ")  # crosses with the request
    desk.content(interrupted=True)
    desk.content(turnComplete=True)
    desk.speaks("Sorry.")
    desk.over()
    assert desk.done() == [("r1", ResponseEnd.CANCELLED), ("r2", ResponseEnd.COMPLETED)]
    assert (desk.ear.text_of("r1"), desk.ear.text_of("r2")) == ("Once ", "Sorry.")
    assert desk.ear.all(SpeechStarted) == []


async def test_a_report_may_cancel_what_it_reports() -> None:
    desk = Desk()

    def cancel(report: object) -> None:
        if isinstance(report, ResponseStarted):
            desk.talk.order(Cancel(report.response_id, 0))

    desk.ear.hooks.append(cancel)
    desk.talk.order(Respond("r1"))
    desk.speaks("One.")
    desk.over()
    assert desk.kinds() == ["ResponseStarted", "ResponseDone"]
    assert desk.done() == [("r1", ResponseEnd.CANCELLED)]


async def test_a_response_without_a_word_ends() -> None:
    desk = Desk()
    desk.talk.order(Respond("r1"))
    desk.content(turnComplete=True, turnCompleteReason="PROHIBITED_INPUT_CONTENT")
    failed, done = desk.ear.reports
    assert isinstance(failed, VoiceFailed)
    assert (failed.code, failed.details) == (
        VoiceFailure.UPSTREAM_ERROR,
        "prohibited_input_content",
    )
    assert failed.recoverable
    assert done == ResponseDone("r1", ResponseEnd.FAILED)
    desk.talk.order(Respond("r2"))
    assert len(desk.frames()) == 2


async def test_a_turn_that_ends_early_has_failed() -> None:
    desk = Desk()
    desk.speaks("Well, ")
    desk.content(turnComplete=True, turnCompleteReason="RESPONSE_REJECTED")
    assert [end for _, end in desk.done()] == [ResponseEnd.FAILED]
    desk.speaks("again")
    desk.content(turnComplete=True, turnCompleteReason="NEED_MORE_INPUT")
    assert [end for _, end in desk.done()] == [ResponseEnd.FAILED, ResponseEnd.COMPLETED]


async def test_the_end_of_a_turn_may_be_left_out() -> None:
    desk = Desk()
    desk.speaks("One.")
    desk.content(generationComplete=True)
    desk.speaks("Two.")
    desk.content(turnComplete=True)
    assert len(desk.started()) == 2
    assert len(desk.done()) == 2


async def test_a_turn_in_the_background_goes_on_until_it_is_idle() -> None:
    desk = Desk(Dialect(works_in_background=True))
    desk.talk.order(Respond("r1"))
    desk.speaks("Let me think. ")
    desk.content(generationComplete=True)
    desk.content(turnComplete=True, interactionStatus="IN_PROGRESS")
    assert desk.done() == []
    assert not desk.talk.owed, "it may think for long"
    desk.speaks("It is 42.")
    assert desk.talk.owed
    desk.content(turnComplete=True, interactionStatus="IDLE")
    assert desk.done() == [("r1", ResponseEnd.COMPLETED)]
    assert desk.ear.text_of("r1") == "Let me think. It is 42."


async def test_a_model_may_take_text_in_realtime_alone() -> None:
    desk = Desk(Dialect(types_in_realtime=True))
    desk.talk.order(AddText("One."))
    desk.talk.order(AddText("Two."))
    desk.hears(quiet(40))
    assert desk.inputs() == ["audio"], "it would answer at once"
    desk.talk.order(Respond("r"))
    assert desk.frames("realtimeInput")[-1] == {"text": "One.\nTwo."}
    desk.speaks("Three.")
    desk.over()
    desk.talk.order(Respond("more"))
    assert desk.frames("realtimeInput")[-1] == {"text": " "}
    by_order = Desk(Dialect(types_in_realtime=True), TurnDetectionType.NONE)
    by_order.talk.order(Respond("greeting", "Hi."))
    assert by_order.inputs() == ["activityStart", "text", "activityEnd"]


# Functions.


async def test_a_call_goes_on_after_its_result_by_itself() -> None:
    desk = Desk()
    desk.talk.order(Respond("r1"))
    desk.calls("c1")
    desk.over()
    assert desk.ear.reports == [
        ResponseStarted("r1"),
        ToolCall("r1", "c1", "clock", {"a": 1}),
        ResponseDone("r1"),
    ]
    desk.talk.order(ToolResult("c1", "noon"))
    (response,) = desk.frames("toolResponse")[0]["functionResponses"]
    assert response == {
        "id": "c1",
        "name": "clock",
        "response": {"output": "noon"},
        "scheduling": "WHEN_IDLE",
    }
    desk.talk.order(ToolResult("c1", "again"))
    desk.talk.order(ToolResult("unknown", "{}"))
    assert len(desk.frames("toolResponse")) == 1
    desk.speaks("It is noon.")
    assert len(desk.started()) == 2


async def test_results_of_one_response_are_sent_together() -> None:
    desk = Desk()
    desk.calls("c1", "c2", "c3")
    for call_id in ("c3", "c1"):
        desk.talk.order(ToolResult(call_id, "1"))
    assert desk.frames("toolResponse") == []
    desk.talk.order(ToolResult("c2", "1"))
    (frame,) = desk.frames("toolResponse")
    assert [response["id"] for response in frame["functionResponses"]] == ["c1", "c2", "c3"]


async def test_calls_of_a_model_that_waits_end_its_response() -> None:
    desk = Desk(BLOCKING)
    desk.speaks("Let me see. ")
    desk.calls("c1", "c2")
    assert len(desk.done()) == 1
    assert desk.kinds()[-3:] == ["ToolCall", "ToolCall", "ResponseDone"]
    assert not desk.talk.owed, "the client has to answer first"
    desk.talk.order(ToolResult("c1", "1"))
    desk.talk.order(ToolResult("c2", "2"))
    assert desk.talk.owed
    desk.speaks("It is noon.")
    desk.over()
    assert len(desk.done()) == 2


async def test_calls_are_cancelled_by_a_caller_who_interrupts() -> None:
    desk = Desk(BLOCKING)
    desk.calls("c1", "c2")
    desk.talk.order(ToolResult("c1", "1"))
    desk.gets(toolCallCancellation={"ids": ["c2", "unknown"]})
    assert desk.ear.reports[-1] == ToolCallsCancelled(("c2",))
    (frame,) = desk.frames("toolResponse")
    assert [response["id"] for response in frame["functionResponses"]] == ["c1"]
    desk.talk.order(ToolResult("c2", "late"))
    assert len(desk.frames("toolResponse")) == 1


async def test_a_call_that_nobody_wants_is_answered_at_once() -> None:
    desk = Desk()
    desk.talk.order(Respond("r1"))
    desk.speaks("Let me see.")
    desk.talk.order(Cancel("r1", 0))
    desk.calls("c1")
    assert desk.ear.all(ToolCall) == []
    (frame,) = desk.frames("toolResponse")
    assert "error" in frame["functionResponses"][0]["response"]


async def test_a_call_that_is_told_again_is_ignored() -> None:
    desk = Desk()
    desk.calls("c1")
    desk.talk.order(ToolResult("c1", "12:00"))
    desk.calls("c1")
    assert len(desk.ear.all(ToolCall)) == 1


async def test_a_flood_of_calls_is_bounded() -> None:
    desk = Desk()
    most = voice_limits.UPSTREAM_CALLS.most
    for number in range(most + 1):
        desk.calls(f"c{number}")
    desk.calls(f"c{most}")  # again
    assert len(desk.ear.all(ToolCall)) == most + 1
    desk.talk.order(ToolResult("c0", "forgotten"))
    assert desk.frames("toolResponse") == []


# The rest.


async def test_an_image_goes_there_and_its_text_is_typed() -> None:
    desk = Desk()
    desk.talk.order(AddImage("data:image/jpg;base64,AAAA", "low", "the page"))
    assert desk.sent == [("realtimeInput", {"video": {"mimeType": "image/jpeg", "data": "AAAA"}})]
    desk.talk.order(Respond("r"))
    assert desk.frames() == [typed("the page")]


async def test_an_image_that_the_model_cannot_see_is_an_error() -> None:
    desk = Desk()
    desk.talk.order(AddImage("data:image/svg+xml;base64,AAAA", "auto", "a drawing"))
    (failed,) = desk.ear.all(VoiceFailed)
    assert (failed.recoverable, failed.details) == (True, "unsupported_image")
    assert desk.sent == []


async def test_what_it_was_told_at_the_start_does_not_change() -> None:
    desk = Desk()
    desk.talk.order(UpdateConfig(SessionConfig(model="gemini/gemini-3.8-live")))
    assert desk.sent == desk.ear.reports == []


async def test_it_knows_how_another_connection_could_go_on() -> None:
    desk = Desk()
    desk.gets(sessionResumptionUpdate={"newHandle": "h1", "resumable": True})
    desk.gets(sessionResumptionUpdate={"resumable": False})
    assert desk.ear.handles == ["h1", ""]
    desk.gets(goAway={"timeLeft": "50s"})
    assert desk.ear.reports == [GoingAway(50_000)]


CLOCK = PastCall("c1", "clock", {})
LAMP = PastCall("c2", "lamp", {})


def contents(desk: Desk) -> list[tuple[list[str], bool]]:
    """Return the clientContent that was sent: the kinds of its parts, and whether it ends."""
    bodies = [body for name, body in desk.sent if name == "clientContent"]
    return [
        (
            [next(iter(part)) for turn in body["turns"] for part in turn["parts"]],
            body["turnComplete"],
        )
        for body in bodies
    ]


async def test_calls_from_before_are_told_with_their_results_together() -> None:
    desk = Desk()
    desk.talk.expect_results((CLOCK, LAMP, PastTurn(TurnRole.CALLER, "Hi")))
    assert not desk.talk.owed
    desk.talk.order(ToolResult("c1", "12:00"))
    assert desk.sent == []
    desk.talk.order(ToolResult("c2", "on"))
    assert contents(desk) == [(["functionCall", "functionResponse"] * 2, True)]
    assert desk.talk.owed
    desk.talk.order(ToolResult("c2", "again"))
    assert len(desk.sent) == 1


async def test_what_was_said_elsewhere_is_told_and_not_answered() -> None:
    desk = Desk()
    desk.talk.order(Remember((PastTurn(TurnRole.CALLER, "Hi"), CLOCK)))
    assert contents(desk) == [(["text"], False)]
    desk.talk.order(Remember((replace(CLOCK, result="12:00"),)))
    assert contents(desk)[1:] == [(["functionCall", "functionResponse"], False)]
    assert not desk.talk.owed
    desk.talk.order(ToolResult("c1", "late"))
    assert len(desk.sent) == 2


async def test_a_model_that_takes_no_contents_is_told_results_as_text() -> None:
    desk = Desk(dialect=Dialect(types_in_realtime=True))
    desk.talk.order(Remember((PastTurn(TurnRole.CALLER, "Hi"), CLOCK)))
    assert desk.sent == []
    desk.talk.order(ToolResult("c1", "12:00"))
    assert desk.sent == [("realtimeInput", {"text": "clock returned 12:00"})]


def usage(audio_out: int) -> dict[str, Any]:
    details = [{"modality": "AUDIO", "tokenCount": audio_out}]
    return {"responseTokenCount": audio_out, "responseTokensDetails": details}


async def test_a_turn_without_usage_reports_none() -> None:
    desk = Desk()
    desk.speaks("Hello.")
    desk.gets(serverContent={"turnComplete": True})
    desk.talk.close()
    assert [done.usage for done in desk.ear.all(ResponseDone)] == [Usage()]
    assert desk.ear.all(UsageReported) == []


async def test_usage_is_reported_with_the_response_or_after_it() -> None:
    desk = Desk()
    desk.speaks("One.")
    desk.gets(usageMetadata=usage(5))
    desk.gets(serverContent={"turnComplete": True}, usageMetadata=usage(20))
    desk.speaks("Two.")
    desk.content(generationComplete=True)
    desk.gets(serverContent={"turnComplete": True}, usageMetadata=usage(7))
    used = [done.usage.audio_out_tokens for done in desk.ear.all(ResponseDone)]
    assert used == [25, 0]
    assert desk.ear.reports[-1] == UsageReported(UsageKind.RESPONSE, Usage(audio_out_tokens=7))


async def test_it_owes_what_was_asked_for_or_begun() -> None:
    desk = Desk()
    desk.hears(SPEECH + SILENCE)
    assert not desk.talk.owed, "it need not answer what it hears"
    desk.talk.order(Respond("r1"))
    assert desk.talk.owed
    desk.speaks("One.")
    assert desk.talk.owed
    desk.content(generationComplete=True)
    assert not desk.talk.owed
    desk.content(turnComplete=True)
    desk.speaks("Two.")
    desk.talk.order(Cancel(desk.started()[-1], 0))
    assert desk.talk.owed, "the end of what nobody hears"
    desk.content(interrupted=True)
    assert not desk.talk.owed


async def test_orders_that_wait_are_bounded() -> None:
    desk = Desk()
    for _ in range(voice_limits.HELD_ORDERS.most):
        desk.talk.order(AddText("x"))
    assert desk.lost == []
    desk.talk.order(AddText("x"))
    assert desk.lost == [STALLED]
    large = Desk()
    texts: Sequence[str] = ["x" * (voice_limits.HELD_CHARACTERS.most // 2)] * 3
    for text in texts:
        large.talk.order(AddText(text))
    assert large.lost == [STALLED]


async def test_speech_and_text_are_of_the_response_that_began() -> None:
    desk = Desk()
    desk.talk.order(Respond("r1"))
    desk.speaks("One.")
    assert {report.response_id for report in desk.ear.all(Said)} == {"r1"}
    assert {report.response_id for report in desk.ear.all(Spoke)} == {"r1"}
