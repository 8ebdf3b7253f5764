"""The talk page: `GET /talk`, only in `ringline dev`.

A page to talk to an agent or a model with, for whoever tries something out on this machine. It
holds no key: `POST /talk/ticket` mints for it with the key of `ringline dev`, and only for it
(`own_page.py`), because nothing else stands between a stranger's page and that key.
"""

from functools import cache
from pathlib import Path

from aiohttp import web

from ringline.domain.credentials import Key, Surface
from ringline.domain.unavailable import Unavailable
from ringline.rpc.engine import Engine
from ringline.services.callers import caller_of
from ringline.services.credentials import Credentials, Pass, Unrecognised
from ringline.web.authentication import Visitor, answer, retry_after
from ringline.web.fair_share import REQUEST_S
from ringline.web.links import Links
from ringline.web.own_page import is_own_page, provenance_of
from ringline.web.prepared import Prepared, answer_prepared, prepare
from ringline.web.realtime import Realtime
from ringline.web.requests import open_share
from ringline.wire.errors import refuse_v3

_HERE = Path(__file__).parent
_HTML = "text/html"
#: The page's files below `/talk/`, and their types.
FILES = {
    "talk.css": "text/css",
    "talk.js": "text/javascript",
    "leash.js": "text/javascript",
    "voice.js": "text/javascript",  # the SDK's, compiled (`python -m tests.e2e.talk_modules`)
    "microphone.js": "text/javascript",
}
_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_AGENTS = {
    "action": "list_ai_agents",
    "fields": ["id", "name", "model", "enabled"],
    "sort": "name",
    "page": {"limit": 250},
}


class PageKey:
    """The secret key that the page talks with; `ringline dev` sets it once it has one."""

    def __init__(self) -> None:
        self._text = ""

    def use(self, text: str) -> None:
        """Talk with this key from now on."""
        self._text = text

    async def find(self, credentials: Credentials) -> Pass | None:
        """Return a pass of the key; None if there is none, or it is not valid any more.

        Raises StoreUnavailable.
        """
        return await credentials.pass_for(self._text) if self._text else None


class Talk:
    """The handlers of `/talk`."""

    def __init__(
        self,
        realtime: Realtime,
        engine: Engine,
        *,
        credentials: Credentials,
        key: PageKey,
        links: Links,
    ) -> None:
        self._realtime = realtime
        self._engine = engine
        self._credentials = credentials
        self._key = key
        self._links = links

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Serve the page."""
        return answer_prepared(request, _file("talk.html"), content_type=_HTML, headers=_HEADERS)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Serve one of the page's files."""
        name = request.match_info["name"]
        if name not in FILES:
            raise web.HTTPNotFound
        return answer_prepared(request, _file(name), content_type=FILES[name], headers=_HEADERS)

    async def ticket(self, request: web.Request) -> web.StreamResponse:
        """Mint a ticket for the page: body and answer of `POST /v3/realtime-sessions`."""
        if not self._is_own(request):
            return self._forbidden()
        try:
            granted = await self._key.find(self._credentials)
        except Unavailable:
            return answer(refuse_v3("unavailable"), retry_after())
        if granted is None or not isinstance(granted.who, Key):
            return _no_key()
        return await self._realtime.mint_for(request, Visitor(granted.who, granted.check))

    async def agents(self, request: web.Request) -> web.StreamResponse:
        """List the agents for the page's menu, as `list_ai_agents` answers."""
        if not self._is_own(request, needs_origin=False):
            return self._forbidden()
        try:
            granted = await self._key.find(self._credentials)
            caller = None if granted is None else caller_of(granted, Surface.RPC)
            if caller is None:
                return _no_key()
            await open_share(request, caller.key_id, scope=caller.scope).begin(REQUEST_S)
            body = await self._engine.run(caller, _AGENTS)
        except Unrecognised:
            return _no_key()
        except Unavailable:
            return answer(refuse_v3("unavailable"), retry_after())
        headers = {"Cache-Control": "no-store"}
        return web.Response(body=body, content_type="application/json", headers=headers)

    def _is_own(self, request: web.Request, *, needs_origin: bool = True) -> bool:
        told, transport = provenance_of(request), request.transport
        if told is None or transport is None:
            return False
        return is_own_page(
            told,
            port=transport.get_extra_info("sockname")[1],
            base_url=self._links.base_url,
            needs_origin=needs_origin,
        )

    def _forbidden(self) -> web.Response:
        message = f"only this server's own page may ask; open {self._links.base_url}/talk"
        return answer(refuse_v3("forbidden", message))


@cache
def _file(name: str) -> Prepared:
    """Read one of the files in this folder, once."""
    return prepare((_HERE / name).read_bytes())


def _no_key() -> web.Response:
    message = "the key of `ringline dev` is not valid; start it again"
    return answer(refuse_v3("unavailable", message))
