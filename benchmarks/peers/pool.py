"""The pool of a peer that is written by hand: as many connections as Ringline's, never renewed."""

from __future__ import annotations

from typing import Any

import asyncpg

from ringline.storage.database import POOL_SIZE

_MAX_QUERIES = 2**31  # a connection is not made anew after its 50,000th query


async def open_pool(dsn: str) -> asyncpg.Pool[Any]:
    return await asyncpg.create_pool(
        dsn,
        min_size=POOL_SIZE,
        max_size=POOL_SIZE,
        max_queries=_MAX_QUERIES,
        reset=_keep_as_it_is,
    )


async def _keep_as_it_is(_: object) -> None:
    """Spare the round trip that resets a connection: nothing outlives a transaction."""
