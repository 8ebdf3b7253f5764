"""The watch over a caller's silence: it tells the call once of each (live streams, 3.7).

A silence begins when nobody speaks any more and ends when somebody does. Time is the event
loop's, which does not jump with the clock on the wall.
"""

import asyncio
from collections.abc import Callable


class SilenceWatch:
    """Watches one call; without an `idle_s` it watches nothing."""

    def __init__(self, idle_s: float | None, tell: Callable[[float], None]) -> None:
        self._idle_s = idle_s
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._mark: object = None
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, mark: object) -> None:
        """Take what was said last, if all are silent now; None if somebody speaks.

        The same mark again is the same silence.
        """
        if self._idle_s is None or mark is self._mark:
            return
        self._mark = mark
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if mark is not None:
            began = self._loop.time()
            self._timer = self._loop.call_later(
                self._idle_s, lambda: self._tell(self._loop.time() - began)
            )

    def close(self) -> None:
        """Watch no more, and forget the call, which refers to this."""
        self.follow(None)
        self._idle_s, self._tell = None, _tell_nobody


def _tell_nobody(_: float) -> None:
    """Do nothing: the call is over."""
