"""The tool calls that have not been answered (realtime voice, O6, O7; live streams, 5).

The agent responds to the results of a response's calls once: when the response is over and
all of its calls are answered. `agent_responses.py` requests that follow-up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias
from uuid import UUID

from ringline.domain import limits
from ringline.domain.agent_tools import ToolRunner

#: Most unanswered calls of a conversation; a further one is answered with an error.
MAX_OPEN = limits.OPEN_TOOL_CALLS.most

#: The result of a call beyond that bound, as text.
TOO_MANY = '{"error":"too many tool calls are unanswered"}'

#: The result of a call in a response that was stopped before the client learned of the call.
UNWANTED = '{"error":"this response was stopped"}'

#: The result of a call of a tool that the session may not have.
NOT_ALLOWED = '{"error":"this tool is not allowed in this session"}'


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A tool call that has not been answered; only a client's own may be answered by it."""

    id: str
    response_id: str
    #: The client cancelled the response: the result is passed on, but nothing follows it.
    silent: bool = False
    #: Another call of the response has been answered: they are being answered.
    in_turn: bool = False
    runner: ToolRunner = ToolRunner.CLIENT
    #: The question that the agent's webhook is asked, and the tool's name.
    run_id: UUID | None = None
    name: str = ""


OpenCalls: TypeAlias = tuple[OpenCall, ...]


def find_call(calls: OpenCalls, call_id: str) -> OpenCall | None:
    """Return an unanswered call by its id."""
    return next((call for call in calls if call.id == call_id), None)


def find_run(calls: OpenCalls, run_id: UUID) -> OpenCall | None:
    """Return the unanswered call whose result the agent's webhook is asked for."""
    return next((call for call in calls if call.run_id == run_id), None)


def runs_among(calls: OpenCalls) -> OpenCalls:
    """Return the calls whose results the agent's webhook is asked for."""
    return tuple(call for call in calls if call.run_id is not None)


def has_open(calls: OpenCalls, response_id: str) -> bool:
    """Return whether a response has unanswered calls."""
    return any(call.response_id == response_id for call in calls)


def answered(calls: OpenCalls, call: OpenCall) -> OpenCalls:
    """Return the calls that are open once one has been answered."""
    return tuple(
        replace(other, in_turn=True) if other.response_id == call.response_id else other
        for other in calls
        if other is not call
    )


def are_being_answered(calls: OpenCalls) -> bool:
    """Return whether a follow-up is coming: some calls of a response are answered already."""
    return any(call.in_turn and not call.silent for call in calls)


def silence(calls: OpenCalls, response_id: str) -> OpenCalls:
    """Return the calls so that nothing follows those of a cancelled response."""
    return tuple(
        replace(call, silent=True) if call.response_id == response_id else call for call in calls
    )


def awaits_follow_up(calls: OpenCalls, living: Iterable[str]) -> bool:
    """Return whether an unanswered call of a response that is over has a follow-up."""
    responses = set(living)
    return any(not call.silent and call.response_id not in responses for call in calls)
