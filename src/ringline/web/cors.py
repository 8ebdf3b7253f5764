"""CORS: responses that any origin may read, and preflights (Fetch, 3.2)."""

from aiohttp import web

#: Headers of a response that any origin may read.
READABLE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After, X-Request-Id",
}


#: Of a file, of which it may ask for a range.
READABLE_FILE = {
    **READABLE,
    "Access-Control-Expose-Headers": (
        "Accept-Ranges, Content-Length, Content-Range, ETag, Retry-After, X-Request-Id"
    ),
}


def preflight(methods: str, headers: str) -> web.Response:
    """Answer a preflight with the allowed methods and headers."""
    allowed = {
        "Access-Control-Allow-Headers": headers,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Max-Age": "86400",
    }
    return web.Response(status=204, headers=READABLE | allowed)
