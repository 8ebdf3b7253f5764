"""The HTTP server: its routes, and the middleware for all of them.

aiohttp's loggers are silenced here: it logs subprotocol offers, which hold tickets, and
tracebacks for malformed requests.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog
from aiohttp import web

from ringline import __version__
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Scope
from ringline.ports import NewId
from ringline.rest.routes import ROUTES
from ringline.web.admission import Admission
from ringline.web.call_streams import CallStreams
from ringline.web.carrier_doors import INBOUND, RECEIPTS, CarrierDoors
from ringline.web.console import Console
from ringline.web.console_routes import API, CONSOLE
from ringline.web.console_routes import ROUTES as CONSOLE_ROUTES
from ringline.web.conversation_streams import ConversationStreams
from ringline.web.edge import Edge, Open
from ringline.web.events_socket import EventsSockets
from ringline.web.fair_share import BYTE_OUT_S
from ringline.web.house import House
from ringline.web.http_connection import begin_request, refuse_stranger
from ringline.web.links import Links
from ringline.web.listener import PortListener
from ringline.web.long_poll import LongPolls
from ringline.web.models import Models
from ringline.web.openai_server import OpenAIServer
from ringline.web.openapi import Documentation
from ringline.web.realtime import Realtime
from ringline.web.refusals import REQUEST_ID, REQUEST_KEY, SERVER_NAME, Refusals
from ringline.web.requests import BrokenBody
from ringline.web.rest import Rest
from ringline.web.rpc import Rpc
from ringline.web.session_sockets import SessionSockets
from ringline.web.stream_door import StreamDoor
from ringline.web.talk import Talk
from ringline.web.token_mints import OperatorAccess, SessionTokens
from ringline.wire import long_poll

_log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Surfaces:
    """The handlers of every surface."""

    realtime: Realtime
    openai_server: OpenAIServer
    #: The sockets of both.
    session_sockets: SessionSockets
    session_tokens: SessionTokens
    events_sockets: EventsSockets
    long_polls: LongPolls
    stream_door: StreamDoor
    call_streams: CallStreams
    conversation_streams: ConversationStreams
    rpc: Rpc
    operator_access: OperatorAccess
    models: Models
    #: The rows of `/v1`'s table of routes.
    rest: Rest
    carrier_doors: CarrierDoors
    #: The talk page, in `ringline dev`.
    talk: Talk | None = None
    #: Unless it is switched off.
    console: Console | None = None


class Server:
    """Serves every surface on one port."""

    def __init__(
        self,
        surfaces: Surfaces,
        ready: Callable[[], bool],
        *,
        new_id: NewId,
        links: Links,
        admission: Admission,
    ) -> None:
        self._session_sockets = surfaces.session_sockets
        self._ready = ready
        self._announced = False
        self._new_id = new_id
        self._refusals = Refusals(new_id, links)
        app = web.Application(middlewares=[self._around], client_max_size=0)
        app.on_response_prepare.append(_name_request)
        if surfaces.console is not None:
            app.on_response_prepare.append(surfaces.console.name_build)
        documentation = Documentation(__version__, links, talks=surfaces.talk is not None)
        add_routes(
            app,
            surfaces,
            documentation=documentation,
            health=self._health,
            readiness=self._readiness,
        )
        _silence_aiohttp()
        self._house = House(admission, self._refusals)
        self._listener = PortListener(app, Edge(self._house, streams_of(surfaces), new_id=new_id))

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port. Raises OSError."""
        return await self._listener.start(host, port)

    def announce(self) -> None:
        """Let `/readyz` report ready, now that everything it promises is in place."""
        self._announced = True

    def charge_events(self, scope: Scope, size: int) -> None:
        """Charge a workspace for the bytes of events that were written to its listeners."""
        self._house.fair.charge(scope.workspace_id, size * BYTE_OUT_S)

    async def stop(self) -> None:
        """Close the port and its open connections."""
        self._listener.close()
        await self._session_sockets.shutdown()
        await self._listener.stop()

    async def _health(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "ok"})

    async def _readiness(self, request: web.Request) -> web.StreamResponse:
        if self._announced and self._ready():
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "unavailable"}, status=503)

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give the request an id; answer errors in the format of its surface."""
        request_id = format_id(Prefix.REQUEST, self._new_id())
        request[REQUEST_KEY] = request_id
        try:
            begin_request(request)
            response = await handler(request)
            if response.status in (401, 403):
                await refuse_stranger(request)
            return response
        except web.HTTPException as refusal:
            return self._refusals.answer(request.path, refusal, request_id=request_id)
        except BrokenBody:
            return self._refusals.answer_status(request.path, 400, request_id=request_id)
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:  # a bug: log it without its text
            _log.error("request_failed", path=request.path, error=type(error).__name__)
            return self._refusals.answer_status(request.path, 500, request_id=request_id)


def add_routes(
    app: web.Application,
    surfaces: Surfaces,
    *,
    documentation: Documentation,
    health: Handler,
    readiness: Handler,
) -> None:
    """Add every route; a test walks them all."""
    router = app.router
    router.add_get("/healthz", health)
    router.add_get("/readyz", readiness)
    router.add_post("/v3/realtime-sessions", surfaces.realtime.mint)
    router.add_delete("/v3/realtime-sessions/{id}", surfaces.realtime.end)
    for path in streams_of(surfaces):  # the edge's; here they are for their `Allow`
        router.add_get(path, _misdirected, allow_head=False)
    router.add_post("/v1/realtime/client_secrets", surfaces.openai_server.mint)
    router.add_get("/v3/models", surfaces.models.list_models)
    router.add_options("/v3/models", surfaces.models.preflight)
    router.add_post("/api/realtime/session", surfaces.session_tokens.mint)
    router.add_post("/api/operator/access", surfaces.operator_access.mint)
    router.add_route("*", "/socket/websocket", _bad_socket_method)
    router.add_get(long_poll.PATH, surfaces.long_polls.poll, allow_head=False)
    router.add_post(long_poll.PATH, surfaces.long_polls.send)
    router.add_options(long_poll.PATH, surfaces.long_polls.preflight)
    router.add_route("*", long_poll.PATH, surfaces.long_polls.other_method)
    for path, handler in (
        ("/rpc/public/run", surfaces.rpc.run),
        ("/rpc/public/validate", surfaces.rpc.validate),
    ):
        router.add_post(path, handler)
        router.add_route("*", path, surfaces.rpc.other_method)
    router.add_route("*", "/rpc/public/{tail:.*}", surfaces.rpc.elsewhere)
    for path in ("/v1/calls/{id}/transcript/stream", "/v1/conversations/{id}/stream"):
        router.add_options(path, surfaces.stream_door.preflight)
    for route in ROUTES:
        methods = ("GET", "HEAD") if route.method == "GET" else (route.method,)
        for method in methods:
            router.add_route(method, route.path, partial(surfaces.rest.serve, route))
        if route.file:
            router.add_options(route.path, surfaces.rest.preflight)
    router.add_post(INBOUND, surfaces.carrier_doors.inbound)
    router.add_post(RECEIPTS, surfaces.carrier_doors.receipts)
    router.add_get("/openapi.json", documentation.document)
    router.add_get("/docs", documentation.page)
    router.add_get("/", documentation.home)
    if surfaces.talk is not None:
        router.add_get("/talk", surfaces.talk.page)
        router.add_post("/talk/ticket", surfaces.talk.ticket)
        router.add_get("/talk/agents", surfaces.talk.agents)
        router.add_get("/talk/{name}", surfaces.talk.file)
    if surfaces.console is not None:
        _add_console(router, surfaces.console)


def _add_console(router: web.UrlDispatcher, console: Console) -> None:
    for route in CONSOLE_ROUTES:
        router.add_route(route.method, route.pattern, partial(console.serve, route))
    router.add_route("*", f"{API}/{{tail:.*}}", console.elsewhere)
    router.add_get(CONSOLE, console.file)
    router.add_get(f"{CONSOLE}/{{name:.*}}", console.file)


def streams_of(surfaces: Surfaces) -> dict[str, Open]:
    """Return the edge's doors by their paths; each is opened with GET."""
    return {
        "/v3/realtime": surfaces.realtime.open,
        "/v3/realtime/": surfaces.realtime.open,
        "/v1/realtime": surfaces.openai_server.open,
        "/v1/realtime/": surfaces.openai_server.open,
        "/socket/websocket": surfaces.events_sockets.open,
        "/v1/calls/{id}/transcript/stream": surfaces.call_streams.transcript,
        "/v1/calls/{id}/stream": surfaces.call_streams.events,
        "/v1/conversations/{id}/stream": surfaces.conversation_streams.messages,
    }


async def _misdirected(request: web.Request) -> web.StreamResponse:
    """Refuse a stream that was asked for before the answer to another request (RFC 9110, 15.5.20).

    That is too late for the edge: its bytes have been given to aiohttp with the others.
    """
    refusal = web.HTTPMisdirectedRequest()
    refusal.force_close()
    raise refusal


async def _bad_socket_method(request: web.Request) -> web.StreamResponse:
    return web.Response(status=400)


async def _name_request(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER_NAME
    request_id = request.get(REQUEST_KEY)
    if request_id is not None and REQUEST_ID not in response.headers:
        response.headers[REQUEST_ID] = request_id


def _silence_aiohttp() -> None:
    # Their messages hold tickets (aiohttp.websocket) and clients' input (aiohttp.server).
    for name in ("aiohttp.websocket", "aiohttp.server", "aiohttp.web", "aiohttp.access"):
        logging.getLogger(name).disabled = True
