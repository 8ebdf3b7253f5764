"""Deletes workspaces: at once for everybody, and then row by row (live streams, 6.10).

The request marks the workspace, revokes its keys with their calls and sets a timer, in one
transaction; from then on nothing of it can be reached. The timer's work ends its calls and, a
little later, removes the files of its recordings and its rows, in batches, because there may be
millions. The row of the workspace goes last.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from ringline.domain.log import Environment, Scope
from ringline.domain.recording import RecordingRefused
from ringline.domain.timers import Timer, TimerKind
from ringline.ports import Clock, EntryRefused, Transaction
from ringline.services.recording_upkeep import RemoveRecordings
from ringline.services.repo import Repo

_log = structlog.get_logger(__name__)

_MARK = "SELECT ringline.delete_workspace($1, $2)"
#: How long one turn lasts; other timers are served after it.
_TURN = timedelta(seconds=5)
#: When to look again for calls that have not ended yet.
_SOON = timedelta(seconds=1)
#: When it is tried again after the disk refused.
_REFUSED = timedelta(minutes=5)
#: When the rows begin to go. By then the calls have ended, their recordings are complete, and no
#: request is under way that began before.
LINGERS = timedelta(seconds=15)


class Deletions(Protocol):
    """A port: what is left of deleted workspaces. Every method raises StoreUnavailable."""

    async def deleted_at(self, workspace_id: UUID) -> datetime | None:
        """Return when a workspace was deleted; None if it was not, or is gone."""
        ...

    async def live_calls(self, workspace_id: UUID) -> int:
        """Return how many calls of a workspace are under way, in whichever process."""
        ...

    async def calls(self, scope: Scope, after: UUID | None, *, most: int) -> Sequence[UUID]:
        """Return at most so many calls of a log after one of them, by their ids."""
        ...

    async def purge(self, workspace_id: UUID, most: int) -> int:
        """Delete at most so many rows of a deleted workspace; return how many, 0 at the end."""
        ...

    async def drop(self, workspace_id: UUID) -> None:
        """Delete a deleted workspace itself. Raises EntryRefused if a row refers to it."""
        ...


class DeletedWorkspaces:
    """Marks the workspace that a call names as deleted."""

    def __init__(self, repo: Repo, now: Clock, *, secret_ended: Callable[[], None]) -> None:
        self._repo = repo
        self._now = now
        self._secret_ended = secret_ended

    def with_repo(self, repo: Repo) -> "DeletedWorkspaces":
        """Return the service over another repo, such as a caller's."""
        return DeletedWorkspaces(repo, self._now, secret_ended=self._secret_ended)

    async def delete(self, scope: Scope) -> None:
        """Delete a workspace with everything in it, of both environments. Raises Unavailable."""

        async def mark(transaction: Transaction) -> None:
            await transaction.fetch(_MARK, [self._now(), TimerKind.WORKSPACE_DELETION.value])

        await self._repo.write(scope, mark)
        self._secret_ended()
        _log.info("workspace_deleted", id=str(scope.workspace_id))


class WorkspaceDeletion:
    """Removes what deleted workspaces leave; `end_calls` ends those of a workspace here.

    A statement deletes at most a `batch` of rows.
    """

    def __init__(
        self,
        store: Deletions,
        now: Clock,
        *,
        end_calls: Callable[[UUID], None],
        remove: RemoveRecordings,
        batch: int = 2_000,
    ) -> None:
        self._store = store
        self._now = now
        self._end_calls = end_calls
        self._remove = remove
        self._batch = batch

    async def serve(self, timer: Timer) -> datetime | None:
        """Remove some of what is left; return when to go on, None at the end.

        Raises StoreUnavailable.
        """
        workspace_id = timer.scope.workspace_id
        deleted_at = await self._store.deleted_at(workspace_id)
        if deleted_at is None:
            return None
        self._end_calls(workspace_id)
        if self._now() < deleted_at + LINGERS:
            return deleted_at + LINGERS
        if await self._store.live_calls(workspace_id):
            return self._now() + _SOON
        until = self._now() + _TURN
        try:
            for environment in Environment:
                await self._remove_recordings(Scope(workspace_id, environment))
        except RecordingRefused as refused:
            _log.warning("recordings_not_removed", reason=refused.failure.value)
            return self._now() + _REFUSED
        while await self._store.purge(workspace_id, self._batch):
            if self._now() >= until:
                return self._now()
        try:
            await self._store.drop(workspace_id)
        except EntryRefused:
            return self._now() + _SOON
        _log.info("workspace_purged", id=str(workspace_id))
        return None

    async def _remove_recordings(self, scope: Scope) -> None:
        """Remove the files of a log's calls, whose rows are still there to name them."""
        after = None
        while calls := await self._store.calls(scope, after, most=self._batch):
            await self._remove(calls)
            after = calls[-1]
