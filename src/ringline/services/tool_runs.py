"""Runs the tools of one call at its agent's webhook: each a task, all of them at once.

The call decides what is asked, and what becomes of a result (`domain/tool_runs.py`). What it
gives up is cancelled, which closes the request; at its end, that is everything.
"""

import asyncio
from collections.abc import Callable
from typing import TypeAlias
from uuid import UUID

import structlog

from ringline.domain.agent_tools import CancelTools, InvokeTool, ToolOrder, ToolReturned
from ringline.domain.call_facts import CallFacts
from ringline.domain.receivers import ToolQuestion
from ringline.ports import RunTool

_log = structlog.get_logger(__name__)

#: The result of a tool that a defect has broken.
FAILED = '{"error":"tool_failed","reason":"internal_error"}'

#: Takes the result of a tool.
Report: TypeAlias = Callable[[ToolReturned], None]


def _nobody_waits(_: ToolReturned) -> None:
    """Drop the result of a call that is over."""


class ToolRuns:
    """The questions to its agent's webhook that a call waits for."""

    def __init__(self, call: CallFacts, run_tool: RunTool, *, report: Report) -> None:
        self._call = call
        self._run_tool = run_tool
        self._report = report
        self._running: dict[UUID, asyncio.Task[None]] = {}

    def take(self, order: ToolOrder) -> None:
        """Begin a run, or cancel some."""
        match order:
            case InvokeTool():
                task = asyncio.create_task(self._run(order))
                self._running[order.id] = task
                # A task that is cancelled before it begins runs nothing of itself.
                task.add_done_callback(lambda _: self._running.pop(order.id))
            case CancelTools(ids):
                for id_ in ids:
                    if (task := self._running.get(id_)) is not None:
                        task.cancel()

    async def close(self) -> None:
        """Cancel all runs, and let go of the call: it would stay in a circle with this."""
        self._report = _nobody_waits
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, asked: InvokeTool) -> None:
        """Report the result, unless cancelled."""
        question = ToolQuestion(
            asked.id,
            asked.at,
            self._call,
            asked.turn_id,
            asked.name,
            asked.arguments,
        )
        try:
            result = await self._run_tool(question)
        except Exception as error:  # a defect costs the model this result alone
            _log.error("tool_run_failed", call_id=str(self._call.id), error=type(error).__name__)
            result = FAILED
        self._report(ToolReturned(asked.id, result))
