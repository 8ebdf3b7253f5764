"""Repairs of the inherited process state, before anything is opened.

Cron, supervisors and the shell's `>&-` start programs with closed standard streams. The next
file or socket would get such a descriptor, and every print would write into it. With a umask
that excludes the owner, we could not read our own files again.
"""

import os
import stat
import sys


def mend() -> None:
    """Open closed standard streams on the null device; keep files readable for us."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # `open` takes the lowest free descriptor; children inherit it like the others.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    # Python sets closed streams to None. These stay open for the life of the process.
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    os.umask(os.umask(0o077) & ~stat.S_IRWXU)
