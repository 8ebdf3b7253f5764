"""What a process is started with, put right before anything is opened.

Cron, supervisors and shells' `>&-` start programs with standard streams closed. The next
file or socket would get such a number, and whoever prints would write into it. A umask
that shuts out the owner makes files that we could not read again.
"""

import os
import stat
import sys


def mend() -> None:
    """Open closed standard streams on the null device; keep files open to their owner."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken; children get it, as they get the others.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    # Python left out what was closed. Nothing closes these: they are the process's own.
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    os.umask(os.umask(0o077) & ~stat.S_IRWXU)
