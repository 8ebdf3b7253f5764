"""Recordings for their workspace: which may be fetched, and the open file (live streams, 6.3.6)."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeAlias
from uuid import UUID

import sqlalchemy as sa
import structlog

from ringline.domain import v1_limits
from ringline.domain.log import Scope
from ringline.domain.recording import is_kept
from ringline.ports import Clock, Row
from ringline.schema.call_tables import calls
from ringline.schema.sql import Prepared
from ringline.schema.tables import workspaces
from ringline.services.recordings import Recordings
from ringline.services.repo import Repo

_log = structlog.get_logger(__name__)


class NoRecording(Exception):
    """There is no such call here, or no recording of it that may be fetched."""


class RecordingUnreadable(Exception):
    """The recording is there, but its file cannot be opened."""


class OpenRecording(Protocol):
    """A port: a recording that is open for reading."""

    @property
    def file_size(self) -> int:
        """Return the size of the whole file in bytes."""
        ...

    @property
    def complete(self) -> bool:
        """Return whether its call is over."""
        ...

    def read(self, at: int, most: int) -> bytes:
        """Read a piece of the file, from a thread; it may be shorter. Raises OSError."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


#: Opens a call's recording, from a thread; None if there is none. Raises OSError.
FindRecording: TypeAlias = Callable[[UUID], OpenRecording | None]

_FIND = Prepared(
    sa.select(
        calls.c.ended_at,
        calls.c.recording_ms,
        sa.select(workspaces.c.retention_days).scalar_subquery().label("retention_days"),
    ).where(calls.c.id == sa.bindparam("wanted", type_=sa.Uuid))
)


class RecordingDownloads:
    """The recordings of the workspace and environment that a method names."""

    def __init__(
        self,
        repo: Repo,
        find: FindRecording,
        *,
        recordings: Recordings,
        now: Clock,
        wait_s: float = v1_limits.RECORDING_WAIT_S.most,
    ) -> None:
        self._repo = repo
        self._find = find
        self._recordings = recordings
        self._now = now
        self._wait_s = wait_s

    def with_repo(self, repo: Repo) -> "RecordingDownloads":
        """Return the service over another repo, such as a caller's."""
        return RecordingDownloads(
            repo, self._find, recordings=self._recordings, now=self._now, wait_s=self._wait_s
        )

    async def open(self, scope: Scope, call_id: UUID) -> OpenRecording:
        """Open a call's recording, which the caller closes.

        Of a call that has just ended, the file is complete in a moment, for which it waits.
        Raises NoRecording, RecordingUnreadable, Unavailable.
        """
        finished = self._recordings.finished(call_id)  # before its row says so
        row = await self._find_row(scope, call_id)
        if row["ended_at"] is None:
            raise NoRecording
        if row["recording_ms"] is None and finished is not None:
            await asyncio.wait([finished], timeout=self._wait_s)
            row = await self._find_row(scope, call_id)
        if row["recording_ms"] is None:
            raise NoRecording
        if not is_kept(row["ended_at"], self._now(), retention_days=row["retention_days"]):
            raise NoRecording
        recording = await self._open(call_id)
        if recording is None:
            raise NoRecording
        if not recording.complete:
            recording.close()
            raise NoRecording
        return recording

    async def _find_row(self, scope: Scope, call_id: UUID) -> Row:
        async with self._repo.read(scope) as rows:
            found = await rows.fetch(_FIND.text, _FIND.arguments(wanted=call_id))
        if not found:
            raise NoRecording
        return found[0]

    async def _open(self, call_id: UUID) -> OpenRecording | None:
        """Open the file in a thread, and leave none open if nobody waits for it any more."""
        opening = asyncio.ensure_future(asyncio.to_thread(self._find, call_id))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close)
            raise
        except OSError as error:
            _log.error("recording_not_opened", call_id=str(call_id), error=type(error).__name__)
            raise RecordingUnreadable from None


def _close(opening: "asyncio.Future[OpenRecording | None]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        recording = opening.result()
        if recording is not None:
            recording.close()
