"""How much of one kind a workspace may have under way at once."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from uuid import UUID

from ringline.domain.log import Scope


class NoSlot(Exception):
    """The workspace has as many under way as it may."""


class Slots:
    """Counts what is under way, by workspace; both environments count together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[UUID] = Counter()

    @contextmanager
    def one_of(self, scope: Scope) -> Generator[None]:
        """Hold a slot for the length of a block. Raises NoSlot."""
        workspace_id = scope.workspace_id
        if self._taken[workspace_id] >= self._most:
            raise NoSlot
        self._taken[workspace_id] += 1
        try:
            yield
        finally:
            self._taken[workspace_id] -= 1
            if not self._taken[workspace_id]:
                del self._taken[workspace_id]
