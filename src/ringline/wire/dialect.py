"""How a surface spells the canonical events (contract, 3).

A dialect is a pure table from canonical type to the surface's own name and payload. The
hub encodes an event once per dialect and shares the bytes among that dialect's listeners,
so two dialects of one name must spell alike.
"""

from typing import Protocol

from ringline.domain.events import Event
from ringline.domain.log import Position, Scope


class Dialect(Protocol):
    """One surface's spelling of events."""

    @property
    def name(self) -> str:
        """Return what tells this spelling from all others."""
        ...

    def encode(self, event: Event, position: Position, scope: Scope) -> bytes | None:
        """Write an event as this surface's listeners get it; None if it is not shown.

        `position` is the event's own if it is durable. An ephemeral event has none: it
        gets that of the durable event before it, and no dialect shows it.
        """
        ...
