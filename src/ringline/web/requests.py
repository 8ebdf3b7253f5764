"""Reading requests and writing answers, with bounds in bytes and in time."""

import asyncio
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from uuid import UUID

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from ringline.domain.audit import Origin
from ringline.domain.log import Scope
from ringline.web.authentication import retry_after
from ringline.web.budget import OverBudget, Share
from ringline.web.fair_share import BYTE_IN_S
from ringline.web.house import Waits
from ringline.web.http_connection import HttpConnection
from ringline.web.refusals import REQUEST_KEY

#: Larger answers are written in pieces of this size.
PIECE_BYTES = 128 * 1024


class BodyTooLarge(Exception):
    """A request's body is over the bound of its surface."""


class BrokenBody(Exception):
    """A request's body does not match its headers."""


async def read_body(request: web.Request, limit: int, *, share: Share) -> bytes:
    """Read a body of at most `limit` bytes, counting it in a key's share as it grows.

    Raises BodyTooLarge, BrokenBody, HTTPUnsupportedMediaType if it is encoded,
    HTTPRequestTimeout if it does not arrive in time, HTTPTooManyRequests if the key has
    too much under way (contract, 13).
    """
    if "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType
    if request.content_length is not None and request.content_length > limit:
        raise BodyTooLarge
    content = request.content
    try:
        if content.is_eof():  # most bodies arrive with their head
            body = content.read_nowait()
            share.charge(len(body) * BYTE_IN_S)
        else:
            body = await _Slow(request, limit, share).read()
    except OverBudget:
        raise too_much_under_way() from None
    except (ClientPayloadError, HttpProcessingError, web.RequestPayloadError):
        raise BrokenBody from None
    if len(body) > limit:
        raise BodyTooLarge
    return body


def open_share(request: web.Request, key_id: UUID, *, scope: Scope) -> Share:
    """Start counting a request's bytes and work, until its answer has been read."""
    return _open_share(_connection(request), key_id, workspace_id=scope.workspace_id)


def open_strangers_share(request: web.Request) -> Share:
    """Start counting a request before its credential is known: its address is charged."""
    connection = _connection(request)
    return _open_share(connection, connection.client, workspace_id=connection.client)


def origin_of(request: web.Request) -> Origin:
    """Return where a request comes from: its id, and the address that it is counted for."""
    return Origin(request[REQUEST_KEY], _connection(request).client)


def _connection(request: web.Request) -> HttpConnection:
    connection = request.protocol
    if not isinstance(connection, HttpConnection):
        raise AssertionError("requests arrive on the listener's connections")
    return connection


def _open_share(connection: HttpConnection, key_id: Hashable, *, workspace_id: Hashable) -> Share:
    share = Share(
        connection.house.budget,
        connection.house.fair,
        key_id=key_id,
        workspace_id=workspace_id,
    )
    connection.when_answered(share.close)
    return share


async def write_by_pieces(
    request: web.Request, answer: bytes, *, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Write a large answer no faster than its client reads it.

    So others get their turns: written at once, it would be copied as a whole, which takes as
    long as tens of small requests.
    """
    response = web.StreamResponse(headers=headers)
    response.content_length = len(answer)
    await response.prepare(request)
    whole = memoryview(answer)
    for begin in range(0, len(answer), PIECE_BYTES):
        await response.write(whole[begin : begin + PIECE_BYTES])
        await asyncio.sleep(0)  # do not wait for a client that reads fast
    await response.write_eof()
    return response


def too_much_under_way() -> web.HTTPTooManyRequests:
    """Return the error for a key with too much under way; the connection is closed."""
    refusal = web.HTTPTooManyRequests(headers=retry_after())
    refusal.force_close()
    return refusal


@dataclass(frozen=True, slots=True)
class _Slow:
    """A body that is still under way."""

    request: web.Request
    limit: int
    share: Share

    async def read(self) -> bytes:
        connection, content = self.request.protocol, self.request.content
        waits = connection.waits if isinstance(connection, HttpConnection) else Waits()
        loop, body = asyncio.get_running_loop(), bytearray()
        ends_at = loop.time() + waits.body_s
        try:
            while len(body) <= self.limit and not content.at_eof():
                until = min(ends_at, loop.time() + waits.body_idle_s)
                async with asyncio.timeout_at(until):
                    piece = await content.readany()
                body += piece
                self.share.hold(len(body))
                await self.share.begin(len(piece) * BYTE_IN_S)
        except TimeoutError:
            late = web.HTTPRequestTimeout()
            late.force_close()  # do not wait for the rest of the body
            raise late from None
        return bytes(body)
