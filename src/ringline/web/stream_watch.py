"""The common part of live streams: where they start, and why they end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
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

    `recovered` is None if no position was asked for, False if it was not recoverable, and then
    events after `missed_after` are missed.
    """

    viewer: Viewer
    topic: Followed
    position: Position
    recovered: bool | None
    missed_after: int | None = None


AnyStart: TypeAlias = Start[CallEvents] | Start[ThreadEvents]


class StreamWatch:
    """One stream's progress.

    `on_end` is called once, with the reason: a `/v1` code, or "" at its topic's end.
    """

    __slots__ = (
        "_follower",
        "_last",
        "_on_end",
        "_outbox",
        "_start",
        "_task",
        "_watchers",
        "ended",
    )

    def __init__(
        self, watchers: Watchers, start: AnyStart, *, on_end: Callable[[str], None]
    ) -> None:
        self._watchers = watchers
        self._start = start
        self._on_end = on_end
        self._outbox: Outbox | None = None
        self._last = False
        self._task: asyncio.Task[None] | None = None
        self._follower: Follower | None = None
        #: The reason, once it has ended.
        self.ended: str | None = None

    def begin(self, subscription: Subscription, outbox: Outbox) -> None:
        """Follow the topic until the stream ends; `topic_ended` is the subscription's end."""
        self._outbox = outbox
        if self.ended is not None:
            self._on_end(self.ended)
        else:
            self._task = asyncio.create_task(
                self._run(partial(self._catch_up, subscription, outbox))
            )

    def topic_ended(self, follower: Follower) -> None:
        """End the stream once the topic's last event has been sent; a thread has none."""
        outbox = self._outbox
        if outbox is None or self.ended is not None:
            return
        if self._task is not None:  # it still reads the past, of which this was the end
            self._last = True
        else:
            self._task = asyncio.create_task(self._run(partial(self._send_last, outbox)))

    def finish(self, code: str) -> None:
        """End the stream; the first reason wins."""
        if self.ended is None:
            self.ended = code
            self.stop()
            if self._outbox is not None:
                self._on_end(code)

    def stop(self) -> None:
        """Follow no more: the client is gone, or the stream ends."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        if self._follower is not None:
            self._follower.close()

    def leave(self) -> None:
        """Stop, and forget whom to tell: the client is gone."""
        self.stop()
        self._on_end = _nobody

    async def _catch_up(self, subscription: Subscription, outbox: Outbox) -> None:
        hub, store = self._watchers.hub, self._watchers.log_store
        self._follower = await follow(
            hub, store, subscription=subscription, since=self._start.position, outbox=outbox
        )
        if self._last:
            await self._send_last(outbox)

    async def _send_last(self, outbox: Outbox) -> None:
        await outbox.drained()
        self.finish("")

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do a part of the work; what it raises ends the stream."""
        try:
            await work()
        except OutboxClosed:
            self.finish("")
        except Unavailable:
            self.finish("UNAVAILABLE")
        except Exception as error:  # a bug ends only this stream, and is logged
            _log.error("stream_failed", error=type(error).__name__)
            self.finish("INTERNAL")
        else:
            self._task = None


def _nobody(code: str) -> None:
    """Take the reason of an end that no one waits for."""
