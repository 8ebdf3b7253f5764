"""What is written of a response that somebody or something cuts off, and when it is over."""

import pytest

from ringline.domain import bridge, leg, voice
from ringline.domain.call_signals import EndOrdered
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.events import BargeIn, CallEnded, TurnCompleted
from ringline.domain.handover import TakenOver
from ringline.domain.responses import Phase
from ringline.domain.turns import Order, history_of
from tests.talking import CAPABILITIES, RESPONDS_BY_ITSELF, Said, Story, cancelled, spoke

CREATE = leg.ResponseRequested()
TEXT = "We are open until six."
FINISHED = leg.AgentFinished()


def answering(
    text: str = TEXT, *, called: bool = False, by_itself: bool = False
) -> tuple[Story, str]:
    """Return a call whose agent has begun to speak, and the response's id."""
    story = Story(capabilities=RESPONDS_BY_ITSELF if by_itself else CAPABILITIES)
    story.feed(CREATE)
    id_ = story.asked()
    story.feed(voice.ResponseStarted(id_), bridge.ResponseAudible(id_), bridge.TextSent(id_, TEXT))
    if called:
        story.feed(voice.ToolCall(id_, "call", "clock", {}))
    return story, id_


def in_tail(*, called: bool = False, by_itself: bool = False) -> tuple[Story, str]:
    """Return a call whose agent's last words were sent, and are still being played."""
    story, id_ = answering(called=called, by_itself=by_itself)
    story.feed(voice.ResponseDone(id_))
    assert story.feed(bridge.ResponseSent(id_, playing=True, characters=len(TEXT))) == []
    return story, id_


def written(story: Story) -> list[tuple[str, bool, str | None]]:
    return [(turn.text, turn.interrupted, turn.spoken_text) for turn in story.all(TurnCompleted)]


def test_a_response_is_over_once_it_was_played() -> None:
    story, _ = in_tail()
    assert written(story) == []
    assert story.feed(bridge.PlaybackFinished()) == [FINISHED]
    assert written(story) == [(TEXT, False, None)]
    assert story.feed(bridge.PlaybackFinished(), spoke(900)) == [leg.CallerStarted()]


def test_one_that_plays_no_longer_is_over_at_once() -> None:
    story, id_ = answering()
    story.feed(voice.ResponseDone(id_))
    assert story.feed(bridge.ResponseSent(id_, characters=len(TEXT))) == [FINISHED]
    assert written(story) == [(TEXT, False, None)]


@pytest.mark.parametrize(
    ("cut", "barge_ins"),
    [
        (spoke(700, 13), 1),
        (cancelled(700, 13), 0),
        (TakenOver("ann", played=bridge.Played("", 700, 13)), 0),
    ],
    ids=["caller", "client", "operator"],
)
@pytest.mark.parametrize("sent", [False, True])
def test_speech_that_still_plays_is_cut_off(cut: Said, barge_ins: int, sent: bool) -> None:
    story, id_ = in_tail() if sent else answering()
    orders = story.feed(cut)
    assert voice.Cancel(id_, 700) in orders
    assert leg.AgentFinished(True, "We are open") in orders
    assert written(story) == [(TEXT, True, "We are open")]
    assert [(cut.spoken_text, cut.at_ms) for cut in story.all(BargeIn)] == [
        ("We are open", 700)
    ] * barge_ins
    assert [turn.text for turn in history_of(story.call.talk.turns)] == ["We are open"]
    later = story.feed(bridge.PlaybackFinished(), bridge.ResponseSent(id_))
    assert FINISHED not in later
    assert len(written(story)) == 1, "nothing revises it"


def test_a_second_interruption_changes_nothing() -> None:
    story, _ = answering()
    story.feed(cancelled(700, 13))
    assert story.feed(spoke(700, 13)) == [leg.CallerStarted()]
    assert written(story) == [(TEXT, True, "We are open")]


def test_nothing_was_heard_before_the_first_speech() -> None:
    story = Story()
    story.feed(CREATE)
    id_ = story.asked()
    story.feed(voice.ResponseStarted(id_), bridge.TextSent(id_, TEXT))
    orders = story.feed(spoke(0, 0))
    assert voice.Cancel(id_, 0) in orders
    assert leg.AgentFinished(True, "") in orders
    assert written(story) == [(TEXT, True, "")]


def test_the_clock_of_another_response_counts_nothing() -> None:
    """The leg still plays the end of one response, and the next one has not begun."""
    story, first = in_tail()
    story.feed(CREATE)
    second = story.asked()
    assert second != first
    interruption = bridge.CallerSpoke(bridge.Played(first, 900, 20), "item")
    assert voice.Cancel(second, 0) in story.feed(interruption)


@pytest.mark.parametrize("cause", [EndCause.CALLER_LEFT, EndCause.ENDED_BY_API])
@pytest.mark.parametrize("sent", [False, True])
def test_a_call_that_ends_keeps_what_was_heard(cause: EndCause, sent: bool) -> None:
    story, id_ = in_tail() if sent else answering()
    story.played = bridge.Played(id_, 700, 13)
    story.feed(leg.Left() if cause is EndCause.CALLER_LEFT else EndOrdered(cause))
    assert written(story) == [(TEXT, True, "We are open")]
    (ended,) = story.all(CallEnded)
    assert [line.spoken_text for line in ended.transcript] == ["We are open"]


def test_a_voice_that_is_lost_keeps_what_was_heard() -> None:
    story, id_ = answering()
    story.played = bridge.Played(id_, 700, 13)
    story.feed(voice.VoiceFailed(voice.VoiceFailure.UPSTREAM_CLOSED, "", recoverable=False))
    assert written(story) == [(TEXT, True, "We are open")]


@pytest.mark.parametrize("reason", [voice.ResponseEnd.FAILED, voice.ResponseEnd.CANCELLED])
def test_speech_that_fails_is_cut_off_by_its_failure(reason: voice.ResponseEnd) -> None:
    story, id_ = answering()
    story.feed(voice.ResponseDone(id_, reason))
    story.feed(bridge.ResponseSent(id_, playing=True, characters=13))
    orders = story.feed(bridge.PlaybackFinished())
    assert orders == [leg.AgentFinished(True, "We are open")]
    assert written(story) == [(TEXT, True, "We are open")]
    assert story.all(BargeIn) == []


def test_of_text_alone_the_clock_knows_nothing() -> None:
    story = Story()
    config = SessionConfig(model="m", modalities=(Modality.TEXT,))
    story.feed(leg.ConfigChanged(config), CREATE)
    id_ = story.asked()
    story.feed(voice.ResponseStarted(id_), bridge.TextSent(id_, TEXT))
    assert leg.AgentFinished(True, None) in story.feed(spoke(0, 0))
    assert written(story) == [(TEXT, True, None)]
    assert [cut.spoken_text for cut in story.all(BargeIn)] == [TEXT]
    assert [turn.text for turn in history_of(story.call.talk.turns)] == [TEXT]


# What needs the floor does not wait for the tail.


def next_is_asked(orders: list[Order]) -> bool:
    finished = orders.index(FINISHED)
    return any(isinstance(order, voice.Respond) for order in orders[finished:])


def test_a_request_ends_the_tail() -> None:
    story, _ = in_tail()
    assert next_is_asked(story.feed(CREATE))
    assert written(story) == [(TEXT, False, None)]


def test_the_end_of_a_turn_by_order_ends_the_tail() -> None:
    story, _ = in_tail()
    assert next_is_asked(story.feed(voice.SpeechStopped("item")))


def test_the_last_result_of_a_tool_ends_the_tail() -> None:
    story, _ = in_tail(called=True)
    assert next_is_asked(story.feed(leg.ToolAnswered("call", "{}")))


def test_a_result_that_was_there_first_leaves_no_tail() -> None:
    story, id_ = answering(called=True)
    story.feed(leg.ToolAnswered("call", "{}"), voice.ResponseDone(id_))
    assert next_is_asked(story.feed(bridge.ResponseSent(id_, playing=True)))


def test_a_response_that_the_voice_begins_by_itself_ends_the_tail() -> None:
    story, _ = in_tail(by_itself=True)
    orders = story.feed(voice.ResponseStarted("own"))
    assert orders == [FINISHED, leg.AgentStarted(), bridge.PlayResponse("own")]


def test_a_goodbye_ends_the_call_when_it_was_played() -> None:
    story, id_ = answering()
    story.feed(voice.ResponseDone(id_, hang_up=True))
    story.feed(bridge.ResponseSent(id_, playing=True))
    assert story.call.talk.response is not None
    assert story.call.talk.response.phase is Phase.PLAYING
    story.feed(bridge.PlaybackFinished())
    assert written(story) == [(TEXT, False, None)]
    assert story.call.ended


def test_speaking_over_the_end_of_a_goodbye_means_going_on() -> None:
    story, id_ = answering()
    story.feed(voice.ResponseDone(id_, hang_up=True))
    story.feed(bridge.ResponseSent(id_, playing=True))
    story.feed(spoke(700, 13), bridge.PlaybackFinished())
    assert not story.call.ended
