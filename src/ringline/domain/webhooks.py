"""Webhooks: who is sent an event, and how an attempt and a delivery end (live streams, 3)."""

from enum import StrEnum


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class AttemptError(StrEnum):
    """Why an attempt has no complete answer (live streams, 3.8)."""

    TIMEOUT = "timeout"
    DNS = "dns"
    REFUSED = "refused"
    RESET = "reset"
    TLS = "tls"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    REDIRECT = "redirect"
    CLOSED = "closed"
