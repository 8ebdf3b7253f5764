"""The files of recordings: `DATA_DIR/recordings/<call's UUID>.wav`.

The directory is private, and so are its files; a link in its place is refused, and links in it
are never followed. A file's header is renewed after each piece, so that the file plays at any
time, and after a crash as far as it was written. A recording under way holds a lock on its
file (flock). Names sort by age, because calls have UUIDv7 ids.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self
from uuid import UUID

from ringline.domain import recording_limits
from ringline.domain.recording import RATE_HZ, RecordingFailure, RecordingRefused
from ringline.storage.data_directory import DataDirectory
from ringline.wire.wav import HEADER_BYTES, MAX_PCM_BYTES, wav_header

DIRECTORY = "recordings"
_SUFFIX = ".wav"
_CHANNELS = 2
_FRAME = 2 * _CHANNELS
_PRIVATE_DIRECTORY, _PRIVATE_FILE = 0o700, 0o600
_FULL = (errno.ENOSPC, errno.EDQUOT)
_CHECK_S = 0.2  # how often the disk's free space is looked at


class DirectoryRefused(OSError):
    """The directory of recordings is a link, another account's, or open to others."""


class DiskRecordings:
    """The port `RecordingFiles` over a directory."""

    def __init__(
        self,
        data_dir: Path,
        most_bytes: int,
        *,
        free_bytes: int = recording_limits.FREE_BYTES.most,
    ) -> None:
        self._data_dir = data_dir
        self._most = most_bytes
        self._free = free_bytes
        self._directory: int | None = None
        self._sizes: dict[UUID, int] = {}
        self._total = 0
        self._checked_s = float("-inf")
        self._live: set[UUID] = set()

    def make_room(self, size: int) -> list[UUID]:
        """Remove the oldest recordings until `size` more bytes fit (port `RecordingFiles`)."""
        removed: list[UUID] = []
        if size and self._total + size <= self._most and monotonic() < self._checked_s + _CHECK_S:
            return removed
        with _refusing():
            directory = self._open()
            for call_id in self._oldest() if self._total + size > self._most else ():
                if self._total + size <= self._most:
                    break
                self._unlink(call_id, directory)
                removed.append(call_id)
            space = os.fstatvfs(directory)
            free = space.f_bavail * space.f_frsize
        if self._total + size > self._most:
            raise RecordingRefused(RecordingFailure.NO_ROOM)
        if free - size < (self._free if size else 2 * self._free):
            raise RecordingRefused(RecordingFailure.DISK_FULL)
        self._checked_s = monotonic()
        return removed

    def begin(self, call_id: UUID) -> "DiskRecording":
        """Begin a call's recording (port `RecordingFiles`)."""
        with _refusing():
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(_name(call_id), flags, _PRIVATE_FILE, dir_fd=self._open())
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                _write(file, wav_header(RATE_HZ, _CHANNELS, size=0), at=0)
            except OSError:
                os.close(file)
                os.unlink(_name(call_id), dir_fd=self._directory)
                raise
        self._live.add(call_id)
        self.resized(call_id, HEADER_BYTES)
        return DiskRecording(self, call_id, file=file)

    def remove(self, call_ids: Collection[UUID]) -> list[UUID]:
        """Remove recordings that are complete (port `RecordingFiles`)."""
        there = sorted((self._sizes.keys() - self._live).intersection(call_ids))
        with _refusing():
            for call_id in there:
                self._unlink(call_id, self._open())
        return there

    def durations(self) -> dict[UUID, int]:
        """Return each recording's duration; mend what a crash has left."""
        found: dict[UUID, int] = {}
        with _refusing():
            try:
                directory = self._open(make=False)
            except FileNotFoundError:
                return found
            for call_id in sorted(filter(None, map(_call_of, os.listdir(directory)))):
                with suppress(OSError):  # a link, or somebody else's
                    size = _mend(directory, call_id)
                    self.resized(call_id, HEADER_BYTES + size)
                    found[call_id] = _duration_ms(size)
        return found

    def resized(self, call_id: UUID, size: int) -> None:
        """Note the size of a recording."""
        self._total += size - self._sizes.get(call_id, 0)
        self._sizes[call_id] = size

    def closed(self, call_id: UUID) -> None:
        """Note that a recording is complete; it may be removed from now on."""
        self._live.discard(call_id)

    def _unlink(self, call_id: UUID, directory: int) -> None:
        with suppress(FileNotFoundError):
            os.unlink(_name(call_id), dir_fd=directory)
        self._total -= self._sizes.pop(call_id)

    def _oldest(self) -> list[UUID]:
        """Return the recordings that may be removed, the oldest first."""
        return sorted(self._sizes.keys() - self._live)

    def _open(self, *, make: bool = True) -> int:
        if self._directory is None:
            self._directory = _open_directory(self._data_dir, make=make)
        return self._directory


class DiskRecording:
    """A recording that is being written (port `RecordingFile`)."""

    def __init__(self, files: DiskRecordings, call_id: UUID, *, file: int) -> None:
        self._files = files
        self._call_id = call_id
        self._file = file
        self._size = 0

    def append(self, pcm: bytes) -> None:
        """Append audio; the header tells of it once it is written."""
        if self._size + len(pcm) > MAX_PCM_BYTES:
            raise RecordingRefused(RecordingFailure.TOO_LONG)
        with _refusing():
            _write(self._file, pcm, at=HEADER_BYTES + self._size)
            header = wav_header(RATE_HZ, _CHANNELS, size=self._size + len(pcm))
            _write(self._file, header, at=0)
        self._size += len(pcm)
        self._files.resized(self._call_id, HEADER_BYTES + self._size)

    def close(self) -> int:
        """Close the file; return the duration of what it holds, in milliseconds."""
        with _refusing():
            try:
                os.ftruncate(self._file, HEADER_BYTES + self._size)  # a write that failed halfway
            finally:
                os.close(self._file)
                self._files.closed(self._call_id)
        return _duration_ms(self._size)


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A recording that is open for reading; `complete` unless its call is under way."""

    file: int
    size: int
    complete: bool

    @property
    def header(self) -> bytes:
        """Return the header of what has been written so far."""
        return wav_header(RATE_HZ, _CHANNELS, size=self.size)

    @property
    def file_size(self) -> int:
        """Return the size of the whole file."""
        return HEADER_BYTES + self.size

    def read(self, at: int, most: int) -> bytes:
        """Read a piece of the file, valid whatever a crash has left; it may be shorter."""
        most = min(most, self.file_size - at)
        if most <= 0:
            return b""
        if at < HEADER_BYTES:
            return self.header[at : at + most]
        return os.pread(self.file, most, at)

    def close(self) -> None:
        """Close the file."""
        os.close(self.file)

    def pieces(self) -> Generator[bytes]:
        """Return the file, valid whatever a crash has left, a piece at a time."""
        yield self.header
        at, end = HEADER_BYTES, HEADER_BYTES + self.size
        while at < end and (piece := os.pread(self.file, min(1 << 18, end - at), at)):
            yield piece
            at += len(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def find_recording(data_dir: Path, call_id: UUID) -> StoredRecording | None:
    """Open a call's recording; None if there is none. Raises OSError."""
    try:
        directory = _open_directory(data_dir, make=False)
    except FileNotFoundError:
        return None
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        file = os.open(_name(call_id), flags, dir_fd=directory)
    except FileNotFoundError:
        return None
    finally:
        os.close(directory)
    return StoredRecording(file, _size_of(file), _is_complete(file))


def recorded_of(data_dir: Path, call_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Return of which calls there is a recording that can be opened."""
    recorded: set[UUID] = set()
    for call_id in call_ids:
        with suppress(OSError):
            recording = find_recording(data_dir, call_id)
            if recording is not None:
                recording.close()
                recorded.add(call_id)
    return frozenset(recorded)


def _open_directory(data_dir: Path, *, make: bool) -> int:
    data = DataDirectory.at(data_dir)
    path = data.root / DIRECTORY
    if make:
        data.make()
        with suppress(FileExistsError):
            path.mkdir(mode=_PRIVATE_DIRECTORY)
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    found = os.fstat(directory)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        os.close(directory)
        why = "it belongs to another account or is open to others"
        raise DirectoryRefused(errno.EPERM, why, os.fspath(path))
    return directory


def _mend(directory: int, call_id: UUID) -> int:
    """Let the header tell of all samples that are there; return their size."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.open(_name(call_id), flags, dir_fd=directory)
    try:
        size = _size_of(file)
        header = wav_header(RATE_HZ, _CHANNELS, size=size)
        if os.pread(file, HEADER_BYTES, 0) != header:
            _write(file, header, at=0)
        if os.fstat(file).st_size != HEADER_BYTES + size:
            os.ftruncate(file, HEADER_BYTES + size)
    finally:
        os.close(file)
    return size


def _size_of(file: int) -> int:
    """Return the size of the whole frames in a file."""
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return max(0, found.st_size - HEADER_BYTES) // _FRAME * _FRAME


def _is_complete(file: int) -> bool:
    """Return whether nobody is writing a file."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True


def _write(file: int, data: bytes, *, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, at)
        at += written
        view = view[written:]


@contextmanager
def _refusing() -> Generator[None]:
    """Turn an OSError into the failure of a recording."""
    try:
        yield
    except OSError as error:
        full = error.errno in _FULL
        raise RecordingRefused(
            RecordingFailure.DISK_FULL if full else RecordingFailure.DISK_FAILED
        ) from None


def _name(call_id: UUID) -> str:
    return f"{call_id}{_SUFFIX}"


def _call_of(name: str) -> UUID | None:
    """Return whose recording a file is; None for other files."""
    try:
        call_id = UUID(name.removesuffix(_SUFFIX))
    except ValueError:
        return None
    return call_id if _name(call_id) == name else None


def _duration_ms(size: int) -> int:
    return size // _FRAME * 1000 // RATE_HZ
