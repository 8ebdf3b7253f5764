"""Whether the database can be written to: what a journal knows of it. Pure.

    HERE --lost--> LOST --answered--> ANSWERED --written--> HERE
                    ^                     |
                    +---------lost--------+

A database that was lost is asked before the next write; that it answers is not enough to
accept new calls, because the first write may fail again.
"""

from enum import Enum, auto

#: Seconds before the database is asked, by how often writing or asking has failed in a row.
_WAIT_S = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)


class Reach(Enum):
    """What was last heard of the database."""

    HERE = auto()
    LOST = auto()
    ANSWERED = auto()


class Reachability:
    """The state of the database as one journal sees it."""

    def __init__(self) -> None:
        self.state = Reach.HERE
        self._losses = 0
        self._failures = -1  # in a row, after the first

    @property
    def is_here(self) -> bool:
        """Return whether the last write succeeded and nothing was lost since."""
        return self.state is Reach.HERE

    @property
    def must_ask(self) -> bool:
        """Return whether the database must be asked before the next write."""
        return self.state is Reach.LOST

    @property
    def wait_s(self) -> float:
        """Return how long to wait before asking."""
        return _WAIT_S[min(max(self._failures, 0), len(_WAIT_S) - 1)]

    def lost(self) -> bool:
        """Note that the database went away; return whether it was here until now."""
        was_here = self.is_here
        self.state = Reach.LOST
        self._losses += 1
        return was_here

    def failed(self) -> None:
        """Note that a write or a question failed, which lengthens the next wait."""
        self._failures += 1

    def ask(self) -> int:
        """Return what `answered` takes to tell this question from later losses."""
        return self._losses

    def answered(self, question: int) -> bool:
        """Note an answer; return False if the database was lost again after the question."""
        if question != self._losses:
            return False
        self.state = Reach.ANSWERED
        return True

    def written(self) -> bool:
        """Note that a write succeeded, or none is due; return whether it came back with it."""
        if self.state is not Reach.ANSWERED:
            return False
        self.state = Reach.HERE
        self._failures = -1
        return True
