"""`GET /openapi.json`, `GET /docs` and `GET /`: the documentation.

Each is rendered once, at the first request, and needs only this server: the pages load no
script, style or font from elsewhere.
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from aiohttp import ETag, web

from ringline.web import docs_page
from ringline.web.home_page import make_home
from ringline.web.links import Links
from ringline.web.openapi_document import make_document
from ringline.wire.strict_json import encode

_PAGE_HEADERS = {
    "Content-Security-Policy": docs_page.SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An immutable body and its entity tag (RFC 9110, 8.8.3)."""

    body: bytes
    etag: str


def _prepare(body: bytes) -> _Prepared:
    return _Prepared(body, sha256(body).hexdigest()[:32])


class Documentation:
    """The handlers of `/openapi.json`, `/docs` and `/`."""

    def __init__(self, version: str, links: Links) -> None:
        self._version = version
        self._links = links

    async def document(self, request: web.Request) -> web.StreamResponse:
        """Serve the OpenAPI document; pages of other origins may read it too."""
        headers = {"Access-Control-Allow-Origin": "*"}
        return _answer(request, self._document, content_type="application/json", headers=headers)

    async def page(self, request: web.Request) -> web.StreamResponse:
        """Serve the documentation page."""
        return _answer(request, self._page, content_type="text/html", headers=_PAGE_HEADERS)

    async def home(self, request: web.Request) -> web.StreamResponse:
        """Serve the home page."""
        return _answer(request, self._home, content_type="text/html", headers=_PAGE_HEADERS)

    @cached_property
    def _document(self) -> _Prepared:
        return _prepare(encode(make_document(self._version, self._links.base_url)))

    @cached_property
    def _page(self) -> _Prepared:
        return _prepare(docs_page.make_page(self._version).encode())

    @cached_property
    def _home(self) -> _Prepared:
        return _prepare(make_home(self._version).encode())


def _answer(
    request: web.Request, prepared: _Prepared, *, content_type: str, headers: dict[str, str]
) -> web.StreamResponse:
    known = request.if_none_match or ()
    if any(etag.value in (prepared.etag, "*") for etag in known):
        response = web.Response(status=304, headers=headers)
    else:
        response = web.Response(
            body=prepared.body, content_type=content_type, charset="utf-8", headers=headers
        )
    response.etag = ETag(prepared.etag)
    response.headers["Cache-Control"] = "no-cache"  # revalidate, the server may have been upgraded
    return response
