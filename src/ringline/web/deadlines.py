"""A deadline for requests, all of the same length: one timer serves those under way.

`asyncio.timeout` sets a timer and cancels it again with every request, which costs more than many
a request's own work. Here the oldest one's deadline is watched: none of the others is earlier.
"""

import asyncio
from types import TracebackType
from typing import Any


class Deadlines:
    """Ends what takes longer than so many seconds."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        #: In the sequence of their ends.
        self._under_way: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def limit(self) -> "Deadline":
        """Return a context whose block is cancelled at the deadline: it raises TimeoutError."""
        return Deadline(self)

    def begin(self, deadline: "Deadline") -> None:
        """Watch a deadline from now on."""
        loop = asyncio.get_running_loop()
        deadline.ends_at = loop.time() + self._after_s
        self._under_way[deadline] = None
        if self._timer is None:
            self._timer = loop.call_at(deadline.ends_at, self._look)

    def end(self, deadline: "Deadline") -> None:
        """Watch a deadline no longer."""
        self._under_way.pop(deadline, None)

    def _look(self) -> None:
        """Expire what is over; look again when the next one is."""
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for deadline in tuple(self._under_way):
            if deadline.ends_at > now:
                self._timer = loop.call_at(deadline.ends_at, self._look)
                return
            del self._under_way[deadline]
            deadline.expire()


class Deadline:
    """The deadline of one block."""

    __slots__ = ("_all", "_cancelling", "_expired", "_task", "ends_at")

    def __init__(self, all_: Deadlines) -> None:
        self._all = all_
        self._expired = False
        #: By the loop's clock.
        self.ends_at = 0.0

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a deadline needs a task that it can cancel")
        self._task: asyncio.Task[Any] = task
        self._cancelling = task.cancelling()
        self._all.begin(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._all.end(self)
        # A task that somebody else has cancelled too stays cancelled, as with `asyncio.timeout`.
        if (
            self._expired
            and self._task.uncancel() <= self._cancelling
            and isinstance(error, asyncio.CancelledError)
        ):
            raise TimeoutError from error

    def expire(self) -> None:
        """Cancel the block."""
        self._expired = True
        self._task.cancel()
