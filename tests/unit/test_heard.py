"""What was heard of a text, by how much of its speech was played."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringline.domain.bridge import Played, TextSent
from ringline.domain.heard import MAX_PIECES, Alignment, whole_words
from ringline.domain.playout import PlaybackClock, Playout
from tests.talking import speech

WORDS = st.text(st.sampled_from("ab é.…-'\n \u3042\u0e01\u0301\U0001f468\u200d"), max_size=40)
#: Pieces of a response: the length of a text, or the duration of speech.
PARTS = st.lists(
    st.one_of(
        st.tuples(st.just("text"), st.integers(1, 30)),
        st.tuples(st.just("speech"), st.integers(1, 900)),
    ),
    max_size=30,
)


def aligned(*pieces: tuple[float, int]) -> Alignment:
    alignment = Alignment()
    for at_ms, characters in pieces:
        alignment.add(characters, at_ms)
    return alignment


def play(playing: Playout, now_ms: float, *, until_ms: float) -> int:
    """Let time pass; return how many characters were sent."""
    sent = 0
    while True:
        due = playing.take_due(now_ms)
        sent += sum(len(item.delta) for item in due if isinstance(item, TextSent))
        wake_ms = playing.wake_in_ms(now_ms)
        if wake_ms is None or now_ms + wake_ms > until_ms:
            return sent
        now_ms += wake_ms


def test_characters_share_the_speech_of_their_piece_alike() -> None:
    alignment = aligned((0, 10), (1_000, 20))
    heard = [alignment.characters(ms, 2_000) for ms in (0, 99, 100, 999, 1_000, 1_049, 1_050)]
    assert heard == [0, 0, 1, 9, 10, 10, 11]
    assert alignment.characters(2_000, 2_000) == 30


def test_pieces_that_come_together_share_the_speech_after_them() -> None:
    assert aligned((0, 5), (0, 5)).characters(500, 1_000) == 5


def test_text_that_no_speech_follows_was_not_heard() -> None:
    assert aligned((0, 5)).characters(0, 0) == 0
    assert aligned((0, 5), (1_000, 7)).characters(1_000, 1_000) == 5
    assert Alignment().characters(500, 500) == 0


def test_speech_before_any_text_has_none() -> None:
    alignment = aligned((1_000, 10))
    assert [alignment.characters(ms, 2_000) for ms in (500, 1_000, 1_500)] == [0, 0, 5]


def test_of_many_pieces_the_oldest_become_one() -> None:
    alignment = aligned(*((at * 10.0, 2) for at in range(MAX_PIECES + 3)))
    end_ms = (MAX_PIECES + 3) * 10.0
    assert alignment.characters(end_ms, end_ms) == 2 * (MAX_PIECES + 3)
    assert alignment.characters(20, end_ms) == 4, "within the four that became one"
    assert alignment.characters(end_ms - 10, end_ms) == 2 * (MAX_PIECES + 2)


@pytest.mark.parametrize(
    ("text", "characters", "words"),
    [
        ("Hello dear caller", 17, "Hello dear caller"),
        ("Hello dear caller", 16, "Hello dear"),
        ("Hello dear caller", 11, "Hello dear"),
        ("Hello dear caller", 10, "Hello dear"),
        ("Hello dear caller", 5, "Hello"),
        ("Hello dear caller", 4, ""),
        ("Hello dear caller", 0, ""),
        ("Hello ", 6, "Hello"),
        ("Hello", 99, "Hello"),
        ("", 3, ""),
        ("It's 3.14, e-mail", 9, "It's"),
        ("今日は良い天気です", 4, "今日は良"),
        ("สวัสดีครับ", 3, "สวั"),
        ("สวัสดีครับ", 2, "ส"),  # not a letter without its vowel
        ("ok 👨\u200d👩 ok", 4, "ok"),
    ],
)
def test_only_whole_words_count(text: str, characters: int, words: str) -> None:
    assert whole_words(text, characters) == words


@given(WORDS, st.integers(0, 50))
def test_what_was_heard_is_a_true_beginning(text: str, characters: int) -> None:
    words = whole_words(text, characters)
    assert text.startswith(words)
    assert len(words) <= characters
    assert words == words.rstrip()
    assert whole_words(text, len(text)) == text.rstrip()


@given(WORDS, st.integers(0, 50), st.integers(0, 50))
def test_who_hears_more_never_hears_less(text: str, one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert whole_words(text, more).startswith(whole_words(text, less))


@given(PARTS, st.floats(0, 5_000), st.floats(0, 5_000))
def test_the_playout_maps_time_to_text(
    parts: list[tuple[str, int]], one_ms: float, other_ms: float
) -> None:
    """Whatever the voice makes, the clock's answer grows with time, up to what was sent."""
    early_ms, late_ms = sorted((one_ms, other_ms))
    playing = Playout(PlaybackClock(), 400.0)
    playing.start("one")
    for kind, size in parts:
        if kind == "text":
            playing.enqueue_text("one", "x" * size)
        else:
            playing.enqueue_audio("one", speech(size))
    sent = play(playing, 0, until_ms=early_ms)
    before = playing.played(early_ms)
    assert 0 <= before.characters <= sent
    sent += play(playing, early_ms, until_ms=late_ms)
    after = playing.played(late_ms)
    assert after.characters <= sent
    assert after.ms <= late_ms
    assert before.ms <= after.ms
    assert before.characters <= after.characters
    stopped = playing.pause(late_ms)
    assert stopped == after
    assert playing.pause(late_ms + 100) == stopped, "a second interruption changes nothing"


@example(47, 60)
@given(st.integers(2, 60), st.integers(0, 1_200))
def test_a_tone_of_20_ms_a_character_is_cut_where_it_was(length: int, played_ms: int) -> None:
    playing = Playout(PlaybackClock(), 400.0)
    playing.start("one")
    playing.enqueue_text("one", "x" * length)
    playing.enqueue_audio("one", speech(20 * length))
    play(playing, 0, until_ms=played_ms)
    assert playing.pause(played_ms).characters == min(20 * length, played_ms) // 20


def test_speech_that_waits_belongs_to_its_text_too() -> None:
    playing = Playout(PlaybackClock(), 400.0)
    playing.start("one")
    playing.enqueue_text("one", "x" * 100)
    playing.enqueue_audio("one", speech(10_000))
    playing.enqueue_text("one", "y" * 100)
    playing.take_due(0)
    assert playing.pause(300) == Played("one", 300, 3)


def test_a_response_that_was_sent_is_still_played() -> None:
    playing = Playout(PlaybackClock(), 400.0)
    playing.start("one")
    playing.enqueue_text("one", "x" * 10)
    playing.enqueue_audio("one", speech(200))
    playing.finish("one")
    playing.take_due(0)
    assert playing.current is None
    assert playing.played(120) == Played("one", 120, 6)
    assert playing.pause(140) == Played("one", 140, 7)
    playing.start("two")
    assert playing.played(150) == Played("two", 0, 0)


def test_a_leg_that_knows_better_is_believed_about_words_as_well() -> None:
    playing = Playout(PlaybackClock(), 400.0)
    playing.start("one")
    playing.enqueue_text("one", "x" * 20)
    playing.enqueue_audio("one", speech(400))
    playing.take_due(0)
    assert playing.pause(390, unplayed_ms=300) == Played("one", 100, 5)
