"""Execs a program that ends when its parent does: `tethered.py PARENT PROGRAM …`.

It is run by path, so that it imports nothing of the package. On Linux the kernel sends
SIGTERM when the parent dies, however it dies; other systems give no such guarantee.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Ask for the signal, check that the parent is still alive, and exec the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
