"""Fetching of large results: rows in portions, bounded in bytes.

The driver reads a whole result before it returns any of it: 10,000 rows of 64 KiB are
640 MB. So a statement whose result may be large is read through a portal, some rows at a
time, within its transaction.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from ringline.domain import limits
from ringline.ports import Portions
from ringline.storage.database import Connection
from ringline.storage.database_errors import TimedOut

_LARGE_BYTES = 256 * 1024


async def fetch_portions(
    connection: Connection,
    text: str,
    *,
    values: Sequence[object],
    most_bytes: int,
    portion: int,
) -> Portions:
    """Fetch rows until there are no more, or their texts exceed `most_bytes`.

    Raises TimedOut if all portions together take longer than a statement may, and the
    driver's errors.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + limits.STATEMENT_S.most
    cursor = await connection.cursor(text, *values)
    rows: list[Any] = []
    size = 0
    while True:
        found = await cursor.fetch(portion)
        before = size
        for number, row in enumerate(found, 1):
            size += text_bytes(row)
            if size > most_bytes:
                rows += found[:number]
                return Portions(rows, size, complete=False)
        rows += found
        if len(found) < portion:
            return Portions(rows, size, complete=True)
        if size - before > _LARGE_BYTES:  # a portion is decoded in one turn of the loop
            portion = max(1, portion * _LARGE_BYTES // (size - before))
        if clock() > until:  # the server's timeout covers one portion only
            raise TimedOut


def text_bytes(row: Sequence[object]) -> int:
    """Return the size of a row's texts; everything else in a row is small."""
    size = 0
    for value in row:
        if isinstance(value, str):
            size += len(value) if value.isascii() else len(value.encode())
        elif isinstance(value, bytes):
            size += len(value)
        elif isinstance(value, list):
            size += text_bytes(cast("list[object]", value))
    return size
