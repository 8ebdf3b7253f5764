"""Rows put straight into the embedded database, as the superuser."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from ringline.storage.data_directory import DATABASE, SUPERUSER, Address

#: Whose rows nobody asks for.
NEIGHBOUR = UUID(int=7 << 76 | 2 << 62)

#: Gives a workspace so many rows over a connection, and the neighbour others.
Insert: TypeAlias = Callable[["asyncpg.Connection[Any]", UUID, int, int], Awaitable[None]]


def fill(address: Address, insert: Insert, *, workspace_id: str, count: int, others: int) -> None:
    """Run an insertion over a connection of its own."""

    async def work() -> None:
        connection = await asyncpg.connect(address.dsn(SUPERUSER, DATABASE))
        try:
            await insert(connection, UUID(workspace_id), count, others)
        finally:
            await connection.close()

    asyncio.run(work())
