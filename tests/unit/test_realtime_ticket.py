"""How a ticket comes to the upgrade, and what is answered."""

import pytest

from ringline.wire.realtime_ticket import OfferedTicket, find_ticket, spell_subprotocol


@pytest.mark.parametrize(
    ("offers", "query", "found"),
    [
        ([], None, None),
        (["chat"], None, None),
        (["opper-ticket.T"], None, OfferedTicket("T", "opper-ticket.T")),
        (["chat", "opper-ticket.T"], "Q", OfferedTicket("T", "opper-ticket.T")),
        (["chat"], "Q", OfferedTicket("Q")),
        ([], "Q?ticket=Q", OfferedTicket("Q")),
        ([], "", OfferedTicket("")),
        (["opper-ticket."], "Q", OfferedTicket("", "opper-ticket.")),
    ],
)
def test_tickets_are_found(
    offers: list[str], query: str | None, found: OfferedTicket | None
) -> None:
    assert find_ticket(offers, query) == found


def test_what_a_client_offers_is_found() -> None:
    assert find_ticket([spell_subprotocol("T")], None) == OfferedTicket("T", "opper-ticket.T")
