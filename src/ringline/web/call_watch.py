"""The common part of one call's streams: where they start, and why they end."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import structlog

from ringline.domain.log import Position
from ringline.domain.topics import CallEvents
from ringline.domain.unavailable import Unavailable
from ringline.services.follow import Subscription, follow
from ringline.services.outbox import Outbox, OutboxClosed
from ringline.web.watchers import Viewer, Watchers

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """The start of a stream: its viewer, its call and its position.

    `recovered` is None if no position was asked for, False if it was not recoverable.
    """

    viewer: Viewer
    call_id: UUID
    position: Position
    recovered: bool | None

    @property
    def topic(self) -> CallEvents:
        """Return the topic that the stream follows."""
        return CallEvents(self.call_id)


class CallWatch:
    """One stream's progress, and why it ends: a `/v1` code, or "" at the call's end."""

    def __init__(self, watchers: Watchers, start: Start) -> None:
        self._watchers = watchers
        self._start = start
        self.end: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def finish(self, code: str) -> None:
        """End the stream; the first reason wins."""
        if not self.end.done():
            self.end.set_result(code)

    async def run(self, subscription: Subscription, outbox: Outbox) -> None:
        """Follow the call until the stream ends; raises nothing but cancellation."""
        try:
            await self._follow(subscription, outbox)
        except OutboxClosed:
            self.finish("")
        except Unavailable:
            self.finish("UNAVAILABLE")
        except Exception as error:  # a bug ends only this stream, and is logged
            _log.error("stream_failed", error=type(error).__name__)
            self.finish("INTERNAL")
        else:
            self.finish("")

    async def _follow(self, subscription: Subscription, outbox: Outbox) -> None:
        """Follow the call until its last event has been sent."""
        hub, store = self._watchers.hub, self._watchers.log_store
        follower = await follow(
            hub, store, subscription=subscription, since=self._start.position, outbox=outbox
        )
        try:
            await follower.ended.wait()
            await outbox.drained()
        finally:
            follower.close()
