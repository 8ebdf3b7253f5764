"""The client of a call's transcript stream: server-sent events (live streams, 2).

It reconnects as an `EventSource` does, with `Last-Event-ID`, and stops at the 204 that
answers for a call that is over.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import quote

import aiohttp
import msgspec

from ringline.client.http import Api, ApiProblem, refused, unreachable
from ringline.wire.sse import ServerSentEvent, SseDecoder, SseProblem
from ringline.wire.strict_json import JsonProblem, StrictDecoder

#: A stream without a byte for so long is dead (a heartbeat comes every 30 s).
SILENCE_LIMIT_S = 75.0
PAUSE_S = 1.0
_ATTEMPTS = 10  # in a row without a frame

_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=10, sock_read=SILENCE_LIMIT_S)


class TranscriptFrame(msgspec.Struct, frozen=True):
    """A turn, or its text so far (live streams, 2.3)."""

    role: str
    text: str
    is_final: bool
    turn_id: str
    ts: str
    interrupted: bool = False
    recognized: bool = True


class _StreamError(msgspec.Struct, frozen=True):
    error_code: str = "INTERNAL"
    message: str = ""


class _CallOver(Exception):
    """The call is over, and nothing is left to follow."""


_frame = StrictDecoder(TranscriptFrame, marks=None)
_error = StrictDecoder(_StreamError, marks=None)


async def follow_transcript(
    api: Api, call_id: str, *, replay: bool = False
) -> AsyncGenerator[TranscriptFrame]:
    """Follow a call's transcript until the call is over.

    With `replay`, its finished turns come first. Raises ApiProblem if the call is not
    found or the stream is not available.
    """
    decoder, in_vain = SseDecoder(), 0
    while True:
        in_vain += 1
        try:
            decoder = SseDecoder(decoder.last_event_id)
            async with aclosing(_stream(api, call_id, decoder=decoder, replay=replay)) as stream:
                async for event in stream:
                    in_vain = 0
                    if event.name == "error":
                        raise _stream_problem(event.data)
                    yield _read(event.data)
        except _CallOver:
            return
        except ApiProblem as problem:
            if not problem.retry or in_vain >= _ATTEMPTS:
                raise
        if in_vain >= _ATTEMPTS:
            return
        await asyncio.sleep(PAUSE_S if in_vain > 1 else 0.05)


async def _stream(
    api: Api, call_id: str, *, decoder: SseDecoder, replay: bool
) -> AsyncGenerator[ServerSentEvent]:
    headers = {**api.headers(), "Accept": "text/event-stream"}
    if decoder.last_event_id:  # it overrides the query
        headers["Last-Event-ID"] = decoder.last_event_id
    with unreachable(api.url):
        async with api.http.get(
            f"{api.url}/v1/calls/{quote(call_id, safe='')}/transcript/stream",
            params={"replay": "1"} if replay else {},
            headers=headers,
            timeout=_TIMEOUT,
            allow_redirects=False,
        ) as answer:
            if answer.status == 204:
                raise _CallOver
            if answer.status != 200:
                raise refused(answer.status, await answer.read())
            async for data, _ in answer.content.iter_chunks():
                try:
                    events = decoder.feed(data)
                except SseProblem as problem:
                    raise ApiProblem(f"The stream cannot be read: {problem}.", 200) from None
                for event in events:
                    yield event


def _read(data: str) -> TranscriptFrame:
    try:
        return _frame.decode(data)
    except JsonProblem as problem:
        raise ApiProblem(f"The stream cannot be read: {problem}.", 200) from None


def _stream_problem(data: str) -> ApiProblem:
    try:
        error = _error.decode(data)
    except JsonProblem:
        error = _StreamError()
    # The server is shutting down or has lost its database: retry.
    status = 503 if error.error_code in ("UNAVAILABLE", "INTERNAL") else 403
    return ApiProblem(f"The stream ended: {error.message or error.error_code}.", status)
