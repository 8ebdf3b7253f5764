"""The tools of a call: who runs them, and what the agent's webhook is asked (live streams, 5).

The tools of an agent are run by the agent's `webhook_url`, those of a session by its client. A
question is an order of the call, its result a signal to it; `tool_runs.py` is what lies between.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID


class ToolRunner(StrEnum):
    """Who runs a tool that a voice calls."""

    CLIENT = "client"  # the client of the session
    WEBHOOK = "webhook"  # the agent's
    CALL = "call"  # the call itself: the built-in tools (`builtin_tools.py`)
    NOBODY = "nobody"  # an agent's tool that has no webhook, in a call without a client


def runner_of(*, tools_of_agent: bool, has_webhook: bool, has_client: bool) -> ToolRunner:
    """Return who runs the tools of a call, those that are built in excepted."""
    if tools_of_agent and has_webhook:
        return ToolRunner.WEBHOOK
    return ToolRunner.CLIENT if has_client else ToolRunner.NOBODY


@dataclass(frozen=True, slots=True)
class InvokeTool:
    """Ask the agent's webhook for the result of a tool, once; `ToolReturned` follows.

    `turn_id` is the agent's turn that calls it. The question is the event of this id.
    """

    id: UUID
    at: datetime
    turn_id: UUID
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CancelTools:
    """Nobody wants these results any more: close the requests."""

    ids: tuple[UUID, ...]


ToolOrder: TypeAlias = InvokeTool | CancelTools


@dataclass(frozen=True, slots=True)
class ToolReturned:
    """What a tool has returned, or why it has not: a JSON object, as text for the model."""

    id: UUID
    result: str
