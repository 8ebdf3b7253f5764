"""WebSocket clients that others wrote, which send frames one by one, broken ones too."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame as WrittenFrame
from websockets.frames import Opcode

from tests.callers import LIMIT_S
from tests.e2e.node_client import NodeClient, node_client

CONTINUATION, TEXT, BINARY, CLOSE, PING = 0x0, 0x1, 0x2, 0x8, 0x9


@dataclass(frozen=True)
class Frame:
    """A frame as it is sent; `rsv1` is its first reserved bit."""

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv1: bool = False


class Connected(Protocol):
    """An open connection of a client."""

    async def send(self, frame: Frame) -> None:
        """Send a frame by the client's own writer."""
        ...

    async def text(self) -> str:
        """Return the next text message, read by the client."""
        ...

    async def pong(self) -> str:
        """Return the payload of the next pong."""
        ...

    async def close(self, code: int, reason: str) -> int:
        """Close as the client does; return the code that the server closed with."""
        ...

    async def closed(self) -> int:
        """Wait for the server's close frame and the end; return the code."""
        ...


class OfWebsockets:
    """PyPI's `websockets`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._pings: list[tuple[str, asyncio.Future[float]]] = []

    async def send(self, frame: Frame) -> None:
        if frame.opcode == PING and frame.fin:
            waiter = asyncio.ensure_future(await self._socket.ping(frame.payload))
            self._pings.append((frame.payload.decode(), waiter))
            return
        written = WrittenFrame(Opcode(frame.opcode), frame.payload, frame.fin, frame.rsv1)
        self._socket.transport.write(written.serialize(mask=True))

    async def text(self) -> str:
        async with asyncio.timeout(LIMIT_S):
            text = await self._socket.recv()
        assert isinstance(text, str)
        return text

    async def pong(self) -> str:
        payload, waiter = self._pings.pop(0)
        async with asyncio.timeout(LIMIT_S):
            await waiter
        return payload

    async def close(self, code: int, reason: str) -> int:
        await self._socket.close(code, reason)
        return await self.closed()

    async def closed(self) -> int:
        with suppress(ConnectionClosed):
            while True:
                await self.text()
        assert self._socket.protocol.close_rcvd is not None, "the server closes by the rules"
        return self._socket.protocol.close_rcvd.code


@asynccontextmanager
async def websockets(url: str) -> AsyncIterator[Connected]:
    async with connect(url, compression=None) as socket:
        yield OfWebsockets(socket)


class OfPicows(WSListener):
    """PyPI's `picows`."""

    def __init__(self) -> None:
        self._texts: asyncio.Queue[str] = asyncio.Queue()
        self._pongs: asyncio.Queue[str] = asyncio.Queue()
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        match frame.msg_type:
            case WSMsgType.TEXT:
                self._texts.put_nowait(frame.get_payload_as_utf8_text())
            case WSMsgType.PONG:
                self._pongs.put_nowait(frame.get_payload_as_utf8_text())
            case WSMsgType.CLOSE:
                self._code.set_result(int.from_bytes(frame.get_payload_as_bytes()[:2], "big"))
                transport.send_close(frame.get_close_code(), frame.get_close_message())
            case _:
                pass

    @property
    def transport(self) -> WSTransport:
        assert self._transport is not None
        return self._transport

    async def send(self, frame: Frame) -> None:
        kind = WSMsgType(frame.opcode)
        self.transport.send(kind, frame.payload, fin=frame.fin, rsv1=frame.rsv1)

    async def text(self) -> str:
        async with asyncio.timeout(LIMIT_S):
            return await self._texts.get()

    async def pong(self) -> str:
        async with asyncio.timeout(LIMIT_S):
            return await self._pongs.get()

    async def close(self, code: int, reason: str) -> int:
        self.transport.send(WSMsgType.CLOSE, code.to_bytes(2, "big") + reason.encode())
        return await self.closed()

    async def closed(self) -> int:
        async with asyncio.timeout(LIMIT_S):
            code = await self._code
            await self.transport.wait_disconnected()
        return code


@asynccontextmanager
async def picows(url: str) -> AsyncIterator[Connected]:
    transport, listener = await ws_connect(OfPicows, url)
    assert isinstance(listener, OfPicows)
    try:
        yield listener
    finally:
        transport.disconnect()


class OfWs:
    """npm's `ws`."""

    def __init__(self, client: NodeClient) -> None:
        self._client = client

    def order(self, order: str, **options: object) -> None:
        self._client.do(json.dumps({"order": order, **options}))

    async def send(self, frame: Frame) -> None:
        payload = b64encode(frame.payload).decode()
        self.order("frame", opcode=frame.opcode, payload=payload, fin=frame.fin, rsv1=frame.rsv1)

    async def text(self) -> str:
        return (await self._client.until("message"))["text"]

    async def pong(self) -> str:
        return (await self._client.until("pong"))["text"]

    async def close(self, code: int, reason: str) -> int:
        self.order("close", code=code, reason=reason)
        return await self.closed()

    async def closed(self) -> int:
        return (await self._client.until("close"))["code"]


class Opens(Protocol):
    """Opens a connection of a client for the length of a block."""

    def __call__(self, url: str) -> AbstractAsyncContextManager[Connected]: ...


def of_node(client: NodeClient) -> Opens:
    """Return what opens connections of `ws`, one after another, in a process of Node."""

    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Connected]:
        connected = OfWs(client)
        connected.order("open", url=url)
        await client.until("open")
        yield connected

    return opened


@asynccontextmanager
async def client_named(name: str) -> AsyncIterator[Opens]:
    """Start a client."""
    if name == "ws":
        async with node_client("websocket_client.js") as client:
            yield of_node(client)
    else:
        yield {"websockets": websockets, "picows": picows}[name]
