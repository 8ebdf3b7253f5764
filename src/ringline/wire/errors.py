"""Refusals over HTTP: one table and one envelope per surface.

| surface | envelope | source |
|---|---|---|
| `/v3` | `{"error": {"code", "message", "details"?}}` | realtime voice, 2.5, 3.3 |
| `/v1` | `{"error_code", "message", "request_id", "documentation_url"}` | live streams, 1.5 |
| RPC, token mint, console | `{"success": false, "errors": […]}` | events socket, 1 and 4.6 |

A caller may pass a message if the table's is too general; it never holds a credential or what
was said.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ringline.wire.strict_json import encode


@dataclass(frozen=True, slots=True)
class HttpError:
    """One row: the surface's code, the HTTP status, and messages (short: 4.6)."""

    code: str
    status: int
    message: str
    short: str = ""


def _table(*rows: HttpError) -> dict[str, HttpError]:
    return {row.code: row for row in rows}


V3_ERRORS = _table(
    HttpError("invalid_json", 400, "the body is not valid JSON"),
    HttpError("invalid_request", 400, "the request is not valid"),
    HttpError("invalid_config", 400, "the config is not valid"),
    HttpError("unsupported_audio_format", 400, "the audio format is not pcm16"),
    HttpError("model_not_found", 400, "there is no such model"),
    HttpError("model_not_realtime", 400, "the model is not a realtime model"),
    HttpError("unknown_locked_field", 400, "locked_fields names no member of the config"),
    HttpError("agent_not_found", 400, "there is no such agent, or it is not enabled"),
    HttpError("upgrade_required", 400, "this address speaks WebSocket only"),
    HttpError("unauthorized", 401, "a valid API key or ticket is required"),
    HttpError("insufficient_balance", 402, "the balance is used up"),
    HttpError("forbidden", 403, "this origin is not allowed"),
    HttpError("not_found", 404, "there is nothing at this address"),
    HttpError("method_not_allowed", 405, "this method is not allowed here"),
    HttpError("request_timeout", 408, "the body did not come in time"),
    HttpError("payload_too_large", 413, "the body is too large"),
    HttpError("rate_limited", 429, "too many requests"),
    HttpError("concurrency_limit", 429, "too many sessions are running"),
    HttpError("internal_error", 500, "something went wrong here"),
    HttpError("realtime_tickets_disabled", 503, "tickets are not enabled here"),
    HttpError("unavailable", 503, "the service is not available now"),
)

V1_ERRORS = _table(
    HttpError("INVALID_ARGUMENT", 400, "the request is not valid"),
    HttpError("RESOURCE_NOT_AVAILABLE_ON_TIER", 400, "the plan does not include this"),
    HttpError("UNAUTHENTICATED", 401, "a valid API key is required"),
    HttpError("QUOTA_EXCEEDED", 402, "a limit of the plan is reached"),
    HttpError("WORKSPACE_BLOCKED", 402, "the balance is used up"),
    HttpError("INSUFFICIENT_BALANCE", 402, "the balance is too small"),
    HttpError("PERMISSION_DENIED", 403, "this key may not do this"),
    HttpError("NOT_FOUND", 404, "it was not found"),
    HttpError("METHOD_NOT_ALLOWED", 405, "this method is not allowed here"),
    HttpError("ALREADY_EXISTS", 409, "it exists already"),
    HttpError("IDEMPOTENCY_CONFLICT", 409, "the idempotency key was used with another body"),
    HttpError("CALL_WINDOW_RESTRICTED", 422, "it is outside of the agent's call window"),
    HttpError("OPT_OUT_ENFORCED", 422, "this number has opted out"),
    HttpError("CONVERSATION_WINDOW_CLOSED", 422, "the conversation's window is closed"),
    HttpError("UPGRADE_REQUIRED", 426, "this address speaks WebSocket only"),
    HttpError("RATE_LIMITED", 429, "too many requests"),
    HttpError("INTERNAL", 500, "something went wrong here"),
    HttpError("CALL_FAILED", 502, "the call could not be placed"),
    HttpError("MESSAGE_FAILED", 502, "the message could not be sent"),
    HttpError("AGENT_BUSY", 503, "the agent is busy"),
    HttpError("UNAVAILABLE", 503, "the service is not available now"),
    HttpError("DEADLINE_EXCEEDED", 504, "it took too long"),
)

RPC_ERRORS = _table(
    HttpError("bad_request", 400, "the body is not valid JSON", "Bad request"),
    HttpError("unauthorized", 401, "a valid secret key is required", "Unauthorized"),
    HttpError("forbidden", 403, "forbidden", "Forbidden"),
    HttpError("not_found", 404, "there is nothing at this address", "Not found"),
    HttpError("method_not_allowed", 405, "this method is not allowed here", "Method not allowed"),
    HttpError(
        "idempotency_conflict",
        409,
        "the idempotency key was used with another body",
        "Idempotency conflict",
    ),
    HttpError("request_timeout", 408, "the body did not come in time", "Request timeout"),
    HttpError("payload_too_large", 413, "the body is too large", "Payload too large"),
    HttpError("unsupported_media_type", 415, "the body must be JSON", "Unsupported media type"),
    HttpError("rate_limited", 429, "too many requests", "Rate limited"),
    HttpError("internal_error", 500, "something went wrong here", "Internal error"),
    HttpError("unavailable", 503, "the service is not available now", "Unavailable"),
)


#: What the routes of the console refuse besides, in RPC's envelope.
CONSOLE_ERRORS = _table(
    HttpError("password_refused", 400, "the new password is not good enough", "Password refused"),
    HttpError("link_spent", 401, "the link was used or has expired", "Link spent"),
    HttpError(
        "sign_in_failed", 401, "the email address or the password is wrong", "Sign-in failed"
    ),
    HttpError(
        "choose_workspace", 409, "the address and the password fit in several", "Choose workspace"
    ),
    HttpError(
        "https_required",
        403,
        "signing in from another machine takes https",
        "HTTPS required",
    ),
    HttpError(
        "range_not_satisfiable", 416, "the range is not within the file", "Range not satisfiable"
    ),
    HttpError("cross_site", 403, "only a page of this server may ask", "Cross-site request"),
)


@dataclass(frozen=True, slots=True)
class HttpRefusal:
    """A refusal ready to send: its status and its JSON body."""

    status: int
    body: bytes


def refuse_v3(code: str, message: str | None = None, *, details: object = None) -> HttpRefusal:
    """Write a refusal of `/v3`."""
    row = V3_ERRORS[code]
    error: dict[str, object] = {"code": code, "message": message or row.message}
    if details is not None:
        error["details"] = details
    return HttpRefusal(row.status, encode({"error": error}))


def refuse_v1(
    code: str,
    request_id: str,
    *,
    message: str | None = None,
    status: int | None = None,
    documentation_base: str,
) -> HttpRefusal:
    """Write a refusal of `/v1`; `status` overrides the code's own status.

    For example, a body that is too large is INVALID_ARGUMENT with 413 (live streams, 1.1).
    """
    row = V1_ERRORS[code]
    body = {
        "error_code": code,
        "message": message or row.message,
        "request_id": request_id,
        "documentation_url": documentation_base + code,
    }
    return HttpRefusal(status or row.status, encode(body))


def stream_error_v1(code: str, message: str | None = None) -> bytes:
    """Write the data of a stream's `event: error` (live streams, 2.2)."""
    return encode({"error_code": code, "message": message or V1_ERRORS[code].message})


def refuse_rpc(
    code: str,
    message: str | None = None,
    *,
    details: Mapping[str, object] | None = None,
    more: Mapping[str, object] | None = None,
) -> HttpRefusal:
    """Write a refusal of RPC, of the session token mint, or of the console's routes.

    `more` are members beside the errors.
    """
    row = RPC_ERRORS.get(code) or CONSOLE_ERRORS[code]
    error: dict[str, object] = {
        "type": code,
        "message": message or row.message,
        "shortMessage": row.short,
        "vars": {},
        "fields": [],
        "path": [],
    }
    if details is not None:
        error["details"] = details
    body = {"success": False, "errors": [error], **(more or {})}
    return HttpRefusal(row.status, encode(body))
