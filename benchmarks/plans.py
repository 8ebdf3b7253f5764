"""How PostgreSQL finds what a request asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ringline.domain.log import Scope
from ringline.ports import Portions
from ringline.rpc.lists import read_list
from ringline.rpc.reader import Reader
from ringline.rpc.resources import RESOURCES
from ringline.rpc.selection import select
from ringline.storage.database import Connection
from ringline.storage.stores import Stores

_INDEX = re.compile(r"Scan (?:Backward )?(?:using|on) (\w+_(?:idx|key|pkey))\b")


class Explained:
    """Rows that record the plans of statements: records are not found, but counted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.plan = ""

    async def fetch(self, text: str, values: Sequence[object]) -> Sequence[Any]:
        if "set_config(" in text:
            return await self._connection.fetch(text, *values)
        plan = await self._connection.fetch(f"EXPLAIN (COSTS OFF) {text}", *values)
        self.plan = "\n".join([self.plan, *(row[0] for row in plan)])
        return await self._connection.fetch(text, *values) if "count(" in text else []

    async def fetch_within(
        self, text: str, values: Sequence[object], most_bytes: int, portion: int
    ) -> Portions:
        return Portions(await self.fetch(text, values), 0, True)


async def plan_of(
    stores: Stores, scope: Scope, *, reader: Reader, resource: str, asked: Mapping[str, Any]
) -> str:
    """Return the plan of a list action's own statement, without those of its relationships."""
    row = RESOURCES[resource]
    request = read_list(row, select(row, asked["fields"]), body=asked)
    async with stores.database.transaction(scope) as connection:
        rows = Explained(connection)
        await reader.list(rows, request)
    return rows.plan


def indexes_of(plan: str) -> list[str]:
    """Return the indexes that a plan uses, each once."""
    return list(dict.fromkeys(_INDEX.findall(plan)))
