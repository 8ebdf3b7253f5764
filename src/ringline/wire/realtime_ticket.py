"""How clients pass a ticket to the upgrade (realtime voice, 3.1, 3.2).

A subprotocol takes precedence over the query, because URLs end up in logs, and both over a
key. If a ticket is offered, any key is ignored, so that a leaked key cannot widen a bound
session.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SUBPROTOCOL = "opper-ticket."


@dataclass(frozen=True, slots=True)
class OfferedTicket:
    """A ticket, and the subprotocol to accept: exactly the one that was offered."""

    ticket: str
    answer: str | None = None


def find_ticket(offers: Sequence[str], query: str | None) -> OfferedTicket | None:
    """Find the ticket in a request's subprotocols or `?ticket=`; None without one.

    An empty ticket counts, and is invalid. A client that appends its ticket to a URL that
    already has it sends `T?ticket=T` (2.4); the value ends at the first `?`.
    """
    for offer in offers:
        if offer.startswith(SUBPROTOCOL):
            return OfferedTicket(offer.removeprefix(SUBPROTOCOL), offer)
    return None if query is None else OfferedTicket(query.partition("?")[0])


def spell_subprotocol(ticket: str) -> str:
    """Return the subprotocol with which a client offers its ticket."""
    return SUBPROTOCOL + ticket
