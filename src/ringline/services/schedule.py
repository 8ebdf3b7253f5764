"""When to look at whom next: the earliest time of each, bounded. Pure."""

from heapq import heapify, heappop, heappush
from uuid import UUID


class Schedule:
    """The earliest time of each target, in a heap; `most` targets at a time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._at: dict[UUID, float] = {}
        self._heap: list[tuple[float, UUID]] = []

    def __len__(self) -> int:
        """Return how many targets have a time."""
        return len(self._at)

    @property
    def size(self) -> int:
        """Return how many entries the heap has, those that were moved forward included."""
        return len(self._heap)

    def add(self, target_id: UUID, at: float) -> bool:
        """Look at a target at a time or earlier; return False if there are too many."""
        known = self._at.get(target_id)
        if known is not None and known <= at:
            return True
        if known is None and len(self._at) >= self._most:
            return False
        self._at[target_id] = at
        heappush(self._heap, (at, target_id))
        if len(self._heap) > 4 * len(self._at) + 64:  # mostly times that were moved forward
            self._heap = [(at, target_id) for target_id, at in self._at.items()]
            heapify(self._heap)
        return True

    def pop(self, now: float) -> UUID | None:
        """Remove and return the target that is due first; None if none is."""
        while self._heap and self._heap[0][0] <= now:
            at, target_id = heappop(self._heap)
            if self._at.get(target_id) == at:
                del self._at[target_id]
                return target_id
        return None

    def wait_s(self, now: float) -> float | None:
        """Return how long nothing is due; None if nothing is scheduled."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return max(self._heap[0][0] - now, 0.0) if self._heap else None
