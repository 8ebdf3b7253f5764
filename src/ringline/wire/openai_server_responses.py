"""What a client of OpenAI's protocol says about a response that it asks for (voices, 6).

A response here answers the conversation as the session says. Members that would make it
another one are refused; `metadata` is shown back, and `instructions` are told to the model
first; all others are accepted without effect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ringline.domain import openai_limits
from ringline.wire.openai_server_errors import ServerProblem, problem

_MAX_METADATA = openai_limits.METADATA_PAIRS.most
_MAX_INSTRUCTIONS = openai_limits.MESSAGE_CHARACTERS.most
_MAX_KEY, _MAX_VALUE = openai_limits.METADATA_NAME.most, openai_limits.METADATA_TEXT.most

#: The members that can have one value alone, besides null: what that is.
_ONLY: Mapping[str, object] = {"conversation": "auto", "tool_choice": "auto", "input": None}


@dataclass(frozen=True, slots=True)
class AskedResponse:
    """What was asked of a response; its metadata is shown back."""

    metadata: Mapping[str, object] | None = None
    instructions: str = ""


def read_response(asked: Mapping[str, object], event_id: str) -> AskedResponse | ServerProblem:
    """Read the `response` of a `response.create`."""
    for name, only in _ONLY.items():
        if asked.get(name) not in (None, only):
            reason = f"{name}: only {only}" if only else f"{name}: add items to the conversation"
            return problem(
                "unsupported_value", param=f"response.{name}", event_id=event_id, reason=reason
            )
    instructions = asked.get("instructions")
    instructions = "" if instructions is None else instructions
    if not isinstance(instructions, str) or len(instructions) > _MAX_INSTRUCTIONS:
        reason = f"instructions: a text of at most {_MAX_INSTRUCTIONS} characters"
        return problem(
            "invalid_value", param="response.instructions", event_id=event_id, reason=reason
        )
    metadata = asked.get("metadata")
    if metadata is None:
        return AskedResponse(None, instructions)
    if not _is_metadata(metadata):
        reason = "metadata: at most 16 texts of 512 characters, by names of 64"
        return problem("invalid_value", param="response.metadata", event_id=event_id, reason=reason)
    return AskedResponse(cast("Mapping[str, object]", metadata), instructions)


def _is_metadata(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    pairs = cast("dict[str, object]", value)
    return len(pairs) <= _MAX_METADATA and all(
        len(key) <= _MAX_KEY and isinstance(text, str) and len(text) <= _MAX_VALUE
        for key, text in pairs.items()
    )
