"""The errors of the OpenAI-compatible surface, over HTTP and on its socket (voices, 6).

They have the vendor's envelopes and our codes; where the vendor has a code for the same thing
that its clients know, it is the vendor's. Whatever a realtime session may be told stands in the
table of `realtime_errors.py`; the rows here are what only this surface says.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ringline.wire.errors import V3_ERRORS, HttpRefusal
from ringline.wire.realtime_errors import ERRORS
from ringline.wire.strict_json import encode

INVALID, SERVER = "invalid_request_error", "server_error"
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}

#: The vendor's codes for ours; all others are spelt alike.
CODES: Mapping[str, str] = {
    "unauthorized": "invalid_api_key",
    "rate_limited": "rate_limit_exceeded",
}


@dataclass(frozen=True, slots=True)
class OwnError:
    """An error that only this surface's socket has; the session continues."""

    code: str
    message: str
    #: For the reference, if the message is meaningless without its facts.
    means: str = ""


_OWN = (
    OwnError(
        "unsupported_value",
        "{reason}",
        "the protocol has this value, but no voice here can do it; `param` says which",
    ),
    OwnError("unsupported_item", "only messages and outputs of functions can be added"),
    OwnError("unsupported_event", "{type} has no counterpart here"),
    OwnError(
        "invalid_value",
        "{reason}",
        "a value is none that the protocol has; `param` says which",
    ),
    OwnError("item_in_use", "the model has the item already, so it stays in the conversation"),
    OwnError("item_not_found", "there is no such item any more, or it has no speech"),
)

#: The errors that only this surface has, by code.
OWN_ERRORS: Mapping[str, OwnError] = {row.code: row for row in _OWN}

#: The errors that are the server's or the voice's fault, not the client's.
_FAULTS = frozenset(
    {
        "agent_error",
        "internal_error",
        "overloaded",
        "server_shutdown",
        "speech_failed",
        "storage_lost",
        "unavailable",
        "upstream_closed",
        "upstream_error",
        "upstream_unavailable",
    }
)


@dataclass(frozen=True, slots=True)
class ServerProblem:
    """An error for the socket's client: `param` is the member, `event_id` the client's event."""

    code: str
    message: str
    param: str = ""
    event_id: str = ""


def problem(code: str, *, param: str = "", event_id: str = "", **facts: object) -> ServerProblem:
    """Make an error from the tables; `facts` fill in its message."""
    row = OWN_ERRORS.get(code) or ERRORS[code]
    return ServerProblem(code, row.message.format(**facts), param, event_id)


def error_members(found: ServerProblem) -> dict[str, object]:
    """Return the `error` of an event."""
    return {
        "type": SERVER if found.code in _FAULTS else INVALID,
        "code": CODES.get(found.code, found.code),
        "message": found.message,
        "param": found.param or None,
        "event_id": found.event_id or None,
    }


def refuse_openai(
    code: str, message: str | None = None, *, param: str | None = None, status: int | None = None
) -> HttpRefusal:
    """Write a refusal over HTTP, by its row of `/v3`, in the vendor's envelope."""
    row = V3_ERRORS.get(code, V3_ERRORS["invalid_request"])
    status = status or row.status
    error = {
        "message": message or row.message,
        "type": SERVER if status >= 500 else _TYPES.get(status, INVALID),
        "code": CODES.get(code, code),
        "param": param,
    }
    return HttpRefusal(status, encode({"error": error}))
