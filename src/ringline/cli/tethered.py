"""Becomes another program that ends when its parent does: `tethered.py PARENT PROGRAM …`.

Run by its path, so that nothing of the package is imported on the way. On Linux the
kernel sends SIGTERM when the parent dies, however it dies; elsewhere nothing is promised.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Make the wish, see that the parent still lives, and become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
