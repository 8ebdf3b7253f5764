"""Recordings of calls: what a call plugs into its bridge, and what the database is told.

A call's recorder is a tap like any other. It notes when each chunk came, which costs the
loop next to nothing, and hands its notes to the writer's thread (`recording_writer.py`). How
long a recording is, stands in the call's row once its file is complete. Until then the recording is
`unfinished`: whoever learns of the call's end can wait for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, MutableSequence, Set
from contextlib import suppress
from typing import Protocol, TypeAlias
from uuid import UUID

import structlog

from ringline.domain.audio import Chunk
from ringline.domain.recording import Flush, Note, RecordingFailure, Sound
from ringline.domain.unavailable import Unavailable
from ringline.services.recording_writer import RecordingWriter, Tape

_log = structlog.get_logger(__name__)

#: How often a call's notes go to the writer. With `HOLD_MS`, a crash loses less than a second.
_TICK_S = 0.6
#: Ticks fall on multiples of this time, so that many calls wake the thread together.
_GRID_S = _TICK_S / 8
#: How long a database that is away is left alone.
_RETRY_S = 1.0


#: Learns why a recording failed, and whether there is a file nevertheless.
TellFailure: TypeAlias = Callable[[RecordingFailure, bool], None]


class RecordingNotes(Protocol):
    """A port: what calls' rows say of their recordings, in all workspaces."""

    async def note(self, durations: Mapping[UUID, int | None]) -> None:
        """Store how long recordings are (ms); None: there is no file any more.

        Raises StoreUnavailable.
        """
        ...

    async def keep_only(self, kept: Collection[UUID]) -> None:
        """Note that no other recordings are there. Raises StoreUnavailable."""
        ...


class Recorder:
    """Records one call (ports.Tap): on the left its caller, on the right what they hear."""

    def __init__(
        self,
        recordings: "Recordings",
        call_id: UUID,
        *,
        failed: TellFailure,
    ) -> None:
        self._recordings = recordings
        self._call_id = call_id
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._notes: MutableSequence[Note] = []
        self._tape: Tape | None = recordings.writer.begin(call_id, self)
        self._timer = self._loop.call_at(self._next_tick(), self._tick)

    def sink(self, *, from_caller: bool) -> Callable[[Chunk], None]:
        """Return what notes a party's audio, and when it came."""
        return self._hear if from_caller else self._play

    def on_flush(self, unplayed_ms: float | None) -> None:
        """Note that speech was discarded before it was heard."""
        self._notes.append(Flush(self._now_ms(), unplayed_ms))

    def end(self) -> None:
        """End the recording now, with the call."""
        if (tape := self._tape) is not None:
            self._hand_over(tape)
            self._stop()
            self._recordings.writer.end(tape, self._now_ms())

    # What the writer reports.

    def on_failure(self, failure: RecordingFailure, kept: bool) -> None:
        """Stop recording; the call continues."""
        self._stop()
        if not kept:
            self._recordings.finish(self._call_id)
        self._failed(failure, kept)

    def on_closed(self, duration_ms: int | None) -> None:
        """Store how long the recording is; if nobody knows, the next start finds out."""
        if duration_ms is None:
            self._recordings.finish(self._call_id)
        else:
            self._recordings.note(self._call_id, duration_ms)

    def _hear(self, chunk: Chunk) -> None:
        now_ms = (self._loop.time() - self._began_s) * 1000
        self._notes.append(Sound(True, now_ms, chunk.pcm, chunk.rate_hz))

    def _play(self, chunk: Chunk) -> None:
        now_ms = (self._loop.time() - self._began_s) * 1000
        self._notes.append(Sound(False, now_ms, chunk.pcm, chunk.rate_hz))

    def _stop(self) -> None:
        self._timer.cancel()
        self._tape = None
        self._notes = deque(maxlen=0)  # it keeps nothing

    def _tick(self) -> None:
        if self._tape is None:
            return
        self._timer = self._loop.call_at(self._next_tick(), self._tick)
        self._hand_over(self._tape)

    def _hand_over(self, tape: Tape) -> None:
        """Let the thread write what was noted since the last time."""
        notes, self._notes = self._notes, []
        self._recordings.writer.write(tape, notes, now_ms=self._now_ms())

    def _next_tick(self) -> float:
        return (self._loop.time() + _TICK_S) // _GRID_S * _GRID_S

    def _now_ms(self) -> float:
        return (self._loop.time() - self._began_s) * 1000


class Recordings:
    """The recordings of this process's calls, and of those before."""

    def __init__(
        self, writer: RecordingWriter, notes: RecordingNotes, *, grace_s: float = 5.0
    ) -> None:
        self.writer = writer
        self._notes = notes
        self._grace_s = grace_s
        self._unwritten: dict[UUID, int | None] = {}
        self._unfinished: dict[UUID, asyncio.Future[None]] = {}
        self._kept: frozenset[UUID] | None = None
        self._noting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the writer; the calls' rows follow the files that are there."""
        self.writer.start(self)

    def record(self, call_id: UUID, *, failed: TellFailure) -> Recorder:
        """Record a call from now on; `failed` is called at most once."""
        self._unfinished[call_id] = asyncio.get_running_loop().create_future()
        return Recorder(self, call_id, failed=failed)

    @property
    def unfinished(self) -> Set[UUID]:
        """Return the calls whose recording is under way, or not in their row yet."""
        return self._unfinished.keys()

    def finished(self, call_id: UUID) -> asyncio.Future[None] | None:
        """Return what is done once a call's recording is in its row; None if it is now."""
        return self._unfinished.get(call_id)

    def finish(self, call_id: UUID) -> None:
        """Wake up who waits for a recording: its row says now what there is."""
        finished = self._unfinished.pop(call_id, None)
        if finished is not None and not finished.done():
            finished.set_result(None)

    async def remove(self, call_ids: Collection[UUID]) -> None:
        """Remove recordings of calls that have ended; the calls' rows follow.

        Raises RecordingRefused.
        """
        await self.writer.remove(call_ids)

    def note(self, call_id: UUID, duration_ms: int | None) -> None:
        """Store a recording's duration; None if its file has been removed."""
        self._unwritten[call_id] = duration_ms
        self._write_soon()

    async def close(self) -> None:
        """Complete the files of the calls that have ended, and their rows.

        Waits for the disk, and then for the database, for `grace_s` each.
        """
        await self.writer.close(self._grace_s)
        await asyncio.sleep(0)  # what the thread has reported last
        if self._noting is not None:
            with suppress(TimeoutError):  # the next start finds the files
                await asyncio.wait_for(self._noting, self._grace_s)

    # What the writer reports.

    def on_survey(self, durations: dict[UUID, int]) -> None:
        """Let the calls' rows say which recordings are there."""
        self._kept = frozenset(durations)
        self._unwritten = durations | self._unwritten
        self._write_soon()

    def on_removed(self, call_id: UUID) -> None:
        """Let the call's row say that its recording is gone."""
        self.note(call_id, None)

    def _write_soon(self) -> None:
        if self._noting is None:
            self._noting = asyncio.create_task(self._write_notes())

    async def _write_notes(self) -> None:
        while self._unwritten or self._kept is not None:
            kept, self._kept = self._kept, None
            notes, self._unwritten = self._unwritten, {}
            try:
                if kept is not None:
                    await self._notes.keep_only(kept.union(notes))
                await self._notes.note(notes)
            except Unavailable:
                self._kept = self._kept or kept
                self._unwritten = notes | self._unwritten
                await asyncio.sleep(_RETRY_S)
                continue
            except Exception as error:
                _log.error("recording_not_noted", error=type(error).__name__)
            for call_id in notes:
                self.finish(call_id)
        self._noting = None
