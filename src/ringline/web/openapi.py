"""`GET /openapi.json`, `GET /docs` and `GET /`: the documentation.

Each is rendered once, at the first request, and needs only this server: the pages load no
script, style or font from elsewhere.
"""

from functools import cached_property

from aiohttp import web

from ringline.web import docs_page
from ringline.web.home_page import make_home
from ringline.web.links import Links
from ringline.web.openapi_document import make_document
from ringline.web.prepared import Prepared, answer_prepared, prepare
from ringline.wire.strict_json import encode

_PAGE_HEADERS = {
    "Content-Security-Policy": docs_page.SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Documentation:
    """The handlers of `/openapi.json`, `/docs` and `/`."""

    def __init__(self, version: str, links: Links, *, talks: bool = False) -> None:
        self._version = version
        self._links = links
        self._talks = talks

    async def document(self, request: web.Request) -> web.StreamResponse:
        """Serve the OpenAPI document; pages of other origins may read it too."""
        headers = {"Access-Control-Allow-Origin": "*"}
        kind = "application/json"
        return answer_prepared(request, self._document, content_type=kind, headers=headers)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Serve the documentation page."""
        return answer_prepared(request, self._page, content_type="text/html", headers=_PAGE_HEADERS)

    async def home(self, request: web.Request) -> web.StreamResponse:
        """Serve the home page."""
        return answer_prepared(request, self._home, content_type="text/html", headers=_PAGE_HEADERS)

    @cached_property
    def _document(self) -> Prepared:
        return prepare(encode(make_document(self._version, self._links.base_url)))

    @cached_property
    def _page(self) -> Prepared:
        return prepare(docs_page.make_page(self._version).encode())

    @cached_property
    def _home(self) -> Prepared:
        return prepare(make_home(self._version, talks=self._talks).encode())
