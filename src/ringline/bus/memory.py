"""The bus of a single process: publications are delivered at once."""

import structlog

from ringline.domain.log import Scope
from ringline.domain.publication import Publication
from ringline.ports import ALL_LOGS, AllLogs, Subscriber, Unsubscribe

_log = structlog.get_logger()


class MemoryBus:
    """A `Bus` without a network: `publish` calls every subscriber before it returns.

    The error of a subscriber is logged by its type, and does not affect other subscribers.
    """

    def __init__(self) -> None:
        self._subscriptions: dict[Scope | AllLogs, dict[object, Subscriber]] = {}
        self._closed = False

    def publish(self, publication: Publication) -> None:
        """Deliver a publication to the subscribers of all logs, then to those of its log."""
        if self._closed:
            return
        for logs in (ALL_LOGS, publication.scope):
            subscriptions = self._subscriptions.get(logs, {})
            for subscription, subscriber in tuple(subscriptions.items()):
                if subscription not in subscriptions:
                    continue  # an earlier subscriber has just unsubscribed it
                try:
                    subscriber(publication)
                except Exception as error:
                    _log.error("bus_subscriber_failed", error=type(error).__name__)

    def subscribe(self, logs: Scope | AllLogs, subscriber: Subscriber) -> Unsubscribe:
        """Call back for the publications of a log, or of all; return the unsubscriber."""
        subscription = object()
        self._subscriptions.setdefault(logs, {})[subscription] = subscriber

        def unsubscribe() -> None:
            subscriptions = self._subscriptions.get(logs, {})
            subscriptions.pop(subscription, None)
            if not subscriptions:
                self._subscriptions.pop(logs, None)

        return unsubscribe

    async def close(self) -> None:
        """Stop delivering."""
        self._closed = True
