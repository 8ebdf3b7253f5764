"""A timer that is started anew for each thing that may not take too long."""

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls back once a time has passed, unless it is started again or stopped before."""

    def __init__(self, on_due: Callable[[], None]) -> None:
        self._on_due = on_due
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, after_s: float) -> None:
        """Start, or start again."""
        self.stop()
        self._timer = self._loop.call_later(after_s, self._ring)

    def stop(self) -> None:
        """Stop, if it has not been due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self._on_due()
