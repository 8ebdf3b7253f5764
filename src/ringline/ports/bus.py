"""The bus between the processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ringline.domain.log import Scope
from ringline.domain.publication import Publication


@dataclass(frozen=True, slots=True)
class AllLogs:
    """All logs, for a subscriber that does not know which ones it will need."""


ALL_LOGS = AllLogs()

#: Receives publications, on the event loop; it must not block.
Subscriber: TypeAlias = Callable[[Publication], None]

#: End a subscription at once; idempotent.
Unsubscribe: TypeAlias = Callable[[], None]


class Bus(Protocol):
    """Carries published events to the hubs of all processes; a hint, never the truth.

    It may lose, duplicate or reorder events; the hub repairs that from the log.
    """

    def publish(self, publication: Publication) -> None:
        """Deliver to every subscriber, our own included. Never blocks or raises."""
        ...

    def subscribe(self, logs: Scope | AllLogs, subscriber: Subscriber) -> Unsubscribe:
        """Deliver the publications of a log, or of all logs, to a subscriber.

        For all logs, publications of this process suffice; more do no harm.
        """
        ...

    async def close(self) -> None:
        """Stop publishing and delivering."""
        ...
