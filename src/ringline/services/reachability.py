"""Whether the database is up, as the journal sees it. Pure.

    UP --lost--> DOWN --answered--> ANSWERED --written--> UP
                  ^                     |
                  +---------lost--------+

After the connection is lost, the journal probes the database before it writes again. An
answer alone does not let new calls begin, because the first write may still fail.
"""

from enum import Enum, auto

#: Seconds to wait before a probe, by the number of writes or probes that failed in a row.
_BACKOFF_S = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)


class Reach(Enum):
    """The last known state of the database."""

    UP = auto()
    DOWN = auto()
    ANSWERED = auto()


class Reachability:
    """The state of the database, as one journal sees it."""

    def __init__(self) -> None:
        self.state = Reach.UP
        self._losses = 0
        self._failures = -1  # in a row, after the first

    @property
    def is_up(self) -> bool:
        """Return whether the last write succeeded and nothing was lost since."""
        return self.state is Reach.UP

    @property
    def must_probe(self) -> bool:
        """Return whether the database must be probed before the next write."""
        return self.state is Reach.DOWN

    @property
    def backoff_s(self) -> float:
        """Return how long to wait before the next probe."""
        return _BACKOFF_S[min(max(self._failures, 0), len(_BACKOFF_S) - 1)]

    def lost(self) -> bool:
        """Note that the database went away; return whether it was up until now."""
        was_up = self.is_up
        self.state = Reach.DOWN
        self._losses += 1
        return was_up

    def failed(self) -> None:
        """Note that a write or a probe failed; back off further."""
        self._failures += 1

    def probe(self) -> int:
        """Begin a probe; return a token for `answered`."""
        return self._losses

    def answered(self, probe: int) -> bool:
        """Note a probe's answer; return False if the database was lost since it began."""
        if probe != self._losses:
            return False
        self.state = Reach.ANSWERED
        return True

    def written(self) -> bool:
        """Note a successful write, or that none is due; return whether this ends an outage."""
        if self.state is not Reach.ANSWERED:
            return False
        self.state = Reach.UP
        self._failures = -1
        return True
