"""The process of a server: the signals that stop it, and how Python is tuned for it."""

import asyncio
import gc
import signal
import sys

#: How long a thread may keep the interpreter from the event loop, each time the loop wants it.
#: Large reads are planned in threads, and Python's own 5 ms would add up for everyone else.
_SWITCH_S = 0.000_5

#: Objects allocated and not freed since the last collection; by default 700, a few requests.
_COLLECT_AFTER = 10_000


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that stop a program of ours gracefully.

    A SIGHUP that is ignored at startup stays ignored, as under `nohup`.
    """
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM, *(() if ignored else (signal.SIGHUP,)))


def stop_on_signals() -> asyncio.Event:
    """Return an event that is set by the first of `stop_signals`."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, stopping.set)
    return stopping


def prefer_event_loop() -> None:
    """Return the interpreter to the event loop quickly while other threads compute."""
    sys.setswitchinterval(_SWITCH_S)


def settle_memory() -> None:
    """Freeze the objects made at startup and collect less often, as requests make few cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
