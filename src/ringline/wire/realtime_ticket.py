"""How a ticket comes to the realtime socket's upgrade (realtime voice, 3.1, 3.2).

A subprotocol is preferred to the query, because addresses land in logs; either of them is
preferred to a key. If any ticket is offered it alone decides, so that a key that leaked
cannot widen a session that is bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SUBPROTOCOL = "opper-ticket."


@dataclass(frozen=True, slots=True)
class OfferedTicket:
    """A ticket, and the subprotocol to answer with: exactly the one that was offered."""

    ticket: str
    answer: str | None = None


def find_ticket(offers: Sequence[str], query: str | None) -> OfferedTicket | None:
    """Find the ticket among a request's subprotocols and its `?ticket=`; None if there is none.

    An empty ticket is one too, and opens nothing. A client that adds its ticket to an
    address that has it already sends `T?ticket=T` (2.4); the value ends at the first `?`.
    """
    for offer in offers:
        if offer.startswith(SUBPROTOCOL):
            return OfferedTicket(offer.removeprefix(SUBPROTOCOL), offer)
    return None if query is None else OfferedTicket(query.partition("?")[0])


def spell_subprotocol(ticket: str) -> str:
    """Spell what a client offers to come in by a ticket."""
    return SUBPROTOCOL + ticket
