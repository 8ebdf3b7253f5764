"""The common part of live streams: where they start, and why they end."""

import asyncio
from dataclasses import dataclass, replace
from typing import Generic, TypeAlias, TypeVar

import structlog

from ringline.domain.log import Position
from ringline.domain.topics import CallEvents, ThreadEvents
from ringline.domain.unavailable import Unavailable
from ringline.services.follow import Follower, Subscription, follow
from ringline.services.outbox import Outbox, OutboxClosed
from ringline.web.watchers import Viewer, Watchers

_log = structlog.get_logger(__name__)

#: The topics that a live stream may have.
Followed = TypeVar("Followed", CallEvents, ThreadEvents)


@dataclass(frozen=True, slots=True)
class Start(Generic[Followed]):
    """The start of a stream: its viewer, its topic and its position.

    `recovered` is None if no position was asked for, False if it was not recoverable.
    """

    viewer: Viewer
    topic: Followed
    position: Position
    recovered: bool | None


AnyStart: TypeAlias = Start[CallEvents] | Start[ThreadEvents]


class StreamWatch:
    """One stream's progress, and why it ends: a `/v1` code, or "" at its topic's end."""

    def __init__(self, watchers: Watchers, start: AnyStart) -> None:
        self._watchers = watchers
        self._start = start
        self.end: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def finish(self, code: str) -> None:
        """End the stream; the first reason wins."""
        if not self.end.done():
            self.end.set_result(code)

    async def run(self, subscription: Subscription, outbox: Outbox) -> None:
        """Follow the topic until the stream ends; raises nothing but cancellation."""
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
        """Follow the topic until its last event has been sent; a thread's has none."""
        hub, store = self._watchers.hub, self._watchers.log_store
        ended = asyncio.Event()

        def note_end(follower: Follower) -> None:
            ended.set()

        subscription = replace(subscription, on_end=note_end)
        follower = await follow(
            hub, store, subscription=subscription, since=self._start.position, outbox=outbox
        )
        try:
            await ended.wait()
            await outbox.drained()
        finally:
            follower.close()
