"""Hold, resume, transfer and digits, on the steps of a call (live streams, 6.3.5)."""

from dataclasses import replace

import pytest

from ringline.domain import bridge, call_signals, leg, voice
from ringline.domain.addresses import ToBridge
from ringline.domain.bridge import Played
from ringline.domain.call_control import NEEDS
from ringline.domain.call_signals import (
    ControlOrder,
    DigitsOrdered,
    HoldOrdered,
    ResumeOrdered,
    TransferOrdered,
    Verdict,
)
from ringline.domain.call_vocabulary import CallStatus, HangupCause
from ringline.domain.events import CallTransferred, TurnCompleted
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.leg import LegControl
from ringline.domain.responses import Phase
from ringline.domain.talk import Expected
from tests.talking import CALLER, CAPABILITIES, LIVING, RESPONDS_BY_ITSELF, VOICE, Story, spoke

HOLD, RESUME = HoldOrdered(), ResumeOrdered()
TRANSFER, DIGITS = TransferOrdered("+2348050001111"), DigitsOrdered("12#")
CREATE = leg.ResponseRequested()
BOTH = pytest.mark.parametrize("capabilities", [CAPABILITIES, RESPONDS_BY_ITSELF])
ORDERS = pytest.mark.parametrize("order", [HOLD, RESUME, TRANSFER, DIGITS])


def verdict(story: Story, order: ControlOrder) -> Verdict:
    story.feed(order)
    return story.steps[-1].verdict


def state(story: Story) -> tuple[CallStatus, bool]:
    return story.call.row.status, story.call.talk.held


def talking(capabilities: voice.VoiceCapabilities = CAPABILITIES) -> tuple[Story, str]:
    """Return a call whose agent is speaking, and the response's id."""
    story = Story(capabilities=capabilities)
    story.feed(CREATE)
    id_ = story.asked()
    story.feed(
        voice.ResponseStarted(id_), bridge.ResponseAudible(id_), bridge.TextSent(id_, "we are open")
    )
    story.played = Played(id_, 250, 2)
    return story, id_


def test_a_call_is_held_and_resumed_by_the_table_of_states() -> None:
    story = Story()
    assert story.feed(HOLD) == [leg.Hold()]
    assert state(story) == (CallStatus.HELD, True)
    assert verdict(story, HOLD) is Verdict.WRONG_STATE
    assert story.feed(RESUME) == [leg.Resume()]
    assert state(story) == (CallStatus.ANSWERED, False)
    assert verdict(story, RESUME) is Verdict.WRONG_STATE
    assert story.types[-2:] == ["call.held", "call.resumed"]
    entry = story.steps[-3].entry
    assert entry is None, "an order in the wrong state changes nothing"


def test_each_change_is_one_entry_with_the_row() -> None:
    story = Story()
    for order, status in ((HOLD, CallStatus.HELD), (RESUME, CallStatus.ANSWERED)):
        story.feed(order)
        entry = story.steps[-1].entry
        assert entry is not None
        assert [record.status for record in entry.records] == [status]  # pyright: ignore
        assert story.call.row.answered_at == entry.records[0].answered_at  # pyright: ignore


@ORDERS
def test_a_leg_that_cannot_is_not_asked(order: ControlOrder) -> None:
    story = Story(controls=leg.ALL_CONTROLS - {NEEDS[type(order)]})
    assert story.feed(order) == []
    assert story.steps[-1].verdict is Verdict.LEG_CANNOT
    assert story.steps[-1].entry is None


@ORDERS
def test_a_call_that_is_not_answered_or_has_ended_takes_no_orders(order: ControlOrder) -> None:
    story = Story(opened=False)
    assert verdict(story, order) is Verdict.NOT_ACTIVE
    story.feed(call_signals.VoiceOpened(VOICE, CAPABILITIES))
    assert story.feed(order) == []
    assert story.steps[-1].verdict is Verdict.NOT_ACTIVE, "not announced yet"
    story.feed(call_signals.AnswerWritten(), leg.Left())
    assert story.feed(order) == []
    assert story.call.row.status is CallStatus.COMPLETED


def test_nobody_hears_a_held_caller_and_they_hear_nobody() -> None:
    story = Story()
    story.feed(HOLD)
    (routes,) = (
        order.order.routes
        for order in story.steps[-1].orders
        if isinstance(order, ToBridge) and isinstance(order.order, bridge.SetRoutes)
    )
    assert routes == {CALLER: (), VOICE: ()}
    assert story.steps[-1].orders[0] == ToBridge(bridge.SetRoutes(routes, CALLER)), (
        "before the leg is told, so that nothing is played to it afterwards"
    )
    story.feed(RESUME)
    assert story.call.routed == {CALLER: (VOICE,), VOICE: (CALLER,)}


@BOTH
def test_the_running_response_is_cut_as_by_an_interruption(
    capabilities: voice.VoiceCapabilities,
) -> None:
    story, id_ = talking(capabilities)
    assert story.feed(HOLD) == [
        bridge.DropResponse(id_),
        voice.Cancel(id_, 250),
        leg.AgentFinished(True, "we"),
        leg.Hold(),
    ]
    (turn,) = story.all(TurnCompleted)
    assert (turn.text, turn.interrupted, turn.spoken_text) == ("we are open", True, "we")
    assert story.types[-2:] == ["call.turn_completed", "call.held"]
    assert story.feed(RESUME) == [leg.Resume()], "the agent does not repeat itself"


@pytest.mark.parametrize("phase", LIVING)
def test_a_response_is_stopped_whatever_its_phase(phase: Phase) -> None:
    story = Story()
    story.feed(CREATE)
    id_ = story.asked()
    way = [
        voice.ResponseStarted(id_),
        voice.ResponseDone(id_),
        bridge.ResponseSent(id_, playing=True),
    ]
    story.feed(*way[: LIVING.index(phase)])
    story.feed(HOLD)
    assert story.call.talk.response is None
    asked = [order for order in story.feed(RESUME) if isinstance(order, voice.Respond)]
    assert len(asked) == (phase is Phase.WANTED), "what had not begun is owed"


@BOTH
def test_what_the_caller_had_said_is_answered_after_the_hold(
    capabilities: voice.VoiceCapabilities,
) -> None:
    story = Story(capabilities=capabilities)
    story.feed(spoke(), HOLD, voice.SpeechStopped("item"))
    assert story.call.talk.response is None
    assert story.feed(voice.ResponseStarted("own")) == [
        bridge.DropResponse("own"),
        voice.Cancel("own", 0),
    ]
    story.feed(voice.Transcribed("item", "are you open", final=True))
    resumed = story.feed(RESUME)
    assert resumed == [leg.Resume(), voice.Respond(story.asked(), None)]


def test_an_answer_that_the_voice_was_about_to_begin_is_owed() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(spoke(), voice.SpeechStopped("item"))
    assert story.call.talk.expected is Expected.ANSWER
    story.feed(HOLD)
    assert bridge.DropResponse("own") in story.feed(voice.ResponseStarted("own"))
    assert isinstance(story.feed(RESUME)[-1], voice.Respond)


def test_a_tool_s_result_during_the_hold_is_followed_up_after_it() -> None:
    story, id_ = talking()
    story.feed(voice.ToolCall(id_, "t1", "look", {}), HOLD)
    assert story.feed(leg.ToolAnswered("t1", "{}")) == [voice.ToolResult("t1", "{}")]
    assert isinstance(story.feed(RESUME)[-1], voice.Respond)


def test_a_goodbye_that_is_held_does_not_end_the_call() -> None:
    story, id_ = talking()
    story.feed(voice.ResponseDone(id_, hang_up=True), bridge.ResponseSent(id_, playing=True))
    story.feed(HOLD, bridge.PlaybackFinished())
    assert not story.call.ended
    story.feed(RESUME, bridge.PlaybackFinished())
    assert not story.call.ended


def test_a_hold_and_a_takeover_silence_the_agent_until_both_are_over() -> None:
    story = Story()
    story.feed(HOLD, TakenOver("ann"))
    story.feed(spoke(), voice.SpeechStopped("item"))
    assert not [order for order in story.feed(RESUME) if isinstance(order, voice.Respond)]
    assert isinstance(story.feed(HandedBack())[-1], voice.Respond)
    story.feed(voice.ResponseStarted(story.asked()))
    story.feed(TakenOver("bob"), HOLD, spoke(), voice.SpeechStopped("item2"))
    assert not [order for order in story.feed(HandedBack()) if isinstance(order, voice.Respond)]
    assert isinstance(story.feed(RESUME)[-1], voice.Respond)


@pytest.mark.parametrize("held", [False, True])
def test_a_transfer_ends_the_call_in_this_order(held: bool) -> None:
    story, _ = talking()
    if held:
        story.feed(HOLD)
    before = len(story.types)
    orders = story.feed(TRANSFER)
    assert orders[0] == leg.Transfer("+2348050001111")
    assert isinstance(orders[-1], leg.HangUp), "the last order to the leg"
    assert story.types[before:] == [
        "call.transferred",
        *([] if held else ["call.turn_completed"]),
        "call.participant_left",
        "call.participant_left",
        "call.ended",
    ]
    assert story.all(CallTransferred) == [CallTransferred(destination="+2348050001111")]
    row = story.call.row
    assert (row.status, row.hangup_cause) == (CallStatus.COMPLETED, HangupCause.TRANSFERRED)
    assert story.steps[-1].last


@pytest.mark.parametrize("held", [False, True])
def test_digits_go_to_the_leg_and_are_written_nowhere(held: bool) -> None:
    story = Story()
    if held:
        story.feed(HOLD)
    before = len(story.events)
    assert story.feed(DIGITS) == [leg.SendDigits("12#")]
    assert story.steps[-1].verdict is Verdict.DONE
    assert len(story.events) == before, "they may be somebody's PIN"


def test_what_a_leg_can_do_belongs_to_the_leg_of_the_caller() -> None:
    parties = Story().call.parties
    assert all(parties.can(control) for control in LegControl)
    assert not any(replace(parties, controls={}).can(control) for control in LegControl)
    assert not any(parties.without_leg(CALLER).can(control) for control in LegControl)
