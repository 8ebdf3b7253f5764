"""A WebSocket to a voice's provider: dialled once, bounded both ways.

Nothing of the environment steers it: no proxy, no `netrc`, no cookie. Redirects are not
followed, as a key must not travel to where a provider's answer points, and a connection that
breaks before its answer is not dialled a second time behind our back: aiohttp does both unless
a trace forbids it. What is sent is queued, and written by a task: speech that has waited too
long is dropped, other frames never, and a provider that does not take them is lost.
"""

import asyncio
import re
import socket
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from weakref import ref

import aiohttp
from aiohttp import WSMsgType

from ringline.domain import voice_limits
from ringline.wire.upstream_failures import (
    CONNECT,
    TIMEOUT,
    UNREADABLE,
    Loss,
    closed,
    refused_handshake,
)

#: How long closing waits for the provider's own close.
CLOSE_S = 2.0

_BROKEN = 1006  # without a close frame

#: How aiohttp says that a close frame has a code that none may have, such as 1015.
_NO_CLOSE_CODE = re.compile(r"Invalid close code: (\d+)")


class UpstreamLost(Exception):
    """Raised when a connection failed or ended; `loss` says why."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss.cause)
        self.loss = loss


class _Refused(Exception):
    """A request that aiohttp would have made of its own accord."""

    def __init__(self, status: int = 0) -> None:
        super().__init__(status)
        self.status = status


def _guard() -> aiohttp.TraceConfig:
    """Return a trace of one connection that allows neither a redirect nor a second dial."""
    dialled: list[bool] = []

    async def on_dial(*_: object) -> None:
        if dialled:
            raise _Refused
        dialled.append(True)

    async def on_redirect(
        _: object, __: object, params: aiohttp.TraceRequestRedirectParams
    ) -> None:
        raise _Refused(params.response.status)

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(on_dial)
    trace.on_request_redirect.append(on_redirect)
    return trace


class _Line:
    """The TCP connection below: aiohttp would wait for ever for a peer that does not read."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def open(self, address: tuple[Any, ...]) -> socket.socket:
        """Make the socket for an address (aiohttp's `socket_factory`)."""
        family, kind, protocol, *_ = address
        self._sockets.append(socket.socket(family, kind, protocol))
        return self._sockets[-1]

    def cut(self) -> None:
        """Cut what is still open."""
        for opened in self._sockets:
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)


def _factory_of(line: _Line) -> Callable[[tuple[Any, ...]], socket.socket]:
    """Return what makes a line's sockets, for aiohttp, whose objects outlive the connection."""
    known = ref(line)

    def make(address: tuple[Any, ...]) -> socket.socket:
        line = known()
        assert line is not None, "whoever dials holds the line"
        return line.open(address)

    return make


@dataclass(slots=True)
class _Waiting:
    payload: bytes
    #: Of speech; 0 for every other frame.
    duration_ms: float = 0.0


class UpstreamSocket:
    """An open connection, from `dial`."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        line: "_Line",
        *,
        opened: aiohttp.ClientWebSocketResponse[Literal[False]],
    ) -> None:
        self._http = http
        self._line = line
        self._opened = opened
        #: The provider takes nothing any more.
        self.overrun = False
        self._waiting: deque[_Waiting] = deque()
        self._waiting_ms = 0.0
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._writer = asyncio.create_task(self._write())

    @classmethod
    async def dial(
        cls, url: str, headers: Mapping[str, str], *, pong_s: float = 20.0
    ) -> "UpstreamSocket":
        """Open a connection; the answer to a ping may take `pong_s`. Raises UpstreamLost."""
        line = _Line()
        http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(socket_factory=_factory_of(line)),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None),
            trace_configs=[_guard()],
        )
        opened = None
        try:
            opened = await http.ws_connect(
                url,
                headers=headers,
                heartbeat=2 * pong_s,  # aiohttp waits half of it for a pong
                max_msg_size=voice_limits.UPSTREAM_FRAME_BYTES.most,
                decode_text=False,
                autoclose=False,  # it would wait 10 s for a second close after one without a code
            )
            return cls(http, line, opened=opened)
        except aiohttp.WSServerHandshakeError as error:
            raise UpstreamLost(refused_handshake(error.status)) from None
        except _Refused as refused:
            loss = refused_handshake(refused.status) if refused.status else CONNECT
            raise UpstreamLost(loss) from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise UpstreamLost(CONNECT) from None
        finally:
            if opened is None:
                await http.close()

    def send(self, payload: bytes) -> None:
        """Send a frame, after those before it."""
        self._enqueue(_Waiting(payload))
        self._waiting_bytes += len(payload)
        if self._waiting_bytes > voice_limits.UPSTREAM_WAITING_BYTES.most:
            self.overrun = True

    def send_audio(self, payload: bytes, duration_ms: float) -> None:
        """Send a frame of speech; the oldest ones are dropped if too much of it waits."""
        self._enqueue(_Waiting(payload, duration_ms))
        self._waiting_ms += duration_ms
        while self._waiting_ms > voice_limits.UPSTREAM_AUDIO_MS.most:
            oldest = next(item for item in self._waiting if item.duration_ms)
            self._waiting.remove(oldest)
            self._waiting_ms -= oldest.duration_ms

    async def receive(self) -> bytes:
        """Return the next frame. Raises UpstreamLost."""
        try:
            message = await self._opened.receive()
        except (aiohttp.ClientError, OSError):  # while aiohttp answers a ping or a close
            raise UpstreamLost(closed(_BROKEN)) from None
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY:  # some providers send JSON as binary frames
                return message.data
            case WSMsgType.CLOSE:
                await self._answer_close()
                raise UpstreamLost(closed(int(message.data or 0), str(message.extra or "")))
            case WSMsgType.ERROR if isinstance(message.data, aiohttp.WebSocketError):
                if found := _NO_CLOSE_CODE.search(str(message.data)):
                    raise UpstreamLost(closed(int(found[1])))
                raise UpstreamLost(UNREADABLE)  # too large, or against the protocol
            case WSMsgType.ERROR if isinstance(message.data, TimeoutError):
                raise UpstreamLost(TIMEOUT)
            case _:
                raise UpstreamLost(closed(_BROKEN))

    async def close(self) -> None:
        """Close the connection, or cut it after `CLOSE_S`."""
        self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer
        with suppress(TimeoutError):  # it may not even take the close frame
            async with asyncio.timeout(CLOSE_S):
                await self._opened.close()
        await self._http.close()
        self._line.cut()

    async def _answer_close(self) -> None:
        """Answer the provider's close, as far as it takes that at once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await self._opened.close()

    def _enqueue(self, item: _Waiting) -> None:
        self._waiting.append(item)
        self._arrived.set()

    async def _write(self) -> None:
        """Write what waits; a connection that breaks is noticed by whoever receives."""
        with suppress(aiohttp.ClientError, OSError):
            while True:
                await self._arrived.wait()
                while self._waiting:
                    item = self._waiting.popleft()
                    if item.duration_ms:
                        self._waiting_ms -= item.duration_ms
                    else:
                        self._waiting_bytes -= len(item.payload)
                    await self._opened.send_frame(item.payload, WSMsgType.TEXT)
                self._arrived.clear()
