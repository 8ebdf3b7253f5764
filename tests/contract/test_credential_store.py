"""Keys, tickets and workspaces over PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment, Scope
from ringline.domain.origins import OriginNotAllowed
from ringline.ports import Violation
from ringline.storage.credentials import SWEEP_EVERY
from ringline.storage.stores import Stores
from tests.database import (
    NOW,
    OTHER,
    TestDatabase,
    a_key,
    a_ticket,
    a_workspace,
    add_member,
    hash_of,
    make_log,
    new_id,
)
from tests.expecting import refused_for


class Heard:
    """The notifications that a watcher of keys received."""

    def __init__(self) -> None:
        self.told: list[tuple[UUID | None, bool]] = []
        self._news = asyncio.Event()

    def changed(self, key_id: UUID | None, end_calls: bool) -> None:
        self.told.append((key_id, end_calls))
        self._news.set()

    async def until(self, *told: tuple[UUID | None, bool]) -> None:
        async with asyncio.timeout(20):
            while not set(told) <= set(self.told):
                self._news.clear()
                await self._news.wait()


async def test_a_key_is_found_by_its_hash_whatever_its_workspace(stores: Stores) -> None:
    scope = await make_log(stores)
    key = a_key(scope, KeyKind.PUBLISHABLE, expires_at=NOW + timedelta(days=1))
    await stores.workspaces.create_key(key, hash_of(key))
    assert await stores.credentials.find_key(hash_of(key)) == key
    assert await stores.credentials.find_key(b"\0" * 32) is None
    assert await stores.credentials.get_keys([key.id, new_id()]) == [key]


async def test_a_key_needs_a_workspace(stores: Stores) -> None:
    key = a_key(Scope(new_id(), Environment.LIVE))
    with refused_for(Violation.REFERENCE):
        await stores.workspaces.create_key(key, hash_of(key))


async def test_keys_are_listed_over_both_environments_oldest_first(stores: Stores) -> None:
    workspace = a_workspace(keys=2)
    await stores.workspaces.create_workspace(workspace)
    oldest = a_key(Scope(workspace.id, Environment.TEST), created_at=NOW - timedelta(days=1))
    await stores.workspaces.create_key(oldest, hash_of(oldest))
    await make_log(stores)
    expected = [oldest, *(key for key, _ in workspace.keys)]
    assert await stores.workspaces.list_keys(workspace.id) == expected


async def test_the_last_use_of_a_key_only_moves_on(stores: Stores) -> None:
    scope = await make_log(stores)
    key = a_key(scope)
    await stores.workspaces.create_key(key, hash_of(key))
    later = NOW + timedelta(minutes=1)
    for at in (later, NOW):
        await stores.credentials.touch_keys({key.id: at, new_id(): at})
    await stores.credentials.touch_keys({})
    assert await stores.credentials.get_keys([key.id]) == [replace(key, last_used_at=later)]


async def test_a_key_is_revoked_once_and_stays_so(stores: Stores) -> None:
    scope = await make_log(stores)
    key = a_key(scope)
    await stores.workspaces.create_key(key, hash_of(key))
    assert await stores.workspaces.revoke_key(key.id, NOW, end_calls=False)
    assert await stores.workspaces.revoke_key(key.id, NOW + timedelta(days=1), end_calls=False)
    assert not await stores.workspaces.revoke_key(new_id(), NOW, end_calls=False)
    assert await stores.credentials.get_keys([key.id]) == [replace(key, revoked_at=NOW)]
    assert await stores.workspaces.revoke_key(key.id, NOW, end_calls=True)
    (revoked,) = await stores.credentials.get_keys([key.id])
    assert revoked == replace(key, revoked_at=NOW, end_calls=True)


async def test_the_secrets_of_a_rotated_key_are_revoked_together(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    first, other = a_key(scope), a_key(scope)
    second = replace(a_key(scope), first_id=first.id)
    for key in (first, second, other):
        await stores.workspaces.create_key(key, hash_of(key))
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.keys SET first_id = $2 WHERE id = $1", second.id, first.id
        )
    assert await stores.credentials.find_key(hash_of(second)) == second
    listed = await stores.workspaces.list_keys(scope.workspace_id)
    latest = {key.shown_id: key.id for key in listed}
    assert len(latest) == len(listed)
    assert (latest[first.id], latest[other.id]) == (second.id, other.id)
    assert await stores.workspaces.revoke_key(second.id, NOW, end_calls=False)  # one secret alone
    assert await stores.credentials.get_keys([first.id]) == [first]
    assert await stores.workspaces.revoke_key(first.id, NOW, end_calls=True)
    revoked = await stores.credentials.get_keys([first.id, second.id, other.id])
    assert {key.id for key in revoked if key.revoked_at and key.end_calls} == {
        first.id,
        second.id,
    }


async def test_a_ticket_is_taken_once(stores: Stores) -> None:
    scope = await make_log(stores)
    key = a_key(scope)
    await stores.workspaces.create_key(key, hash_of(key))
    ticket = a_ticket(key)
    await stores.credentials.put_ticket(b"t" * 32, ticket, now=NOW)
    for _ in range(2):  # looking does not take
        assert await stores.credentials.find_ticket(b"t" * 32) == ticket
    assert await stores.credentials.take_ticket(b"u" * 32, NOW) is None
    assert await stores.credentials.take_ticket(b"t" * 32, NOW) == ticket
    assert await stores.credentials.take_ticket(b"t" * 32, NOW) is None
    assert await stores.credentials.find_ticket(b"t" * 32) is None


async def test_a_ticket_stays_if_the_workspace_refuses_the_origin(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    key = a_key(scope)
    await stores.workspaces.create_key(key, hash_of(key))
    ticket, allowed = a_ticket(key), ("https://a.example", "https://b.example")
    await stores.credentials.put_ticket(b"t" * 32, ticket, now=NOW)
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.workspaces SET allowed_origins = $2 WHERE id = $1",
            scope.workspace_id,
            list(allowed),
        )
    bound = replace(key, allowed_origins=allowed)
    assert await stores.credentials.find_key(hash_of(key)) == bound
    assert await stores.credentials.get_keys([key.id]) == [bound]
    take = stores.credentials.take_ticket
    for origins in (["https://c.example"], ["https://a.example", "https://c.example"], [""]):
        with pytest.raises(OriginNotAllowed):
            await take(b"t" * 32, NOW, origins=origins)
    # A ticket that is not valid is not told about, whatever the origin.
    assert await take(b"t" * 32, ticket.expires_at, origins=["https://c.example"]) is None
    assert await take(b"t" * 32, NOW, origins=["https://b.example"]) == ticket
    assert await take(b"t" * 32, NOW, origins=["https://c.example"]) is None
    await stores.credentials.put_ticket(b"t" * 32, ticket, now=NOW)
    assert await take(b"t" * 32, NOW) == ticket


async def test_of_racing_takers_one_gets_the_ticket(database: TestDatabase, stores: Stores) -> None:
    scope = await make_log(stores)
    key = a_key(scope)
    await stores.workspaces.create_key(key, hash_of(key))
    async with database.stores(OTHER, claim=False) as others:
        for turn in range(10):
            ticket, ticket_hash = a_ticket(key), bytes([turn]) * 32
            await stores.credentials.put_ticket(ticket_hash, ticket, now=NOW)
            taken = await asyncio.gather(
                *(
                    through.credentials.take_ticket(ticket_hash, NOW)
                    for through in (stores, others) * 3
                )
            )
            assert [got for got in taken if got is not None] == [ticket]


async def test_a_dead_ticket_or_a_ticket_of_a_dead_key_opens_nothing(stores: Stores) -> None:
    scope = await make_log(stores)
    revoked, expiring = a_key(scope), a_key(scope, expires_at=NOW + timedelta(seconds=5))
    for key in (revoked, expiring):
        await stores.workspaces.create_key(key, hash_of(key))
        await stores.credentials.put_ticket(key.id.bytes * 2, a_ticket(key), now=NOW)
    await stores.credentials.put_ticket(b"old" * 8, a_ticket(expiring, expires_at=NOW), now=NOW)
    await stores.workspaces.revoke_key(revoked.id, NOW, end_calls=False)
    take = stores.credentials.take_ticket
    assert await take(revoked.id.bytes * 2, NOW) is None
    assert await take(b"old" * 8, NOW) is None
    assert await take(expiring.id.bytes * 2, NOW + timedelta(seconds=5)) is None
    assert await take(expiring.id.bytes * 2, NOW + timedelta(seconds=4)) is not None


async def test_a_ticket_is_dropped_once_by_its_sessions_id_in_its_own_log(stores: Stores) -> None:
    scope, other = await make_log(stores), await make_log(stores)
    key = a_key(scope)
    await stores.workspaces.create_key(key, hash_of(key))
    ticket = a_ticket(key)
    drop = stores.credentials.drop_ticket
    await stores.credentials.put_ticket(b"t" * 32, ticket, now=NOW)
    elsewhere = Scope(scope.workspace_id, Environment.TEST)
    for place in (other, elsewhere):
        assert not await drop(place, ticket.call_id, now=NOW)
    assert not await drop(scope, new_id(), now=NOW)
    assert not await drop(scope, ticket.call_id, now=ticket.expires_at)
    assert await drop(scope, ticket.call_id, now=NOW)
    assert not await drop(scope, ticket.call_id, now=NOW)
    assert await stores.credentials.take_ticket(b"t" * 32, NOW) is None
    await stores.credentials.put_ticket(b"u" * 32, a_ticket(key, call_id=new_id()), now=NOW)
    await stores.workspaces.revoke_key(key.id, NOW, end_calls=False)
    assert not await drop(scope, ticket.call_id, now=NOW)


async def test_a_ticket_is_dropped_or_taken(database: TestDatabase, stores: Stores) -> None:
    scope = await make_log(stores)
    key = a_key(scope)
    await stores.workspaces.create_key(key, hash_of(key))
    for turn in range(20):
        ticket, ticket_hash = a_ticket(key), bytes([turn]) * 32
        await stores.credentials.put_ticket(ticket_hash, ticket, now=NOW)
        taken, dropped = await asyncio.gather(
            stores.credentials.take_ticket(ticket_hash, NOW),
            stores.credentials.drop_ticket(scope, ticket.call_id, now=NOW),
        )
        assert (taken is None) == dropped


async def test_no_ticket_is_kept_for_a_dead_key(stores: Stores) -> None:
    scope = await make_log(stores)
    revoked, expiring = a_key(scope), a_key(scope, expires_at=NOW + timedelta(seconds=5))
    for key in (revoked, expiring):
        await stores.workspaces.create_key(key, hash_of(key))
    put = stores.credentials.put_ticket
    assert await put(b"a" * 32, a_ticket(revoked), now=NOW)
    await stores.workspaces.revoke_key(revoked.id, NOW, end_calls=False)
    assert not await put(b"b" * 32, a_ticket(revoked), now=NOW)
    assert await put(b"c" * 32, a_ticket(expiring), now=NOW + timedelta(seconds=4))
    assert not await put(b"d" * 32, a_ticket(expiring), now=NOW + timedelta(seconds=5))
    for kept, ticket_hash in ((True, b"c" * 32), (False, b"b" * 32), (False, b"d" * 32)):
        assert (await stores.credentials.find_ticket(ticket_hash) is not None) is kept


async def test_no_ticket_is_stored_where_its_key_does_not_belong(
    database: TestDatabase, stores: Stores
) -> None:
    mine, foreign = await make_log(stores), await make_log(stores)
    key, others = a_key(mine), a_key(foreign)
    for one in (key, others):
        await stores.workspaces.create_key(one, hash_of(one))
    put = stores.credentials.put_ticket
    elsewhere = Scope(mine.workspace_id, Environment.TEST)
    for scope, minter in ((mine, others), (foreign, key), (elsewhere, key), (mine, a_key(mine))):
        assert not await put(new_id().bytes * 2, a_ticket(minter, scope=scope), now=NOW)
    async with database.connection() as superuser:
        assert await superuser.fetchval("SELECT count(*) FROM ringline.tickets") == 0
    assert await put(b"t" * 32, a_ticket(key), now=NOW)


async def test_the_function_is_the_only_way_to_store_a_ticket(stores: Stores) -> None:
    scope = await make_log(stores)
    key = a_key(scope)
    await stores.workspaces.create_key(key, hash_of(key))
    insert = """
        INSERT INTO ringline.tickets
            (workspace_id, environment, ticket_hash, call_id, key_id, binding, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
    """
    values = (scope.workspace_id, "live", b"t" * 32, new_id(), key.id, b"", NOW)
    with refused_for(Violation.OTHER, "42501"):
        async with stores.database.transaction(scope) as connection:
            await connection.execute(insert, *values)


async def test_a_sweep_reaches_its_own_log_alone(database: TestDatabase, stores: Stores) -> None:
    mine, foreign = await make_log(stores), await make_log(stores)
    keys = [a_key(scope) for scope in (mine, foreign, Scope(mine.workspace_id, Environment.TEST))]
    for key in keys:
        await stores.workspaces.create_key(key, hash_of(key))
        await stores.credentials.put_ticket(hash_of(key), a_ticket(key), now=NOW)
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.tickets SET inserted_at = now() - interval '2 hours'"
        )
        for number in range(SWEEP_EVERY):
            await stores.credentials.put_ticket(bytes([number]) * 32, a_ticket(keys[0]), now=NOW)
        kept = await superuser.fetchval("SELECT array_agg(ticket_hash) FROM ringline.tickets")
    old = {hash_of(key) for key in keys}
    assert set(kept) & old == {hash_of(keys[1]), hash_of(keys[2])}


async def test_old_tickets_are_forgotten(database: TestDatabase, stores: Stores) -> None:
    scope = await make_log(stores)
    key = a_key(scope)
    await stores.workspaces.create_key(key, hash_of(key))
    for number in range(SWEEP_EVERY - 1):
        await stores.credentials.put_ticket(bytes([number]) * 32, a_ticket(key), now=NOW)
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.tickets SET inserted_at = now() - interval '2 hours'"
        )
        await stores.credentials.put_ticket(b"b" * 32, a_ticket(key), now=NOW)
        kept = await superuser.fetchval("SELECT array_agg(ticket_hash) FROM ringline.tickets")
    assert kept == [b"b" * 32]


async def test_revocations_are_told_to_other_processes(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    quiet, ending = a_key(scope), a_key(scope)
    for key in (quiet, ending):
        await stores.workspaces.create_key(key, hash_of(key))
    heard = Heard()
    watching = asyncio.create_task(stores.credentials.watch_revocations(heard.changed))
    await heard.until((None, False))
    async with database.stores(OTHER, claim=False) as command:
        await command.credentials.touch_keys({quiet.id: NOW})  # says nothing
        await command.workspaces.revoke_key(quiet.id, NOW, end_calls=False)
        await command.workspaces.revoke_key(ending.id, NOW, end_calls=True)
        await heard.until((quiet.id, False), (ending.id, True))
        await command.workspaces.revoke_key(quiet.id, NOW, end_calls=True)
        await heard.until((quiet.id, True))
    assert len(heard.told) == 4
    watching.cancel()
    await asyncio.wait({watching})
    await stores.workspaces.revoke_key(ending.id, NOW, end_calls=True)
    assert len(heard.told) == 4


async def test_revocations_are_told_although_the_line_was_cut(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    before, after = a_key(scope), a_key(scope)
    for key in (before, after):
        await stores.workspaces.create_key(key, hash_of(key))
    heard = Heard()
    watching = asyncio.create_task(stores.credentials.watch_revocations(heard.changed))
    await heard.until((None, False))
    heard.told.clear()
    async with database.connection() as superuser:
        # Cut and revoked in one statement's time: nobody can have listened.
        await superuser.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name LIKE 'ringline session %' AND datname = current_database()"
        )
        await superuser.execute(
            "UPDATE ringline.keys SET revoked_at = now() WHERE id = $1", before.id
        )
        await heard.until((None, False))  # check all: the one above is among them
        await superuser.execute(
            "UPDATE ringline.keys SET revoked_at = now() WHERE id = $1", after.id
        )
        await heard.until((after.id, False))
    watching.cancel()
    await asyncio.wait({watching})


async def test_members_are_found_whatever_their_workspace(stores: Stores) -> None:
    members = [await hire(stores, await make_log(stores)) for _ in range(2)]
    living = stores.credentials.current_members
    assert await living([*members, new_id()]) == set(members)
    assert await living([]) == set()


async def test_behind_a_token_are_a_key_and_a_member_of_its_workspace(stores: Stores) -> None:
    scope, foreign = await make_log(stores), await make_log(stores)
    key = a_key(scope)
    await stores.workspaces.create_key(key, hash_of(key))
    ada, eve = await hire(stores, scope), await hire(stores, foreign)
    get_token_key = stores.credentials.get_token_key
    assert await get_token_key(key.id, None) == key
    assert await get_token_key(key.id, ada) == key
    assert await get_token_key(key.id, eve) is None
    assert await get_token_key(key.id, new_id()) is None
    assert await get_token_key(new_id(), ada) is None


async def test_removed_members_are_told_to_other_processes(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    ada, bob = await hire(stores, scope), await hire(stores, scope)
    heard = Heard()
    watching = asyncio.create_task(stores.credentials.watch_revocations(heard.changed))
    await heard.until((None, False))
    async with database.stores(OTHER, claim=False) as command:
        async with command.database.transaction(scope) as connection:
            await connection.execute("UPDATE ringline.users SET full_name = 'Ada'")  # says nothing
            await connection.execute("DELETE FROM ringline.users WHERE id = $1", ada)
        await heard.until((ada, False))
    assert len(heard.told) == 2
    assert await stores.credentials.current_members([ada, bob]) == {bob}
    watching.cancel()
    await asyncio.wait({watching})


async def hire(stores: Stores, scope: Scope) -> UUID:
    async with stores.database.transaction(scope) as connection:
        return await add_member(connection, scope.workspace_id, f"{new_id()}@example.com")


async def test_agents_are_found_in_their_environment(stores: Stores) -> None:
    workspace = a_workspace()
    await stores.workspaces.create_workspace(workspace)
    await make_log(stores)
    live = Scope(workspace.id, Environment.LIVE)
    agent = workspace.agents[Environment.LIVE]
    assert await stores.workspaces.find_agent(live, agent.id) == agent
    assert await stores.workspaces.first_agent(live) == agent
    test = Scope(workspace.id, Environment.TEST)
    assert await stores.workspaces.find_agent(test, agent.id) is None
    assert await stores.workspaces.first_agent(Scope(new_id(), Environment.LIVE)) is None


async def test_workspaces_are_listed_in_the_order_of_their_making(stores: Stores) -> None:
    assert await stores.workspaces.list_workspaces() == []
    made = [
        replace(a_workspace(), name=name, created_at=NOW + timedelta(seconds=after_s))
        for name, after_s in (("second", 2), ("first", 1), ("third", 3))
    ]
    for workspace in made:
        await stores.workspaces.create_workspace(workspace)
    listed = await stores.workspaces.list_workspaces()
    assert [row.name for row in listed] == ["first", "second", "third"]
    assert (listed[0].id, listed[0].created_at) == (made[1].id, made[1].created_at)
    assert await stores.workspaces.list_workspaces(1) == listed[:1]
