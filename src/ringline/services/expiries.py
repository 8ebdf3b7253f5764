"""Connections that are closed when their token expires, by the second in which it does.

Tokens expire in whole seconds, so one poll of the wall clock serves them all: no connection has
a timer, and a machine that slept finds out at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

#: Called to close a connection whose token has expired.
Expire = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a connection's token expires, which key minted it, and what closes the connection."""

    key_id: UUID
    at: datetime
    expire: Expire


class Expiries:
    """The expiries of open connections."""

    def __init__(self) -> None:
        self._by_second: dict[int, dict[object, Expiry]] = {}

    def add(self, expiry: Expiry, connection: object) -> None:
        """Note a connection's expiry."""
        self._by_second.setdefault(_second(expiry.at), {})[connection] = expiry

    def drop(self, expiry: Expiry, connection: object) -> None:
        """Forget a connection that has closed, whether it was closed here or not."""
        second = _second(expiry.at)
        connections = self._by_second.get(second, {})
        connections.pop(connection, None)
        if not connections:
            self._by_second.pop(second, None)

    def take_due(self, now: datetime) -> list[Expiry]:
        """Return and forget those whose second has come."""
        due = [second for second in self._by_second if second <= now.timestamp()]
        return [expiry for second in due for expiry in self._by_second.pop(second).values()]


def _second(at: datetime) -> int:
    return int(at.timestamp())
