"""The tables as text: what a kind accepts and what an action does, for the documentation."""

from collections.abc import Iterable, Iterator

from ringline.rpc.action import Action, ActionKind
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


def describe_kind(kind: Kind) -> str:
    """Describe the values of a kind."""
    match kind:
        case Text(None, max_bytes=None):
            return "text"
        case Text(None, max_bytes=most):
            return f"text, at most {most} bytes"
        case Text(max_length, _, None):
            return f"text, at most {max_length} characters"
        case Text(_, _, pattern):
            return f"text like `{pattern}`"
        case PhoneNumber():
            return "phone number with its country's code, kept in E.164"
        case Id():
            return "id"
        case Integer(None):
            return "integer"
        case Integer(minimum, maximum=int(maximum)):
            return f"integer from {minimum} to {maximum}"
        case Integer(minimum):
            return f"integer from {minimum}"
        case Number():
            return "number"
        case Boolean():
            return "boolean"
        case Timestamp():
            return "time, ISO 8601 with an offset"
        case Choice(words):
            return f"one of {_words(words)}"
        case Map(most):
            return f"object with keys of your choice, at most {most} bytes of JSON"
        case ToolList(most):
            return f"list of tools, at most {most} bytes of JSON"
        case Dialogue(most):
            return f"phrases and replies of the local voice, at most {most} bytes of JSON"
        case AnswerLatency():
            return "object of `totalMs`, `voiceMs` and `gatewayMs`, whole milliseconds"
        case TextList(Choice(words), least=least):
            return f"list of {f'at least {least} of ' if least else ''}{_words(words)}"
        case TextList(_, most):
            return f"list of texts, at most {most} bytes"
        case LogPoint():
            return "position, event id or offset"
        case Choices(words):
            return f"one or a list of {_words(words)}"


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def describe_reach(resource: Resource) -> str:
    """Describe whether operator tokens can reach a resource."""
    if resource.operators:
        return "Operator tokens may list it, and follow relationships to it."
    return "Operator tokens cannot reach it through fields, filters or sorts: `forbidden`."


def describe_action(action: Action) -> str:
    """Describe what an action does, and who may run it."""
    return " ".join([f"{action.summary}.", *conditions_of(action)])


def conditions_of(action: Action) -> Iterator[str]:
    """Yield sentences that say what an action needs."""
    if action.is_read:
        yield "Takes `fields`."
    if action.needs:
        yield f"Needs {action.needs}; without it the error is `not_configured`."
    if action.people:
        yield "Only for people who have signed in to the console, never for API keys."
    elif action.team:
        yield "Requires a `sk_live_` key."
    if action.operator:
        yield "Operator tokens may call it."
    if action.secret:
        yield "The answer holds a credential, which is shown only once."


def describe_answer(action: Action) -> str:
    """Describe what an action returns."""
    match action.kind:
        case ActionKind.LIST:
            pages = ", or a page of them" if action.pages else ""
            return f"array of {action.resource.name if action.resource else ''}{pages}"
        case ActionKind.GENERIC:
            return ", ".join(f"`{answer.name}`" for answer in action.answers)
        case ActionKind.DESTROY:
            return f"the deleted {action.resource.name if action.resource else ''}"
        case _:
            return action.resource.name if action.resource else ""
