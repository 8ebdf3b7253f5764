"""Failures of the embedded database, as sentences for the user."""

import contextlib
import errno
import os
import subprocess
from collections.abc import Generator
from pathlib import Path

from ringline.storage.data_directory import DataDirectory, EmbeddedError

# A phrase in PostgreSQL's log, and the cause that we report for it.
_CAUSES = (
    ("could not resize shared memory", "there is too little shared memory (/dev/shm)"),
    ("No space left on device", "the disk is full"),
    ("Disk quota exceeded", "the disk quota is used up"),
    ("Read-only file system", "the file system is read-only"),
    ("Permission denied", "a file in it is not accessible"),
    ("has wrong ownership", "the directory postgres in it belongs to another account"),
    ("has invalid permissions", "the directory postgres in it is open to other accounts"),
)

_READ_BYTES = 4 * 1024 * 1024
_FULL_BYTES = 64 * 1024
_SURVIVORS = "is still in use"  # "pre-existing shared memory block (…) is still in use"


class SurvivorsError(EmbeddedError):
    """Children of an earlier server still hold its shared memory."""


def failure(directory: DataDirectory, what: str, *, since: int) -> EmbeddedError:
    """Return why a PostgreSQL program failed, from its log since an offset in bytes."""
    with directory.log.open("rb") as log:
        log.seek(since)
        text = log.read(_READ_BYTES).decode("utf-8", "replace")
    what = f"{what} in {directory.root}"
    if _SURVIVORS in text:
        return SurvivorsError(f"{what}: processes of an earlier server are still running.")
    for phrase, cause in _CAUSES:
        if phrase in text:
            return EmbeddedError(f"{what}: {cause}.")
    space = os.statvfs(directory.root)
    if space.f_bavail * space.f_frsize < _FULL_BYTES:  # too full for the log to mention it
        return EmbeddedError(f"{what}: the disk is full.")
    return EmbeddedError(f"{what}; see {directory.log}.")


def disk_full(root: Path) -> str:
    """Return the sentence for a full disk."""
    return f"The disk of the data directory {root} is full."


@contextlib.contextmanager
def explain_os_errors(root: Path) -> Generator[None]:
    """Turn an error of the operating system into one about the data directory."""
    try:
        yield
    except OSError as error:
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                text = disk_full(root)
            case errno.EACCES | errno.EPERM | errno.EROFS:
                text = f"The data directory {root} cannot be written: {error.strerror}."
            case _:
                text = f"The data directory {root} cannot be used: {error.strerror}."
        raise EmbeddedError(text) from None
    except subprocess.SubprocessError:
        raise EmbeddedError(f"PostgreSQL's programs cannot be started in {root}.") from None
