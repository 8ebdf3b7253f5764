"""The transcripts of turns whose provider never says that one has ended."""

from ringline.domain import voice_limits
from ringline.domain.voice import Transcribed
from ringline.voices.caller_words import CallerWords


def words() -> tuple[CallerWords, list[Transcribed]]:
    reported: list[Transcribed] = []
    return CallerWords(reported.append), reported


def partial(item_id: str, text: str) -> Transcribed:
    return Transcribed(item_id, text, final=False)


def final(item_id: str, text: str) -> Transcribed:
    return Transcribed(item_id, text, final=True)


def test_words_grow_and_are_final_when_the_model_answers() -> None:
    caller, reported = words()
    caller.begin("i1")
    caller.add(" what is", finished=False)
    caller.add(" the time? ", finished=False)
    caller.answer_began()
    caller.answer_produced()
    assert reported == [
        partial("i1", "what is"),
        partial("i1", "what is the time? "),
        final("i1", "what is the time?"),
    ]


def test_words_are_final_when_the_service_says_so() -> None:
    caller, reported = words()
    caller.begin("i1")
    caller.add("yes", finished=True)
    caller.answer_began()
    assert reported == [final("i1", "yes")]


def test_words_that_come_with_the_answer_are_final_once_it_is_produced() -> None:
    caller, reported = words()
    caller.begin("i1")
    caller.answer_began()
    caller.add("what is", finished=False)
    caller.add(" this", finished=False)
    caller.answer_produced()
    assert reported[-1] == final("i1", "what is this")


def test_words_after_the_final_ones_are_another_item() -> None:
    caller, reported = words()
    caller.begin("i1")
    caller.add("what is", finished=False)
    caller.answer_began()
    caller.add(" this", finished=False)
    caller.add("", finished=False)
    caller.answer_produced()
    late = reported[-1]
    assert (late.text, late.final) == ("this", True)
    assert late.item_id not in ("", "i1")


def test_a_turn_that_nobody_could_read_is_empty() -> None:
    caller, reported = words()
    caller.begin("i1")
    caller.answer_began()
    caller.answer_produced()
    caller.begin("i2")
    caller.begin("i3")  # nor was it answered
    assert reported == [final("i1", ""), final("i2", "")]


def test_an_answer_to_something_else_does_not_end_a_turn_that_goes_on() -> None:
    caller, reported = words()
    caller.begin("i1")
    caller.answer_produced()  # of the turn that this one interrupts
    caller.add("but", finished=False)
    assert reported == [partial("i1", "but")]


def test_words_of_a_cleared_turn_are_dropped_until_the_next() -> None:
    caller, reported = words()
    caller.begin("i1")
    caller.add("never", finished=False)
    caller.drop()
    caller.add(" mind", finished=False)
    caller.begin("i2")
    caller.add("well", finished=True)
    assert reported == [partial("i1", "never"), final("i2", "well")]


def test_silence_opens_no_item() -> None:
    caller, reported = words()
    caller.add("  ", finished=False)
    caller.add("", finished=True)
    caller.answer_produced()
    assert reported == []


def test_a_flood_of_words_is_bounded() -> None:
    caller, reported = words()
    caller.begin("i1")
    most = voice_limits.UPSTREAM_TRANSCRIPT_CHARACTERS.most
    for _ in range(5):
        caller.add("x" * (most // 2), finished=False)
    caller.finish()
    assert len(reported[-1].text) == most
    assert len(reported) == 3, "nothing is reported that adds nothing"
