"""Loans of a pool's connections, and their cancellation when they last too long.

While others wait for a connection, a workspace's request that has held one for two seconds
has its statements cancelled. The bound is on the loan, not on a single statement, so that
many short statements cannot evade it and nothing has to be recorded per statement. The
database is asked to cancel, again and again, until the connection comes back. A connection
that was cancelled is not lent again, so that a late cancel never hits the next borrower.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic

import structlog

from ringline.domain import limits
from ringline.storage.pool import EXPENSIVE_S, Borrower, C, Lane, Pool

_log = structlog.get_logger(__name__)

#: A request that runs for this long counts as expensive before it ends. Twice the bound,
#: because a request that ends right at the bound is not expensive.
_CLEARLY_EXPENSIVE_S = 2 * EXPENSIVE_S


@dataclass(frozen=True, slots=True)
class LoanLimits:
    """How long a connection may be lent, and how often loans are checked."""

    #: A connection lent for longer is terminated; its statements time out long before.
    longest_s: float = 60.0
    #: A request that keeps others waiting is cancelled after holding a connection this long.
    waited_for_s: float = limits.STATEMENT_CONTENDED_S.most
    #: How often loans are checked: while nothing waits for a connection, and while something does.
    look_s: float = 5.0
    look_waited_for_s: float = 0.25


class _Loan(Generic[C]):
    __slots__ = ("is_cancelled", "lane", "since")

    def __init__(self, lane: Lane[C], since: float) -> None:
        self.lane = lane
        self.since = since  # by the loop's clock
        self.is_cancelled = False


class Loans(Generic[C]):
    """Borrows connections from a pool, and cancels loans that last too long.

    `cancel` cancels the statements that are running on connections.
    """

    def __init__(
        self,
        pool: Pool[C],
        cancel: Callable[[Sequence[C]], Awaitable[None]],
        *,
        loan_limits: LoanLimits | None = None,
    ) -> None:
        self._pool = pool
        self._now = asyncio.get_running_loop().time
        self._cancel = cancel
        self._limits = loan_limits or LoanLimits()
        self._lent: dict[C, _Loan[C]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = 0.0  # when the timer fires
        self._cancelling: asyncio.Future[None] | None = None

    async def borrow(self, borrower: Borrower) -> C:
        """Borrow a connection. Raises what `Pool.acquire` raises."""
        pool = self._pool
        lane = pool.lane(borrower)
        if lane.lent:
            self._detect_expensive(lane)
        connection = pool.take(lane)
        if connection is None:
            self._look_within(self._limits.look_waited_for_s)
            connection = await pool.acquire(lane)
        self._lent[connection] = _Loan(lane, self._now())
        if self._timer is None:
            self._look_within(self._limits.look_s)
        return connection

    def give_back(self, connection: C, *, clean: bool) -> None:
        """Give a connection back; one that is not clean is closed."""
        loan = self._lent.pop(connection)
        self._pool.charge(loan.lane, self._now() - loan.since)
        if loan.lane.lent > 1:
            self._detect_expensive(loan.lane)
        if not clean or loan.is_cancelled:
            connection.terminate()
        self._pool.release(connection, loan.lane)

    def break_off(self) -> None:
        """Terminate all lent connections."""
        for connection in tuple(self._lent):
            connection.terminate()

    async def close(self) -> None:
        """Terminate all lent connections and stop checking."""
        self.break_off()
        if self._timer is not None:
            self._timer.cancel()
        if self._cancelling is not None:
            self._cancelling.cancel()
            await asyncio.gather(self._cancelling, return_exceptions=True)

    def _detect_expensive(self, lane: Lane[C]) -> None:
        """Throttle a workspace while its expensive request runs, not only afterwards."""
        if not lane.is_workspace:
            return
        before = self._now() - _CLEARLY_EXPENSIVE_S
        for loan in self._lent.values():  # the oldest first
            if loan.since >= before:
                return
            if loan.lane is lane:
                self._pool.throttle(lane)
                return

    def _look_within(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time() + delay_s
        if self._timer is None or at < self._looks_at:
            if self._timer is not None:
                self._timer.cancel()
            self._looks_at = at
            self._timer = loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._now()
        for connection, loan in tuple(self._lent.items()):
            if loan.since < now - self._limits.longest_s:
                connection.terminate()
        has_waiters = self._pool.has_waiters
        if has_waiters:
            self._cancel_overdue(now - self._limits.waited_for_s)
        if self._lent or has_waiters:
            bounds = self._limits
            self._look_within(bounds.look_waited_for_s if has_waiters else bounds.look_s)

    def _cancel_overdue(self, before: float) -> None:
        """Cancel workspaces' requests that began before a time and keep others waiting."""
        if self._cancelling is not None and not self._cancelling.done():
            return
        overdue = {
            connection: loan
            for connection, loan in self._lent.items()
            if loan.since <= before
            and loan.lane.is_workspace
            and not connection.is_closed()
            and self._pool.keeps_others_waiting(loan.lane)
        }
        if not overdue:
            return
        for loan in overdue.values():
            loan.is_cancelled = True
        self._cancelling = asyncio.ensure_future(self._cancel(tuple(overdue)))
        self._cancelling.add_done_callback(_log_failure)


def _log_failure(cancelling: asyncio.Future[None]) -> None:
    if not cancelling.cancelled() and (error := cancelling.exception()) is not None:
        _log.warning("statements_not_cancelled", error=type(error).__name__)  # retried later
