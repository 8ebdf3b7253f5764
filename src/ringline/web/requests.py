"""Reading requests: bodies with a bound."""

from aiohttp import web


class BodyTooLarge(Exception):
    """A request's body is over the bound of its surface."""


async def read_body(request: web.Request, limit: int) -> bytes:
    """Read a body of at most `limit` bytes. Raises BodyTooLarge."""
    if request.content_length is not None and request.content_length > limit:
        raise BodyTooLarge
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > limit:
            raise BodyTooLarge
    return bytes(body)
