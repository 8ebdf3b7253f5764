"""Why a connection to a voice's provider failed, as a table (voices, 5). Pure.

A cause is a word for clients and operators. It never holds a provider's text, which could
hold a credential. `again` says whether another connection to the same model may succeed.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a connection failed or ended."""

    cause: str
    again: bool = True
    #: The key is to blame: the provider does not accept it, or has no more credit for it.
    of_key: bool = False


#: Causes that are no status, no close code and no error of the provider.
CONNECT = Loss("connect")  # refused, not found, TLS
TIMEOUT = Loss("timeout")  # not ready in time, or no pong
STALLED = Loss("stalled")
UNREADABLE = Loss("unreadable")
NO_KEY = Loss("no_key", again=False)  # there is none to reach the provider with
KEY_UNAVAILABLE = Loss("key_unavailable")  # it cannot be read now
QUOTA = Loss("quota", again=False, of_key=True)

_QUOTA_CODES = frozenset({"insufficient_quota", "credit_balance_exhausted"})
_QUOTA_WORD = "RESOURCE_EXHAUSTED"

#: Errors after which a session cannot go on; all others leave it open.
_ENDING_ERRORS: Mapping[str, Loss] = {
    "invalid_api_key": Loss("invalid_api_key", again=False, of_key=True),
    "model_not_found": Loss("model_not_found", again=False),
    "session_expired": Loss("session_expired"),
    "max_duration": Loss("max_duration"),
    **dict.fromkeys(_QUOTA_CODES, QUOTA),
}

#: Why a Live session of OpenAI was ended, by the service's word for it.
_SESSION_ENDS: Mapping[str, Loss] = {
    "expired": _ENDING_ERRORS["session_expired"],
    "content": Loss("content", again=False),  # its safety filter
    "connection_lost": Loss("connection_lost"),
    "remote_hangup": Loss("remote_hangup"),
    "close_requested": Loss("close_requested"),
}
_SESSION_CLOSED = Loss("session_closed")

#: The provider would close these again.
_FINAL_CLOSES = frozenset({1007, 1008, 3000})
#: OpenAI's close for a key that it does not know, and Google's words for one.
_BAD_KEY, _BAD_KEY_WORDS = 3000, "API key"
_NO_KEY_STATUSES = frozenset({401, 403})
_NO_CODE = 1005
_TRY_LATER = 1011
_SERVER_ERROR = 500


def refused_handshake(status: int) -> Loss:
    """Return why a handshake was refused, by its HTTP status."""
    of_key = status in _NO_KEY_STATUSES
    return Loss(f"http_{status}", again=status >= _SERVER_ERROR, of_key=of_key)


def closed(code: int, reason: str = "") -> Loss:
    """Return why a connection was closed; 0 is a close without a code."""
    if code == _TRY_LATER and _QUOTA_WORD in reason:
        return QUOTA
    final = code in _FINAL_CLOSES
    of_key = code == _BAD_KEY or (final and _BAD_KEY_WORDS in reason)
    return Loss(f"close_{code or _NO_CODE}", again=not final, of_key=of_key)


def ending_error(code: str) -> Loss | None:
    """Return why an error ends the session, by its code; None if it does not."""
    return _ENDING_ERRORS.get(code)


def ended_session(reason: str) -> Loss:
    """Return why a provider ended a session, by its reason."""
    return _SESSION_ENDS.get(reason, _SESSION_CLOSED)
