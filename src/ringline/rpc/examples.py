"""Example requests for the documentation, one per action, made from the tables."""

from typing import Any
from uuid import UUID

from ringline.rpc.action import Action, ActionKind, Input
from ringline.rpc.kinds import (
    AnswerLatency,
    Boolean,
    Choice,
    Choices,
    Dialogue,
    Id,
    Integer,
    Kind,
    LogPoint,
    Map,
    Number,
    PhoneNumber,
    Text,
    TextList,
    Timestamp,
    ToolList,
)
from ringline.rpc.resource import Resource

#: Example values that say more than a kind's default.
_VALUES = {
    "agentName": "front-desk",
    "apiKey": "the key that the provider gave you",
    "callUuid": "call-4711",
    "content": "When do you open on Sundays?",
    "email": "ada@example.com",
    "fromNumber": "+15550100",
    "fullName": "Ada Lovelace",
    "instructions": "You answer the telephone of a bakery.",
    "memberUuid": "member-1",
    "model": "local/attendant",
    "month": "2026-11",
    "name": "Example",
    "phoneE164": "+15550123",
    "publicId": "cnv-4711",
    "queueName": "support",
    "realm": "sip.example.com",
    "sipPassword": "a-long-random-secret",
    "sipUsername": "front-desk",
    "toNumber": "+15550123",
    "token": "token-of-the-invitation",
    "username": "example",
}
_ID = str(UUID("01999999-0000-7000-8000-000000000001"))


def example_of(action: Action) -> dict[str, Any]:
    """Make a valid request, except for its ids."""
    request: dict[str, Any] = {"action": action.name}
    if action.kind in (ActionKind.UPDATE, ActionKind.DESTROY):
        request["identity"] = _ID
    given = {input_.name: value_of(input_) for input_ in _shown_inputs(action)}
    if given:
        request["input"] = given
    if action.resource is not None and action.kind is not ActionKind.DESTROY:
        request["fields"] = fields_of(action.resource)
    if action.kind is ActionKind.LIST and action.pages:
        request["page"] = {"limit": 20}
    return request


def fields_of(resource: Resource) -> list[str]:
    """Choose the first few fields of a resource."""
    return [field.name for field in resource.fields[:3]]


def value_of(input_: Input) -> object:
    """Make up a value of an input."""
    return _VALUES.get(input_.name) or _of_kind(input_.kind)


def _shown_inputs(action: Action) -> list[Input]:
    """Return the required inputs, or the first input if none is required."""
    chosen = [input_ for input_ in action.inputs if input_.required]
    chosen += [action.input_index[group[0]] for group in action.one_of]
    return chosen or list(action.inputs[:1])


def _of_kind(kind: Kind) -> object:
    match kind:
        case Text():
            return "example"
        case PhoneNumber():
            return "+15550123"
        case Id():
            return _ID
        case Integer(minimum):
            return max(1, minimum or 0)
        case Number():
            return 0.25
        case Boolean():
            return True
        case Timestamp():
            return "2026-11-21T12:00:00Z"
        case Choice(words) | Choices(words):
            return words[0]
        case LogPoint():
            return "0"
        case Map():
            return {"source": "website"}
        case ToolList():
            return [{"name": "opening_hours"}]
        case Dialogue():
            return {
                "phrases": [{"text": "what are your opening hours", "intent": "hours"}],
                "replies": {"hours": "We are open from nine to five."},
            }
        case AnswerLatency():
            return {"totalMs": 840, "voiceMs": 838, "gatewayMs": 2}
        case TextList(Choice(words)):
            return [words[0]]
        case TextList():
            return ["203.0.113.7/32"]
