"""Notifications for a process that does not own its database: a connection of its own.

A server that owns its database is notified on the connection that holds the lock
(`ownership.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg

Connect: TypeAlias = "Callable[[str], Awaitable[asyncpg.Connection[Any]]]"
#: Called with a notification's payload, or None if notifications may have been missed.
Notified: TypeAlias = Callable[[str | None], None]

_AGAIN_S = 0.5
#: A connection that was cut somewhere in the network does not report it.
_PROBE_EVERY_S = 5.0
CONNECTION_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


async def listen(connect: Connect, channel: str, *, notified: Notified) -> None:
    """Call back with a channel's notifications until cancelled; reconnect when cut off.

    None instead of a payload means that some may have been missed; it comes after every
    connect.
    """
    while True:
        try:
            connection = await connect("listener")
            try:
                await connection.add_listener(
                    channel, lambda _connection, _pid, _channel, payload: notified(str(payload))
                )
                notified(None)
                while True:
                    await asyncio.sleep(_PROBE_EVERY_S)
                    await connection.execute("SELECT 1")
            finally:
                connection.terminate()
        except CONNECTION_ERRORS:
            await asyncio.sleep(_AGAIN_S)
