"""Why something cannot be had now: the one error behind every 503 and every `unavailable`.

The client may try again, and every surface says so in its own words. The reason says whether
anything may have been done meanwhile.
"""

from enum import StrEnum


class UnavailableReason(StrEnum):
    """Why a request cannot be carried out now."""

    STORE_UNAVAILABLE = "store_unavailable"  # the database does not answer
    LOG_BUSY = "log_busy"  # another transaction holds the log
    QUERY_TOO_SLOW = "query_too_slow"  # a statement of the request ran over its time
    LOG_UNKNOWN = "log_unknown"  # there is no such log, or not yet
    LOG_REBUILT = "log_rebuilt"  # since the client was told its position
    TOO_MANY_ORDERS = "too_many_orders"  # wait for one call
    ORDER_UNCONFIRMED = "order_unconfirmed"  # the call has the order; whether it is written is open
    PROCESS_GONE = "process_gone"  # the one that ran the call
    NOT_ACCEPTING = "not_accepting"  # no new calls: they could not be recorded
    STOPPING = "stopping"  # the server begins nothing more

    @property
    def left_no_trace(self) -> bool:
        """Return whether it is certain that nothing was done."""
        return self in _LEFT_NO_TRACE


_LEFT_NO_TRACE = frozenset({UnavailableReason.LOG_BUSY, UnavailableReason.TOO_MANY_ORDERS})


class Unavailable(Exception):
    """A request cannot be carried out now; the same one may succeed later."""

    def __init__(self, reason: UnavailableReason) -> None:
        super().__init__(reason.value)
        self.reason = reason
