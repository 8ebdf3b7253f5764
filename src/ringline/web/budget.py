"""How many bytes of one key's requests may be under way at a time (contract, 13).

A body is kept until it has arrived, an answer until it has been read, and both may be
megabytes: many of them at once would take all memory. So the large ones of a key are
counted together. What is small is not counted; the bound on connections holds it.
"""

from collections import Counter
from uuid import UUID

from ringline.domain import limits

#: Bodies and answers up to this size are not counted.
SMALL_BYTES = 64 * 1024


class OverBudget(Exception):
    """A key has more under way than it may."""


class ByteBudget:
    """Counts what the requests of each key have under way."""

    def __init__(self, most: int = limits.UNDER_WAY_BYTES.most) -> None:
        self._most = most
        self._under_way: Counter[UUID] = Counter()

    def under_way(self, key_id: UUID) -> int:
        """Return how many bytes a key has under way."""
        return self._under_way[key_id]

    def open(self, key_id: UUID) -> "Share":
        """Begin to count a request; the share must be closed when its answer has left."""
        return Share(self, key_id)

    def change(self, key_id: UUID, change: int) -> None:
        """Count bytes more or less. Raises OverBudget."""
        under_way = self._under_way[key_id] + change
        if change > 0 and under_way > self._most:
            raise OverBudget
        if under_way:
            self._under_way[key_id] = under_way
        else:
            del self._under_way[key_id]


class Share:
    """What one request has under way."""

    __slots__ = ("_budget", "_bytes", "_key_id")

    def __init__(self, budget: ByteBudget, key_id: UUID) -> None:
        self._budget = budget
        self._key_id = key_id
        self._bytes = 0

    def hold(self, size: int) -> None:
        """Count a body, or what has come of it, or an answer, if it is large.

        Raises OverBudget.
        """
        if size > max(self._bytes, SMALL_BYTES):
            self._budget.change(self._key_id, size - self._bytes)
            self._bytes = size

    def close(self) -> None:
        """Count nothing more; may be called again."""
        if self._bytes:
            self._budget.change(self._key_id, -self._bytes)
            self._bytes = 0
