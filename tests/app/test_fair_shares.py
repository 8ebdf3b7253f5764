"""One workspace's slow queries, and their effect on its neighbours."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from websockets.asyncio.client import connect

from ringline.domain.credentials import KeyKind
from ringline.domain.limits import DATABASE_PER_WORKSPACE
from ringline.domain.log import Environment, Scope
from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.serving import Service
from tests.slow_rows import LIST, make_slow, sleeping, until_sleeping, wake
from tests.watchers import EventsClient, socket_url

SHARE = DATABASE_PER_WORKSPACE.most


async def test_slow_queries_of_one_key_hold_up_neither_neighbours_nor_revocations(
    service: Service, database: TestDatabase
) -> None:
    hostile = Rpc(service)
    others = await service.admin.workspaces.create("Quiet")
    quiet = Rpc(service, others.secret_key)
    scope = Scope(others.workspace_id, Environment.LIVE)
    key, text = await service.admin.workspaces.create_key(
        scope, KeyKind.SECRET, label="to be revoked"
    )
    token = await service.session_token(text)
    async with AsyncExitStack() as exits:
        superuser = await exits.enter_async_context(database.connection())
        await make_slow(superuser, hostile)
        socket = EventsClient(await exits.enter_async_context(connect(socket_url(service, token))))
        await socket.join()
        slow = [asyncio.create_task(hostile.ask(LIST)) for _ in range(12)]
        await until_sleeping(superuser, SHARE)

        assert await quiet.run("list_contacts", fields=["id"]) == []
        await quiet.run("create_contact", input={"fullName": "Ada"})
        async with hostile.post({"action": "nope"}) as answer:  # the key is still let in
            assert answer.status == 200
        async with asyncio.timeout(20):
            await service.admin.rows.revoke_key(key.id, datetime.now(UTC), end_calls=False)
            await socket.closed()
        assert await sleeping(superuser) == SHARE, "all that while they were not done"
        for one in slow:
            one.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        await wake(superuser)


async def test_statements_that_keep_others_waiting_end_first(
    service: Service, database: TestDatabase
) -> None:
    """Three workspaces together take all that workspaces get; the fourth is served soon."""
    keys = [service.keys, *[await service.admin.workspaces.create(f"{n}") for n in range(3)]]
    *hostile, quiet = (Rpc(service, one.secret_key) for one in keys)
    async with database.connection() as superuser:
        await make_slow(superuser, *hostile)
        slow = [asyncio.create_task(rpc.ask(LIST)) for rpc in hostile for _ in range(SHARE + 1)]
        await until_sleeping(superuser, 8)
        assert await quiet.run("list_contacts", fields=["id"]) == []
        done, _ = await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            (problem,) = one.result()["errors"]
            assert problem["type"] == "query_timeout"
        for one in slow:
            one.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        await wake(superuser)
