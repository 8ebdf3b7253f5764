"""A call's recorder on the bridge, in virtual time: it records what the leg has played.

The leg plays late by as much as it likes, and may know what it has not played. Whatever is
said and interrupted meanwhile, the recording holds the samples that the leg has played, when
it played them.
"""

import asyncio
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.domain import leg, voice
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import ParticipantRole, TurnRole
from ringline.domain.events import CallAudit, TurnCompleted
from ringline.domain.recording import Intake, Note, Piece, RecordingFailure, Timeline
from ringline.domain.routes import Seat
from ringline.ports import StoreUnavailable
from ringline.services.recording_writer import RecordingListener
from ringline.services.recordings import Recordings
from ringline.voices.mock import open_echo
from tests.house import House, run
from tests.samples import NOW
from tests.talking import INPUT_HZ, ScriptedLeg, ScriptedVoice, speech
from tests.voice_desk import hum

PER_MS = 1_000  # Hz: a sample is a millisecond
VOICE = voice.VoiceCapabilities(PER_MS, PER_MS, ("one",), "one")


@dataclass
class Reel:
    """A recording in memory, and what its listener was told."""

    listener: RecordingListener
    intake: Intake = field(default_factory=Intake)
    timeline: Timeline = field(default_factory=Timeline)
    caller: list[Piece] = field(default_factory=list)
    agent: list[Piece] = field(default_factory=list)
    ended_ms: float | None = None

    def lines(self) -> tuple[list[int], list[int]]:
        assert self.ended_ms is not None
        return spread(self.caller, self.ended_ms), spread(self.agent, self.ended_ms)


class Reels:
    """A writer that does the thread's work at once."""

    def __init__(self) -> None:
        self.all: list[Reel] = []
        self.written = 0

    def begin(self, call_id: UUID, listener: RecordingListener) -> Reel:
        self.all.append(Reel(listener))
        return self.all[-1]

    def write(self, reel: Reel, notes: Sequence[Note], *, now_ms: float) -> None:
        self.written += len(notes)
        reel.timeline.feed(reel.intake.join(notes))
        final = reel.timeline.take(now_ms)
        reel.caller += final.caller
        reel.agent += final.agent

    def end(self, reel: Reel, now_ms: float) -> None:
        final = reel.timeline.finish(now_ms)
        reel.caller += final.caller
        reel.agent += final.agent
        reel.ended_ms = final.until_ms


class Notes:
    """What calls' rows say of their recordings, in memory."""

    def __init__(self) -> None:
        self.durations: dict[UUID, int | None] = {}
        self.refuse = False

    async def note(self, durations: Mapping[UUID, int | None]) -> None:
        if self.refuse:
            raise StoreUnavailable
        self.durations |= durations

    async def keep_only(self, kept: Any) -> None:
        raise AssertionError("nobody surveys")


def recordings_of(reels: Reels) -> Recordings:
    return Recordings(cast(Any, reels), Notes())


def spread(pieces: list[Piece], until_ms: float) -> list[int]:
    line = [0] * round(until_ms + 1)
    for piece in pieces:
        start, values = round(piece.start_ms), array("h", piece.chunk.pcm)
        line[start : start + len(values)] = values
    return line


def runs_of(line: list[int]) -> list[tuple[int, int, int]]:
    """Return where each run of a value begins, the value and its length; silence is left out.

    Times need not be whole milliseconds, so that runs of a sample or two are rounding.
    """
    runs: list[list[int]] = []
    for at, value in enumerate(line):
        if value and runs and runs[-1][1] == value and sum(runs[-1][::2]) == at:
            runs[-1][2] += 1
        elif value:
            runs.append([at, value, 1])
    return [(at, value, count) for at, value, count in runs if count > 2]


class LateLeg(ScriptedLeg):
    """A leg that plays everything `late_ms` later than it could, and may know it."""

    def __init__(self, late_ms: int, *, knows: bool) -> None:
        super().__init__(input_hz=PER_MS, output_hz=PER_MS)
        self.late_ms = late_ms
        self.knows = knows
        self._line: dict[int, int] = {}
        self._end_ms = 0.0

    def play(self, chunk: Chunk) -> None:
        super().play(chunk)
        start = max(self._end_ms, now_ms() + self.late_ms)
        for offset, value in enumerate(array("h", chunk.pcm)):
            self._line[round(start) + offset] = value
        self._end_ms = start + len(chunk.pcm) / 2

    def flush(self) -> float | None:
        super().flush()
        unplayed = max(0.0, self._end_ms - now_ms())
        unplayed = min(unplayed, sum(at >= now_ms() for at in self._line))
        self._line = {at: value for at, value in self._line.items() if at < now_ms()}
        self._end_ms = min(self._end_ms, now_ms())
        return unplayed if self.knows else None

    def played(self, until_ms: float) -> list[int]:  # type: ignore[override]
        return [self._line.get(at, 0) for at in range(round(until_ms + 1))]


def now_ms() -> float:
    """Return the time without the errors of adding up fractions of seconds."""
    return round(asyncio.get_running_loop().time() * 1000, 3)


_ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(20, 1_500)),
        st.tuples(st.just("wait"), st.integers(1, 900)),
        st.tuples(st.just("speak over"), st.just(0)),
        st.tuples(st.just("cancel"), st.just(0)),
        st.tuples(st.just("operator"), st.integers(10, 100)),
    ),
    max_size=12,
)


class Talk:
    """A recorded call whose voice, caller and operator do as a test says."""

    def __init__(self, house: House, line: LateLeg) -> None:
        house.capabilities = VOICE
        self.house = house
        self.line = line
        self.live = house.start_on(line, recorded=True)
        self.mark = 0

    async def begin(self) -> None:
        await asyncio.sleep(1)
        operator = ScriptedLeg(input_hz=PER_MS, output_hz=PER_MS)
        role = ParticipantRole.SUPERVISOR
        listener = await self.live.join(operator, Seat.BARGE, member="ann", role=role)
        assert listener is not None
        self.operator = listener

    @property
    def voice(self) -> ScriptedVoice:
        return self.house.voices[0]

    async def act(self, act: str, amount: int) -> None:
        self.mark += 1
        match act:
            case "say":
                self.live.listener.on_leg_signal(leg.ResponseRequested())
                await asyncio.sleep(0.001)
                asked = [one for one in self.voice.orders if isinstance(one, voice.Respond)]
                if asked:
                    spoken = speech(amount, PER_MS, mark=self.mark)
                    self.voice.say(asked[-1].response_id, spoken, text="x")
            case "speak over":
                item_id = f"item_{self.mark}"
                for signal in (
                    voice.SpeechStarted(item_id),
                    voice.SpeechStopped(item_id),
                    voice.Transcribed(item_id, "but", final=True),
                ):
                    self.voice.listener.on_voice_signal(signal)
            case "cancel":
                self.live.listener.on_leg_signal(leg.CancelRequested())
            case "operator":
                self.operator.on_leg_audio(speech(amount, PER_MS, mark=self.mark))
            case _:
                await asyncio.sleep(amount / 1000)
        await asyncio.sleep(0)


@given(_ACTS, st.booleans(), st.integers(0, 200))
@settings(deadline=None, max_examples=40)
def test_the_recording_is_what_the_leg_played(
    acts: list[tuple[str, int]], knows: bool, late_ms: int
) -> None:
    reels, late = Reels(), late_ms if knows else 0

    async def main(house: House) -> None:
        line = LateLeg(late, knows=knows)
        talk = Talk(house, line)
        answered_ms = 100.0  # the voice has opened
        await talk.begin()
        for act, amount in acts:
            await talk.act(act, amount)
        await asyncio.sleep(3)
        played = line.played(now_ms())
        talk.live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(0.1)
        (reel,) = reels.all
        caller, agent = reel.lines()
        assert not any(caller)
        recorded, true = runs_of(agent), runs_of(played)
        assert [value for _, value, _ in recorded] == [value for _, value, _ in true]
        for (at, _, count), (heard, _, long) in zip(recorded, true, strict=True):
            assert heard - late - answered_ms == pytest.approx(at, abs=1)
            assert count == pytest.approx(long, abs=2)

    run(main, recordings_of(reels))


# Stored text, streamed text and recording, held against one another.

_CHARACTER_MS = 20  # of the tone of `mock/echo`
_PIECE_MS = 100  # in which it speaks


class JitteryLeg(ScriptedLeg):
    """A leg whose own figure of what it discarded differs from the clock's."""

    def __init__(self, jitter_ms: Sequence[int]) -> None:
        super().__init__(input_hz=24_000, output_hz=24_000)
        self._jitter = cycle(jitter_ms)
        self._end_ms = self._sent_ms = 0.0

    def play(self, chunk: Chunk) -> None:
        super().play(chunk)
        self._end_ms = max(self._end_ms, now_ms()) + chunk.duration_ms
        self._sent_ms += chunk.duration_ms

    def flush(self) -> float | None:
        super().flush()
        left_ms = max(0.0, self._end_ms - now_ms())
        self._end_ms = min(self._end_ms, now_ms())
        if not left_ms:
            return 0.0
        return min(self._sent_ms, left_ms + next(self._jitter))


def loud_between(pieces: list[Piece], since_ms: float, until_ms: float) -> float:
    """Return how long a track is loud within a time, in milliseconds."""
    loud = 0
    for piece in pieces:
        values, per_ms = array("h", piece.chunk.pcm), piece.chunk.rate_hz / 1000
        first = max(0, round((since_ms - piece.start_ms) * per_ms))
        last = max(0, round((until_ms - piece.start_ms) * per_ms))
        window = round(5 * per_ms)
        within = values[first:last]
        loud += 5 * sum(
            max(map(abs, within[at : at + window])) > 1_000 for at in range(0, len(within), window)
        )
    return loud


_WORDS = st.lists(st.integers(1, 9).map(lambda length: "w" * length), min_size=1, max_size=12)
_SPOKEN = st.lists(
    st.tuples(
        _WORDS.map(" ".join),
        st.one_of(st.none(), st.integers(0, 1_800)),  # when it is interrupted, if at all
        st.booleans(),  # by the client, or by what the caller says
    ),
    min_size=1,
    max_size=4,
)


@given(_SPOKEN, st.lists(st.integers(-60, 120), min_size=1, max_size=5))
@settings(deadline=None, max_examples=25)
def test_the_texts_say_what_is_heard_in_the_recording(
    spoken: list[tuple[str, int | None, bool]], jitter_ms: list[int]
) -> None:
    reels = Reels()

    async def main(house: House) -> None:
        house.opens = open_echo
        line = JitteryLeg(jitter_ms)
        live = house.start_on(line, recorded=True)
        await asyncio.sleep(1)
        spans: list[tuple[float, float]] = []
        for text, cut_ms, by_client in spoken:
            began_ms = round(now_ms(), 3)  # as events have it, to the microsecond
            live.listener.on_leg_signal(leg.Typed(text))
            live.listener.on_leg_signal(leg.ResponseRequested())
            await asyncio.sleep(5 if cut_ms is None else cut_ms / 1000)
            if cut_ms is not None and by_client:
                live.listener.on_leg_signal(leg.CancelRequested())
            elif cut_ms is not None:
                live.listener.on_leg_audio(Chunk(hum(100, 24_000), 24_000))
            await asyncio.sleep(0.5)
            spans.append((began_ms, now_ms()))
            await asyncio.sleep(8)  # what answers the caller's words is not asked about
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        (reel,) = reels.all
        told = [
            (one.event.data, round((one.event.occurred_at - NOW).total_seconds() * 1000, 3))
            for one in house.memory.logs[live.new.scope]
        ]
        streamed = "".join(one.delta for one in line.news if isinstance(one, leg.AgentSaid))
        turns = [
            (one, began_ms)
            for one, began_ms in told
            if isinstance(one, TurnCompleted) and one.role is TurnRole.AGENT
        ]
        assert streamed == "".join(one.text for one, _ in turns)
        for (text, _, _), (since, until) in zip(spoken, spans, strict=True):
            heard_ms = loud_between(reel.agent, since, until)  # it was answered at once, at 0
            whole, said = f"echo: {text}", ""
            for turn in [one for one, began_ms in turns if since <= began_ms < until]:
                assert whole.startswith(turn.text)
                said = turn.text if turn.spoken_text is None else turn.spoken_text
                assert turn.text.startswith(said)
            said_ms = len(said) / len(whole) * len(text) * _CHARACTER_MS
            word_ms = 11 / len(whole) * len(text) * _CHARACTER_MS
            assert said_ms - _PIECE_MS <= heard_ms <= said_ms + word_ms + _PIECE_MS

    run(main, recordings_of(reels))


# What a call does with its recorder.


def test_a_call_is_recorded_from_its_answer_to_its_end() -> None:
    reels = Reels()

    async def main(house: House) -> None:
        line = LateLeg(0, knows=False)
        talk = Talk(house, line)
        await asyncio.sleep(0.05)
        assert reels.all == []
        await talk.begin()
        (reel,) = reels.all
        talk.live.listener.on_leg_audio(speech(40, PER_MS, mark=3))
        await talk.act("say", 500)
        await asyncio.sleep(0.3)
        talk.live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert house.ended(talk.live).recorded
        assert reel.ended_ms == pytest.approx(1_252, abs=2)
        caller, agent = reel.lines()
        assert [run[1:] for run in runs_of(caller)] == [(3 * 257, 40)]
        ((at, _, count),) = runs_of(agent)
        assert count == pytest.approx(300, abs=1)  # the caller did not hear the rest
        assert at == pytest.approx(952, abs=2)
        reel.listener.on_closed(1_252)
        await asyncio.sleep(0)

    run(main, recordings_of(reels))


def test_only_a_call_that_is_to_be_recorded_is() -> None:
    reels = Reels()

    async def main(house: House) -> None:
        live, _ = house.start()
        await asyncio.sleep(1)
        live.listener.on_leg_audio(speech(20, INPUT_HZ))
        assert reels.all == []
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert not house.ended(live).recorded

    run(main, recordings_of(reels))


def test_a_call_that_ends_before_its_answer_has_no_recording() -> None:
    reels = Reels()

    async def main(house: House) -> None:
        house.opening_s = 3.0
        live = house.start_on(ScriptedLeg(), recorded=True)
        await asyncio.sleep(1)
        live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(5)
        assert (house.ended(live).recorded, reels.all) == (False, [])

    run(main, recordings_of(reels))


@pytest.mark.parametrize("kept", [True, False])
def test_a_recording_that_fails_is_told_once_and_records_nothing_more(kept: bool) -> None:
    reels = Reels()

    async def main(house: House) -> None:
        talk = Talk(house, LateLeg(0, knows=False))
        await talk.begin()
        (reel,) = reels.all
        reel.listener.on_failure(RecordingFailure.DISK_SLOW, kept)
        written = reels.written
        for _ in range(100):
            talk.live.listener.on_leg_audio(speech(20, PER_MS))
            await talk.act("speak over", 0)
        await asyncio.sleep(5)
        told = [one for one in house.events(talk.live) if isinstance(one, CallAudit)]
        assert [(one.audit_type, one.code, one.detail) for one in told] == [
            ("error", "recording_failed", {"reason": "disk_slow"})
        ]
        talk.live.listener.on_leg_signal(leg.Left())
        await asyncio.sleep(1)
        assert (reels.written, reel.ended_ms) == (written, None)
        ended = house.ended(talk.live)
        assert (ended.hangup_cause, ended.recorded) == ("caller_hangup", kept)

    run(main, recordings_of(reels))


def test_the_caller_is_on_the_left_and_what_they_hear_on_the_right() -> None:
    reels, notes = Reels(), Notes()

    async def main(_: House) -> None:
        recordings = Recordings(cast(Any, reels), notes)
        recorder = recordings.record(UUID(int=9), failed=lambda failure, kept: None)
        for mark in (1, 2):
            await asyncio.sleep(0.2)
            recorder.sink(from_caller=mark == 1)(speech(20, PER_MS, mark=1))
            recorder.sink(from_caller=mark == 2)(speech(20, PER_MS, mark=2))
        await asyncio.sleep(0.2)
        recorder.end()
        left, right = reels.all[0].lines()
        assert [run[1] // 257 for run in runs_of(left)] == [1, 2]
        assert [run[1] // 257 for run in runs_of(right)] == [2, 1]
        recorder.on_closed(440)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert notes.durations == {UUID(int=9): 440}

    run(main)


def test_a_recording_is_unfinished_until_its_row_says_how_long_it_is() -> None:
    reels, notes = Reels(), Notes()

    def nothing(failure: RecordingFailure, kept: bool) -> None:
        pass

    async def main(_: House) -> None:
        recordings = Recordings(cast(Any, reels), notes)
        ids = [UUID(int=number) for number in range(4)]
        written, unknown, failed, kept = (
            recordings.record(call_id, failed=nothing) for call_id in ids
        )
        waits = [recordings.finished(call_id) for call_id in ids]
        assert recordings.unfinished == set(ids)
        for recorder in (written, unknown):
            recorder.end()
        unknown.on_closed(None)
        failed.on_failure(RecordingFailure.DISK_FULL, False)
        kept.on_failure(RecordingFailure.DISK_FULL, True)
        notes.refuse = True
        written.on_closed(440)
        await asyncio.sleep(0.5)
        assert recordings.unfinished == {ids[0], ids[3]}
        notes.refuse = False
        await asyncio.sleep(1)
        assert (recordings.unfinished, notes.durations) == ({ids[3]}, {ids[0]: 440})
        assert [wait is not None and wait.done() for wait in waits] == [True, True, True, False]
        kept.on_closed(20)
        await asyncio.sleep(0.1)
        assert recordings.unfinished == set()
        assert all(recordings.finished(call_id) is None for call_id in ids)

    run(main)
