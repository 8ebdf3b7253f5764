"""Recordings: who is recorded, and the time line of what was really heard.

A recording has two tracks on one clock, which starts at the call's answer. The caller's track
holds their audio when they spoke it, the agent's holds what their leg played, without what a
flush cut off. Audio is final a moment after its time (`HOLD_MS`): until then a flush may still
discard it, so only final audio is taken, and nothing on disk is ever revised.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import ClassVar, TypeAlias

import msgspec

from ringline.domain import recording_limits
from ringline.domain.agent import Agent
from ringline.domain.audio import BYTES_PER_SAMPLE, Chunk

RATE_HZ = 16_000
#: For how many days a recording can be fetched, at most.
KEPT_DAYS = recording_limits.DAYS.most

#: How long audio waits after its time, in case that a flush discards more than the clock knows,
#: or that the caller's audio was late because of the network.
HOLD_MS = 250.0
#: Lateness of the caller's audio that is taken for the network's, not for a pause.
_JITTER_MS = 100.0
#: More audio than this ahead of the clock is dropped: no real line sends it.
_MAX_AHEAD_MS = recording_limits.AHEAD_MS.most
#: The milliseconds of a byte, at one sample per second.
_BYTE_MS = 1000 / BYTES_PER_SAMPLE
#: The clock moves by at most this much at a time; if it has stalled, the rest is left out.
_MAX_STEP_MS = 10_000.0


class RecordingFailure(StrEnum):
    """Why a recording did not begin, or ended before its call."""

    DISK_FULL = "disk_full"  # or nearly: the database needs the rest
    DISK_SLOW = "disk_slow"  # too much audio waited to be written
    DISK_FAILED = "disk_failed"  # the directory or the file cannot be written
    NO_ROOM = "no_room"  # the calls under way fill `RINGLINE_RECORDINGS_MAX_GB` by themselves
    TOO_LONG = "too_long"  # for a WAV file
    INTERNAL_ERROR = "internal_error"


class RecordingRefused(Exception):
    """A recording cannot begin, or cannot go on."""

    def __init__(self, failure: RecordingFailure) -> None:
        super().__init__(failure.value)
        self.failure = failure


def is_recorded(agent: Agent | None, consent: bool | None) -> bool:
    """Return whether an agent's call is recorded, given the caller's consent (contract, 11)."""
    if agent is None or not (agent.workspace_records and agent.recording_enabled):
        return False
    return consent is True or not agent.consent_required


def is_kept(ended_at: datetime, now: datetime, *, retention_days: int) -> bool:
    """Return whether the recording of a call that ended then can still be fetched.

    It can for 30 days, or for the workspace's `retention_days` if they are fewer (live
    streams, 6.3.6 and 10).
    """
    return now < ended_at + timedelta(days=min(retention_days, KEPT_DAYS))


@dataclass(frozen=True, slots=True)
class Piece:
    """Final audio of a track, and when it was heard (ms since the recording began)."""

    start_ms: float
    chunk: Chunk


@dataclass(slots=True)
class _Run:
    """Audio without a gap, of one rate."""

    start_ms: float
    rate_hz: int
    bytes_per_ms: float
    chunks: deque[bytes] = field(default_factory=deque[bytes])
    size: int = 0

    @property
    def end_ms(self) -> float:
        return self.start_ms + self.size / self.bytes_per_ms

    def bytes_before(self, at_ms: float) -> int:
        """Return the size of what was heard before a time."""
        samples = round((at_ms - self.start_ms) * self.rate_hz / 1000)
        return min(max(0, samples) * BYTES_PER_SAMPLE, self.size)

    def append(self, chunks: list[bytes]) -> None:
        """Add audio that follows."""
        self.chunks.extend(chunks)
        self.size += sum(map(len, chunks))

    def take(self, size: int) -> bytes:
        """Remove audio from the front."""
        taken: list[bytes] = []
        self.start_ms += size / self.bytes_per_ms
        self.size -= size
        while size > 0:
            chunk = self.chunks.popleft()
            if len(chunk) > size:
                self.chunks.appendleft(chunk[size:])
                chunk = chunk[:size]
            taken.append(chunk)
            size -= len(chunk)
        return b"".join(taken)

    def keep(self, size: int) -> None:
        """Discard all audio but this much at the front."""
        while self.size > size:
            chunk = self.chunks.pop()
            self.size -= len(chunk)
            if self.size < size:
                self.chunks.append(chunk[: size - self.size])
                self.size = size


class Sound(msgspec.Struct, frozen=True, gc=False):
    """A chunk of a call's audio, and when it came (ms since the recording began)."""

    from_caller: bool
    at_ms: float
    pcm: bytes
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Flush:
    """The caller's leg discarded what it had not played; how much, if it can know (ms)."""

    at_ms: float
    unplayed_ms: float | None = None
    pcm: ClassVar[bytes] = b""  # it holds no audio


#: What a call notes, in the order it came.
Note: TypeAlias = Sound | Flush


class Side(Enum):
    """The two sides of a recording: its left and its right channel."""

    CALLER = "caller"
    AGENT = "agent"


@dataclass(slots=True)
class Stretch:
    """Audio of one side that came without a pause: its first chunk and what followed.

    `at_ms` says when the first chunk came, by a monotonic clock, and `early_ms` how far later
    chunks were ahead of it, at most.
    """

    side: Side
    at_ms: float
    first_ms: float
    rate_hz: int
    chunks: list[bytes]
    early_ms: float = 0.0


#: Something that was heard, in the order it came.
Heard: TypeAlias = Stretch | Flush


class Intake:
    """Joins chunks that came without a pause, as the tracks would have joined them."""

    def __init__(self) -> None:
        self._spoken_ms = 0.0  # until when the caller has spoken what came
        self._end_ms = 0.0  # when the agent's speech has been played, at the earliest

    def join(self, notes: Iterable[Note]) -> list[Heard]:
        """Return what was noted since the last time, as stretches.

        It looks at every chunk of every call, so it is one loop.
        """
        heard: list[Heard] = []
        caller: Stretch | None = None
        agent: Stretch | None = None
        spoken_ms, end_ms = self._spoken_ms, self._end_ms
        for note in notes:
            if isinstance(note, Flush):
                agent, end_ms = None, 0.0
                heard.append(note)
                continue
            at_ms, rate_hz = note.at_ms, note.rate_hz
            duration_ms = len(note.pcm) * _BYTE_MS / rate_hz
            if note.from_caller:  # live: its last sample was spoken as it came
                late_ms = at_ms - duration_ms - spoken_ms
                if caller and caller.rate_hz == rate_hz and -_JITTER_MS <= late_ms <= _JITTER_MS:
                    caller.chunks.append(note.pcm)
                    spoken_ms += duration_ms
                    if -late_ms > caller.early_ms:
                        caller.early_ms = -late_ms
                else:
                    caller = Stretch(Side.CALLER, at_ms, duration_ms, rate_hz, [note.pcm])
                    heard.append(caller)
                    spoken_ms = at_ms
            elif end_ms - at_ms <= _MAX_AHEAD_MS:  # it is played after all earlier speech
                if agent and agent.rate_hz == rate_hz and at_ms <= end_ms:
                    agent.chunks.append(note.pcm)
                else:
                    agent = Stretch(Side.AGENT, at_ms, duration_ms, rate_hz, [note.pcm])
                    heard.append(agent)
                    end_ms = max(at_ms, end_ms)
                end_ms += duration_ms
        self._spoken_ms, self._end_ms = spoken_ms, end_ms
        return heard


class Track:
    """One side of a recording: audio that is not final yet, in order."""

    def __init__(self) -> None:
        self._runs: deque[_Run] = deque()
        self._end_ms = 0.0
        self._taken_ms = 0.0
        self._after_gap = False  # the newest run may be moved back

    @property
    def end_ms(self) -> float:
        """Return when all of the track has been heard."""
        return self._end_ms

    def play(self, stretch: Stretch, now_ms: float) -> None:
        """Add speech that is played now, or once all earlier speech has been played."""
        self._add(stretch, max(now_ms, self._end_ms), now_ms=now_ms)

    def hear(self, stretch: Stretch, now_ms: float) -> None:
        """Add live audio; the last sample of its first chunk was spoken just now.

        The network may have delayed it: small gaps are closed, and audio that comes in a
        burst after a gap is moved back into it, as long as the gap is not final.
        """
        spoken_ms = now_ms - stretch.first_ms
        late_ms = spoken_ms - self._end_ms
        if late_ms < 0 and self._after_gap:
            self._move_back(-late_ms)
        self._add(stretch, spoken_ms if late_ms > _JITTER_MS else self._end_ms, now_ms=now_ms)
        if stretch.early_ms > 0 and self._after_gap:
            self._move_back(stretch.early_ms)

    def cut(self, now_ms: float, unplayed_ms: float | None) -> None:
        """Discard what a flush kept from being played; the leg's own figure counts.

        That figure is an amount of audio: a leg that lags may have discarded some from before
        a gap as well.
        """
        while self._runs:
            last = self._runs[-1]
            left_ms = last.end_ms - now_ms if unplayed_ms is None else unplayed_ms
            if left_ms <= 0:
                break
            kept_ms = last.end_ms - left_ms
            if kept_ms > last.start_ms:
                last.keep(last.bytes_before(kept_ms))
                break
            if unplayed_ms is not None:
                unplayed_ms -= last.end_ms - last.start_ms
            self._runs.pop()
        self._end_ms = self._runs[-1].end_ms if self._runs else min(self._end_ms, now_ms)

    def take(self, until_ms: float) -> list[Piece]:
        """Take what was heard before a time; it is final."""
        taken: list[Piece] = []
        while self._runs and self._runs[0].start_ms < until_ms:
            run = self._runs[0]
            start_ms, size = run.start_ms, run.bytes_before(until_ms)
            if size:
                taken.append(Piece(start_ms, Chunk(run.take(size), run.rate_hz)))
            if run.size:
                break
            self._runs.popleft()
        self._taken_ms = max(self._taken_ms, until_ms)
        return taken

    def _add(self, stretch: Stretch, start_ms: float, *, now_ms: float) -> None:
        start_ms = max(start_ms, self._taken_ms)
        if start_ms - now_ms > _MAX_AHEAD_MS:
            return
        last = self._runs[-1] if self._runs else None
        if last is None or last.rate_hz != stretch.rate_hz or start_ms > self._end_ms:
            bytes_per_ms = stretch.rate_hz * BYTES_PER_SAMPLE / 1000
            self._after_gap = start_ms > self._end_ms
            last = _Run(start_ms, stretch.rate_hz, bytes_per_ms)
            self._runs.append(last)
        last.append(stretch.chunks)
        self._end_ms = last.end_ms

    def _move_back(self, ahead_ms: float) -> None:
        """Move the newest audio into the gap before it, which the network made."""
        last = self._runs[-1]
        free_ms = max(self._taken_ms, self._runs[-2].end_ms if len(self._runs) > 1 else 0.0)
        back_ms = min(ahead_ms, max(0.0, last.start_ms - free_ms))
        last.start_ms -= back_ms
        self._end_ms -= back_ms
        self._after_gap = back_ms > 0


@dataclass(frozen=True, slots=True)
class Final:
    """What has become final since the last time: both tracks, up to the same time."""

    caller: list[Piece]
    agent: list[Piece]
    until_ms: float


class Timeline:
    """The two tracks of a recording, on its clock."""

    def __init__(self) -> None:
        self.caller = Track()
        self.agent = Track()
        self._stalled_ms = 0.0
        self._now_ms = 0.0

    def feed(self, heard: Iterable[Heard]) -> None:
        """Add what was heard since the last time, in order."""
        for what in heard:
            at_ms = self._at(what.at_ms)
            if isinstance(what, Flush):
                self.agent.cut(at_ms, what.unplayed_ms)
            elif what.side is Side.CALLER:
                self.caller.hear(what, at_ms)
            else:
                self.agent.play(what, at_ms)

    def take(self, now_ms: float) -> Final:
        """Take what is final by now."""
        return self._take(max(0.0, self._at(now_ms) - HOLD_MS))

    def finish(self, now_ms: float) -> Final:
        """Take all that was heard by now; speech that had not been played is discarded.

        The caller's audio that came faster than real time is kept.
        """
        end_ms = self._at(now_ms)
        self.agent.cut(end_ms, None)
        return self._take(max(end_ms, self.caller.end_ms))

    def _take(self, until_ms: float) -> Final:
        return Final(self.caller.take(until_ms), self.agent.take(until_ms), until_ms)

    def _at(self, now_ms: float) -> float:
        """Return the recording's time, which leaves out what a stalled clock jumped over."""
        step_ms = now_ms - self._stalled_ms - self._now_ms
        if step_ms > _MAX_STEP_MS:
            self._stalled_ms += step_ms - _MAX_STEP_MS
            step_ms = _MAX_STEP_MS
        if step_ms > 0:
            self._now_ms += step_ms
        return self._now_ms
