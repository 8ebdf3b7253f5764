"""The thread that writes recordings, so that no disk delays the event loop.

The loop hands over what a call has heard a few times a second; the thread decides what is
final, resamples it and appends it to the file. Jobs wait in a queue that is bounded in bytes,
for each recording and for all: a recording that would exceed a bound ends (a slow disk costs
the recording, never the call). A file that cannot be written ends its recording too.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Protocol, TypeAlias
from uuid import UUID

import structlog

from ringline.domain import recording_limits
from ringline.domain.recording import (
    Intake,
    Note,
    RecordingFailure,
    RecordingRefused,
    Timeline,
)
from ringline.ports import NewResampler
from ringline.services.recording_encoder import Encoder

_log = structlog.get_logger(__name__)

#: What an item of a job costs beside its samples, in bytes.
_ITEM_BYTES = 256


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many bytes may wait to be written: of one recording, and of all."""

    one: int = recording_limits.CALL_BYTES.most
    all: int = recording_limits.ALL_BYTES.most


class RecordingFile(Protocol):
    """One recording that is being written. It plays at any time, also after a crash."""

    def append(self, pcm: bytes) -> None:
        """Append audio. Raises RecordingRefused; what was written before stays valid."""
        ...

    def close(self) -> int:
        """Close the file; return the duration of what it holds, in milliseconds.

        Raises RecordingRefused.
        """
        ...


class RecordingFiles(Protocol):
    """A port: the files of recordings. One thread uses them, and every method may block."""

    def make_room(self, size: int) -> list[UUID]:
        """Remove the oldest recordings until `size` more bytes fit; return whose they were.

        Raises RecordingRefused if they do not fit even then, or if the disk is full.
        """
        ...

    def begin(self, call_id: UUID) -> RecordingFile:
        """Begin a call's recording. Raises RecordingRefused."""
        ...

    def remove(self, call_ids: Collection[UUID]) -> list[UUID]:
        """Remove recordings that are complete; return whose were there.

        Raises RecordingRefused.
        """
        ...

    def durations(self) -> dict[UUID, int]:
        """Return each recording's duration in milliseconds; mend what a crash has left.

        Raises RecordingRefused.
        """
        ...


class WriterListener(Protocol):
    """Learns what becomes of all recordings; called on the event loop."""

    def on_survey(self, durations: dict[UUID, int]) -> None:
        """Learn which recordings were there at the start, and how long they are (ms)."""
        ...

    def on_removed(self, call_id: UUID) -> None:
        """Learn that an old recording has made room for newer ones."""
        ...


class RecordingListener(Protocol):
    """Learns what becomes of a recording; called on the event loop."""

    def on_failure(self, failure: RecordingFailure, kept: bool) -> None:
        """Learn that the recording did not begin, or ended early; then a file is `kept`."""
        ...

    def on_closed(self, duration_ms: int | None) -> None:
        """Learn that the file is complete, and how long it is (ms); None: nobody knows."""
        ...


@dataclass(slots=True, eq=False)
class Tape:
    """A recording under way: its queue as the loop sees it, its file as the thread does."""

    call_id: UUID
    listener: RecordingListener
    encoder: Encoder
    intake: Intake = field(default_factory=Intake)
    timeline: Timeline = field(default_factory=Timeline)
    file: RecordingFile | None = None
    failed: bool = False
    #: Bytes ever queued (the loop writes it) and ever handled (the thread writes it).
    queued: int = 0
    handled: int = 0


@dataclass(frozen=True, slots=True)
class _Begin:
    tape: Tape


@dataclass(frozen=True, slots=True)
class _Write:
    tape: Tape
    notes: Sequence[Note]
    now_ms: float
    size: int


@dataclass(frozen=True, slots=True)
class _End:
    tape: Tape
    now_ms: float


@dataclass(frozen=True, slots=True)
class _Remove:
    call_ids: Collection[UUID]
    done: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class _Survey:
    pass


_SURVEY = _Survey()
_Job: TypeAlias = _Begin | _Write | _End | _Remove | _Survey


class RecordingWriter:
    """The writer of all recordings of a process; create it on the event loop."""

    def __init__(
        self,
        files: RecordingFiles,
        new_resampler: NewResampler,
        *,
        queue_limits: QueueLimits | None = None,
    ) -> None:
        self._files = files
        self._new_resampler = new_resampler
        self._limits = queue_limits or QueueLimits()
        self._listener: WriterListener
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[list[_Job] | None] = SimpleQueue()
        self._batch: list[_Job] = []  # of this turn of the loop
        self._queued = self._handled = 0
        # A disk that never answers must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)

    # On the event loop.

    def start(self, listener: WriterListener) -> None:
        """Start the thread; it first reports the recordings that are there."""
        self._listener = listener
        self._put(_SURVEY)
        self._thread.start()

    def begin(self, call_id: UUID, listener: RecordingListener) -> Tape:
        """Begin a recording."""
        tape = Tape(call_id, listener, Encoder(self._new_resampler))
        self._put(_Begin(tape))
        return tape

    def write(self, tape: Tape, notes: Sequence[Note], *, now_ms: float) -> None:
        """Queue what was noted since the last time; beyond the bounds, the recording ends."""
        if tape.failed:
            return
        size = _ITEM_BYTES * len(notes) + sum([len(note.pcm) for note in notes])
        if (
            tape.queued - tape.handled + size > self._limits.one
            or self._queued - self._handled + size > self._limits.all
        ):
            self._fail(tape, RecordingFailure.DISK_SLOW)
            self._put(_End(tape, now_ms))
            return
        tape.queued += size
        self._queued += size
        self._put(_Write(tape, notes, now_ms, size))

    def end(self, tape: Tape, now_ms: float) -> None:
        """End a recording with its call."""
        self._put(_End(tape, now_ms))

    async def remove(self, call_ids: Collection[UUID]) -> None:
        """Remove recordings, once what waits is written. Raises RecordingRefused."""
        done = self._loop.create_future()
        self._put(_Remove(call_ids, done))
        await done

    async def close(self, grace_s: float) -> None:
        """Write what waits, and stop; give up on a disk that takes longer."""
        self._hand_over()
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join, grace_s)

    def _put(self, job: _Job) -> None:
        """Queue a job; the thread is woken once for all that the loop queues in one turn."""
        if not self._batch:
            self._loop.call_soon(self._hand_over)
        self._batch.append(job)

    def _hand_over(self) -> None:
        if self._batch:
            self._jobs.put(self._batch)
            self._batch = []

    # In the thread.

    def _run(self) -> None:
        while (batch := self._jobs.get()) is not None:
            for job in batch:
                self._try(job)
                # On a shared core the scheduler gives a thread that has slept its whole slice,
                # so a frame that came meanwhile would wait for the batch.
                os.sched_yield()

    def _try(self, job: _Job) -> None:
        try:
            self._handle(job)
        except RecordingRefused as refused:
            self._give_up(job, refused.failure)
        except Exception as error:  # a defect must end only this recording
            _log.error("recording_broken", error=type(error).__name__)
            self._give_up(job, RecordingFailure.INTERNAL_ERROR)

    def _handle(self, job: _Job) -> None:
        match job:
            case _Begin(tape):
                self._make_room(0)
                tape.file = self._files.begin(tape.call_id)
            case _Write(tape, notes, now_ms, size):
                tape.handled += size
                self._handled += size
                if tape.file is not None and not tape.failed:
                    tape.timeline.feed(tape.intake.join(notes))
                    final = tape.timeline.take(now_ms)
                    self._append(tape.file, tape.encoder.encode(final))
            case _End(tape, now_ms):
                if tape.file is not None and not tape.failed:
                    final = tape.timeline.finish(now_ms)
                    self._append(tape.file, tape.encoder.finish(final))
                self._close(tape)
            case _Remove(call_ids, done):
                self._tell_removed(self._files.remove(call_ids))
                self._call(_settle, done)
            case _Survey():
                self._call(self._listener.on_survey, self._files.durations())

    def _append(self, file: RecordingFile, pcm: bytes) -> None:
        if pcm:
            self._make_room(len(pcm))
            file.append(pcm)

    def _make_room(self, size: int) -> None:
        self._tell_removed(self._files.make_room(size))

    def _tell_removed(self, call_ids: Sequence[UUID]) -> None:
        for call_id in call_ids:
            _log.info("recording_removed", call_id=str(call_id))
            self._call(self._listener.on_removed, call_id)

    def _give_up(self, job: _Job, failure: RecordingFailure) -> None:
        if isinstance(job, _Survey):
            _log.warning("recordings_not_surveyed", reason=failure.value)
            return
        if isinstance(job, _Remove):
            self._call(partial(_settle, refused=failure), job.done)
            return
        if not job.tape.failed:
            self._fail(job.tape, failure)
        try:
            self._close(job.tape)
        except Exception as error:
            _log.error("recording_broken", error=type(error).__name__)

    def _close(self, tape: Tape) -> None:
        file, tape.file = tape.file, None
        if file is None:
            return
        duration_ms = None
        try:
            duration_ms = file.close()
        finally:
            self._call(tape.listener.on_closed, duration_ms)

    # In both.

    def _fail(self, tape: Tape, failure: RecordingFailure) -> None:
        tape.failed = True
        _log.warning("recording_failed", call_id=str(tape.call_id), reason=failure.value)
        self._call(tape.listener.on_failure, failure, tape.file is not None)

    def _call(self, told: Callable[..., None], *what: object) -> None:
        with suppress(RuntimeError):  # the loop has ended without us
            self._loop.call_soon_threadsafe(told, *what)


def _settle(done: asyncio.Future[None], refused: RecordingFailure | None = None) -> None:
    if done.done():
        return  # nobody waits any more
    if refused is None:
        done.set_result(None)
    else:
        done.set_exception(RecordingRefused(refused))
