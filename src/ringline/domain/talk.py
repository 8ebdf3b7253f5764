"""The state of turn-taking: the response under way, those that follow, the caller's turn.

At most one response is under way. A voice that responds by itself may begin its next response
while the previous one is still being sent; the next one is `queued`. A response that such a
voice has not begun yet does not count, it is only `expected`: nothing waits for it, as the
voice may never begin it.

While the agent is `silent`, because an operator has `paused` it or the caller is `held`, it
has no response: none is requested, and those that the voice begins are refused. Everything
that the caller says, types or requests in that time leads to one response, which is `owed`.
An agent that holds the caller itself works on meanwhile: it responds to the results of its
tools, and what it says is not heard.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from ringline.domain.agent_tools import ToolRunner
from ringline.domain.builtin_tools import NO_BUILTINS, Builtins
from ringline.domain.responses import Plan, Response
from ringline.domain.tool_calls import OpenCalls
from ringline.domain.turns import Turns
from ringline.domain.voice import NOTHING_USED, Usage


class Expected(StrEnum):
    """What a voice that responds by itself will probably begin next."""

    NOTHING = "nothing"
    ANSWER = "answer"
    UNWANTED = "unwanted"  # an answer that was cancelled before it began


@dataclass(frozen=True, slots=True)
class TurnTaking:
    """The state of a conversation."""

    #: The voice responds to the end of a turn by itself; others wait for Respond.
    responds_by_itself: bool = False
    response: Response | None = None
    #: Responses that the voice has begun while `response` was still being sent.
    queued: tuple[Response, ...] = ()
    expected: Expected = Expected.NOTHING
    #: Ids of responses that were stopped and may still be reported as started.
    refused: tuple[str, ...] = ()
    caller_speaks: bool = False
    #: The client has cleared what the caller is saying: this turn gets no answer.
    cleared: bool = False
    #: Typed text has not been answered yet, or what is answered on request only.
    unanswered_text: bool = False
    #: A response must follow once the agent may speak again.
    owed: bool = False
    #: What the call does once everything sent has been played.
    plans: tuple[Plan, ...] = ()
    #: Responses are spoken; if not, they are text alone, of which the clock knows nothing.
    speaks: bool = True
    #: An operator has taken over.
    paused: bool = False
    #: The caller is on hold; if the agent `holds` them itself, it works on in silence.
    held: bool = False
    holds: bool = False
    #: The agent owes a response to the results of tools, as soon as its silent one is over.
    owes_work: bool = False
    #: Tool calls that have not been answered.
    calls: OpenCalls = ()
    #: The only tools that the voice may call; None is any.
    allowed_tools: frozenset[str] | None = None
    #: The tools that the call runs itself.
    builtins: Builtins = NO_BUILTINS
    #: Who runs the other ones.
    tools_run_by: ToolRunner = ToolRunner.CLIENT
    #: The responses since the caller's newest turn that have called tools of the agent.
    rounds: int = 0
    #: The client requests the answers to turns, and to the results of tools, by itself.
    turns_on_request: bool = False
    results_on_request: bool = False
    #: What the voice has used for responses since the client was last told.
    untold: Usage = NOTHING_USED
    turns: Turns = field(default_factory=Turns)

    @property
    def silent(self) -> bool:
        """Return whether the agent may not speak now."""
        return self.paused or self.held

    @property
    def works_on(self) -> bool:
        """Return whether the agent may respond although nobody hears it."""
        return self.holds and not self.paused


def is_quiet(talk: TurnTaking) -> bool:
    """Return whether it is the caller's turn to speak, and they do not."""
    busy = talk.caller_speaks or talk.silent or talk.owed or living(talk) or talk.calls
    return not busy


def living(talk: TurnTaking) -> tuple[str, ...]:
    """Return the ids of the responses that are not over."""
    return tuple(response.id for response in (talk.response, *talk.queued) if response)


def with_result(talk: TurnTaking, response_id: str) -> TurnTaking:
    """Note that a tool call has its result, if its response is the one under way."""
    response = talk.response
    if response is None or response.id != response_id:
        return talk
    return replace(talk, response=replace(response, has_results=True))


def leaving(talk: TurnTaking, response_id: str) -> Response | None:
    """Return the response under way, if it has this id and has begun."""
    response = talk.response
    return response if response and response.id == response_id and response.begun else None
