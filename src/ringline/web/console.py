"""The console's routes, each answered by its handler, and whatever one of them refuses.

Nothing here may be stored or read by another origin. Every answer names the build of the
console's files, so that a page notices that there is a newer one. Errors have RPC's envelope.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from aiohttp import web

from ringline.domain import console_limits
from ringline.domain.unavailable import Unavailable
from ringline.services.credentials import Unrecognised
from ringline.web.authentication import retry_after
from ringline.web.budget import OverBudget, Share
from ringline.web.console_files import BUILD_HEADER, ConsoleFiles
from ringline.web.console_routes import API, ConsoleRoute
from ringline.web.requests import BodyTooLarge, BrokenBody, read_body
from ringline.web.rpc import Turned
from ringline.wire.errors import HttpRefusal, refuse_rpc
from ringline.wire.strict_json import JsonProblem

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Of every answer: nobody stores it.
HEADERS = {"Cache-Control": "no-store"}
_JSON = {**HEADERS, "Content-Type": "application/json; charset=utf-8"}

#: After how long it may work where too much was under way.
_SOON_S = 1


def answer_json(body: bytes, *, status: int = 200) -> web.Response:
    """Answer with JSON."""
    return web.Response(status=status, body=body, headers=_JSON)


def refuse(refusal: HttpRefusal, wait_s: int = 0) -> web.Response:
    """Answer a refusal, which may be tried again after a wait."""
    refused = answer_json(refusal.body, status=refusal.status)
    if wait_s:
        refused.headers.update(retry_after(wait_s))
    return refused


async def read_console_body(request: web.Request, share: Share) -> bytes:
    """Read a JSON body. Raises Turned, BodyTooLarge, BrokenBody."""
    if request.content_type != "application/json":
        raise Turned("unsupported_media_type")
    return await read_body(request, console_limits.CONSOLE_BODY_BYTES.most, share=share)


class Console:
    """Serves the rows of the table of routes; `files` serves the page that asks for them."""

    def __init__(self, handlers: Mapping[ConsoleRoute, Handler], files: ConsoleFiles) -> None:
        self._handlers = handlers
        self.files = files

    async def serve(self, route: ConsoleRoute, request: web.Request) -> web.StreamResponse:
        """Answer a request to a route."""
        try:
            return await self._handlers[route](request)
        except Turned as turned:
            return refuse(turned.refusal, turned.wait_s)
        except Unrecognised:
            return refuse(refuse_rpc("unauthorized"))
        except Unavailable:
            return refuse(refuse_rpc("unavailable"), _SOON_S)
        except OverBudget:
            return refuse(refuse_rpc("rate_limited"), _SOON_S)
        except BodyTooLarge:
            return refuse(refuse_rpc("payload_too_large"))
        except JsonProblem as bad:
            return refuse(refuse_rpc("bad_request", bad.message))
        except BrokenBody:
            return refuse(refuse_rpc("bad_request"))

    async def elsewhere(self, request: web.Request) -> web.StreamResponse:
        """Answer 404: there is nothing else, and no CORS preflight."""
        return refuse(refuse_rpc("not_found"))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Serve the page, or one of its files."""
        return await self.files.serve(request)

    async def name_build(self, request: web.Request, response: web.StreamResponse) -> None:
        """Name the build of the files in an answer of a route; without files there is none."""
        if self.files.build and request.path.startswith(API):
            response.headers[BUILD_HEADER] = self.files.build
