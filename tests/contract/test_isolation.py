"""Isolation: no query crosses a workspace or an environment, whatever happens to it.

The tables are those of the metadata: a new one is tested from its first day.
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from ringline.domain.log import Environment, Scope
from ringline.domain.records import CallRow, Entry
from ringline.ports import EntryRefused, StoreUnavailable, Violation
from ringline.schema.columns import is_secret
from ringline.schema.names import ROLES
from ringline.schema.sql import Prepared
from ringline.schema.tables import metadata, servers
from ringline.storage.database import Connection
from ringline.storage.pool import INTERNAL
from ringline.storage.stores import Stores
from tests.database import (
    NOW,
    TestDatabase,
    a_call,
    a_participant,
    a_ticket,
    a_turn,
    a_workspace,
    created,
    make_log,
    new_id,
    used,
)
from tests.expecting import refused_for

#: The tables of workspaces; no workspace can reach the servers' own.
TABLES = {table.name: table for table in metadata.sorted_tables if table is not servers}
OF_WORKSPACE = ("users", "invitations", "passwords", "console_links")


def place_of(table: sa.Table) -> str:
    """Return SQL for whether a row belongs to the log of $1 and $2."""
    if table.name == "workspaces":
        return "id = $1 AND $2::text IS NOT NULL"
    if table.name in OF_WORKSPACE:
        return "workspace_id = $1 AND $2::text IS NOT NULL"
    return "workspace_id = $1 AND environment = $2"


async def fill(stores: Stores) -> list[Scope]:
    """Insert at least one row into every table, for each of four logs."""
    scopes: list[Scope] = []
    for _ in range(2):
        workspace = a_workspace()
        await stores.workspaces.create_workspace(workspace)
        scopes += [Scope(workspace.id, environment) for environment in Environment]
        for key, key_hash in workspace.keys:
            await stores.credentials.put_ticket(key_hash, a_ticket(key), now=NOW)
    for scope in scopes:
        call = a_call()
        rows = (call, a_participant(call), a_turn(call), used(call))
        await stores.log.commit([Entry(scope, (created(call),), rows, call.id)])
        async with stores.database.transaction(scope) as connection:
            await fill_by_hand(connection, scope, call)
    return scopes


async def fill_by_hand(connection: Connection, scope: Scope, call: CallRow) -> None:
    """Insert a row into each table that requests fill."""
    user, sip_user, conversation = new_id(), new_id(), new_id()
    target, delivery, number = new_id(), new_id(), new_id()
    queue = await connection.fetchval("SELECT id FROM ringline.queues")
    agent = await connection.fetchval("SELECT id FROM ringline.agents LIMIT 1")
    key = await connection.fetchval("SELECT id FROM ringline.keys LIMIT 1")
    place: dict[str, object] = {
        "workspace_id": scope.workspace_id,
        "environment": scope.environment.value,
    }
    email = f"{user}@example.com"
    soon = NOW + timedelta(days=1)
    rows: list[tuple[str, dict[str, Any]]] = [
        ("users", {"id": user, "email": email, "role": "owner"}),
        (
            "invitations",
            {"id": user, "email": email, "role": "member", "expires_at": soon}
            | {"token_hash": user.bytes},
        ),
        ("passwords", {"user_id": user, "password_hash": b"x"}),
        (
            "console_links",
            {"id": new_id(), "user_id": user, "link_hash": user.bytes, "expires_at": soon},
        ),
        ("contacts", {"id": new_id(), "full_name": "Ada"}),
        ("gateways", {"id": new_id(), "name": "g", "username": "u", "realm": "r"}),
        (
            "provider_credentials",
            {"id": new_id(), "provider": "openai", "api_key": b"x", "last_four": "abcd"},
        ),
        (
            "sip_users",
            {"id": sip_user, "sip_username": "100", "sip_password": b"x", "user_id": user},
        ),
        ("operator_statuses", {"id": new_id(), "sip_user_id": sip_user, "status": "busy"}),
        ("phone_numbers", {"id": number, "phone_e164": "+4930123"}),
        (
            "routing_rules",
            {"id": new_id(), "number_id": number, "priority": 1, "match_type": "default"},
        ),
        (
            "opt_outs",
            {"agent_id": agent, "number": "+4930123", "channel": "sms", "opted_out_at": NOW},
        ),
        (
            "conversations",
            {"id": conversation, "public_id": "p", "channel": "chat", "mode": "text"}
            | {"status": "active"},
        ),
        (
            "conversation_items",
            {"id": new_id(), "conversation_id": conversation, "role": "user"}
            | {"modality": "text", "content": "Hello"},
        ),
        (
            "call_queue_entries",
            {"id": new_id(), "queue_id": queue, "call_id": call.id, "status": "waiting"}
            | {"entered_at": NOW},
        ),
        (
            "idempotency_keys",
            {"key_id": key, "idempotency_key": "k", "body_hash": b"h", "claim": new_id()}
            | {"leased_until": soon},
        ),
        ("webhook_endpoints", {"id": target, "url": "https://example.com", "secret": b"x"}),
        (
            "webhook_deliveries",
            {"id": delivery, "event_id": new_id(), "offset": 1, "event_type": "call.ended"}
            | {"endpoint_id": target, "target_id": target},
        ),
        (
            "webhook_attempts",
            {"delivery_id": delivery, "attempt": 1, "started_at": NOW, "duration_ms": 1},
        ),
        ("timers", {"kind": "upkeep", "due_at": soon}),
        (
            "audit_entries",
            {"id": new_id(), "occurred_at": NOW, "actor_kind": "cli", "actor_name": ""}
            | {"action": "create_key", "outcome": "done", "fields": []},
        ),
    ]
    for table, values in rows:
        columns = TABLES[table].c
        full = {name: value for name, value in {**place, **values}.items() if name in columns}
        bound = {name: sa.bindparam(name, type_=columns[name].type) for name in full}
        insert = Prepared(sa.insert(TABLES[table]).values(bound))
        await connection.execute(insert.text, *insert.arguments(**full))


def values_of(scope: Scope) -> tuple[Any, str]:
    return scope.workspace_id, scope.environment.value


async def divide_by_zero(connection: Connection) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await connection.fetchval("SELECT 1 / 0")


async def count(connection: Connection, table: str, where: str, scope: Scope) -> int:
    statement = f"SELECT count(*) FROM ringline.{table} WHERE {where}"
    return await connection.fetchval(statement, *values_of(scope))


def test_there_is_a_row_for_every_table_or_this_test_is_blind() -> None:
    assert set(TABLES) == {
        "workspaces",
        "logs",
        "events",
        "keys",
        "tickets",
        "agents",
        "calls",
        "call_participants",
        "call_transcripts",
        "users",
        "invitations",
        "passwords",
        "console_links",
        "contacts",
        "queues",
        "gateways",
        "provider_credentials",
        "sip_users",
        "operator_statuses",
        "phone_numbers",
        "routing_rules",
        "opt_outs",
        "conversations",
        "conversation_items",
        "call_queue_entries",
        "idempotency_keys",
        "usage",
        "usage_months",
        "webhook_endpoints",
        "webhook_deliveries",
        "webhook_attempts",
        "timers",
        "audit_entries",
    }


async def test_no_query_crosses_with_interleaved_workspaces_and_broken_transactions(
    stores: Stores,
) -> None:
    scopes = await fill(stores)
    chance = random.Random(7)

    async def look(scope: Scope) -> None:
        async with stores.database.transaction(scope) as connection:
            for name, table in TABLES.items():
                here = place_of(table)
                assert await count(connection, name, f"NOT ({here})", scope) == 0, name
                assert await count(connection, name, here, scope) > 0, name

    async def fail(scope: Scope) -> None:
        with refused_for(Violation.BAD_VALUE, "22012"):
            async with stores.database.transaction(scope) as connection:
                await connection.fetchval("SELECT 1 / 0")

    async def swallow(scope: Scope) -> None:
        with refused_for(Violation.OTHER, "25P02"):
            async with stores.database.transaction(scope) as connection:
                await divide_by_zero(connection)

    async def leave(scope: Scope) -> None:
        with pytest.raises(LookupError):
            async with stores.database.transaction(scope):
                raise LookupError

    async def be_cancelled(scope: Scope) -> None:
        inside = asyncio.Event()

        async def wait() -> None:
            async with stores.database.transaction(scope) as connection:
                inside.set()
                await connection.execute("SELECT pg_sleep(60)")

        task = asyncio.create_task(wait())
        await inside.wait()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    async def see_nothing(_: Scope) -> None:
        for name in TABLES:
            rows = await stores.database.look_up(INTERNAL, f"SELECT count(*) FROM ringline.{name}")
            assert rows[0]["count"] == 0

    deeds = [look, look, look, fail, swallow, leave, be_cancelled, see_nothing]

    async def wander() -> None:
        for _ in range(12):
            await chance.choice(deeds)(chance.choice(scopes))

    # More wanderers than connections: they get each other's.
    await asyncio.gather(*(wander() for _ in range(16)))
    for scope in scopes:
        await look(scope)


@pytest.mark.parametrize("name", sorted(TABLES))
async def test_no_row_is_written_moved_or_removed_across(
    database: TestDatabase, stores: Stores, name: str
) -> None:
    scopes = await fill(stores)
    mine, foreign = scopes[0], scopes[2]
    here = place_of(TABLES[name])
    async with database.connection() as superuser:
        before = await count_all(superuser, name, foreign)
        for statement in (
            f"DELETE FROM ringline.{name} WHERE {here}",
            f"UPDATE ringline.{name} SET inserted_at = now() WHERE {here}",
        ):
            assert await rows_reached(stores, statement, mine, foreign) == 0
        assert await count_all(superuser, name, foreign) == before
    column = "id" if name == "workspaces" else "workspace_id"
    moving = f"UPDATE ringline.{name} SET {column} = $1 WHERE $2::text IS NOT NULL"
    planting = (
        f"INSERT INTO ringline.{name} SELECT (jsonb_populate_record(NULL::ringline.{name},"
        f" jsonb_build_object('{column}', $1::uuid, 'environment', $2::text))).*"
    )
    for statement in (moving, planting):
        with refused_for(Violation.OTHER, "42501"):
            async with stores.database.transaction(mine) as connection:
                await connection.execute(statement, *values_of(foreign))


async def rows_reached(stores: Stores, statement: str, mine: Scope, other: Scope) -> int:
    try:
        async with stores.database.transaction(mine) as connection:
            done = await connection.execute(statement, *values_of(other))
    except EntryRefused as refused:
        if refused.sqlstate == "42501":  # no such right at all
            return 0
        raise
    return int(done.split()[-1])


async def count_all(connection: asyncpg.Connection[Any], table: str, scope: Scope) -> int:
    statement = f"SELECT count(*) FROM ringline.{table} WHERE {place_of(TABLES[table])}"
    return await connection.fetchval(statement, *values_of(scope))


async def test_a_reference_does_not_reach_across(stores: Stores) -> None:
    scopes = await fill(stores)
    async with stores.database.transaction(scopes[2]) as connection:
        foreign = await connection.fetchval("SELECT id FROM ringline.conversations")
    call = a_call(conversation_id=foreign)
    with refused_for(Violation.REFERENCE):
        await stores.log.commit([Entry(scopes[0], (created(call),), (call,), call.id)])


async def test_row_level_security_is_forced_on_every_table(
    database: TestDatabase, stores: Stores
) -> None:
    await fill(stores)
    async with database.connection() as superuser:
        forced = await superuser.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'ringline'::regnamespace"
            " AND relkind IN ('r', 'p') AND relrowsecurity AND relforcerowsecurity"
        )
        assert {row["relname"] for row in forced} == {*TABLES, "servers"}  # nobody's rows
        for role in (ROLES.owner, ROLES.app):  # even the owner, without a workspace
            async with superuser.transaction():
                await superuser.execute(f"SET LOCAL ROLE {role}")
                for name in TABLES:
                    assert await superuser.fetchval(f"SELECT count(*) FROM ringline.{name}") == 0


async def test_what_is_of_the_servers_is_nobodys(database: TestDatabase) -> None:
    async with database.connection() as superuser:
        rights = await superuser.fetch(
            "SELECT has_table_privilege($1, 'ringline.servers', verb) AS given"
            " FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS verb",
            ROLES.app,
        )
    assert not any(row["given"] for row in rights)


async def test_nobody_but_the_application_may_look_up(
    database: TestDatabase,
) -> None:
    async with database.connection() as superuser:
        functions = await superuser.fetch(
            "SELECT p.oid::regprocedure::text AS name, pg_get_userbyid(p.proowner) AS owner,"
            " p.proconfig, p.proacl::text AS acl FROM pg_proc p"
            " WHERE p.pronamespace = 'ringline'::regnamespace AND p.prosecdef"
        )
    assert functions
    for function in functions:
        assert function["owner"] == ROLES.lookup
        assert function["proconfig"] == ["search_path=pg_catalog, pg_temp"]
        grants = {grant.split("/")[0] for grant in function["acl"].strip("{}").split(",")}
        assert grants == {f"{ROLES.lookup}=X", f"{ROLES.app}=X"}


SECRET_COLUMNS = {
    (table.name, column.name)
    for table in TABLES.values()
    for column in table.c
    if is_secret(column)
}

#: Bytes that the application may read: it compares one and returns the other.
READ_BYTES = {("idempotency_keys", "body_hash"), ("idempotency_keys", "answer")}


def test_hashes_and_sealed_passwords_are_marked_as_secret() -> None:
    stored_bytes = {
        (table.name, column.name)
        for table in TABLES.values()
        for column in table.c
        if isinstance(column.type, sa.LargeBinary)
    }
    assert stored_bytes - READ_BYTES == SECRET_COLUMNS
    assert {table for table, _ in SECRET_COLUMNS} == {
        "keys",
        "tickets",
        "invitations",
        "passwords",
        "console_links",
        "gateways",
        "provider_credentials",
        "sip_users",
        "webhook_endpoints",
        "workspaces",
    }


@pytest.mark.parametrize("name", sorted(TABLES))
async def test_the_application_reads_all_columns_but_the_secret_ones(
    database: TestDatabase, name: str
) -> None:
    async with database.connection() as superuser:
        rows = await superuser.fetch(
            "SELECT attname, has_column_privilege($1, attrelid, attnum, 'SELECT') AS reads"
            " FROM pg_attribute WHERE attrelid = $2::text::regclass AND attnum > 0"
            " AND NOT attisdropped",
            ROLES.app,
            f"ringline.{name}",
        )
    found = {row["attname"]: row["reads"] for row in rows}
    assert found == {column.name: not is_secret(column) for column in TABLES[name].c}


@pytest.mark.parametrize(("table", "column"), sorted(SECRET_COLUMNS))
async def test_a_secret_is_neither_read_nor_guessed(
    stores: Stores, table: str, column: str
) -> None:
    scopes = await fill(stores)
    for statement in (
        f"SELECT {column} FROM ringline.{table}",
        f"SELECT * FROM ringline.{table}",
        f"SELECT 1 FROM ringline.{table} WHERE {column} > ''",
        f"DELETE FROM ringline.{table} RETURNING {column}",
    ):
        with refused_for(Violation.OTHER, "42501"):
            async with stores.database.transaction(scopes[0]) as connection:
                await connection.fetch(statement)


async def test_an_invitation_is_taken_in_its_own_workspace_alone(stores: Stores) -> None:
    scopes = await fill(stores)
    take = "SELECT email FROM ringline.take_invitation($1, $2)"
    async with stores.database.transaction(scopes[0]) as connection:
        invited = await connection.fetchval("SELECT id FROM ringline.invitations")
    for arguments in ((invited.bytes, NOW), (b"", NOW)):
        assert await stores.database.look_up(INTERNAL, take, *arguments) == []
        async with stores.database.transaction(scopes[2]) as connection:
            assert await connection.fetch(take, *arguments) == []
    async with stores.database.transaction(scopes[0]) as connection:
        assert len(await connection.fetch(take, invited.bytes, NOW)) == 1
        assert await connection.fetch(take, invited.bytes, NOW) == []


async def test_calls_of_all_workspaces_are_known_by_their_ids_alone(
    database: TestDatabase,
) -> None:
    async with database.connection() as superuser:
        results = await superuser.fetch(
            "SELECT p.proname, t.typtype FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype"
            " WHERE p.pronamespace = 'ringline'::regnamespace AND p.prosecdef"
        )
        adopted = await superuser.fetchval(
            "SELECT pg_get_function_result('ringline.adopt_calls'::regproc)"
        )
    assert [row["proname"] for row in results if row["typtype"] == b"c"] == [], "whole rows"
    assert adopted == "TABLE(workspace_id uuid, environment text, id uuid)"


async def test_a_closed_database_is_away(database: TestDatabase) -> None:
    async with database.stores() as stores:
        scope = await make_log(stores)
    with pytest.raises(StoreUnavailable):
        await stores.calls.get_call(scope, new_id())


async def test_the_policies_let_the_index_be_used(stores: Stores) -> None:
    scope = await make_log(stores)
    async with stores.database.transaction(scope) as connection:
        await connection.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
            " SET LOCAL enable_sort = off"  # in an empty table, sorting costs nothing
        )
        plan = await connection.fetch(
            'EXPLAIN (COSTS OFF) SELECT * FROM ringline.events WHERE "offset" > 5'
            ' ORDER BY "offset" LIMIT 10'
        )
    lines = [row[0].strip() for row in plan]
    assert not any("Sort" in line for line in lines), lines
    condition = next(line for line in lines if line.startswith("Index Cond"))
    assert all(name in condition for name in ("workspace_id", "environment", "offset"))


async def test_a_statement_has_one_process_and_notices_at_once_that_nobody_waits(
    stores: Stores,
) -> None:
    scope = await make_log(stores)
    async with stores.database.transaction(scope) as connection:
        assert await connection.fetchval("SHOW max_parallel_workers_per_gather") == "0"
        assert await connection.fetchval("SHOW client_connection_check_interval") == "50ms"
