"""A call as its caller lives it: playing, flushing, turns, latencies, when it is over."""

from array import array

from ringline.cli.lines import describe_note
from ringline.client.conversation import (
    AnswerBegan,
    Answered,
    CallerStarted,
    Conversation,
    Ended,
    Heard,
    LimitNear,
    Note,
)
from ringline.client.frames import (
    AudioDelta,
    ErrorDetail,
    ResponseCompleted,
    ResponseStarted,
    ServerEvent,
    SessionTerminating,
    SessionWarning,
    SpeechStarted,
    SpeechStopped,
    TextDelta,
    TranscriptCommitted,
)
from ringline.client.playback import MAX_AHEAD_MS, PlaybackLine
from ringline.client.recording import make_recording
from ringline.client.sound import Piece
from ringline.domain.latency import Latency

HZ = 1000  # a sample is a millisecond
SPOKEN, QUIET = Piece(b"", spoken=True), Piece(b"", spoken=False)


def sound(value: int, duration_ms: int) -> bytes:
    return array("h", [value] * duration_ms).tobytes()


def samples(pcm: bytes) -> list[int]:
    return array("h", pcm).tolist()


class Call:
    """A conversation and the notes it has told."""

    def __init__(self) -> None:
        self.line = PlaybackLine(HZ)
        self.conversation = Conversation(self.line)
        self.notes: list[Note] = []

    def hear(self, now_ms: float, *events: ServerEvent) -> None:
        for event in events:
            self.notes += self.conversation.hear(event, now_ms)


def test_speech_follows_what_is_playing_and_silence_is_kept() -> None:
    line = PlaybackLine(HZ)
    line.play(sound(1, 3), 2)
    line.play(sound(2, 2), 3)  # arrives early: played behind the first
    line.play(sound(3, 1), 9)
    assert samples(line.heard()) == [0, 0, 1, 1, 1, 2, 2, 0, 0, 3]
    assert line.left_ms(9) == 1
    assert line.left_ms(10) == 0


def test_a_flush_cuts_what_was_not_played() -> None:
    line = PlaybackLine(HZ)
    line.play(sound(1, 10), 0)
    assert line.flush(4) == 6
    assert line.flush(4) == 0
    line.play(sound(2, 1), 5)
    assert samples(line.heard()) == [1, 1, 1, 1, 0, 2]


def test_nobody_speaks_for_minutes_ahead() -> None:
    line = PlaybackLine(HZ)
    line.play(sound(1, MAX_AHEAD_MS + 1), 0)
    line.play(sound(2, 5), 0)
    assert line.ends_at_ms == MAX_AHEAD_MS + 1


def test_the_recording_is_stereo_on_one_clock() -> None:
    wav = make_recording(sound(7, 2), HZ, heard=sound(1, 3), heard_hz=HZ)
    assert (wav.channels, wav.rate_hz) == (2, HZ)
    assert samples(wav.pcm) == [7, 1, 7, 1, 0, 1]


def test_both_sides_of_a_recording_last_as_long_at_unequal_rates() -> None:
    wav = make_recording(sound(100, 1000), 1000, heard=sound(50, 2000), heard_hz=2000)
    assert wav.rate_hz == 2000
    assert wav.duration_ms == 1000


def test_a_turn_its_answer_and_its_latency() -> None:
    call = Call()
    call.conversation.speak(SPOKEN, 100)
    call.conversation.speak(QUIET, 120)
    call.hear(90, SpeechStarted())
    call.hear(600, SpeechStopped(), TranscriptCommitted("what time is it"), ResponseStarted())
    call.hear(700, TextDelta("Noon"), AudioDelta(sound(1, 50)), TextDelta("."))
    took = Latency(total_ms=590, voice_ms=588, gateway_ms=2)
    call.hear(720, AudioDelta(sound(1, 50)), ResponseCompleted(latency=took))
    (turn,) = call.conversation.turns
    assert turn.ledger == took
    assert (turn.heard, turn.answer, turn.latency_ms) == ("what time is it", "Noon.", 600)
    assert turn.interrupted_after_ms is None
    assert [type(note) for note in call.notes[2:]] == [Heard, AnswerBegan, Answered]


def test_a_greeting_has_no_latency() -> None:
    call = Call()
    call.hear(5, ResponseStarted(), AudioDelta(sound(1, 10)), ResponseCompleted())
    (turn,) = call.conversation.turns
    assert (turn.heard, turn.latency_ms) == (None, None)
    assert not call.conversation.greeting_is_over(10, patience_ms=0)
    assert call.conversation.greeting_is_over(15, patience_ms=0)


def test_an_agent_that_does_not_greet_is_not_waited_for() -> None:
    conversation = Conversation(PlaybackLine(HZ))
    assert not conversation.greeting_is_over(99, patience_ms=100)
    assert conversation.greeting_is_over(100, patience_ms=100)


def test_an_interruption_silences_the_agent() -> None:
    call = Call()
    call.hear(100, ResponseStarted(), AudioDelta(sound(1, 400)))
    call.hear(250, SpeechStarted())
    call.hear(251, ResponseCompleted())
    (turn,) = call.conversation.turns
    assert (turn.interrupted_after_ms, turn.cut_ms) == (150, 250)
    assert CallerStarted(250, 250) in call.notes
    assert len(samples(call.line.heard())) == 250


def test_speaking_after_the_answer_is_no_interruption() -> None:
    call = Call()
    call.hear(0, ResponseStarted(), AudioDelta(sound(1, 100)), ResponseCompleted())
    call.hear(101, SpeechStarted())
    assert call.conversation.turns[0].interrupted_after_ms is None


def test_a_late_transcript_belongs_to_the_answer_that_has_begun() -> None:
    call = Call()
    call.conversation.speak(SPOKEN, 10)
    call.hear(20, SpeechStarted(), SpeechStopped(), ResponseStarted())
    call.hear(30, TranscriptCommitted("hello there"), AudioDelta(sound(1, 1)))
    (turn,) = call.conversation.turns
    assert (turn.heard, turn.latency_ms) == ("hello there", 20)


def test_when_a_call_is_over() -> None:
    call = Call()
    settled = call.conversation.is_settled
    assert settled(2_000)
    call.hear(0, SpeechStarted())
    assert not settled(60_000)  # the caller speaks
    call.hear(60_000, SpeechStopped())
    assert not settled(69_999)  # an answer is due
    assert settled(70_001)  # none will come
    call.hear(61_000, ResponseStarted(), AudioDelta(sound(1, 500)))
    assert not settled(99_000)  # the agent speaks
    call.hear(61_100, ResponseCompleted())
    assert not settled(61_499)  # it is still to be heard
    assert not settled(63_499)
    assert settled(63_500)


def test_a_farewell_ends_it() -> None:
    call = Call()
    call.hear(1, SessionTerminating(ErrorDetail("call_ended", "bye")))
    assert call.conversation.ended == Ended("call_ended", "bye")


def test_a_limit_that_is_near_is_told() -> None:
    call = Call()
    call.hear(1, SessionWarning("max_duration", 12.5))
    (note,) = call.notes
    assert note == LimitNear("max_duration", 12.5)
    assert describe_note(note) == "  The call nears its limit (max_duration): 12.5 left"
