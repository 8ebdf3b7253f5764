"""Refusals of HTTP itself, in the format of the surface that was requested.

The path determines the surface, even if the HTTP library refuses the request itself: a
malformed head, an unknown method, an unsupported `Expect`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from ringline.domain.ids import Prefix, format_id
from ringline.ports import NewId
from ringline.web.authentication import answer
from ringline.web.cors import READABLE
from ringline.web.links import Links
from ringline.wire import long_poll
from ringline.wire.errors import HttpRefusal, refuse_rpc, refuse_v1, refuse_v3
from ringline.wire.openai_server_errors import refuse_openai

SERVER_NAME = "Ringline"  # do not reveal versions
REQUEST_ID = "X-Request-Id"
#: The id of a request, for its handler.
REQUEST_KEY = web.RequestKey("request_id", str)

_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    429: "rate_limited",
}
_RPC_CODES = _CODES | {415: "unsupported_media_type"}
#: The codes of `/v1` for statuses without a code of their own.
_V1_FALLBACK = {408: "INVALID_ARGUMENT"}
_V1_CODES = {status: code.upper() for status, code in _CODES.items()} | _V1_FALLBACK
#: Headers of the library's refusals that are passed on to clients.
_KEPT = ("Allow", "Retry-After")
#: Messages for statuses that say more than their code.
_MESSAGES = {415: "the body must not be encoded"}
_NOT_HTTP = "the request is not valid HTTP"


@dataclass(frozen=True, slots=True)
class Refusals:
    """Answers refusals that come from no surface."""

    new_id: NewId
    links: Links

    def answer(
        self, path: str, refusal: web.HTTPException, *, request_id: str | None = None
    ) -> web.Response:
        """Answer an exception raised for a request with this path."""
        kept = {name: refusal.headers.get(name) for name in _KEPT}
        headers = {name: value for name, value in kept.items() if value}
        answered = self.answer_status(path, refusal.status, request_id=request_id, headers=headers)
        if refusal.keep_alive is False:
            answered.force_close()
        return answered

    def answer_unread(self, path: str, status: int) -> web.Response:
        """Answer a malformed request, and close the connection."""
        named = format_id(Prefix.REQUEST, self.new_id())
        refusal = self.spell_unread(path, status, request_id=named)
        answered = answer(refusal, {REQUEST_ID: named, "Server": SERVER_NAME})
        answered.force_close()
        return answered

    def answer_status(
        self,
        path: str,
        status: int,
        *,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        """Answer with a status, in the format of the path's surface."""
        named = request_id or format_id(Prefix.REQUEST, self.new_id())
        if path == long_poll.PATH:  # whose client knows no other way to fail
            refusal = HttpRefusal(200, long_poll.write_status(long_poll.FAILED))
            headers = {**READABLE, **(headers or {})}
        else:
            refusal = self.spell(path, status, request_id=named)
        return answer(refusal, {**(headers or {}), REQUEST_ID: named, "Server": SERVER_NAME})

    def spell_unread(self, path: str, status: int, *, request_id: str) -> HttpRefusal:
        """Write the refusal of a malformed request, in the format of the path's surface."""
        message = _NOT_HTTP if status < 500 else None
        return self.spell(path, status, request_id=request_id, message=message)

    def spell(
        self, path: str, status: int, *, request_id: str, message: str | None = None
    ) -> HttpRefusal:
        """Write the refusal of a status, in the format of the path's surface."""
        bad = status < 500
        message = message or _MESSAGES.get(status)
        if path.rstrip("/") == "/v1/realtime" or path.startswith("/v1/realtime/"):
            code = _CODES.get(status, "invalid_request" if bad else "internal_error")
            return refuse_openai(code, message, status=status)
        if path.startswith("/v1/"):
            code = _V1_CODES.get(status, "INVALID_ARGUMENT" if bad else "INTERNAL")
            base = self.links.documentation_base
            return refuse_v1(
                code, request_id, message=message, status=status, documentation_base=base
            )
        if path.startswith("/v3/"):
            code = _CODES.get(status, "invalid_request" if bad else "internal_error")
            return refuse_v3(code, message)
        return refuse_rpc(
            _RPC_CODES.get(status, "bad_request" if bad else "internal_error"), message
        )
