"""The calls that run in this process, and the only way to send them orders."""

import asyncio
from collections.abc import Callable, Set
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

import structlog

from ringline.domain import call
from ringline.domain.audit import AuditEntry
from ringline.domain.call import Moment
from ringline.domain.call_signals import ControlOrder, EndOrdered, Verdict
from ringline.domain.endings import EndCause
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.log import Scope
from ringline.domain.records import AbandonedCall
from ringline.domain.turns import line_of
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import Clock, Leg, NewId, NewResampler, OpenVoice, RunTool
from ringline.services.backlog import Outcome, Written
from ringline.services.journal import Journal
from ringline.services.live_call import CLOSE_S, LiveCall, NewCall
from ringline.services.pricing import Pricing
from ringline.services.recordings import Recordings

_log = structlog.get_logger(__name__)

#: The orders that a running call accepts from outside.
CallOrder: TypeAlias = EndOrdered | TakenOver | HandedBack | ControlOrder


class Calls:
    """The calls that run in this process."""

    def __init__(
        self,
        journal: Journal,
        open_voice: OpenVoice,
        *,
        run_tool: RunTool,
        pricing: Pricing,
        new_resampler: NewResampler,
        now: Clock,
        new_id: NewId,
        recordings: Recordings | None = None,
    ) -> None:
        self._journal = journal
        self._open_voice = open_voice
        self._run_tool = run_tool
        self._pricing = pricing
        self._new_resampler = new_resampler
        self._recordings = recordings
        self._now = now
        self._new_id = new_id
        self._live: dict[UUID, tuple[LiveCall, asyncio.Task[None]]] = {}
        self._ended: dict[UUID, LiveCall] = {}  # their last entry is not written yet
        self._closing = False

    @property
    def accepting(self) -> bool:
        """Return whether a new call may begin and can be recorded now."""
        return self._journal.accepting and not self._closing

    def check_accepting(self) -> None:
        """Raise Unavailable unless `accepting`."""
        if not self.accepting:
            raise Unavailable(UnavailableReason.NOT_ACCEPTING)

    def count(self, scope: Scope) -> int:
        """Return the number of calls of a workspace's environment that run here."""
        return sum(1 for live, _ in self._live.values() if live.new.scope == scope)

    def start(self, new: NewCall, leg: Leg) -> LiveCall:
        """Start a call; its leg must report to the returned call's `listener`."""
        live = LiveCall(
            new,
            leg,
            open_voice=self._open_voice,
            run_tool=self._run_tool,
            new_resampler=self._new_resampler,
            journal=self._journal,
            pricing=self._pricing,
            moment=self._moments_of(new),
            recordings=self._recordings,
        )
        task = asyncio.create_task(live.run())
        self._live[new.row.id] = (live, task)
        task.add_done_callback(lambda _: self._remove(live))
        return live

    async def order(
        self, scope: Scope, call_id: UUID, *, order: CallOrder, deed: AuditEntry | None = None
    ) -> Verdict:
        """Send an order to a call. It is a value, so that another process may handle it later.

        Returns once the result is committed, even if the order changed nothing; if it did, the
        audited `deed` is committed with it. Raises Unavailable if that is not confirmed within
        10 s, EntryRefused if it cannot be written.
        """
        live = self._find(scope, call_id)
        if live is None:
            return Verdict.NOT_HERE
        return await live.order(order, deed)

    def end_all(self, workspace_id: UUID, cause: EndCause) -> None:
        """End every call of a workspace that runs here."""
        for live, _ in list(self._live.values()):
            if live.new.scope.workspace_id == workspace_id:
                live.end(cause)

    def sweep(self, abandoned: list[AbandonedCall], recorded: Set[UUID]) -> None:
        """End the records of calls whose process is dead; of some there is a recording."""
        for orphan in abandoned:
            lines = tuple(line_of(turn) for turn in orphan.turns)
            moment = self._moment()
            step = call.end_abandoned(
                orphan.scope,
                orphan.call,
                participants=orphan.participants,
                lines=lines,
                lost_at=orphan.lost_at,
                recorded=orphan.call.id in recorded,
                moment=moment,
            )
            if step.entry is not None:
                self._journal.submit(step.entry, _on_sweep_outcome, last=True)

    async def shutdown(self, grace_s: float = 5.0) -> None:
        """End every call and wait for their tasks; accept no new ones.

        Afterwards the journal holds their last entries, written or not. If the database is
        down, the journal waits for it, and failing that the next start ends the records.
        """
        self._closing = True
        tasks = [task for _, task in self._live.values()]
        for live, _ in list(self._live.values()):
            live.end(EndCause.SERVER_SHUTDOWN)
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=grace_s)
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending, timeout=CLOSE_S)

    def _find(self, scope: Scope, call_id: UUID) -> LiveCall | None:
        """Find a call of a log; it can be found until its last entry is written."""
        live, _ = self._live.get(call_id, (self._ended.get(call_id), None))
        return live if live is not None and live.new.scope == scope else None

    def _remove(self, live: LiveCall) -> None:
        call_id = live.new.row.id
        self._live.pop(call_id, None)
        if not live.written.done():
            self._ended[call_id] = live
            live.written.add_done_callback(lambda _: self._ended.pop(call_id))

    def _moments_of(self, new: NewCall) -> Callable[[], Moment]:
        """Return a call's clock, which counts on from its start if the wall clock jumps.

        So a call's times never go back, and it lasted as long as the caller's own watch says.
        """
        loop = asyncio.get_running_loop()
        began, started_at = loop.time(), new.row.started_at

        def moment() -> Moment:
            return Moment(started_at + timedelta(seconds=loop.time() - began), self._new_id)

        return moment

    def _moment(self) -> Moment:
        return Moment(self._now(), self._new_id)


def _on_sweep_outcome(outcome: Outcome) -> None:
    if not isinstance(outcome, Written):
        _log.error("sweep_not_written", outcome=type(outcome).__name__)
