"""How often something that strangers can repeat at will is logged.

A flood of refusals must not become a flood of lines: the first is logged at once, the others
are counted, and a later line says how many there were.
"""

#: The time between two lines, in seconds.
LOG_EVERY_S = 60.0


class LogPace:
    """Counts occurrences of one kind, and says when to log how many."""

    def __init__(self) -> None:
        self._untold = 0
        self._told_at: float | None = None

    def count(self, now: float) -> int:
        """Count one; return how many to log now, 0 if it is too soon for a line.

        `now` is in seconds of a clock that never goes back.
        """
        self._untold += 1
        if self._told_at is not None and now - self._told_at < LOG_EVERY_S:
            return 0
        untold, self._untold, self._told_at = self._untold, 0, now
        return untold
