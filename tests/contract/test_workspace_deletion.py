"""A deleted workspace leaves no row in any table; the tables are those of the metadata."""

from datetime import timedelta
from uuid import UUID

import asyncpg

from ringline.domain.log import Environment, Scope
from ringline.domain.recording import RecordingFailure, RecordingRefused
from ringline.domain.timers import Timer, TimerKind
from ringline.services.workspace_deletion import LINGERS, WorkspaceDeletion
from ringline.storage.deletions import PURGED
from ringline.storage.stores import Stores
from tests.clock import HandClock
from tests.contract.test_isolation import TABLES, fill
from tests.database import NOW, TestDatabase, a_key, hash_of, make_log

KIND = TimerKind.WORKSPACE_DELETION.value


class Deleting:
    """Two workspaces with a row in every table, and the work that deletes the first."""

    def __init__(self, stores: Stores, superuser: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.stores = stores
        self.superuser = superuser
        self.clock = HandClock(NOW)
        self.ended: list[UUID] = []
        self.removed: list[UUID] = []
        self.refuses = False
        self.work = WorkspaceDeletion(
            stores.deletions, self.clock, end_calls=self.ended.append, remove=self.remove, batch=1
        )

    async def remove(self, call_ids: object) -> None:
        if self.refuses:
            raise RecordingRefused(RecordingFailure.DISK_FAILED)
        assert isinstance(call_ids, list)
        self.removed += call_ids

    async def mark(self, scope: Scope) -> Timer:
        async with self.stores.database.transaction(scope) as connection:
            await connection.execute("SELECT ringline.delete_workspace($1, $2)", NOW, KIND)
        return Timer(scope, TimerKind.WORKSPACE_DELETION, "", {}, NOW)

    async def end_calls_of(self, workspace_id: UUID) -> None:
        await self.superuser.execute(
            "UPDATE ringline.calls SET ended_at = now() WHERE workspace_id = $1", workspace_id
        )

    async def count(self, workspace_id: UUID) -> dict[str, int]:
        """Return how many rows of a workspace each table has, empty ones left out."""
        counted: dict[str, int] = {}
        for name in TABLES:
            column = "id" if name == "workspaces" else "workspace_id"
            counted[name] = await self.superuser.fetchval(
                f"SELECT count(*) FROM ringline.{name} WHERE {column} = $1", workspace_id
            )
        return {name: rows for name, rows in counted.items() if rows}


async def test_no_row_is_left_and_no_other_is_touched(
    database: TestDatabase, stores: Stores
) -> None:
    scopes = await fill(stores)
    ours, theirs = scopes[0].workspace_id, scopes[-1].workspace_id
    async with database.connection() as superuser:
        deleting = Deleting(stores, superuser)
        calls = await superuser.fetch("SELECT id FROM ringline.calls WHERE workspace_id = $1", ours)
        before = await deleting.count(theirs)
        assert await deleting.count(ours) == before
        assert before.keys() == TABLES.keys()
        timer = await deleting.mark(scopes[0])
        assert await deleting.work.serve(timer) == NOW + LINGERS
        assert (await deleting.count(ours)).keys() >= TABLES.keys() - {"tickets"}
        deleting.clock.advance(LINGERS)
        assert await deleting.work.serve(timer) == deleting.clock() + timedelta(seconds=1)
        await deleting.end_calls_of(ours)
        assert await deleting.work.serve(timer) is None
        assert await deleting.count(ours) == {}
        assert await deleting.count(theirs) == before
        assert sorted(deleting.removed) == sorted(row["id"] for row in calls)
        assert set(deleting.ended) == {ours}
        assert await deleting.work.serve(timer) is None, "served again, it does nothing"


async def test_a_workspace_that_is_marked_is_nobodys(stores: Stores) -> None:
    scopes = await fill(stores)
    ours, theirs = scopes[0], scopes[-1]
    async with stores.database.transaction(ours) as connection:
        keys = await connection.fetch("SELECT id FROM ringline.keys")
        await connection.execute("SELECT ringline.delete_workspace($1, $2)", NOW, KIND)
    found = await stores.credentials.get_keys([row["id"] for row in keys])
    assert found
    assert all(key.revoked_at is not None and key.end_calls for key in found)
    listed = {row.id for row in await stores.workspaces.list_workspaces()}
    assert listed == {theirs.workspace_id}
    assert await stores.deletions.deleted_at(ours.workspace_id) == NOW
    assert await stores.deletions.deleted_at(theirs.workspace_id) is None
    due = await stores.timers.claim(
        NOW, kinds=tuple(TimerKind), lease=timedelta(minutes=1), most=10
    )
    deletions = [timer for timer in due if timer.kind is TimerKind.WORKSPACE_DELETION]
    assert [timer.scope.workspace_id for timer in deletions] == [ours.workspace_id]


async def test_a_key_of_a_marked_workspace_is_unknown(stores: Stores) -> None:
    scope = await make_log(stores)
    key = a_key(scope)
    async with stores.database.transaction(scope) as connection:
        await connection.execute("SELECT ringline.delete_workspace($1, $2)", NOW, KIND)
    await stores.workspaces.create_key(key, hash_of(key))  # too late
    assert await stores.credentials.find_key(hash_of(key)) is None


async def test_nothing_is_purged_of_a_workspace_that_is_not_marked(
    database: TestDatabase, stores: Stores
) -> None:
    scopes = await fill(stores)
    ours = scopes[0].workspace_id
    async with database.connection() as superuser:
        deleting = Deleting(stores, superuser)
        before = await deleting.count(ours)
        assert await stores.deletions.purge(ours, 1_000) == 0
        assert (
            await deleting.work.serve(Timer(scopes[0], TimerKind.WORKSPACE_DELETION, "", {}, NOW))
            is None
        )
        assert await deleting.count(ours) == before


async def test_a_disk_that_refuses_delays_the_rows(database: TestDatabase, stores: Stores) -> None:
    scopes = await fill(stores)
    ours = scopes[0].workspace_id
    async with database.connection() as superuser:
        deleting = Deleting(stores, superuser)
        timer = await deleting.mark(scopes[0])
        await deleting.end_calls_of(ours)
        deleting.clock.advance(LINGERS)
        deleting.refuses = True
        assert await deleting.work.serve(timer) == deleting.clock() + timedelta(minutes=5)
        assert (await deleting.count(ours))["calls"] == len(Environment)
        deleting.refuses = False
        assert await deleting.work.serve(timer) is None
        assert await deleting.count(ours) == {}


def test_every_table_is_purged() -> None:
    last = {"timers", "logs", "workspaces"}
    assert {table.name for table in PURGED} == TABLES.keys() - last
