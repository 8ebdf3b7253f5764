"""The time line of a recording: what was really heard, when, on both sides; pure.

One sample is a millisecond here, and every chunk has a value of its own, so that a recording
can be compared with what a simulated line has played.
"""

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ringline.domain.agent import Agent
from ringline.domain.audio import Chunk
from ringline.domain.recording import (
    HOLD_MS,
    RATE_HZ,
    Final,
    Flush,
    Heard,
    Intake,
    Note,
    Piece,
    Side,
    Sound,
    Stretch,
    Timeline,
    Track,
    is_recorded,
)
from ringline.services.recording_encoder import Encoder
from ringline.voices.resampling import new_resampler
from ringline.wire.wav import interleave
from tests.samples import new_id
from tests.talking import half_or_double, speech

PER_MS = 1_000  # Hz


def samples(mark: int, duration_ms: int) -> Chunk:
    return Chunk(array("h", [mark] * duration_ms).tobytes(), PER_MS)


def came(at_ms: float, side: Side, chunk: Chunk) -> Stretch:
    """Return a chunk that came by itself."""
    return Stretch(side, at_ms, chunk.duration_ms, chunk.rate_hz, [chunk.pcm])


def noted(chunk: Chunk, at_ms: float, *, from_caller: bool) -> Sound:
    return Sound(from_caller, at_ms, chunk.pcm, chunk.rate_hz)


def played(chunk: Chunk) -> Stretch:
    return came(0.0, Side.AGENT, chunk)


def spread(pieces: list[Piece], until_ms: float) -> list[int]:
    """Return a track as a list of samples, one a millisecond."""
    line = [0] * round(until_ms)
    for piece in pieces:
        start = round(piece.start_ms)
        values = array("h", piece.chunk.pcm)
        assert not any(line[start : start + len(values)]), "two pieces overlap"
        line[start : start + len(values)] = values
    assert len(line) == round(until_ms)
    return line


class Line:
    """A leg that plays what it is sent, a sample a millisecond."""

    def __init__(self) -> None:
        self.played: list[int] = []
        self.waiting: list[int] = []

    def send(self, chunk: Chunk) -> None:
        self.waiting += array("h", chunk.pcm)

    def flush(self) -> int:
        unplayed = len(self.waiting)
        self.waiting.clear()
        return unplayed

    def run(self, duration_ms: int) -> None:
        now, self.waiting = self.waiting[:duration_ms], self.waiting[duration_ms:]
        self.played += now + [0] * (duration_ms - len(now))


_ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("play"), st.integers(1, 400)),
        st.tuples(st.just("flush"), st.booleans()),
        st.tuples(st.just("wait"), st.integers(1, 700)),
        st.tuples(st.just("take"), st.just(0)),
    ),
    max_size=40,
)


@given(_ACTS)
@settings(deadline=None, max_examples=200)
def test_the_agents_track_is_what_the_leg_played(acts: list[tuple[str, int]]) -> None:
    timeline, line, now = Timeline(), Line(), 0
    pieces: list[Piece] = []
    for mark, (act, amount) in enumerate(acts, 1):
        if act == "play":
            chunk = samples(mark, amount)
            timeline.feed([came(now, Side.AGENT, chunk)])
            line.send(chunk)
        elif act == "flush":
            unplayed = line.flush()
            timeline.feed([Flush(now, unplayed if amount else None)])
        elif act == "take":
            final = timeline.take(now)
            assert final.until_ms <= max(0, now - HOLD_MS)
            pieces += final.agent
        else:
            line.run(amount)
            now += amount
    final = timeline.finish(now)
    assert spread(pieces + final.agent, final.until_ms) == line.played


@pytest.mark.parametrize(
    ("unplayed_ms", "heard_ms"),
    [(None, 100), (100, 100), (150, 50), (40, 160), (0, 200), (900, 0)],
)
def test_the_legs_own_figure_counts(unplayed_ms: float | None, heard_ms: int) -> None:
    """It knows how far playback has got; the clock alone would say 100 ms."""
    track = Track()
    track.play(played(samples(7, 200)), 0.0)
    track.cut(100.0, unplayed_ms)
    track.play(played(samples(8, 10)), 300.0)
    line = spread(track.take(400.0), 400)
    assert line == [7] * heard_ms + [0] * (300 - heard_ms) + [8] * 10 + [0] * 90


def test_what_is_final_stays_as_it_is() -> None:
    track = Track()
    track.play(played(samples(7, 200)), 0.0)
    first = track.take(120.0)
    track.cut(130.0, 150.0)  # it says that only 50 ms were played
    track.play(played(samples(8, 10)), 140.0)
    assert spread(first + track.take(150.0), 150) == [7] * 120 + [0] * 20 + [8] * 10


def spoken(jitter: list[int], *, pause: tuple[int, int] = (0, 0)) -> tuple[Timeline, list[int]]:
    """Let a microphone send 20 ms at a time over a network that delays each by its jitter."""
    timeline, true, heard, at, arrival = Timeline(), list[int](), list[Heard](), 0, 0
    for number, delay in enumerate(jitter):
        if number == pause[0]:
            true += [0] * pause[1]
            at += pause[1]
        at += 20
        arrival = max(arrival, at + delay)  # a connection keeps their order
        heard.append(came(arrival, Side.CALLER, samples(number + 1, 20)))
        true += [number + 1] * 20
    timeline.feed(heard)
    return timeline, true


@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=60),
    st.tuples(st.integers(0, 60), st.integers(400, 3_000)),
)
@settings(deadline=None, max_examples=150)
def test_jitter_neither_tears_nor_shifts_what_the_caller_said(
    jitter: list[int], pause: tuple[int, int]
) -> None:
    timeline, true = spoken(jitter, pause=pause)
    final = timeline.finish(len(true))
    line = spread(final.caller, final.until_ms)
    for number in range(1, len(jitter) + 1):
        assert line.count(number) == 20
        late = line.index(number) - true.index(number)
        assert 0 <= late <= max(jitter)
    words = [value for value in line if value]
    assert words == [value for value in true if value]
    if pause[0] == 0 or pause[0] >= len(jitter):
        first, last = line.index(1), max(at for at, value in enumerate(line) if value)
        assert 0 not in line[first : last + 1]


def test_audio_that_the_network_held_back_goes_where_it_was_spoken() -> None:
    stalled = [5] * 10 + [200 - 20 * number for number in range(10)] + [5] * 10
    timeline, true = spoken(stalled)
    final = timeline.finish(len(true))
    line = spread(final.caller, final.until_ms)
    assert [value for value in line if value] == true
    assert line.index(30) - true.index(30) <= 5


def test_a_pause_in_the_callers_audio_is_silence() -> None:
    timeline = Timeline()
    timeline.feed(
        [came(20.0, Side.CALLER, samples(1, 20)), came(1_000.0, Side.CALLER, samples(2, 20))]
    )
    final = timeline.finish(1_200.0)
    assert spread(final.caller, 1_200) == [1] * 20 + [0] * 960 + [2] * 20 + [0] * 200


def test_audio_far_ahead_of_the_clock_is_not_recorded() -> None:
    timeline = Timeline()
    timeline.feed([came(0.0, Side.CALLER, samples(number, 10_000)) for number in range(1, 12)])
    final = timeline.finish(1_000.0)
    assert max(spread(final.caller, final.until_ms)) == 7
    assert final.until_ms == 70_000


def test_a_clock_that_stalls_makes_no_hours_of_silence() -> None:
    timeline = Timeline()
    hour = 3_600_000.0
    timeline.feed([came(0.0, Side.AGENT, samples(1, 100))])
    pieces = timeline.take(500.0).agent
    timeline.feed([came(hour, Side.AGENT, samples(2, 100))])
    final = timeline.finish(hour + 200)
    assert final.until_ms == pytest.approx(500 + 10_000 + 200)
    line = spread(pieces + final.agent, final.until_ms)
    assert line[:100] == [1] * 100
    assert line[-200:] == [2] * 100 + [0] * 100


# What is collected before it is taken.

_COMES = st.lists(
    st.tuples(
        st.sampled_from(["hear", "play", "play", "flush", "take"]),
        st.integers(1, 400),  # how long it is
        st.one_of(st.integers(0, 60), st.integers(0, 700)),  # and how long nothing comes after it
        st.sampled_from([PER_MS, PER_MS, PER_MS, 2 * PER_MS]),
    ),
    max_size=60,
)


@given(_COMES)
@settings(deadline=None, max_examples=300)
def test_chunks_are_joined_as_the_tracks_would_join_them(
    comes: list[tuple[str, int, int, int]],
) -> None:
    intake, joined, single = Intake(), Timeline(), Timeline()
    notes: list[Note] = []
    results: tuple[list[Piece], list[Piece]] = [], []
    now = 0.0
    for mark, (act, amount, pause_ms, rate_hz) in enumerate(comes, 1):
        chunk = Chunk(array("h", [mark] * (amount * rate_hz // PER_MS)).tobytes(), rate_hz)
        match act:
            case "hear":
                now += amount  # a microphone sends what was said until now
                notes.append(noted(chunk, now, from_caller=True))
                single.feed([came(now, Side.CALLER, chunk)])
            case "play":
                notes.append(noted(chunk, now, from_caller=False))
                single.feed([came(now, Side.AGENT, chunk)])
            case "flush":
                notes.append(Flush(now))
                single.feed([Flush(now)])
            case _:
                joined.feed(intake.join(notes))
                notes.clear()
                for timeline, pieces in zip((joined, single), results, strict=True):
                    pieces += timeline.take(now).agent
        now += pause_ms
    joined.feed(intake.join(notes))
    for timeline, pieces in zip((joined, single), results, strict=True):
        pieces += timeline.finish(now).agent
    assert whole(results[0]) == whole(results[1])


def whole(pieces: list[Piece]) -> list[tuple[float, int, bytes]]:
    """Return pieces as start, rate and samples, without what divides audio that goes on."""
    runs: list[tuple[float, int, bytes]] = []
    for piece in pieces:
        start, rate_hz, pcm = runs[-1] if runs else (0.0, 0, b"")
        follows = start + len(pcm) / 2 * 1000 / rate_hz if runs else -1.0
        if rate_hz == piece.chunk.rate_hz and piece.start_ms == pytest.approx(follows):
            runs[-1] = start, rate_hz, pcm + piece.chunk.pcm
        else:
            runs.append((piece.start_ms, piece.chunk.rate_hz, piece.chunk.pcm))
    return [(round(start, 6), rate_hz, pcm) for start, rate_hz, pcm in runs]


def test_a_callers_audio_is_collected_as_one_stretch_while_it_goes_on() -> None:
    intake = Intake()
    came_at = [20, 130, 90, 40, 100, 1_000]  # the last after a pause
    notes = [
        noted(samples(number, 20), at_ms, from_caller=True)
        for number, at_ms in enumerate(came_at, 1)
    ]
    (first, second) = intake.join(notes)
    assert isinstance(first, Stretch)
    assert isinstance(second, Stretch)
    assert (first.at_ms, first.early_ms, len(first.chunks)) == (20.0, 40.0, 5)
    assert (second.at_ms, second.early_ms, len(second.chunks)) == (1_000.0, 0.0, 1)
    assert intake.join([]) == []


def test_speech_far_ahead_of_the_clock_is_not_collected() -> None:
    speech_ahead = [noted(samples(1, 10_000), 0.0, from_caller=False)] * 11
    (stretch,) = Intake().join(speech_ahead)
    assert isinstance(stretch, Stretch)
    assert len(stretch.chunks) == 7


# Who is recorded.


@pytest.mark.parametrize(
    ("enabled", "required", "consent", "recorded"),
    [
        (False, False, True, False),
        (False, True, True, False),
        (True, True, None, False),
        (True, True, False, False),
        (True, True, True, True),
        (True, False, None, True),
        (True, False, False, True),
        (True, False, True, True),
    ],
)
def test_who_is_recorded(
    enabled: bool, required: bool, consent: bool | None, recorded: bool
) -> None:
    agent = Agent(new_id(), "Ann", recording_enabled=enabled, consent_required=required)
    assert is_recorded(structs.replace(agent, workspace_records=True), consent) == recorded
    assert not is_recorded(agent, consent), "the workspace's switch stands above both"
    assert not is_recorded(None, consent)


def test_nobody_is_recorded_by_default() -> None:
    agent = Agent(new_id(), "Ann", workspace_records=True)
    assert not is_recorded(agent, True)
    assert not is_recorded(structs.replace(agent, recording_enabled=True), None)


# Encoding.


def test_the_caller_is_left_and_the_agent_right() -> None:
    encoder = Encoder(half_or_double)
    left, right = speech(20, RATE_HZ, mark=1), speech(20, RATE_HZ, mark=2)
    stereo = encoder.encode(Final([Piece(0.0, left)], [Piece(10.0, right)], 40.0))
    quiet = bytes(320)
    assert stereo == interleave(left.pcm + quiet + quiet, quiet + right.pcm + quiet)


def tone(duration_ms: int, rate_hz: int, hz: int = 400) -> bytes:
    """Return a square-ish tone that survives resampling, and can be found in it."""
    half = rate_hz // hz // 2
    return array(
        "h", [8_000 if at // half % 2 else -8_000 for at in range(duration_ms * rate_hz // 1000)]
    ).tobytes()


def loud_ms(pcm: bytes) -> tuple[float, float]:
    """Return when a track begins and ends to be loud."""
    values = array("h", pcm)
    loud = [at for at, value in enumerate(values) if abs(value) > 2_000]
    return loud[0] * 1000 / RATE_HZ, (loud[-1] + 1) * 1000 / RATE_HZ


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("step_ms", [37.0, 400.0])
def test_resampled_audio_stays_where_it_was_heard(rate_hz: int, step_ms: float) -> None:
    """In steps of any length, with silence before, between and after."""
    track, encoder, stereo = Track(), Encoder(new_resampler), b""
    track.play(played(Chunk(tone(500, rate_hz), rate_hz)), 300.0)
    until = 0.0
    while until < 1_300:
        until += step_ms
        stereo += encoder.encode(Final([], track.take(until), until))
        if 800 <= until < 800 + step_ms:
            track.play(played(Chunk(tone(100, rate_hz), rate_hz)), 1_000.0)
    until += 10.5
    stereo += encoder.finish(Final([], track.take(until), until))
    assert len(stereo) == 4 * round(until * 16)
    left, right = stereo[0::4] + stereo[1::4], bytearray(len(stereo) // 2)
    right[0::2], right[1::2] = stereo[2::4], stereo[3::4]
    assert not any(left)
    first, rest = bytes(right[: 900 * 32]), bytes(right[900 * 32 :])
    assert loud_ms(first) == pytest.approx((300, 800), abs=1.0)
    assert loud_ms(rest) == pytest.approx((100, 200), abs=1.0)


def test_a_side_may_change_its_rate() -> None:
    track, encoder = Track(), Encoder(new_resampler)
    track.play(played(Chunk(tone(200, 24_000), 24_000)), 0.0)
    track.play(played(Chunk(tone(200, 8_000), 8_000)), 0.0)
    track.play(played(Chunk(tone(200, 16_000), 16_000)), 0.0)
    stereo = encoder.finish(Final(track.take(700.0), [], 700.0))
    left = bytearray(len(stereo) // 2)
    left[0::2], left[1::2] = stereo[0::4], stereo[1::4]
    assert loud_ms(bytes(left)) == pytest.approx((0, 600), abs=1.0)
    assert len(left) == 2 * 700 * 16
