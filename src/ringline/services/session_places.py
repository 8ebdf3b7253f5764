"""The places of live voice sessions and placed calls: in the process, in a workspace, of a subject.

Whoever opens a session takes its places before its ticket is redeemed, so a refusal burns
nothing, and gives them back when its socket is done, however that ends. The limit of the
process keeps it below the number of sessions at which their audio is late
(`docs/benchmarks.md`): those that are refused can go elsewhere, or come again.

A placed call has a place of its workspace while it runs. How many calls the workspace may have
at once follows from its tier; sessions count as calls, in both environments (live streams, 1.6).
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import structlog

from ringline.domain import limits, v1_limits
from ringline.domain.leash import UNLEASHED, Leash
from ringline.domain.log import Environment, Scope
from ringline.domain.log_pace import LogPace
from ringline.domain.unavailable import Unavailable, UnavailableReason

_log = structlog.get_logger(__name__)


class TooManySessions(Exception):
    """A limit of live sessions is reached: the environment's, or a ticket's for its subject."""


class TooManyCalls(Exception):
    """The workspace has as many calls as its tier allows."""


class ProcessFull(Unavailable):
    """This process has as many live sessions, or placed calls, as it may."""

    def __init__(self) -> None:
        super().__init__(UnavailableReason.PROCESS_FULL)


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How many sessions a workspace's environments, and this process, may have at once.

    0 means no limit.
    """

    live: int = limits.SESSIONS_IN_LIVE.most
    test: int = limits.SESSIONS_IN_TEST.most
    process: int = limits.SESSIONS_PER_PROCESS.most
    placed: int = v1_limits.SANDBOX_CALLS.most

    @classmethod
    def chosen(cls, process: int, workspace: int | None) -> "SessionLimits":
        """Return what settings say; a workspace's is that of each environment."""
        if workspace is None:
            return cls(process=process)
        return cls(live=workspace, test=workspace, process=process)

    def of(self, environment: Environment) -> int:
        """Return the limit of an environment."""
        return self.live if environment is Environment.LIVE else self.test


class SessionPlaces:
    """Counts this process's sessions and placed calls, and refuses those over a limit."""

    def __init__(self, most: SessionLimits, *, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._live = self._placed = 0
        self._of_workspace: dict[UUID, int] = {}
        self._of_scope: dict[Scope, int] = {}
        self._of_subject: dict[tuple[Scope, str], int] = {}
        self._refused = LogPace()

    @property
    def live(self) -> int:
        """Return how many sessions are live."""
        return self._live

    def check_room(self) -> None:
        """Refuse cheaply, before anything is known of a request. Raises ProcessFull."""
        if not self._most.process or self._live < self._most.process:
            return
        refused = self._refused.count(self._clock())
        if refused:
            _log.warning("sessions_refused", refused=refused, live=self._live)
        raise ProcessFull

    @contextmanager
    def taken(self, scope: Scope, leash: Leash = UNLEASHED) -> Generator[None]:
        """Hold a session's places while a block runs.

        Raises ProcessFull, TooManySessions.
        """
        self.check_room()
        most = self._most.of(scope.environment)
        if most and self._of_scope.get(scope, 0) >= most:
            raise TooManySessions
        subject = None if leash.subject is None else (scope, leash.subject)
        if (
            subject is not None
            and leash.concurrency is not None
            and self._of_subject.get(subject, 0) >= leash.concurrency
        ):
            raise TooManySessions
        self._count(scope, subject, change=1)
        try:
            yield
        finally:
            self._count(scope, subject, change=-1)

    @contextmanager
    def placed(self, workspace_id: UUID, most: int) -> Generator[None]:
        """Hold a placed call's place while a block runs; `most` is what the tier allows.

        Raises ProcessFull, TooManyCalls.
        """
        if self._placed >= self._most.placed:
            raise ProcessFull
        if self._of_workspace.get(workspace_id, 0) >= most:
            raise TooManyCalls
        self._placed += 1
        _add(self._of_workspace, workspace_id, change=1)
        try:
            yield
        finally:
            self._placed -= 1
            _add(self._of_workspace, workspace_id, change=-1)

    def _count(self, scope: Scope, subject: tuple[Scope, str] | None, *, change: int) -> None:
        self._live += change
        _add(self._of_scope, scope, change=change)
        _add(self._of_workspace, scope.workspace_id, change=change)
        if subject is not None:
            _add(self._of_subject, subject, change=change)


_Counted = TypeVar("_Counted")


def _add(counts: dict[_Counted, int], who: _Counted, *, change: int) -> None:
    """Change a count; forget it at zero."""
    count = counts.get(who, 0) + change
    if count:
        counts[who] = count
    else:
        del counts[who]
