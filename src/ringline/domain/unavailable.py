"""The error behind every 503 and every `unavailable`, and its reasons.

The client may retry, and every surface says so in its own format. The reason says whether
the request may have taken effect.
"""

from enum import StrEnum


class UnavailableReason(StrEnum):
    """Why a request cannot be carried out now."""

    STORE_UNAVAILABLE = "store_unavailable"  # the database does not answer
    LOG_BUSY = "log_busy"  # another transaction holds the log
    QUERY_TOO_SLOW = "query_too_slow"  # a statement of the request timed out
    LOG_UNKNOWN = "log_unknown"  # the log does not exist, or not yet
    LOG_REBUILT = "log_rebuilt"  # the client's position is of an older epoch
    TOO_MANY_ORDERS = "too_many_orders"  # the call's queue of orders is full
    ORDER_UNCONFIRMED = "order_unconfirmed"  # the call has the order, but it may not be written
    PROCESS_GONE = "process_gone"  # the process that ran the call
    NOT_ACCEPTING = "not_accepting"  # new calls could not be recorded
    TOO_MANY_PASSWORDS = "too_many_passwords"  # as many as may wait are being checked
    PROCESS_FULL = "process_full"  # it has as many live sessions as it may
    STOPPING = "stopping"  # the server is shutting down

    @property
    def had_no_effect(self) -> bool:
        """Return whether the request certainly had no effect."""
        return self in _LEFT_NO_TRACE


_LEFT_NO_TRACE = frozenset(
    {
        UnavailableReason.LOG_BUSY,
        UnavailableReason.TOO_MANY_ORDERS,
        UnavailableReason.NOT_ACCEPTING,
        UnavailableReason.TOO_MANY_PASSWORDS,
        UnavailableReason.PROCESS_FULL,
    }
)


class Unavailable(Exception):
    """A request cannot be carried out now; the same one may succeed later."""

    def __init__(self, reason: UnavailableReason) -> None:
        super().__init__(reason.value)
        self.reason = reason
