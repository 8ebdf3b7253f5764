"""What HTTP itself refuses, answered in the shape of the surface that was asked.

The path tells the surface, also where the HTTP library refuses a request by itself: a head
that cannot be read, a method that does not exist, an `Expect` that nobody meets.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from ringline.domain.ids import Prefix, show_id
from ringline.ports import NewId
from ringline.web.authentication import answer
from ringline.web.links import Links
from ringline.wire.errors import HttpRefusal, refuse_rpc, refuse_v1, refuse_v3

SERVER_NAME = "Ringline"  # no versions for strangers
REQUEST_ID = "X-Request-Id"

_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    429: "rate_limited",
}
_RPC_CODES = _CODES | {415: "unsupported_media_type"}
#: What `/v1` calls them where it has no word of its own.
_V1_FALLBACK = {408: "INVALID_ARGUMENT"}
_V1_CODES = {status: code.upper() for status, code in _CODES.items()} | _V1_FALLBACK
#: Headers of the library's refusals that clients need.
_KEPT = ("Allow", "Retry-After")
#: Where a status says more than its code.
_MESSAGES = {415: "the body must not be encoded"}
_NOT_HTTP = "the request is not valid HTTP"


@dataclass(frozen=True, slots=True)
class Refusals:
    """Answers refusals that are no surface's own."""

    new_id: NewId
    links: Links

    def answer(
        self, path: str, refusal: web.HTTPException, request_id: str | None = None
    ) -> web.Response:
        """Answer what was raised for a request of this path."""
        kept = {name: refusal.headers.get(name) for name in _KEPT}
        headers = {name: value for name, value in kept.items() if value}
        answered = self.answer_status(path, refusal.status, request_id, headers)
        if refusal.keep_alive is False:
            answered.force_close()
        return answered

    def answer_unread(self, path: str, status: int) -> web.Response:
        """Answer what could not be read as a request, and end the connection."""
        message = _NOT_HTTP if status < 500 else None
        answered = self.answer_status(path, status, message=message)
        answered.force_close()
        return answered

    def answer_status(
        self,
        path: str,
        status: int,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        message: str | None = None,
    ) -> web.Response:
        """Answer with a status, in the shape of the path's surface."""
        named = request_id or show_id(Prefix.REQUEST, self.new_id())
        refusal = self._spell(path, status, named, message)
        return answer(refusal, {**(headers or {}), REQUEST_ID: named, "Server": SERVER_NAME})

    def _spell(self, path: str, status: int, request_id: str, message: str | None) -> HttpRefusal:
        bad = status < 500
        message = message or _MESSAGES.get(status)
        if path.startswith("/v1/"):
            code = _V1_CODES.get(status, "INVALID_ARGUMENT" if bad else "INTERNAL")
            base = self.links.documentation_base
            return refuse_v1(code, request_id, message, status=status, documentation_base=base)
        if path.startswith("/v3/"):
            code = _CODES.get(status, "invalid_request" if bad else "internal_error")
            return refuse_v3(code, message)
        return refuse_rpc(
            _RPC_CODES.get(status, "bad_request" if bad else "internal_error"), message
        )
