"""The tools that a call runs itself (live streams, 5), as a table.

An agent has those that its `builtin_tools` name; they are offered to its voice beside its
other tools, and their calls reach neither a client nor a webhook. `send_digits` is offered to
no model: it is what an answer at the agent's own URL may ask for, like the others (BYOM).

All but `resume_call` are carried out once the response that calls them has been played, so that
a goodbye is heard. What was planned with a goodbye that the caller interrupts is dropped, if it
ends the call.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from ringline.domain.agent import Agent, BuiltinTool, Tool
from ringline.domain.call_orders import (
    ControlOrder,
    DigitsOrdered,
    EndOrdered,
    HoldOrdered,
    ResumeOrdered,
    TransferOrdered,
    Verdict,
)
from ringline.domain.config_members import SessionConfig
from ringline.domain.digits import are_digits
from ringline.domain.endings import EndCause
from ringline.domain.phone_numbers import read_e164

#: What only an answer at an agent's URL asks for.
SEND_DIGITS = "send_digits"
#: The provider of agents that are their own brain (live streams, 4).
BYOM = "byom"


@dataclass(frozen=True, slots=True)
class BuiltinRow:
    """One tool: the word of its result, when it acts, and what the model is told of it."""

    status: str
    #: Empty for what is offered to no model.
    description: str = ""
    #: It does not wait until the response has been played.
    at_once: bool = False
    #: The one argument that it takes, and what that is.
    argument: str = ""
    means: str = ""

    def tool(self, name: str) -> Tool:
        """Return the tool as it is offered to a voice."""
        properties = (
            {self.argument: {"type": "string", "description": self.means}} if self.argument else {}
        )
        parameters: dict[str, object] = {"type": "object", "properties": properties}
        if self.argument:
            parameters["required"] = [self.argument]
        return Tool(name=name, description=self.description, parameters=parameters)


#: Every tool that a call runs itself, by its name.
BUILTIN_TOOLS: Mapping[str, BuiltinRow] = {
    BuiltinTool.HANG_UP: BuiltinRow(
        "ending", "End the call, once what you are saying has been heard. Say goodbye first."
    ),
    BuiltinTool.TRANSFER_CALL: BuiltinRow(
        "transferring",
        "Connect the caller with a telephone number and leave the call, once what you are saying "
        "has been heard.",
        argument="destination",
        means="the number in E.164, e.g. +2348000001234",
    ),
    BuiltinTool.HOLD_CALL: BuiltinRow(
        "held",
        "Put the caller on hold, once what you are saying has been heard. You do not hear each "
        "other until resume_call.",
    ),
    BuiltinTool.RESUME_CALL: BuiltinRow(
        "resumed", "Take the caller off hold; what you say is heard again.", at_once=True
    ),
    SEND_DIGITS: BuiltinRow("sent", argument="digits"),
}

#: The result of a call that was dropped before it was carried out.
DROPPED = '{"error":"it was not done: the conversation went on"}'
_BAD_ARGUMENTS: Mapping[str, str] = {
    BuiltinTool.TRANSFER_CALL: "destination must be a number in E.164, like +2348000001234",
    SEND_DIGITS: "digits must be 1 to 64 of 0-9, A-D, * and #",
}
_WRONG_STATES: Mapping[str, str] = {
    BuiltinTool.HOLD_CALL: "the caller is on hold already",
    BuiltinTool.RESUME_CALL: "the caller is not on hold",
}
_CANNOT = "the line of this call cannot do it"


@dataclass(frozen=True, slots=True)
class Builtins:
    """The built-in tools of a call: what it may ask for, and what its voice is offered.

    `has_results`: the voice waits for results. One that only reports what an agent's URL
    asked for does not.
    """

    names: frozenset[str] = frozenset()
    offered: tuple[Tool, ...] = ()
    has_results: bool = True

    def offered_with(self, config: SessionConfig) -> SessionConfig:
        """Return a config for the voice: the session's own, and these tools."""
        if not self.offered:
            return config
        return msgspec.structs.replace(config, tools=(*config.tools, *self.offered))


#: A call that runs no tools itself.
NO_BUILTINS = Builtins()


def builtins_of(
    agent: Agent | None, model: str, *, calls_tools: bool, allowed: frozenset[str] | None
) -> Builtins:
    """Return the built-in tools of an agent's call, of those that a leash allows (None: all)."""
    if agent is None:
        return NO_BUILTINS
    if model.partition("/")[0] == BYOM:
        names = frozenset(BUILTIN_TOOLS)
        return Builtins(names if allowed is None else names & allowed, has_results=False)
    chosen = [name for name in agent.builtin_tools if allowed is None or name in allowed]
    if not calls_tools:
        return NO_BUILTINS
    offered = tuple(BUILTIN_TOOLS[name].tool(name) for name in chosen)
    return Builtins(frozenset(chosen), offered)


def order_of(name: str, arguments: Mapping[str, object]) -> ControlOrder | EndOrdered | None:
    """Return the order that a call of a built-in tool means; None if its argument is bad."""
    given = arguments.get(BUILTIN_TOOLS[name].argument)
    match name:
        case BuiltinTool.HANG_UP:
            return EndOrdered(EndCause.AGENT_HUNG_UP)
        case BuiltinTool.HOLD_CALL:
            return HoldOrdered()
        case BuiltinTool.RESUME_CALL:
            return ResumeOrdered()
        case BuiltinTool.TRANSFER_CALL:
            destination = read_e164(given) if isinstance(given, str) else None
            return None if destination is None else TransferOrdered(destination)
        case _:
            return DigitsOrdered(given) if isinstance(given, str) and are_digits(given) else None


def result_of(name: str, verdict: Verdict | None) -> str:
    """Return the result for the model, as JSON; without a verdict, the argument was bad."""
    if verdict is Verdict.DONE:
        return json.dumps({"status": BUILTIN_TOOLS[name].status})
    if verdict is None:
        return json.dumps({"error": _BAD_ARGUMENTS[name]})
    wrong = verdict is Verdict.WRONG_STATE
    return json.dumps({"error": _WRONG_STATES[name] if wrong else _CANNOT})
