"""How a surface encodes the canonical events (contract, 3).

A dialect is a pure table from canonical type to the surface's own name and payload. The
hub encodes an event once per dialect and shares the bytes among that dialect's listeners,
so two dialects with the same name must encode alike.
"""

from typing import Protocol

from ringline.domain.events import Event
from ringline.domain.log import Position, Scope


class Dialect(Protocol):
    """One surface's encoding of events."""

    @property
    def name(self) -> str:
        """Return the name that distinguishes this encoding from all others."""
        ...

    def encode(self, event: Event, position: Position, *, scope: Scope) -> bytes | None:
        """Encode an event for this surface's listeners; None if it is not shown.

        `position` is the event's own if it is durable. An ephemeral event has none: it
        gets that of the preceding durable event, which no dialect shows.
        """
        ...
