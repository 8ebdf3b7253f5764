"""What may leave, and when: the bridge's queue and the leg's playback clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.audio import Chunk
from ringline.domain.bridge import NOTHING, Played, ResponseAudible, ResponseSent, TextSent
from ringline.domain.playout import (
    MAX_WAITING_MS,
    MAX_WAITING_PIECES,
    MAX_WAITING_RESPONSES,
    MAX_WAITING_TEXT,
    Outgoing,
    PlaybackClock,
    Playout,
)
from tests.talking import OUTPUT_HZ, has_gap, most_ahead_ms, speech

LEAD_MS = 400.0


def playout() -> Playout:
    return Playout(PlaybackClock(), LEAD_MS)


def chunks(leaving: list[Outgoing]) -> list[Chunk]:
    return [item for item in leaving if isinstance(item, Chunk)]


def drain(playing: Playout, now_ms: float = 0.0) -> list[tuple[float, Outgoing]]:
    """Let time pass until nothing more leaves by itself; return what left, with seconds."""
    left: list[tuple[float, Outgoing]] = []
    while True:
        left += [(now_ms / 1000, item) for item in playing.take_due(now_ms)]
        wake_in_ms = playing.wake_in_ms(now_ms)
        if wake_in_ms is None:
            return left
        now_ms += wake_in_ms


def played(left: list[tuple[float, Outgoing]]) -> list[tuple[float, Chunk]]:
    return [(at, item) for at, item in left if isinstance(item, Chunk)]


def test_nothing_leaves_before_its_response_is_admitted() -> None:
    playing = playout()
    playing.enqueue_audio("one", speech(100))
    assert playing.take_due(0) == []
    playing.start("one")
    assert playing.take_due(0) == [ResponseAudible("one"), speech(100)]


def test_speech_leaves_as_it_came_if_it_is_short() -> None:
    playing = playout()
    chunk = Chunk(b"\1\0" * 2400, OUTPUT_HZ, b"AQA=")
    playing.start("one")
    playing.enqueue_audio("one", chunk)
    (leaving,) = chunks(playing.take_due(0))
    assert leaving is chunk


@given(
    st.lists(st.floats(1, 3000), min_size=1, max_size=20),
    st.sampled_from([40.0, 100.0, 400.0, 1000.0]),
)
def test_speech_leaves_whole_gapless_and_never_further_ahead(
    durations: list[float], lead_ms: float
) -> None:
    playing = Playout(PlaybackClock(), lead_ms)
    made = [speech(duration, mark=number + 1) for number, duration in enumerate(durations)]
    for chunk in made:
        playing.enqueue_audio("one", chunk)
    playing.finish("one")
    playing.start("one")
    left = drain(playing)
    sent = played(left)
    assert b"".join(chunk.pcm for _, chunk in sent) == b"".join(chunk.pcm for chunk in made)
    assert most_ahead_ms(sent) <= lead_ms + 1e-6
    assert not has_gap(sent)
    assert left[0][1] == ResponseAudible("one")
    assert left[-1][1] == ResponseSent("one", playing=True)


def test_what_is_already_ahead_counts_for_the_next_response() -> None:
    playing = playout()
    for response in ("one", "two"):
        playing.enqueue_audio(response, speech(350))
        playing.finish(response)
    playing.start("one")
    assert playing.take_due(0)[-1] == ResponseSent("one", playing=True)
    playing.start("two")
    assert len(chunks(playing.take_due(0))) == 0
    assert playing.wake_in_ms(0) == pytest.approx(125)


def test_text_leaves_with_the_speech_that_follows_it() -> None:
    playing = playout()
    playing.start("one")
    for number in range(3):
        playing.enqueue_text("one", f"{number} ")
        playing.enqueue_audio("one", speech(200, mark=number + 1))
    assert playing.take_due(0) == [
        TextSent("one", "0 "),
        ResponseAudible("one"),
        speech(200, mark=1),
        TextSent("one", "1 "),
        speech(200, mark=2),
        TextSent("one", "2 "),
    ]
    assert playing.take_due(199) == []
    assert playing.take_due(200) == [speech(200, mark=3)]


def test_a_response_without_speech_is_played_out_at_once() -> None:
    playing = playout()
    playing.enqueue_text("one", "only text")
    playing.finish("one")
    playing.start("one")
    assert playing.take_due(0) == [TextSent("one", "only text"), ResponseSent("one")]
    assert playing.current is None
    assert playing.wake_in_ms(0) is None


def test_an_interruption_stops_it_and_tells_what_was_played() -> None:
    playing = playout()
    playing.start("one")
    playing.enqueue_audio("one", speech(1000))
    playing.take_due(0)
    assert playing.pause(150) == Played("one", 150)
    assert playing.take_due(10_000) == []
    assert playing.wake_in_ms(10_000) is None
    assert playing.clock.lead_ms(150) == 0, "the leg is flushed"


def test_what_was_played_cannot_be_more_than_what_was_sent() -> None:
    playing = playout()
    playing.start("one")
    playing.enqueue_audio("one", speech(100))
    playing.take_due(0)
    assert playing.pause(9_000) == Played("one", 100)


def test_a_leg_that_knows_what_it_played_is_believed() -> None:
    playing = playout()
    playing.start("one")
    playing.enqueue_audio("one", speech(1000))
    sent_ms = sum(chunk.duration_ms for chunk in chunks(playing.take_due(0)))
    assert playing.played(150, unplayed_ms=sent_ms + 1) == Played("one", 0)
    assert playing.pause(150, unplayed_ms=sent_ms - 90) == Played("one", 90)
    assert playing.pause(200, unplayed_ms=0) == Played("one", 90), "it was stopped already"


def test_a_client_may_say_what_it_has_played() -> None:
    playing = playout()
    playing.start("one")
    playing.enqueue_text("one", "word" * 10)
    playing.enqueue_audio("one", speech(200))
    playing.take_due(0)
    playing.told(50, now_ms=10)
    assert playing.played(10) == Played("one", 50, 10)
    assert playing.pause(110).ms == 150, "it goes on from there"
    playing.told(10, now_ms=120)
    assert playing.played(500).ms == 150, "what was stopped is not revised"


@pytest.mark.parametrize(("told_ms", "played_ms"), [(-5, 0), (10_000, 200)])
def test_a_client_cannot_have_played_what_was_not_sent(told_ms: float, played_ms: int) -> None:
    playing = playout()
    playing.told(told_ms, now_ms=0)
    assert playing.played(0) == NOTHING
    playing.start("one")
    playing.enqueue_audio("one", speech(200))
    playing.take_due(0)
    playing.told(told_ms, now_ms=0)
    assert playing.played(0).ms == played_ms


def test_nothing_was_played_where_nothing_plays() -> None:
    assert playout().pause(5) == NOTHING


def test_the_next_response_plays_although_the_last_one_was_interrupted() -> None:
    playing = playout()
    playing.start("one")
    playing.enqueue_audio("one", speech(100))
    playing.pause(0)
    playing.drop("one")
    playing.start("two")
    playing.enqueue_audio("two", speech(100, mark=2))
    assert chunks(playing.take_due(0)) == [speech(100, mark=2)]


def test_a_dropped_response_leaves_nothing_more_however_late_it_comes() -> None:
    playing = playout()
    playing.start("one")
    playing.enqueue_audio("one", speech(1000))
    playing.take_due(0)
    assert playing.drop("one"), "the leg has some of it"
    playing.enqueue_audio("one", speech(100))
    playing.enqueue_text("one", "late")
    playing.finish("one")
    assert playing.take_due(1_000) == []


def test_dropping_asks_for_a_flush_only_where_the_leg_has_speech_that_it_may_play() -> None:
    playing = playout()
    playing.enqueue_audio("waiting", speech(100))
    assert not playing.drop("waiting")
    playing.start("one")
    playing.enqueue_audio("one", speech(100))
    playing.take_due(0)
    playing.pause(0)
    assert not playing.drop("one"), "the interruption has flushed it"


def test_more_than_five_minutes_do_not_wait() -> None:
    playing = playout()
    for _ in range(31):
        playing.enqueue_audio("one", speech(10_000))
    assert playing.dropped_ms == 10_000
    playing.finish("one")
    playing.start("one")
    sent = played(drain(playing))
    assert sum(chunk.duration_ms for _, chunk in sent) == pytest.approx(MAX_WAITING_MS)


def test_text_beyond_the_bound_is_dropped_and_counted() -> None:
    playing = playout()
    piece = "\N{EURO SIGN}" * 1_000
    for _ in range(MAX_WAITING_TEXT // 3_000 + 2):
        playing.enqueue_text("one", piece)
    assert playing.dropped_bytes == 2 * 3_000
    playing.finish("one")
    playing.start("one")
    left = playing.take_due(0)
    assert left == [TextSent("one", piece)] * (len(left) - 1) + [ResponseSent("one")]
    assert MAX_WAITING_TEXT - 3_000 < (len(left) - 1) * 3_000 <= MAX_WAITING_TEXT


def test_text_that_has_left_makes_room() -> None:
    playing = playout()
    playing.start("one")
    for _ in range(40):
        playing.enqueue_text("one", "x" * (MAX_WAITING_TEXT // 2))
        assert len(playing.take_due(0)) == 1
    assert playing.dropped_bytes == 0


def test_pieces_of_no_length_are_bounded_too() -> None:
    playing = playout()
    for _ in range(MAX_WAITING_PIECES + 5):
        playing.enqueue_text("one", "x")
        playing.enqueue_text("one", "")
    playing.enqueue_audio("one", speech(20))
    assert playing.dropped_bytes == 5
    assert playing.dropped_ms == 20
    for _ in range(5):
        playing.finish("one")
    playing.start("one")
    assert len(playing.take_due(0)) == MAX_WAITING_PIECES + 1


def test_responses_that_are_never_admitted_are_forgotten() -> None:
    playing = playout()
    playing.start("running")
    for number in range(MAX_WAITING_RESPONSES + 10):
        playing.enqueue_text(f"{number}", "hello")
        playing.finish(f"{number}")
    playing.enqueue_text("running", "still here")
    assert playing.take_due(0) == [TextSent("running", "still here")]
    playing.finish("running")
    assert playing.take_due(0) == [ResponseSent("running")]
    kept = f"{MAX_WAITING_RESPONSES + 9}"
    playing.start(kept)
    assert playing.take_due(0) == [TextSent(kept, "hello"), ResponseSent(kept)]
    playing.start("10")  # forgotten, and yet its end comes
    assert playing.take_due(0) == [ResponseSent("10")]


def test_what_has_left_makes_room() -> None:
    playing = playout()
    playing.start("one")
    now_ms = 0.0
    for _ in range(40):
        playing.enqueue_audio("one", speech(10_000))
        drain(playing, now_ms)
        now_ms += 10_000
    assert playing.dropped_ms == 0


def test_the_clock_counts_what_must_have_been_played() -> None:
    clock = PlaybackClock()
    clock.sent(300, 1_000)
    assert (clock.lead_ms(1_000), clock.played_ms(1_000)) == (300, 0)
    assert (clock.lead_ms(1_100), clock.played_ms(1_100)) == (200, 100)
    assert (clock.lead_ms(2_000), clock.played_ms(2_000)) == (0, 300)
    clock.sent(300, 5_000)  # after a silence
    assert clock.played_ms(5_100) == 400
    clock.restart()
    assert clock.played_ms(5_300) == 0


def test_speech_at_the_pace_of_a_call_needs_no_queue() -> None:
    playout = Playout(PlaybackClock(), 400)
    assert not playout.send_now("r", speech(40), now_ms=0), "it has not been started"
    playout.start("r")
    assert not playout.send_now("r", speech(40), now_ms=0), "that it is audible is reported first"
    playout.enqueue_audio("r", speech(40))
    playout.take_due(0)
    assert not playout.send_now("other", speech(40), now_ms=0)
    sent = 0
    while playout.send_now("r", speech(40), now_ms=0):
        sent += 1
    assert sent == 9, "as far ahead of the clock as anything"
    assert playout.send_now("r", speech(40), now_ms=40)
    assert not playout.send_now("r", speech(201), now_ms=1_000), "it has to be cut"
    playout.enqueue_text("r", "after")
    assert not playout.send_now("r", speech(40), now_ms=1_000), "the text is before it"
    playout.take_due(1_000)
    assert playout.send_now("r", speech(40), now_ms=1_000)
    playout.pause(1_000)
    assert not playout.send_now("r", speech(40), now_ms=1_000)
    assert playout.clock.sent_ms == 12 * 40
