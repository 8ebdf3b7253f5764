"""`list_contacts` as one would write it for speed alone: aiohttp, one handler, one query.

The same isolation as Ringline's (a transaction with its workspace set, the application
role, row-level security), the same answer to the byte, and nothing of what makes an engine
general: two fields, the order by id, no filter. It is as short as it can honestly be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import msgspec
import uvloop
from aiohttp import web

from benchmarks.peers.cursor import Cursors
from benchmarks.peers.order import Order, listen, read_order, tell
from benchmarks.peers.pool import open_pool
from ringline.schema.names import ENVIRONMENT_SETTING, WORKSPACE_SETTING

_LIMIT = 250
_FIRST = "SELECT id, full_name FROM ringline.contacts ORDER BY id LIMIT $1"
_AFTER = "SELECT id, full_name FROM ringline.contacts WHERE id > $2 ORDER BY id LIMIT $1"


class Page(msgspec.Struct):
    limit: int = _LIMIT
    after: str | None = None


class Asked(msgspec.Struct):
    action: str
    fields: list[str]
    page: Page


class Contact(msgspec.Struct, rename="camel"):
    id: str
    full_name: str


class Data(msgspec.Struct, rename="camel"):
    results: list[Contact]
    has_more: bool
    limit: int
    after: str | None
    before: None
    previous_page: str | None
    next_page: str | None
    count: None
    type: str


class Answer(msgspec.Struct):
    success: bool
    data: Data


_decode = msgspec.json.Decoder(Asked).decode
_encode = msgspec.json.Encoder().encode


class Contacts:
    """The handler, its pool, and the keys it knows."""

    def __init__(self, pool: asyncpg.Pool[Any], order: Order) -> None:
        self._pool = pool
        self._cursors = Cursors(order.signing_secret)
        self._begin = {
            order.key: f"BEGIN; SELECT set_config('{WORKSPACE_SETTING}',"
            f" '{order.workspace_id}', true), set_config('{ENVIRONMENT_SETTING}', 'live', true)"
        }

    async def run(self, request: web.Request) -> web.Response:
        begin = self._begin.get(request.headers.get("x-api-key", ""))
        if begin is None:
            return web.Response(status=401)
        values: list[object] = []
        try:
            asked = _decode(await request.read())
            if asked.page.after is not None:
                values.append(self._cursors.read(asked.page.after))
        except ValueError:
            return web.Response(status=400)
        if asked.action != "list_contacts" or asked.fields != ["id", "fullName"]:
            return web.Response(status=400)
        limit, after = min(asked.page.limit, _LIMIT), asked.page.after
        async with self._pool.acquire() as connection:
            await connection.execute(begin)
            rows = await connection.fetch(_AFTER if values else _FIRST, limit + 1, *values)
            await connection.execute("COMMIT")
        body = _encode(Answer(True, self._page(rows, limit, after)))
        return web.Response(body=body, content_type="application/json", charset="utf-8")

    def _page(self, rows: Sequence[Any], limit: int, after: str | None) -> Data:
        results = [Contact(str(contact_id), name) for contact_id, name in rows[:limit]]
        first = self._cursors.make(results[0].id) if results else None
        last = self._cursors.make(results[-1].id) if results else None
        return Data(results, len(rows) > limit, limit, after, None, first, last, None, "keyset")


async def serve(order: Order) -> None:
    pool = await open_pool(order.dsn)
    app = web.Application()
    app.router.add_post("/rpc/public/run", Contacts(pool, order).run)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listening = listen()
    await web.SockSite(runner, listening).start()
    tell(listening)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(read_order()))
