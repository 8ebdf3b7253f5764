"""A wall clock moved by hand, and event loops with virtual time.

When idle, the loops jump to the next timer: tests that wait take no time and are deterministic.
Such a test must not do work outside the loop (threads, sockets, subprocesses): time would jump
over it.
"""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

_T = TypeVar("_T")


class HandClock:
    """A wall clock that a test moves by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class _JumpingSelector(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("deadlock: all tasks wait and no timer is set")
            self.now += max(timeout, 0)
        return ready


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop for tests that need no real time."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._jumping.now


class _ObedientSelector(selectors.DefaultSelector):
    jumps = False
    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self.jumps or timeout is None:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.skipped += max(timeout, 0)
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop in real time that jumps over waits once it is told to."""

    def __init__(self) -> None:
        self._obedient = _ObedientSelector()
        super().__init__(self._obedient)

    def time(self) -> float:
        return time.monotonic() + self._obedient.skipped

    def skip_waits(self) -> None:
        """Jump to the next timer when idle, from now on."""
        self._obedient.jumps = True


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(main)
