"""How a worker that starts as root drops its privileges before its first request.

It starts as root because the account may not be able to reach the interpreter or the
libraries (a virtual environment below /root). So everything that it needs later must be in
memory by then, or be reachable from its working directory, whose parents no longer matter.
A rehearsal checks this: it does each kind of work once as root, so that libraries load
whatever they load on first use, and once more as the account.
"""

import ctypes
import os
import sys
from collections.abc import Callable

_PR_SET_NO_NEW_PRIVS = 38  # <linux/prctl.h>


def become(uid: int, gid: int, *, rehearse: Callable[[], None]) -> str:
    """Switch to an account for good; if work would fail then, stay root, return why."""
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
    """Gain no privileges from set-user-ID programs (no_new_privs). Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
