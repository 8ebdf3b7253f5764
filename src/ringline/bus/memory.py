"""The bus of a single process: publications are handed over at once."""

from collections.abc import Callable

import structlog

from ringline.domain.publication import Publication

_log = structlog.get_logger()


class MemoryBus:
    """A `Bus` without a network: `publish` calls every subscriber before it returns.

    A subscriber that raises is logged by the type of its error and hurts nobody else.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[[Publication], None]] = []
        self._closed = False

    def publish(self, publication: Publication) -> None:
        """Hand a publication to every subscriber."""
        if self._closed:
            return
        for listener in self._listeners:
            try:
                listener(publication)
            except Exception as error:
                _log.error("bus_subscriber_failed", error=type(error).__name__)

    def subscribe(self, listener: Callable[[Publication], None]) -> None:
        """Call back for every publication."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """Send nothing more."""
        self._closed = True
