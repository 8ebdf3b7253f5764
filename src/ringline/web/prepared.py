"""Bodies that never change while the server runs, and their entity tags (RFC 9110, 8.8.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from aiohttp import ETag, web

#: Revalidate, the server may have been upgraded.
REVALIDATE = "no-cache"


@dataclass(frozen=True, slots=True)
class Prepared:
    """An immutable body and its entity tag."""

    body: bytes
    etag: str


def prepare(body: bytes) -> Prepared:
    """Tag a body."""
    return Prepared(body, sha256(body).hexdigest()[:32])


def answer_prepared(
    request: web.Request,
    prepared: Prepared,
    *,
    content_type: str,
    headers: Mapping[str, str],
    charset: str | None = "utf-8",
    cache_control: str = REVALIDATE,
) -> web.StreamResponse:
    """Answer with a body, or 304 if the client has it already."""
    known = request.if_none_match or ()
    if any(etag.value in (prepared.etag, "*") for etag in known):
        response = web.Response(status=304, headers=headers)
    else:
        response = web.Response(
            body=prepared.body, content_type=content_type, charset=charset, headers=headers
        )
    response.etag = ETag(prepared.etag)
    response.headers["Cache-Control"] = cache_control
    return response
