"""Workspaces, their keys and their agents in PostgreSQL."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import structs

from ringline.domain.agent import Agent
from ringline.domain.audit import AuditEntry
from ringline.domain.credentials import Key, KeyKind
from ringline.domain.log import Environment, Scope
from ringline.domain.operators import DEFAULT_QUEUE, QueueStrategy
from ringline.domain.workspaces import NewWorkspace, WorkspaceRow
from ringline.schema.sql import Prepared
from ringline.schema.tables import agents, keys, logs, queues, workspaces
from ringline.storage.audit_rows import write_audit
from ringline.storage.credentials import read_key
from ringline.storage.database import Connection, Database, switch
from ringline.storage.pool import INTERNAL
from ringline.wire.agent_rows import read_agent


def _insert(table: sa.Table, *names: str) -> Prepared:
    values = {name: sa.bindparam(name, type_=table.c[name].type) for name in names}
    return Prepared(sa.insert(table).values(values))


_SCOPE_COLUMNS = ("workspace_id", "environment")
_INSERT_WORKSPACE = _insert(workspaces, "id", "name", "created_at", "signing_secret")
_INSERT_LOG = _insert(logs, *_SCOPE_COLUMNS, "epoch")
_INSERT_AGENT = _insert(
    agents,
    *_SCOPE_COLUMNS,
    "id",
    "display_name",
    "model",
    "instructions",
    "voice",
    "greeting",
    "tools",
    "local",
)
_INSERT_QUEUE = _insert(queues, *_SCOPE_COLUMNS, "id", "queue_name", "strategy")
_KEY_COLUMNS = (
    *_SCOPE_COLUMNS,
    "id",
    "kind",
    "label",
    "last_four",
    "created_at",
    "expires_at",
    "revoked_at",
    "last_used_at",
    "end_calls",
    "first_id",
)
_INSERT_KEY = _insert(
    keys,
    *(
        name
        for name in _KEY_COLUMNS
        if name not in {"revoked_at", "last_used_at", "end_calls", "first_id"}
    ),
    "key_hash",
)
_LIST_KEYS = Prepared(
    sa.select(*(keys.c[name] for name in _KEY_COLUMNS)).where(keys.c.kind != KeyKind.CONSOLE.value)
)
_FIND_WORKSPACE = Prepared(sa.select(workspaces.c.id, workspaces.c.name, workspaces.c.created_at))
_WORKSPACE_RECORDS = workspaces.c.recording_enabled.label("workspace_records")
_AGENT = sa.select(agents, _WORKSPACE_RECORDS).join_from(
    agents, workspaces, workspaces.c.id == agents.c.workspace_id
)
_FIND_AGENT = Prepared(_AGENT.where(agents.c.id == sa.bindparam("wanted", type_=sa.Uuid)))
_FIRST_AGENT = Prepared(_AGENT.order_by(agents.c.id).limit(1))

_GET_KEYS = "SELECT * FROM ringline.get_keys($1)"
_REVOKE_KEY = "SELECT * FROM ringline.revoke_key($1, $2, $3)"

_encode = msgspec.json.Encoder().encode


class PostgresWorkspaces:
    """The port `WorkspaceStore` over a database, and more for the command line."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_workspace(
        self, workspace: NewWorkspace, deed: AuditEntry | None = None
    ) -> None:
        """Write a workspace with its logs, its agents and its keys, and the audited deed.

        Raises StoreUnavailable.
        """
        scopes = [Scope(workspace.id, environment) for environment in sorted(workspace.epochs)]

        async def write(connection: Connection) -> None:
            await connection.execute(
                _INSERT_WORKSPACE.text,
                *_INSERT_WORKSPACE.arguments(
                    id=workspace.id,
                    name=workspace.name,
                    created_at=workspace.created_at,
                    signing_secret=workspace.signing_secret,
                ),
            )
            for scope in scopes:
                await switch(connection, scope)
                await _fill_environment(connection, scope, workspace=workspace)
            await _note(connection, workspace.id, deed=deed)

        await self._database.run(scopes[0], write)

    async def create_key(
        self, key: Key, key_hash: bytes, *, deed: AuditEntry | None = None
    ) -> None:
        """Store a key, and the audited deed.

        Raises StoreUnavailable, and EntryRefused for an unknown workspace.
        """

        async def write(connection: Connection) -> None:
            await _insert_key(connection, key, key_hash=key_hash)
            await _note(connection, key.scope.workspace_id, deed=deed)

        await self._database.run(key.scope, write)

    async def list_keys(self, workspace_id: UUID) -> list[Key]:
        """Return a workspace's keys, but for sign-ins, oldest first; the latest row of each.

        Raises StoreUnavailable.
        """
        rows: list[Any] = []
        for environment in Environment:
            scope = Scope(workspace_id, environment)
            async with self._database.transaction(scope) as connection:
                rows += await connection.fetch(_LIST_KEYS.text, *_LIST_KEYS.arguments())
        found = sorted(map(read_key, rows), key=lambda key: (key.revoked_at is None, key.id))
        latest = {key.shown_id: key for key in found}  # of each, the last one
        return sorted(latest.values(), key=lambda key: (key.created_at, key.shown_id))

    async def revoke_key(
        self,
        key_id: UUID,
        now: datetime,
        *,
        end_calls: bool,
        deed: Callable[[Key], AuditEntry | None] | None = None,
    ) -> bool:
        """Revoke a key of any workspace, all its rows; False if there is none. Idempotent."""
        rows = await self._database.look_up(INTERNAL, _GET_KEYS, [key_id])
        if not rows:
            return False
        key = read_key(rows[0])

        async def write(connection: Connection) -> None:
            ended = await connection.fetch(_REVOKE_KEY, key_id, now, end_calls)
            if deed is not None and any(row["ended"] for row in ended):
                await _note(connection, key.scope.workspace_id, deed=deed(key))

        await self._database.run(key.scope, write)
        return True

    async def find_agent(self, scope: Scope, agent_id: UUID) -> Agent | None:
        """Find an agent. Raises StoreUnavailable."""
        async with self._database.transaction(scope) as connection:
            row = await connection.fetchrow(
                _FIND_AGENT.text, *_FIND_AGENT.arguments(wanted=agent_id)
            )
        return None if row is None else _read_agent(row)

    async def first_agent(self, scope: Scope) -> Agent | None:
        """Return the first agent, a new workspace's `Attendant`. Raises StoreUnavailable."""
        async with self._database.transaction(scope) as connection:
            row = await connection.fetchrow(_FIRST_AGENT.text, *_FIRST_AGENT.arguments())
        return None if row is None else _read_agent(row)

    async def list_workspaces(self, most: int | None = None) -> list[WorkspaceRow]:
        """Return the oldest workspaces, or all, oldest first. Raises StoreUnavailable."""
        ids = await self._database.look_up(
            INTERNAL, "SELECT id FROM ringline.list_workspaces($1) AS id", most
        )
        found: list[WorkspaceRow] = []
        for listed in ids:
            # A workspace's row is read as that workspace: no role sees the names of all.
            scope = Scope(listed["id"], Environment.LIVE)
            async with self._database.transaction(scope) as connection:
                row = await connection.fetchrow(_FIND_WORKSPACE.text)
            if row is not None:
                found.append(WorkspaceRow(row["id"], row["name"], row["created_at"]))
        return found


async def _fill_environment(
    connection: Connection, scope: Scope, *, workspace: NewWorkspace
) -> None:
    of_scope: dict[str, object] = {
        "workspace_id": scope.workspace_id,
        "environment": scope.environment.value,
    }
    values = _INSERT_LOG.arguments(**of_scope, epoch=workspace.epochs[scope.environment])
    await connection.execute(_INSERT_LOG.text, *values)
    queue = workspace.queues.get(scope.environment)
    if queue is not None:
        strategy = QueueStrategy.LONGEST_IDLE_AGENT
        values = _INSERT_QUEUE.arguments(
            **of_scope, id=queue, queue_name=DEFAULT_QUEUE, strategy=strategy.value
        )
        await connection.execute(_INSERT_QUEUE.text, *values)
    agent = workspace.agents.get(scope.environment)
    if agent is not None:
        values = _INSERT_AGENT.arguments(
            **of_scope,
            id=agent.id,
            display_name=agent.display_name,
            model=agent.model,
            instructions=agent.instructions,
            voice=agent.voice,
            greeting=agent.greeting,
            tools=_encode(agent.tools).decode(),
            local=None if agent.local is None else _encode(agent.local).decode(),
        )
        await connection.execute(_INSERT_AGENT.text, *values)
    for key, key_hash in workspace.keys:
        if key.scope == scope:
            await _insert_key(connection, key, key_hash=key_hash)


async def _note(connection: Connection, workspace_id: UUID, *, deed: AuditEntry | None) -> None:
    if deed is not None:
        await write_audit(connection, workspace_id, entries=(deed,))


async def _insert_key(connection: Connection, key: Key, *, key_hash: bytes) -> None:
    values = _INSERT_KEY.arguments(
        workspace_id=key.scope.workspace_id,
        environment=key.scope.environment.value,
        id=key.id,
        kind=key.kind.value,
        label=key.label,
        last_four=key.last_four,
        created_at=key.created_at,
        expires_at=key.expires_at,
        key_hash=key_hash,
    )
    await connection.execute(_INSERT_KEY.text, *values)


def _read_agent(row: Any) -> Agent:
    return structs.replace(read_agent(row), workspace_records=row["workspace_records"])
