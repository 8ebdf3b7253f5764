"""Storage when the database dies, a connection is cut, or another server comes."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from ringline.ports import StoreUnavailable, Transaction
from ringline.schema.names import PROVIDER_KEYS_CHANNEL, ROLES
from ringline.services.credentials import Credentials
from ringline.storage.database import Connection
from ringline.storage.database_errors import DatabaseRefused
from ringline.storage.loans import LoanLimits
from ringline.storage.stores import Stores
from tests.database import ME, OTHER, TestDatabase, a_key, first_entry, hash_of, make_log, new_id

LIMIT_S = 30


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Wait until a condition is true; return it."""
    async with asyncio.timeout(LIMIT_S):
        while not (found := await condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


async def cut(superuser: asyncpg.Connection, kind: str, test: str = "true") -> list[int]:
    """Cut the connections of a kind (`pool`, `session`); return their process ids."""
    rows = await superuser.fetch(
        "SELECT pid, pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        f" WHERE application_name LIKE 'ringline {kind} %' AND datname = current_database()"
        f" AND {test}"
    )
    return [row["pid"] for row in rows]


async def test_a_connection_cut_before_the_commit_leaves_nothing(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    entry = first_entry(scope)
    async with database.connection() as superuser:
        # The commit itself waits, in a trigger that runs at its very end.
        await superuser.execute(
            """
            CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON ringline.events
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait();
            """
        )
        writing = asyncio.create_task(stores.log.commit([entry]))
        await until(lambda: cut(superuser, "pool", "query = 'COMMIT' AND state = 'active'"))
        with pytest.raises(StoreUnavailable):
            await writing
        await superuser.execute("DROP TRIGGER wait ON ringline.events")
    assert await stores.log.find(scope, [entry.events[0].id]) == {}
    assert await stores.log.commit([entry]) == [(1,)]


async def test_a_commit_without_an_acknowledgement_is_found(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    async with database.connection() as superuser, _waiting_for_a_standby(superuser):
        # It commits, and then waits for a stand-by that there is not before it answers.
        entry = first_entry(scope)
        writing = asyncio.create_task(stores.log.commit([entry]))
        while not await _cut_while_waiting(superuser, writing):
            await writing  # the setting had not arrived yet
            entry = first_entry(scope)
            writing = asyncio.create_task(stores.log.commit([entry]))
        with pytest.raises(StoreUnavailable):
            await writing
    found = await stores.log.find(scope, [entry.events[0].id])
    assert found == {entry.events[0].id: (await stores.log.heads([scope]))[scope].newest}


async def _cut_while_waiting(
    superuser: asyncpg.Connection, writing: asyncio.Task[Any]
) -> list[int]:
    async def cut_or_done() -> list[int] | bool:
        return await cut(superuser, "pool", "wait_event = 'SyncRep'") or writing.done()

    found = await until(cut_or_done)
    return found if isinstance(found, list) else []


@asynccontextmanager
async def _waiting_for_a_standby(superuser: asyncpg.Connection) -> AsyncIterator[None]:
    await superuser.execute("SET synchronous_commit = local")
    await superuser.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await superuser.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        await superuser.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await superuser.execute("SELECT pg_reload_conf()")


async def test_a_transaction_that_collides_is_retried(stores: Stores) -> None:
    scope = await make_log(stores)
    tried: list[str] = []

    async def meet(connection: Connection) -> str:
        tried.append("once")
        if len(tried) < 3:
            sqlstate = ("40P01", "40001")[len(tried) - 1]
            await connection.execute(
                f"DO $$ BEGIN RAISE EXCEPTION 'met' USING ERRCODE = '{sqlstate}'; END $$"
            )
        return "done"

    assert await stores.database.run(scope, meet) == "done"
    assert len(tried) == 3


async def test_a_database_that_comes_back_is_owned_again(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    told: list[str | None] = []
    watching = asyncio.create_task(stores.database.watch(PROVIDER_KEYS_CHANNEL, told.append))
    slipping = asyncio.create_task(stores.database.lost())
    async with database.connection() as superuser:
        await superuser.execute(f"ALTER ROLE {ROLES.server} NOLOGIN")
        await cut(superuser, "session")
        await cut(superuser, "pool")
        try:
            async with asyncio.timeout(LIMIT_S):
                await slipping
            assert not stores.database.is_owned
            waiting = asyncio.create_task(stores.log.available())
            with pytest.raises(StoreUnavailable):
                await stores.log.commit([first_entry(scope)])
            with pytest.raises(StoreUnavailable):
                await stores.calls.abandoned()
            with pytest.raises(StoreUnavailable):
                await stores.calls.get_call(scope, new_id())
            assert not waiting.done()
        finally:
            await superuser.execute(f"ALTER ROLE {ROLES.server} LOGIN")
        async with asyncio.timeout(LIMIT_S):
            await waiting
    watching.cancel()
    assert told == [None, None]
    assert await stores.log.commit([first_entry(scope)]) == [(1,)]


async def _is(condition: bool) -> bool:
    return condition


async def test_a_silent_connection_counts_as_lost(database: TestDatabase, stores: Stores) -> None:
    scope = await make_log(stores)
    async with database.connection() as superuser:
        pid = await superuser.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'ringline session %'"
        )
    os.kill(pid, signal.SIGSTOP)  # it holds the lock and answers no more
    try:
        await until(lambda: _is(not stores.database.is_owned))
    finally:
        os.kill(pid, signal.SIGCONT)
    async with asyncio.timeout(LIMIT_S):
        await stores.log.available()
    assert await stores.log.commit([first_entry(scope)]) == [(1,)]


async def test_revocations_arrive_while_a_former_session_keeps_the_lock(
    database: TestDatabase, stores: Stores
) -> None:
    """The former session hangs and keeps the lock, but credentials can be looked up meanwhile."""
    scope = await make_log(stores)
    key = a_key(scope)
    await stores.workspaces.create_key(key, hash_of(key))
    credentials = Credentials(stores.credentials, lambda: datetime.now(UTC), secrets=["a secret"])
    closed = asyncio.Event()
    running = asyncio.create_task(credentials.run())
    async with database.connection() as superuser:
        pid = await superuser.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'ringline session %'"
        )
        with credentials.register(key.id, closed.set):
            assert await credentials.admit(key.id, key.scope)
            os.kill(pid, signal.SIGSTOP)
            try:
                await superuser.execute(
                    "UPDATE ringline.keys SET revoked_at = now() WHERE id = $1", key.id
                )
                async with asyncio.timeout(LIMIT_S):
                    await closed.wait()
                assert not stores.database.is_owned
                found = await stores.credentials.find_key(hash_of(key))
                assert found is not None
                assert found.revoked_at is not None
                with pytest.raises(StoreUnavailable):
                    await stores.log.commit([first_entry(scope)])
            finally:
                os.kill(pid, signal.SIGCONT)
    async with asyncio.timeout(LIMIT_S):
        await stores.log.available()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_connection_closed_during_a_statement_is_a_database_away(
    database: TestDatabase, stores: Stores
) -> None:
    """Whatever error the driver raises, the request gets an error that allows a retry."""
    scope = await make_log(stores)
    over = asyncio.Event()
    met: set[str] = set()

    async def read() -> None:
        async with stores.records.read(scope) as rows:
            await rows.fetch("SELECT 1", ())

    async def write() -> None:
        async def work(transaction: Transaction) -> None:
            # A statement that is new to its connection is prepared first.
            await transaction.fetch(f"SELECT {len(met)}, {next(numbers)}", ())

        await stores.records.write(scope, work)

    async def look() -> None:
        await stores.credentials.find_key(b"0" * 32)

    async def ask(what: Callable[[], Awaitable[None]]) -> None:
        while not over.is_set():
            try:
                await what()
            except Exception as error:
                met.add(type(error).__name__)
                await asyncio.sleep(0)

    numbers = itertools.count()
    asking = [asyncio.create_task(ask(what)) for what in (read, write, look) for _ in range(3)]
    async with database.connection() as superuser:
        for _ in range(60):  # with the session all that is lent goes
            slipping = asyncio.create_task(stores.database.lost())
            await cut(superuser, "session")
            async with asyncio.timeout(LIMIT_S):
                await slipping
                await stores.log.available()
    over.set()
    await asyncio.gather(*asking)
    assert met == {"StoreUnavailable"}


async def test_a_statement_is_cancelled_when_its_client_disconnects(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    sleeping = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event = 'PgSleep'"
    )

    async def sleep() -> None:
        async with stores.database.transaction(scope) as connection:
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute("SELECT pg_sleep(600)")

    async with database.connection() as superuser:
        asleep = asyncio.create_task(sleep())
        await until(lambda: superuser.fetchval(sleeping))
        asleep.cancel()
        await until(lambda: superuser.fetchval(f"SELECT ({sleeping}) = 0"))


async def test_a_second_server_is_refused_until_the_first_is_gone(
    database: TestDatabase,
) -> None:
    async with database.stores(), database.stores(OTHER, claim=False) as command:
        assert await command.workspaces.list_workspaces() == []
        with pytest.raises(DatabaseRefused, match="Another Ringline server uses this database"):
            await Stores.open(database.app_dsn, OTHER, claim=True)
    async with database.stores(OTHER) as second:
        assert second.database.is_owned


async def test_a_server_whose_database_was_taken_by_another_waits(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    async with database.connection() as superuser:
        # As another server would: it waits for the lock and has it before we are back.
        lock = await superuser.fetchval(
            "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks"
            " WHERE locktype = 'advisory' AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        async with database.connection() as thief:
            taking = asyncio.create_task(thief.execute("SELECT pg_advisory_lock($1)", lock))
            await until(
                lambda: superuser.fetchval(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                )
            )
            await cut(superuser, "session")
            await taking
            await until(lambda: _is(not stores.database.is_owned))
            with pytest.raises(StoreUnavailable):
                await stores.log.commit([first_entry(scope)])
        async with asyncio.timeout(LIMIT_S):
            await stores.log.available()
    assert await stores.log.commit([first_entry(scope)]) == [(1,)]


async def test_the_connection_of_a_cancelled_transaction_is_not_reused(
    database: TestDatabase,
) -> None:
    stores = await Stores.open(database.app_dsn, ME, claim=True, pool_size=1)
    scope = await make_log(stores)
    inside: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def hang() -> None:
        async with stores.database.transaction(scope) as connection:
            inside.set_result(connection.get_server_pid())
            await asyncio.Event().wait()

    hanging = asyncio.create_task(hang())
    before = await inside
    hanging.cancel()
    await asyncio.wait({hanging})
    async with stores.database.transaction(scope) as connection:
        after = connection.get_server_pid()
    async with stores.database.transaction(scope) as connection:
        assert before != after == connection.get_server_pid()
    await stores.close()


async def test_a_crash_under_open_transactions_is_recovered_from(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    async with database.connection() as superuser:

        async def crash() -> None:
            async with stores.database.transaction(scope) as connection:
                await cut(superuser, "pool")
                with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                    await connection.execute("SELECT 1")
                # The borrowed connection is dead already when the loss is noticed.
                lost = asyncio.create_task(stores.database.lost())
                await asyncio.sleep(0)
                await cut(superuser, "session")
                await lost

        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(StoreUnavailable):
                await crash()
            await stores.database.available()
        assert await stores.log.heads([scope])


async def test_a_connection_lent_for_too_long_is_terminated(
    database: TestDatabase,
) -> None:
    async with database.stores(loan_limits=LoanLimits(longest_s=0.2, look_s=0.05)) as stores:
        scope = await make_log(stores)
        with pytest.raises(StoreUnavailable):
            async with stores.database.transaction(scope) as connection:
                await connection.execute("SELECT pg_sleep(8)")
        async with stores.database.transaction(scope) as connection:
            assert await connection.fetchval("SELECT 1") == 1
