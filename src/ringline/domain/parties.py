"""Who is connected to a call, and where its orders go.

A step speaks of "the leg" and "the voice", because a conversation has two sides; here stands
which leg and which voice these are. The caller's leg is the first that talks: it shows the
conversation, and the voice is paced by it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ringline.domain.addresses import Addressed, ToBridge, ToLeg, ToVoice
from ringline.domain.bridge import BridgeOrder
from ringline.domain.routes import LegId, PartyId, Routes, Seat, VoiceId, routes
from ringline.domain.turns import Order
from ringline.domain.voice import VoiceOrder


@dataclass(frozen=True, slots=True)
class Parties:
    """The legs of a call in the order in which they joined, and its voice."""

    legs: tuple[tuple[LegId, Seat], ...] = ()
    voice: VoiceId | None = None

    @property
    def caller(self) -> LegId | None:
        """Return the leg of the conversation; None once no caller is left."""
        return next((leg_id for leg_id, seat in self.legs if seat is Seat.TALK), None)

    def has(self, leg_id: LegId) -> bool:
        """Tell whether a leg takes part."""
        return any(id_ == leg_id for id_, _ in self.legs)

    def with_leg(self, leg_id: LegId, seat: Seat) -> "Parties":
        """Return the parties after a leg has joined."""
        return replace(self, legs=(*self.legs, (leg_id, seat)))

    def without_leg(self, leg_id: LegId) -> "Parties":
        """Return the parties after a leg has left."""
        return replace(self, legs=tuple(leg for leg in self.legs if leg[0] != leg_id))

    def routes(self, *, paused: bool) -> Routes:
        """Return who hears whom, while the agent is paused or not."""
        seats: dict[PartyId, Seat] = dict(self.legs)
        if self.voice is not None:
            seats[self.voice] = Seat.AGENT
        return routes(seats, paused=paused)

    def address(self, orders: Iterable[Order | Addressed]) -> Iterator[Addressed]:
        """Say who each order is for that does not say so itself."""
        for order in orders:
            if isinstance(order, Addressed):
                yield order
            elif isinstance(order, BridgeOrder):
                yield ToBridge(order)
            elif isinstance(order, VoiceOrder):
                if self.voice is not None:
                    yield ToVoice(self.voice, order)
            elif self.caller is not None:
                yield ToLeg(self.caller, order)
