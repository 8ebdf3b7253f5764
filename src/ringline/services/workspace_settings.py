"""A workspace's own settings: read, changed, and its switch for recordings (live streams, 6.10).

They hold for both environments. The signing secret is not among them (`webhook_secrets.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.log import Scope
from ringline.domain.tiers import Tier
from ringline.ports import Clock, Rows, Transaction
from ringline.schema.sql import Prepared, compiled
from ringline.schema.tables import workspaces
from ringline.services.repo import Repo
from ringline.services.workspaces import LOCK_WORKSPACE


class NotOnTier(Exception):
    """The workspace's tier does not include this."""


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """A workspace. `webhook_url` is kept for its owner's reference: nothing is sent there."""

    id: UUID
    name: str
    tier: Tier
    webhook_url: str | None
    retention_days: int
    recording_enabled: bool
    allowed_origins: tuple[str, ...]
    created_at: datetime
    updated_at: datetime


_COLUMNS = (
    workspaces.c.id,
    workspaces.c.name,
    workspaces.c.tier,
    workspaces.c.webhook_url,
    workspaces.c.retention_days,
    workspaces.c.recording_enabled,
    workspaces.c.allowed_origins,
    workspaces.c.created_at,
    workspaces.c.updated_at,
)
_FIND = Prepared(sa.select(*_COLUMNS))


class SettingsOfWorkspaces:
    """The settings of the workspace that a call names."""

    def __init__(self, repo: Repo, now: Clock) -> None:
        self._repo = repo
        self._now = now

    def with_repo(self, repo: Repo) -> "SettingsOfWorkspaces":
        """Return the service over another repo, such as a caller's."""
        return SettingsOfWorkspaces(repo, self._now)

    async def find(self, scope: Scope) -> WorkspaceSettings:
        """Return the workspace. Raises Unavailable."""
        async with self._repo.read(scope) as rows:
            return await _find(rows)

    async def change(self, scope: Scope, changes: Mapping[str, object]) -> WorkspaceSettings:
        """Set `name`, `webhook_url`, `retention_days`, `allowed_origins`. Raises Unavailable."""
        if not changes:
            return await self.find(scope)
        text, values = self._update(scope, changes)
        return await self._repo.write(
            scope, lambda transaction: _one(transaction, text, values=values)
        )

    async def switch_recording(self, scope: Scope, enabled: bool) -> WorkspaceSettings:
        """Allow the workspace's calls to be recorded, or no call. Raises NotOnTier, Unavailable."""
        text, values = self._update(scope, {"recording_enabled": enabled})

        async def write(transaction: Transaction) -> WorkspaceSettings:
            await transaction.fetch(LOCK_WORKSPACE.text, [])
            if enabled and (await _find(transaction)).tier is Tier.STARTER:
                raise NotOnTier
            return await _one(transaction, text, values=values)

        return await self._repo.write(scope, write)

    def _update(self, scope: Scope, changes: Mapping[str, object]) -> tuple[str, Sequence[object]]:
        return compiled(
            sa.update(workspaces)
            .where(workspaces.c.id == scope.workspace_id)
            .values({**changes, "updated_at": self._now()})
            .returning(*_COLUMNS)
        )


async def _find(rows: Rows) -> WorkspaceSettings:
    return await _one(rows, _FIND.text, values=[])


async def _one(rows: Rows, text: str, *, values: Sequence[object]) -> WorkspaceSettings:
    (row,) = await rows.fetch(text, values)
    return WorkspaceSettings(
        id=row["id"],
        name=row["name"],
        tier=Tier(row["tier"]),
        webhook_url=row["webhook_url"],
        retention_days=row["retention_days"],
        recording_enabled=row["recording_enabled"],
        allowed_origins=tuple(row["allowed_origins"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
