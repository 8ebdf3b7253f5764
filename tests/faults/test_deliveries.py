"""Webhooks through crashes: nothing is lost, by the receiver's own record."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from aiohttp import web

from ringline.client.http import Api
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Scope
from ringline.domain.webhooks import DeliveryStatus
from ringline.storage.stores import Stores
from tests.callers import LIMIT_S
from tests.database import ME, OTHER, TestDatabase, make_log
from tests.delivering import Ledger, add_receiver, publish, settled
from tests.faults.processes import Outage, ServerProcess, query, server_process
from tests.hook_receivers import Received, Receiver, receiver
from tests.serving import ENCRYPTION_KEY

SETTINGS: dict[str, Any] = {
    "RINGLINE_WEBHOOK_ALLOW_PRIVATE": "1",
    "RINGLINE_ENCRYPTION_KEY": ENCRYPTION_KEY,
    "RINGLINE_RATE_RPC_PER_SECOND": "0",
}
WORKER = Path(__file__).with_name("delivery_worker.py")


async def slowly(_: Received) -> web.StreamResponse | None:
    await asyncio.sleep(0.05)
    return None


class Contacts:
    """Creates contacts one after another, and knows which ones the server acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []

    async def create(self, api: Api, count: int) -> None:
        for _ in range(count):
            with suppress(aiohttp.ClientError, TimeoutError):
                body = {"action": "create_contact", "input": {"fullName": "A"}, "fields": ["id"]}
                url = f"{api.url}/rpc/public/run"
                async with api.http.post(url, json=body, headers=api.headers()) as answer:
                    if answer.status == 200:
                        self.acknowledged.append((await answer.json())["data"]["id"])

    async def create_many(self, api: Api, count: int, *, at_once: int = 8) -> None:
        await asyncio.gather(*(self.create(api, count // at_once) for _ in range(at_once)))


async def register(server: ServerProcess, url: str) -> UUID:
    stores = await Stores.open(server.dsn(), OTHER, claim=False, pool_size=1)
    try:
        return await add_receiver(stores, server.scope, url, "contact.created")
    finally:
        await stores.close()


def contacts_in(hook: Receiver) -> set[str]:
    return {one.body["data"]["id"] for one in hook.accepted}


async def pending(server: ServerProcess) -> int:
    text = "SELECT FROM ringline.webhook_deliveries WHERE status = 'pending'"
    return len(await query(server.dsn_of_superuser(), text))


async def everything_arrives(hook: Receiver, contacts: Contacts, server: ServerProcess) -> None:
    """Wait until the receiver has what was acknowledged, and the ledger nothing pending."""
    await hook.until(lambda one: contacts_in(one) >= set(contacts.acknowledged))
    async with asyncio.timeout(LIMIT_S):
        while await pending(server):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert len(contacts.acknowledged) > 20


async def test_a_server_that_is_killed_while_it_delivers_loses_nothing(parent: Path) -> None:
    contacts = Contacts()
    async with receiver(slowly) as hook, aiohttp.ClientSession() as http:
        async with server_process(parent, **SETTINGS) as first:
            await register(first, hook.url)
            creating = asyncio.create_task(contacts.create_many(first.api(http), 160))
            await hook.until(lambda one: len(one.accepted) > 20)
            await first.kill()
            await creating
        async with server_process(parent, **SETTINGS) as second:
            await everything_arrives(hook, contacts, second)
            await contacts.create_many(second.api(http), 16)
            await everything_arrives(hook, contacts, second)
            await second.end()


async def test_a_database_that_is_killed_while_it_is_delivered_from_loses_nothing(
    parent: Path,
) -> None:
    contacts = Contacts()
    async with (
        receiver(slowly) as hook,
        aiohttp.ClientSession() as http,
        server_process(parent, **SETTINGS) as server,
    ):
        assert server.data_dir is not None
        await register(server, hook.url)
        api = server.api(http)
        creating = asyncio.create_task(contacts.create_many(api, 160))
        await hook.until(lambda one: len(one.accepted) > 20)
        outage = Outage(server.data_dir)
        outage.begin()
        await creating
        outage.end()
        await contacts_again(contacts, api)
        await everything_arrives(hook, contacts, server)


async def contacts_again(contacts: Contacts, api: Api) -> None:
    """Wait until the server writes again."""
    known = len(contacts.acknowledged)
    async with asyncio.timeout(LIMIT_S):
        while len(contacts.acknowledged) == known:
            await contacts.create(api, 1)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def worker(database: TestDatabase, server_id: UUID) -> AsyncIterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, WORKER, database.app_dsn, str(server_id)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await asyncio.to_thread(process.stdout.readline) == b"delivering\n"
        yield process
        process.stdin.close()
        await asyncio.to_thread(process.wait, LIMIT_S)
    finally:
        process.kill()
        await asyncio.to_thread(process.wait, LIMIT_S)
        process.stdin.close()
        process.stdout.close()


async def test_two_processes_share_a_database_and_one_of_them_is_killed(
    database: TestDatabase,
) -> None:
    async with (
        receiver(slowly) as hook,
        database.stores(UUID(int=9), claim=False) as stores,
        worker(database, ME) as one,
        worker(database, OTHER),
    ):
        scope = await make_log(stores)
        await add_receiver(stores, scope, hook.url)
        events = await publish_many(stores, scope, 300)
        await hook.until(lambda record: len(record.accepted) > 100)
        taken = await query(
            database.dsn("postgres"),
            "SELECT DISTINCT claimed_by FROM ringline.webhook_deliveries"
            " WHERE claimed_by IS NOT NULL",
        )
        assert {row["claimed_by"] for row in taken} <= {ME, OTHER}
        one.kill()
        events += await publish_many(stores, scope, 30)
        await hook.until_accepted(330)
        rows = await Ledger(database).until(settled)
    assert set(hook.events()) == {format_id(Prefix.EVENT, event) for event in events}
    assert {row["status"] for row in rows} == {DeliveryStatus.DELIVERED.value}
    twice = [event for event, times in hook.events().items() if times > 1]
    assert len(twice) <= 2 * 32  # what the killed one had under way


async def publish_many(stores: Stores, scope: Scope, count: int) -> list[Any]:
    events: list[Any] = []
    for _ in range(count // 10):
        events += await publish(stores, scope, 10)
    return events
