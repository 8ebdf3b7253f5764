"""Contacts that take forever to read, so that requests hold real connections."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from tests.rpc_calls import Rpc

#: The name of such a contact.
SLOW = "slow"
LIST = {"action": "list_contacts", "fields": ["id", "fullName"]}

_LIMIT_S = 30
_POLICY = f"""
    CREATE POLICY slow_rows ON ringline.contacts AS RESTRICTIVE FOR SELECT
    USING (full_name <> '{SLOW}' OR pg_sleep(60)::text = 'never')
"""
_SLEEPING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'PgSleep'
"""


async def make_slow(superuser: asyncpg.Connection[Any], *rpcs: Rpc) -> None:
    """Add a contact to workspaces that takes longer to read than any limit."""
    for rpc in rpcs:
        await rpc.run("create_contact", input={"fullName": SLOW})
    await superuser.execute(_POLICY)


async def sleeping(superuser: asyncpg.Connection[Any]) -> int:
    """Return how many statements are reading such contacts."""
    return len(await superuser.fetch(_SLEEPING))


async def until_sleeping(superuser: asyncpg.Connection[Any], number: int) -> None:
    """Wait until this many statements are reading such contacts."""
    async with asyncio.timeout(_LIMIT_S):
        while await sleeping(superuser) != number:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def wake(superuser: asyncpg.Connection[Any]) -> None:
    """Cancel the statements that are reading such contacts."""
    await superuser.fetch(f"SELECT pg_cancel_backend(pid) FROM ({_SLEEPING}) sleeping")
