"""An agent's tools as `/v1` spells them: a string of JSON (live streams, 5).

The string holds an array in OpenAI's form, `{"type": "function", "function": {"name",
"description", "parameters"}}`. The tools themselves are the rows that RPC shows.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from ringline.domain.agent import Tool
from ringline.wire.strict_json import StrictDecoder


class _Definition(msgspec.Struct, frozen=True):
    type: Literal["function"]
    function: Tool


_DEFINITIONS = StrictDecoder(list[_Definition])
_encode = msgspec.json.Encoder().encode


def read_definitions(text: str) -> tuple[Tool, ...]:
    """Read the tools of a string. Raises JsonProblem."""
    return tuple(definition.function for definition in _DEFINITIONS.decode(text))


def write_definitions(tools: Sequence[Tool]) -> str:
    """Write tools as the string."""
    if not tools:
        return "[]"
    return _encode([_Definition("function", tool) for tool in tools]).decode()
