"""When a turn was said: it has the time at which its speech began, and turns are in that order."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import bridge, leg, voice
from ringline.domain.call_signals import EndOrdered
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.endings import EndCause
from ringline.domain.events import CallEnded, TranscriptDelta, TurnCompleted
from ringline.domain.records import TurnRow
from ringline.domain.turns import MAX_PARTIAL_TURNS, history_of
from tests.samples import NOW
from tests.talking import Story, spoke

CREATE = leg.ResponseRequested()


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def feed_at(story: Story, seconds: float, *signals: object) -> None:
    story.seconds = seconds
    story.feed(*signals)  # type: ignore[arg-type]


def said(story: Story) -> list[tuple[str, datetime]]:
    return [(line.text, line.at) for line in story.call.talk.turns.lines]


def rows(story: Story) -> list[TurnRow]:
    entries = [step.entry for step in story.steps if step.entry is not None]
    return [record for entry in entries for record in entry.records if isinstance(record, TurnRow)]


def events(story: Story, kind: type) -> list[tuple[datetime, object]]:
    entries = [step.entry for step in story.steps if step.entry is not None]
    return [
        (event.occurred_at, event.data)
        for entry in entries
        for event in entry.events
        if isinstance(event.data, kind)
    ]


def test_a_slow_recogniser_does_not_move_what_it_heard() -> None:
    story = Story()
    feed_at(story, 10, spoke(item_id="one", ago_ms=200))
    feed_at(story, 12, voice.SpeechStopped("one", 500, 2_200))
    answer = story.asked()
    feed_at(story, 13, voice.ResponseStarted(answer), bridge.ResponseAudible(answer))
    feed_at(story, 13.5, bridge.TextSent(answer, "We are open."))
    feed_at(story, 15, voice.ResponseDone(answer), bridge.ResponseSent(answer))
    feed_at(story, 16, voice.Transcribed("one", "Are you open?", final=True))
    assert said(story) == [("Are you open?", at(9.8)), ("We are open.", at(13))]
    assert [(row.text, row.occurred_at) for row in rows(story)] == said(story)[::-1]
    completed = [when for when, _ in events(story, TurnCompleted)]
    assert completed == [at(13), at(9.8)], "published when final, dated when begun"
    story.feed(EndOrdered(EndCause.ENDED_BY_API))
    (ended,) = story.all(CallEnded)
    assert [(line.text, line.at) for line in ended.transcript] == said(story)
    assert [turn.role for turn in history_of(story.call.talk.turns)] == ["caller", "agent"]


def test_turns_that_overlap_are_told_apart_by_their_items() -> None:
    story = Story()
    for number, item in enumerate(("one", "two", "three")):
        feed_at(story, number * 3, spoke(item_id=item))
        feed_at(story, number * 3 + 1, voice.SpeechStopped(item))
    feed_at(story, 20, voice.Transcribed("two", "second", final=True))
    feed_at(story, 21, voice.Transcribed("three", "third", final=False))
    feed_at(story, 22, voice.Transcribed("one", "first", final=True))
    feed_at(story, 23, voice.Transcribed("three", "third", final=True))
    assert said(story) == [("first", at(0)), ("second", at(3)), ("third", at(6))]
    assert story.call.talk.turns.partial_turns == ()


def test_every_part_of_a_turn_has_its_time() -> None:
    story = Story()
    feed_at(story, 5, spoke(item_id="one", ago_ms=100))
    feed_at(story, 6, voice.Transcribed("one", "I want", final=False))
    feed_at(story, 7, voice.Transcribed("one", "I want a table", final=True))
    deltas = events(story, TranscriptDelta)
    assert [when for when, _ in deltas] == [at(4.9), at(4.9)]
    assert [when for when, _ in events(story, TurnCompleted)] == [at(4.9)]


def test_a_turn_that_an_order_ended_began_with_its_speech() -> None:
    story = Story()
    feed_at(story, 8, voice.SpeechStopped("one", 300, 4_000))
    feed_at(story, 9, voice.Transcribed("one", "hello", final=True))
    assert said(story) == [("hello", at(4))]


def test_a_typed_turn_is_said_when_it_comes() -> None:
    story = Story()
    feed_at(story, 2, spoke(item_id="one"))
    feed_at(story, 3, leg.Typed("typed"))
    feed_at(story, 4, voice.SpeechStopped("one"), voice.Transcribed("one", "spoken", final=True))
    assert said(story) == [("spoken", at(2)), ("typed", at(3))]


def test_an_answer_is_said_from_its_first_speech_on() -> None:
    story = Story()
    feed_at(story, 1, CREATE)
    answer = story.asked()
    feed_at(story, 2, voice.ResponseStarted(answer))
    feed_at(story, 3, bridge.TextSent(answer, "Early "))
    feed_at(story, 4, bridge.ResponseAudible(answer))
    feed_at(story, 5, bridge.TextSent(answer, "words"))
    feed_at(story, 6, voice.ResponseDone(answer), bridge.ResponseSent(answer))
    assert said(story) == [("Early words", at(4))]
    feed_at(story, 7, CREATE)
    answer = story.asked()
    feed_at(story, 8, voice.ResponseStarted(answer), bridge.TextSent(answer, "Only text"))
    feed_at(story, 9, voice.ResponseDone(answer), bridge.ResponseSent(answer))
    assert said(story)[1] == ("Only text", at(8))


def test_a_turn_whose_beginning_nobody_told_was_said_when_it_was_read() -> None:
    story = Story()
    feed_at(story, 3, voice.Transcribed("unknown", "hello", final=True))
    assert said(story) == [("hello", at(3))]


def test_a_turn_that_was_cleared_leaves_no_beginning() -> None:
    story = Story()
    feed_at(story, 1, spoke(item_id="one"), leg.ClearRequested(), voice.SpeechStopped("one"))
    story.feed(voice.TurnCleared("one"))
    assert story.call.talk.turns.partial_turns == ()
    assert said(story) == []


def test_turns_that_are_never_read_are_forgotten() -> None:
    story = Story()
    for number in range(MAX_PARTIAL_TURNS + 5):
        feed_at(story, number, spoke(item_id=f"{number}"))
        feed_at(story, number + 0.5, voice.SpeechStopped(f"{number}"))
    assert len(story.call.talk.turns.partial_turns) == MAX_PARTIAL_TURNS


def test_a_begun_turn_is_none_until_it_is_read() -> None:
    story = Story()
    story.feed(spoke(item_id="one"), voice.SpeechStopped("one"), EndOrdered(EndCause.CALLER_LEFT))
    assert story.all(TurnCompleted) == []


@given(st.permutations(range(6)), st.permutations(range(6)))
def test_any_order_of_recognition_gives_the_spoken_order(
    finals: list[int], partials: list[int]
) -> None:
    story = Story()
    for number in range(6):
        feed_at(story, number, spoke(item_id=f"{number}"), voice.SpeechStopped(f"{number}"))
    for number in partials:
        feed_at(story, 10, voice.Transcribed(f"{number}", f"turn {number}", final=False))
    for number in finals:
        feed_at(story, 20, voice.Transcribed(f"{number}", f"turn {number}", final=True))
    assert said(story) == [(f"turn {number}", at(number)) for number in range(6)]
    assert all(line.role is TurnRole.CALLER for line in story.call.talk.turns.lines)
