"""The client of the events socket: join, heartbeat, reconnect, resume.

It speaks Phoenix Channels, version 2 (events socket, 3), and mints a new session token
for every connection, since it holds the key. After a disconnect it resumes after the last
event it received; if the server cannot, the join's reply says so.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias, cast

import aiohttp

from ringline.client.http import Api, ApiProblem, refused, unreachable
from ringline.wire import presence
from ringline.wire.phoenix import (
    CLOSE,
    ERROR,
    JOIN,
    REPLY,
    PhoenixError,
    PhoenixMessage,
    Version,
    decode_pushed,
    encode_heartbeat,
    encode_message,
)

TOPIC = "events"
HEARTBEAT_S = 30.0

#: Seconds before each attempt to reconnect; the last applies to all further ones (3.9).
BACKOFF_S = (0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0)

#: What comes on the channel and did not happen in the workspace.
_NO_EVENTS = frozenset({REPLY, presence.STATE, presence.DIFF})
_JOIN_LIMIT_S = 10.0
_JOIN_REF = "1"


@dataclass(frozen=True, slots=True)
class Joined:
    """The socket has joined; `recovered` is None if it did not ask to resume."""

    position: str | None
    recovered: bool | None


@dataclass(frozen=True, slots=True)
class Away:
    """The connection is lost; the client will reconnect."""

    reason: str
    again_in_s: float


@dataclass(frozen=True, slots=True)
class SocketEvent:
    """An event of the workspace; ephemeral ones have no position."""

    name: str
    payload: Mapping[str, object]

    @property
    def position(self) -> str | None:
        """Return the event's position in the log."""
        return self.text("position")

    def text(self, member: str) -> str | None:
        """Return a text member of the payload."""
        value = self.payload.get(member)
        return value if isinstance(value, str) else None


Watched: TypeAlias = Joined | Away | SocketEvent


class _Lost(Exception):
    """The connection ended; the text gives the reason."""


async def follow_events(
    api: Api, since: str | None = None, *, reconnect: bool = True
) -> AsyncGenerator[Watched]:
    """Follow a workspace's events for ever, from now on or after a position.

    Close the generator to stop. Raises ApiProblem if the key or the position is
    refused, and without `reconnect` also if the connection is lost.
    """
    failures = 0
    while True:
        reason = "The server closed the socket."
        try:
            async with aclosing(_follow_once(api, since)) as connection:
                async for watched in connection:
                    if isinstance(watched, Joined):
                        failures = 0
                    since = watched.position or since
                    yield watched
        except ApiProblem as problem:
            if not (problem.retry and reconnect):
                raise
            reason = str(problem)
        except _Lost as lost:
            if not reconnect:
                raise ApiProblem(str(lost)) from None
            reason = str(lost)
        pause_s = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
        failures += 1
        yield Away(reason, pause_s)
        await asyncio.sleep(pause_s)


async def _follow_once(api: Api, since: str | None) -> AsyncGenerator[Joined | SocketEvent]:
    """Follow the events over one connection; raises _Lost when it ends."""
    token = (await api.mint_session_token()).token
    with unreachable(api.url):
        try:
            socket = await api.http.ws_connect(
                f"{api.url}/socket/websocket",
                params={"session_token": token, "vsn": str(Version.V2)},
            )
        except aiohttp.WSServerHandshakeError as error:
            raise refused(error.status, b"") from None
    try:
        yield await _join(socket, since)
        async with aclosing(_messages(socket)) as messages:
            async for message in messages:
                if message.topic != TOPIC:
                    continue
                if message.event in (CLOSE, ERROR):
                    raise _Lost("The server closed the channel.")
                if message.event not in _NO_EVENTS:
                    yield SocketEvent(message.event, _object(message.payload))
    except ConnectionError:
        raise _Lost("The connection was lost.") from None
    finally:
        await socket.close()


async def _join(socket: aiohttp.ClientWebSocketResponse, since: str | None) -> Joined:
    payload = {} if since is None else {"since": since}
    join = PhoenixMessage(_JOIN_REF, _JOIN_REF, TOPIC, JOIN, payload)
    await socket.send_str(encode_message(join, Version.V2).decode())
    try:
        async with asyncio.timeout(_JOIN_LIMIT_S):
            while True:
                message = _read(await socket.receive())
                if message is not None and message.ref == _JOIN_REF:
                    return _joined(message.payload)
    except TimeoutError:
        raise _Lost("The server did not answer the join.") from None


def _joined(payload: object) -> Joined:
    reply = _object(payload)
    answer = _object(reply.get("response"))
    if reply.get("status") != "ok":
        raise ApiProblem(f"The server refused the join: {answer.get('reason', 'unknown')}.", 400)
    position, recovered = answer.get("position"), answer.get("recovered")
    return Joined(
        position if isinstance(position, str) else None,
        recovered if isinstance(recovered, bool) else None,
    )


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


async def _messages(socket: aiohttp.ClientWebSocketResponse) -> AsyncGenerator[PhoenixMessage]:
    """Yield messages and send heartbeats until the socket closes."""
    loop = asyncio.get_running_loop()
    beat, beat_at, answered = 0, loop.time() + HEARTBEAT_S, True
    while True:
        try:
            async with asyncio.timeout_at(beat_at):
                received = await socket.receive()
        except TimeoutError:
            if not answered:
                raise _Lost("The server does not answer heartbeats.") from None
            beat, beat_at, answered = beat + 1, loop.time() + HEARTBEAT_S, False
            await socket.send_str(encode_heartbeat(Version.V2, f"h{beat}").decode())
            continue
        message = _read(received)
        if message is None:
            continue
        if message.ref == f"h{beat}":
            answered = True
        else:
            yield message


def _read(received: aiohttp.WSMessage) -> PhoenixMessage | None:
    match received.type:
        case aiohttp.WSMsgType.TEXT:
            try:
                return decode_pushed(received.data)
            except PhoenixError as problem:
                raise _Lost(f"The server broke the protocol: {problem}.") from None
        case aiohttp.WSMsgType.BINARY:
            return None
        case _:
            raise _Lost("The server closed the socket.")
