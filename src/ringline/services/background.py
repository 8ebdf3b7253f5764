"""Work that runs in the background for as long as the server does."""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack

import structlog

_log = structlog.get_logger(__name__)


def run_in_background(stack: AsyncExitStack, work: Awaitable[None]) -> None:
    """Run work in a task until it is done or the stack closes, which cancels it.

    Work that fails is logged, and nothing else ends with it.
    """
    task = asyncio.ensure_future(work)

    async def cancel() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    task.add_done_callback(_report)
    stack.push_async_callback(cancel)


def _report(done: asyncio.Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        _log.error("background_work_failed", error=type(error).__name__)
