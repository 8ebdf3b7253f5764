"""How a worker that was started as root becomes an ordinary account before its first request.

It starts as root because the account may not be able to reach the interpreter or the
libraries (a virtual environment below /root). What it needs later must therefore be in
memory by then, or be reached from its working directory, whose parents no longer count.
Whether it is, a rehearsal shows: each kind of work is done once as root, so that whatever
libraries load when first used is loaded, and once more as the account.
"""

import ctypes
import os
import sys
from collections.abc import Callable

_PR_SET_NO_NEW_PRIVS = 38  # <linux/prctl.h>


def become(uid: int, gid: int, rehearse: Callable[[], None]) -> str:
    """Become an account for good; return why not, and stay root, where work would fail."""
    rehearse()
    try:
        os.setgroups([])
        os.setegid(gid)
        os.seteuid(uid)
        rehearse()
    except Exception as error:
        os.seteuid(0)
        os.setegid(0)
        return str(error)
    os.seteuid(0)
    os.setgid(gid)  # as root these set the real, the effective and the saved id
    os.setuid(uid)
    return ""


def gain_nothing() -> None:
    """Give up what a program with a set-user-ID bit would bring. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
