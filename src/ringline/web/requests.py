"""Reading requests: bodies with a bound."""

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError


class BodyTooLarge(Exception):
    """A request's body is over the bound of its surface."""


class BrokenBody(Exception):
    """A request's body does not end, or is not encoded, as its headers say."""


async def read_body(request: web.Request, limit: int) -> bytes:
    """Read a body of at most `limit` bytes. Raises BodyTooLarge or BrokenBody."""
    if request.content_length is not None and request.content_length > limit:
        raise BodyTooLarge
    content = request.content
    try:
        piece = await content.readany()
        if content.at_eof() and len(piece) <= limit:
            return piece  # most bodies come in one piece
        body = bytearray(piece)
        while len(body) <= limit and not content.at_eof():
            body += await content.readany()
        if len(body) > limit:
            raise BodyTooLarge
    except (ClientPayloadError, HttpProcessingError, web.RequestPayloadError):
        raise BrokenBody from None
    return bytes(body)
