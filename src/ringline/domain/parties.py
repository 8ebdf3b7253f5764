"""The legs and the voice of a call, and the addressing of orders to them.

A step orders "the leg" and "the voice", as a conversation has two sides; this module knows
which ones they are. The leg is the caller's, the first one in the seat `talk`: it gets the
notifications, and its playback paces the voice.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ringline.domain.addresses import Addressed, ToBridge, ToLeg, ToVoice, ToWebhook
from ringline.domain.agent_tools import ToolOrder
from ringline.domain.bridge import BridgeOrder
from ringline.domain.leg import LegControl
from ringline.domain.routes import LegId, PartyId, Routes, Seat, VoiceId, routes
from ringline.domain.turns import Order
from ringline.domain.voice import VoiceOrder


@dataclass(frozen=True, slots=True)
class Parties:
    """The legs of a call in the order in which they joined, its voice, and its recorder."""

    legs: tuple[tuple[LegId, Seat], ...] = ()
    voice: VoiceId | None = None
    recorder: PartyId | None = None
    #: What each leg can do with its line.
    controls: Mapping[LegId, frozenset[LegControl]] = field(
        default_factory=dict[LegId, frozenset[LegControl]]
    )

    @property
    def caller(self) -> LegId | None:
        """Return the caller's leg; None once no caller is left."""
        return next((leg_id for leg_id, seat in self.legs if seat is Seat.TALK), None)

    def can(self, control: LegControl) -> bool:
        """Return whether the caller's leg can do something with its line."""
        return self.caller is not None and control in self.controls.get(self.caller, ())

    def has(self, leg_id: LegId) -> bool:
        """Return whether a leg is attached."""
        return any(id_ == leg_id for id_, _ in self.legs)

    def with_leg(
        self, leg_id: LegId, seat: Seat, *, controls: frozenset[LegControl] = frozenset()
    ) -> "Parties":
        """Return the parties after a leg has joined."""
        legs = (*self.legs, (leg_id, seat))
        return replace(self, legs=legs, controls={**self.controls, leg_id: controls})

    def without_leg(self, leg_id: LegId) -> "Parties":
        """Return the parties after a leg has left."""
        return replace(self, legs=tuple(leg for leg in self.legs if leg[0] != leg_id))

    def routes(self, *, paused: bool, held: bool = False) -> Routes:
        """Return the routes, while the agent is paused or not, and the caller held or not."""
        seats: dict[PartyId, Seat] = dict(self.legs)
        if self.voice is not None:
            seats[self.voice] = Seat.AGENT
        if self.recorder is not None:
            seats[self.recorder] = Seat.RECORDER
        return routes(seats, paused=paused, held=held)

    def address(self, orders: Iterable[Order | Addressed]) -> Iterator[Addressed]:
        """Address the orders that have no receiver yet."""
        for order in orders:
            if isinstance(order, Addressed):
                yield order
            elif isinstance(order, BridgeOrder):
                yield ToBridge(order)
            elif isinstance(order, ToolOrder):
                yield ToWebhook(order)
            elif isinstance(order, VoiceOrder):
                if self.voice is not None:
                    yield ToVoice(self.voice, order)
            elif self.caller is not None:
                yield ToLeg(self.caller, order)
