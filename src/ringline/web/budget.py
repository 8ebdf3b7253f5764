"""How many bytes of one key's requests may be under way at a time (contract, 13).

A body is buffered until it has arrived, an answer until it has been read, and both may be
megabytes: many at once would use up the memory. So a key's large ones are counted together.
Small ones are not counted; the bound on connections limits them.
"""

import asyncio
from collections import Counter
from collections.abc import Hashable

from ringline.domain import limits
from ringline.web.fair_share import BYTE_OUT_S, FairShare

#: Bodies and answers up to this size are not counted.
SMALL_BYTES = 64 * 1024


#: How long a read waits for room while its key has unread answers.
ROOM_S = 5.0
_POLL_S = 0.05


class OverBudget(Exception):
    """A key has too many bytes under way."""


class ByteBudget:
    """Counts the bytes that each key's requests have under way."""

    def __init__(self, most: int = limits.IN_FLIGHT_BYTES.most) -> None:
        self._most = most
        self._under_way: Counter[Hashable] = Counter()

    def under_way(self, key_id: Hashable) -> int:
        """Return how many bytes a key has under way."""
        return self._under_way[key_id]

    async def room(self, key_id: Hashable) -> None:
        """Wait until a whole answer would fit, for a bounded time. Raises OverBudget."""
        if not self._under_way:
            return
        full = self._most - limits.ANSWER_BYTES.most
        for _ in range(round(ROOM_S / _POLL_S)):
            if self._under_way[key_id] <= full:
                return
            await asyncio.sleep(_POLL_S)
        raise OverBudget

    def change(self, key_id: Hashable, change: int) -> None:
        """Add bytes to the count, or subtract them. Raises OverBudget."""
        under_way = self._under_way[key_id] + change
        if change > 0 and under_way > self._most:
            raise OverBudget
        if under_way:
            self._under_way[key_id] = under_way
        else:
            del self._under_way[key_id]


class Share:
    """The bytes that one request has under way, and the work it causes."""

    __slots__ = ("_budget", "_bytes", "_fair", "_kept", "_key_id", "_paced_bytes", "_workspace_id")

    def __init__(
        self, budget: ByteBudget, fair: FairShare, *, key_id: Hashable, workspace_id: Hashable
    ) -> None:
        self._budget = budget
        self._fair = fair
        self._key_id = key_id
        self._workspace_id = workspace_id
        self._bytes = 0
        self._kept = 0
        self._paced_bytes = 0

    async def begin(self, seconds: float) -> None:
        """Wait for the workspace's turn before a piece of work."""
        await self._fair.begin(self._workspace_id, seconds)

    def charge(self, seconds: float) -> None:
        """Charge work that was done."""
        self._fair.charge(self._workspace_id, seconds)

    async def pace(self, held: int, made: int) -> None:
        """Reserve an answer's size so far; wait for the workspace's turn to continue.

        Raises OverBudget.
        """
        self.settle(max(held, self._kept))
        if made:
            self._paced_bytes += made
            await asyncio.sleep(0)
            await self._fair.begin(self._workspace_id, made * BYTE_OUT_S)

    def charge_answer(self, size: int) -> None:
        """Charge the work of an answer, unless that was done already."""
        self.charge((size - self._paced_bytes) * BYTE_OUT_S)

    async def room(self) -> None:
        """Wait until a whole answer of the key would fit. Raises OverBudget."""
        await self._budget.room(self._key_id)

    async def take_room(self) -> None:
        """Wait as `room` does, and keep room for a whole answer. Raises OverBudget."""
        self.settle(0)
        await self._budget.room(self._key_id)
        self._kept = limits.ANSWER_BYTES.most
        self.settle(self._kept)

    def hold(self, size: int) -> None:
        """Count a body, or the part received so far, if it is large. Raises OverBudget."""
        if size > self._bytes:
            self.settle(size)

    def settle(self, size: int) -> None:
        """Count this many bytes from now on, if they are many. Raises OverBudget."""
        size = size if size > SMALL_BYTES else 0
        if size != self._bytes:
            self._budget.change(self._key_id, size - self._bytes)
            self._bytes = size

    def close(self) -> None:
        """Stop counting; may be called again."""
        if self._bytes:
            self._budget.change(self._key_id, -self._bytes)
            self._bytes = 0
