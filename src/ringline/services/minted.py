"""The tickets that this process minted and that nobody has redeemed yet.

A browser redeems its ticket seconds after the mint, mostly in the process that minted it. Whose
ticket it is, which must be known before it is redeemed, then takes no query. This memory is a
hint: only the statement that takes a ticket says whether it is valid, also if another process
has redeemed or revoked it meanwhile.
"""

from collections import OrderedDict

from ringline.domain.credentials import Ticket

#: How many tickets are remembered; the oldest is forgotten first.
REMEMBERED = 1024
#: Tickets that bind more bytes are not remembered.
_MOST_BYTES = 4096


class Minted:
    """Remembers tickets by the hash of their secret."""

    def __init__(self) -> None:
        self._tickets: OrderedDict[bytes, Ticket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tickets)

    def remember(self, ticket_hash: bytes, ticket: Ticket) -> None:
        """Remember a ticket that was minted."""
        if len(ticket.binding) > _MOST_BYTES:
            return
        if len(self._tickets) >= REMEMBERED:
            self._tickets.popitem(last=False)
        self._tickets[ticket_hash] = ticket

    def find(self, ticket_hash: bytes) -> Ticket | None:
        """Return a ticket that is remembered."""
        return self._tickets.get(ticket_hash)

    def forget(self, ticket_hash: bytes) -> None:
        """Forget a ticket that somebody tries to redeem: it is good for one attempt."""
        self._tickets.pop(ticket_hash, None)
