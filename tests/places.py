"""Directories for what tests write and remove: in memory, where there is room.

A server of its own writes 60 MB and waits for the disk again and again. Tests kill processes,
never the machine, so nothing here must outlive it.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
#: Several servers at once, and their recordings.
ROOM_BYTES = 2 * 1024**3


def quick_place() -> str:
    """Return where temporary directories are made; TMPDIR has the last word."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return tempfile.gettempdir()
    has_room = shutil.disk_usage(MEMORY).free >= ROOM_BYTES
    return str(MEMORY) if has_room else tempfile.gettempdir()


@contextmanager
def open_directory(prefix: str = "rl-", place: str | None = None) -> Iterator[Path]:
    """Make a directory that every account may enter: if we are root, PostgreSQL has its own."""
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=place or quick_place())).resolve()
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)
