"""Disks that are small, full or read-only; most of them need root."""

import contextlib
import os
import subprocess
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_MEGABYTE = 1024 * 1024
_FILLER = "filler"


@dataclass(frozen=True)
class SmallDisk:
    """A disk of a few hundred megabytes that a test can fill and empty."""

    path: Path

    @property
    def free(self) -> int:
        space = os.statvfs(self.path)
        return space.f_bavail * space.f_frsize

    def leave(self, megabytes: float) -> None:
        """Fill the disk except for the given space."""
        left = int(megabytes * _MEGABYTE)
        with (self.path / _FILLER).open("ab") as filler:
            while (more := min(self.free - left, 16 * _MEGABYTE)) > 0:
                try:
                    filler.write(bytes(more))
                    filler.flush()
                except OSError:
                    return

    def make_room(self) -> None:
        (self.path / _FILLER).unlink()


@contextlib.contextmanager
def _mounted(path: Path, options: str) -> Generator[Path]:
    path.mkdir(mode=0o755)
    if os.geteuid() != 0:
        pytest.skip("needs root: a mount")
    argv = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", os.fspath(path)]
    if subprocess.run(argv, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@pytest.fixture
def small_disk(parent: Path) -> Iterator[SmallDisk]:
    with _mounted(parent / "disk", "size=256m,mode=755") as path:
        yield SmallDisk(path)


@contextlib.contextmanager
def unwritable(path: Path) -> Generator[None]:
    """Create a directory that no account can write to, not even root."""
    if os.geteuid() == 0:
        with _mounted(path, "ro,mode=755"):
            yield
        return
    path.mkdir(mode=0o500)
    try:
        yield
    finally:
        path.chmod(0o700)
