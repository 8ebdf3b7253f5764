"""Files as answers: whole or a range of them, no faster than their client reads (RFC 9110, 14)."""

import asyncio

import structlog
from aiohttp import web

from ringline.rest.route import FileAnswer, Refused
from ringline.web.budget import Share
from ringline.web.fair_share import BYTE_OUT_S
from ringline.web.http_connection import HttpConnection
from ringline.wire.byte_ranges import (
    ByteRange,
    Unsatisfiable,
    asked_range,
    holds_if_range,
    unsatisfied,
)

_log = structlog.get_logger(__name__)

#: How much is read and written at a time.
_PIECE_BYTES = 256 * 1024
#: A client must read this much within the time for a whole answer.
_PART_BYTES = 1024 * 1024


async def send_file(
    request: web.Request,
    file: FileAnswer,
    *,
    media_type: str,
    headers: dict[str, str],
    share: Share,
) -> web.StreamResponse:
    """Answer with a file, or with the range of it that was asked for. Raises Refused."""
    headers |= {"Accept-Ranges": "bytes", "ETag": file.etag}
    part = _part(request, file, headers=headers)
    if part is not None:
        headers["Content-Range"] = part.content_range(file.size)
    headers |= {
        "Content-Type": media_type,
        "Content-Disposition": f'inline; filename="{file.name}"',
    }
    sent = part or ByteRange(0, file.size - 1)
    response = web.StreamResponse(status=200 if part is None else 206, headers=headers)
    response.content_length = sent.size
    await response.prepare(request)
    if request.method != "HEAD" and not await _write(
        request, response, file=file, part=sent, share=share
    ):
        return response
    await response.write_eof()
    return response


def _part(request: web.Request, file: FileAnswer, *, headers: dict[str, str]) -> ByteRange | None:
    """Return the range that a request asks for; a HEAD asks for none (14.2). Raises Refused."""
    if request.method == "HEAD" or not holds_if_range(request.headers.get("If-Range"), file.etag):
        return None
    try:
        return asked_range(request.headers.get("Range"), file.size)
    except Unsatisfiable:
        headers["Content-Range"] = unsatisfied(file.size)
        raise Refused(
            "INVALID_ARGUMENT", f"the range is not within the {file.size} bytes", status=416
        ) from None


async def _write(
    request: web.Request,
    response: web.StreamResponse,
    *,
    file: FileAnswer,
    part: ByteRange,
    share: Share,
) -> bool:
    """Write a part of a file; False if it could not be read, and the connection was cut."""
    connection, at, end = request.protocol, part.first, part.last + 1
    while at < end:
        try:
            piece = await asyncio.to_thread(file.read, at, min(_PIECE_BYTES, end - at))
            if not piece:
                raise EOFError
        except (OSError, EOFError) as error:
            _log.error("download_failed", path=request.path, error=type(error).__name__)
            if request.transport is not None:
                request.transport.abort()  # the client must not take this for the whole
            return False
        await share.begin(len(piece) * BYTE_OUT_S)
        await response.write(piece)
        if isinstance(connection, HttpConnection) and (at + len(piece)) % _PART_BYTES < len(piece):
            connection.renew_answer()
        at += len(piece)
    return True
