"""The keys of providers in the database: who reads them, and who learns of their changes."""

import asyncio
from typing import Any
from uuid import UUID

from ringline.domain.log import Environment, Scope
from ringline.domain.providers import SealedKey, VoiceProvider
from ringline.ports import Transaction
from ringline.storage.stores import Stores
from tests.callers import LIMIT_S
from tests.database import OTHER, TestDatabase, make_log, new_id

_PUT = """
    INSERT INTO ringline.provider_credentials
        (workspace_id, environment, id, provider, api_key, last_four)
    VALUES ($1, $2, $3, $4, $5, $6)
"""
_UPDATE = "UPDATE ringline.provider_credentials SET last_four = $1 WHERE id = $2"
_DELETE = "DELETE FROM ringline.provider_credentials WHERE id = $1"


async def write(stores: Stores, scope: Scope, text: str, *values: object) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.fetch(text, values)

    await stores.records.write(scope, work)


async def put(stores: Stores, scope: Scope, provider: str, sealed: bytes) -> UUID:
    row_id = new_id()
    place = (scope.workspace_id, scope.environment.value)
    values: tuple[Any, ...] = (*place, row_id, str(provider), sealed, "last")
    await write(stores, scope, _PUT, *values)
    return row_id


async def test_a_workspaces_environment_has_its_own_keys(stores: Stores) -> None:
    one, other = await make_log(stores), await make_log(stores)
    beside = Scope(one.workspace_id, Environment.TEST)
    assert one.environment is not beside.environment
    await put(stores, one, VoiceProvider.OPENAI, b"of one")
    await put(stores, beside, VoiceProvider.OPENAI, b"of its test environment")
    await put(stores, other, VoiceProvider.GEMINI, b"of another")
    await put(stores, one, "a provider of tomorrow", b"-")
    find = stores.provider_credentials.find_provider_keys
    assert await find(one) == [SealedKey(VoiceProvider.OPENAI, b"of one", "last")]
    (tested,) = await find(beside)
    assert tested.sealed == b"of its test environment"
    (another,) = await find(other)
    assert (another.provider, another.sealed) == (VoiceProvider.GEMINI, b"of another")
    assert await find(await make_log(stores)) == []


class Heard:
    """What a process was told, and a wait for what it should be told."""

    def __init__(self) -> None:
        self.told: list[Scope | None] = []
        self._came = asyncio.Event()

    def changed(self, scope: Scope | None) -> None:
        self.told.append(scope)
        self._came.set()

    async def until(self, *expected: Scope | None) -> None:
        async with asyncio.timeout(LIMIT_S):
            while self.told != [*expected]:
                self._came.clear()
                await self._came.wait()


async def test_every_change_is_told_to_other_processes(
    database: TestDatabase, stores: Stores
) -> None:
    one, other = await make_log(stores), await make_log(stores)
    beside = Scope(one.workspace_id, Environment.TEST)
    heard = Heard()
    watch = stores.provider_credentials.watch_provider_keys
    watching = asyncio.create_task(watch(heard.changed))
    await heard.until(None)
    async with database.stores(OTHER, claim=False) as elsewhere:
        row = await put(elsewhere, one, VoiceProvider.OPENAI, b"-")
        await put(elsewhere, beside, VoiceProvider.OPENAI, b"-")
        await heard.until(None, one, beside)
        await write(elsewhere, one, _UPDATE, "next", row)
        await write(elsewhere, one, _DELETE, row)
        await put(elsewhere, other, VoiceProvider.XAI, b"-")
        await heard.until(None, one, beside, one, one, other)
        await write(elsewhere, other, _DELETE, row)  # it is not there: nothing changes
        await put(elsewhere, one, VoiceProvider.XAI, b"-")
        await heard.until(None, one, beside, one, one, other, one)
    watching.cancel()
    await asyncio.wait({watching})
    await put(stores, one, VoiceProvider.GEMINI, b"-")
    assert len(heard.told) == 7


async def test_changes_may_have_been_missed_while_the_line_was_cut(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    heard = Heard()
    watch = stores.provider_credentials.watch_provider_keys
    watching = asyncio.create_task(watch(heard.changed))
    await heard.until(None)
    async with database.connection() as superuser:
        await superuser.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name LIKE 'ringline session %' AND datname = current_database()"
        )
        await heard.until(None, None)
    await stores.log.available()
    await put(stores, scope, VoiceProvider.OPENAI, b"-")
    await heard.until(None, None, scope)
    watching.cancel()
    await asyncio.wait({watching})
