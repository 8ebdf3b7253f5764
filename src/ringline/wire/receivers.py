"""The bodies of what an agent's receiver is asked, and its answers (live streams, 4 and 5).

An answer is JSON in UTF-8. What it holds beside the documented members is ignored; an action
that makes no sense is left out and named, so that the caller still hears the text.
"""

from datetime import datetime
from uuid import UUID

from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.digits import are_digits
from ringline.domain.events import CallAudit, Event
from ringline.domain.ids import Prefix, format_id
from ringline.domain.phone_numbers import read_e164
from ringline.domain.receivers import (
    ReceiverFailed,
    ReceiverFailure,
    ToolQuestion,
    TurnAction,
    TurnAnswer,
    TurnQuestion,
)
from ringline.domain.tool_runs import INVOCATION
from ringline.wire.strict_json import JsonProblem, StrictDecoder, as_object, encode
from ringline.wire.times import seconds

#: How a BYOM request spells who said something (7.3).
ROLES = {TurnRole.CALLER: "caller", TurnRole.AGENT: "agent"}

#: The word of a turn's request; it has no `event_type`.
TURN_EVENT = "turn"
#: The type of a tool's request.
TOOL_EVENT_TYPE = "tool.invocation"

_DECODER = StrictDecoder[object](object)

# The results of tools that went wrong, as text for the model (5).
TOOL_TIMEOUT = '{"error":"tool_timeout"}'


def encode_turn(question: TurnQuestion, *, language: str, at: datetime) -> bytes:
    """Encode the request for the answer to a turn (4)."""
    call = question.call
    return encode(
        {
            "event": TURN_EVENT,
            "turn_id": format_id(Prefix.TURN, question.turn_id),
            "agent_id": _agent_id(call.agent_id),
            "call_id": format_id(Prefix.CALL, call.id),
            "from_number": call.from_number,
            "to_number": call.to_number,
            "direction": call.direction,
            "language": language,
            "timestamp": seconds(at),
            "transcription": question.transcription,
            "messages": [
                {"role": ROLES[message.role], "text": message.text} for message in question.messages
            ],
        }
    )


def decode_turn_answer(body: bytes) -> TurnAnswer:
    """Decode the answer to a turn. Raises ReceiverFailed."""
    answer = as_object(_decode(body))
    text = answer.get("text")
    if not isinstance(text, str):
        raise ReceiverFailed(ReceiverFailure.INVALID_ANSWER)
    asked = [action for action in TurnAction if answer.get(action) not in _ABSENT]
    targets = {action: _target(action, answer[action]) for action in asked}
    valid = [action for action in asked if targets[action] is not None]
    first = valid[0] if valid else None
    return TurnAnswer(
        text,
        first,
        (targets[first] or "") if first else "",
        tuple(action for action in asked if action is not first),
    )


#: What stands for an action that is not asked for, as some clients always send every member.
_ABSENT: tuple[object, ...] = (None, False, "")


def _target(action: TurnAction, value: object) -> str | None:
    """Return what an action is aimed at; None if it makes no sense."""
    match action, value:
        case TurnAction.END_CALL, True:
            return ""
        case TurnAction.TRANSFER_TO, str():
            return read_e164(value)
        case TurnAction.DTMF, str() if are_digits(value):
            return value
        case _:
            return None


def encode_tool(question: ToolQuestion) -> bytes:
    """Encode the request for the result of a tool (5)."""
    call = question.call
    return _encode_tool(
        question.id,
        question.at,
        call_id=call.id,
        agent_id=call.agent_id,
        turn_id=format_id(Prefix.TURN, question.turn_id),
        name=question.name,
        arguments=question.arguments,
    )


def encode_asked_tool(event: Event) -> bytes | None:
    """Encode the request that an event of the audit trail is; None for other events."""
    audit, call = event.data, event.call
    if not isinstance(audit, CallAudit) or audit.code != INVOCATION or call is None:
        return None
    return _encode_tool(
        event.id,
        event.occurred_at,
        call_id=call.id,
        agent_id=call.agent_id,
        turn_id=audit.detail["turnId"],
        name=audit.detail["name"],
        arguments=audit.detail["arguments"],
    )


def _encode_tool(
    id_: UUID,
    at: datetime,
    *,
    call_id: UUID,
    agent_id: UUID | None,
    turn_id: object,
    name: object,
    arguments: object,
) -> bytes:
    return encode(
        {
            "event_id": format_id(Prefix.EVENT, id_),
            "event_type": TOOL_EVENT_TYPE,
            "channel": "voice",
            "timestamp": seconds(at),
            "agent_id": _agent_id(agent_id),
            "call_id": format_id(Prefix.CALL, call_id),
            "turn_id": turn_id,
            "tool": {
                "name": name,
                "arguments": arguments,
                "tool_call_id": format_id(Prefix.TOOL_CALL, id_),
            },
        }
    )


def decode_tool_result(body: bytes) -> str:
    """Return a tool's result as text for the model. Raises ReceiverFailed."""
    value = _decode(body)
    if isinstance(value, dict):
        return body.decode()
    return encode({"result": value}).decode()


def encode_tool_failure(failed: ReceiverFailed) -> str:
    """Return what the model is told about a tool without a result."""
    if failed.failure is ReceiverFailure.TIMEOUT:
        return TOOL_TIMEOUT
    told: dict[str, object] = {"error": "tool_failed"}
    if failed.status is not None:
        told["status"] = failed.status
    if failed.failure is not ReceiverFailure.STATUS:
        told["reason"] = failed.failure
    return encode(told).decode()


def _decode(body: bytes) -> object:
    try:
        return _DECODER.decode(body)
    except JsonProblem:
        raise ReceiverFailed(ReceiverFailure.NOT_JSON) from None


def _agent_id(agent_id: UUID | None) -> str | None:
    return None if agent_id is None else format_id(Prefix.AGENT, agent_id)
