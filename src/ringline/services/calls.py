"""Run calls: one task per call, its only writer.

The task takes the call's signals one by one, asks the pure `step` what follows, carries
out its orders at once and hands its entry to the journal. Nobody else touches the call,
so there are no locks; whoever wants something of it puts a signal into its inbox.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

from ringline.domain import bridge, call, leg, limits, voice
from ringline.domain.call import Call, CallSignal, EndOrdered, Moment, Step
from ringline.domain.config_members import SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.log import Scope
from ringline.domain.records import CallRow, ParticipantRole
from ringline.domain.turns import line_of
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import (
    AbandonedCall,
    Clock,
    Leg,
    NewId,
    OpenVoice,
    Voice,
    VoiceUnavailable,
)
from ringline.services.backlog import Outcome, Refused, StorageLost, Written
from ringline.services.bridge import Bridge
from ringline.services.journal import Journal
from ringline.services.orders import Ordered, Orders, Verdict

_log = structlog.get_logger(__name__)

_CLOSE_S = 5.0  # to close a voice, or to end a task that was cancelled

#: Most signals that wait for a call's task; a call that overruns it ends.
INBOX_SIZE = limits.INBOX_SIGNALS.most
#: Most bytes of text in them.
INBOX_BYTES = limits.INBOX_BYTES.most


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The limits of a call, in seconds and milliseconds (realtime voice, 6.3)."""

    voice_s: float = 15.0
    answer_s: float = 10.0
    idle_s: float = 300.0
    duration_s: float = 3600.0
    playout_lead_ms: float = 400.0


@dataclass(frozen=True, slots=True)
class NewCall:
    """What begins a call: its row, how its voice is opened, what it says first, its limits."""

    scope: Scope
    row: CallRow
    config: SessionConfig
    greeting: str
    limits: CallLimits


class LiveCall:
    """A call that is running here."""

    def __init__(
        self,
        new: NewCall,
        line: Leg,
        open_voice: OpenVoice,
        journal: Journal,
        moment: Callable[[], Moment],
    ) -> None:
        self.new = new
        self.line = line
        self._open_voice = open_voice
        self._journal = journal
        self._moment = moment
        self._limits = new.limits
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[CallSignal | Ordered] = asyncio.Queue()
        self._inbox_bytes = 0
        self._overrun = False
        self._orders = Orders()
        self._bridge = Bridge(self.signal, new.limits.playout_lead_ms)
        self._bridge.attach_leg(line)
        self._call = Call(new.scope, new.row, new.greeting)
        self._voice: Voice | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def listener(self) -> Bridge:
        """Return who the leg reports to."""
        return self._bridge

    @property
    def written(self) -> asyncio.Future[Outcome]:
        """Return what becomes of the newest durable entry, once that is known."""
        return self._orders.written

    def signal(self, signal: CallSignal) -> None:
        """Put a signal into the inbox; a full one ends the call."""
        weight = _text_bytes(signal)
        if self._overrun:
            return
        if self._inbox.qsize() < INBOX_SIZE and self._inbox_bytes + weight <= INBOX_BYTES:
            self._inbox_bytes += weight
            self._inbox.put_nowait(signal)
        else:
            self._overrun = True
            self._inbox.put_nowait(EndOrdered(EndCause.INTERNAL_ERROR))

    def end(self, cause: EndCause, message: str = "") -> None:
        """End the call, once what stands before this in its inbox is done."""
        self.signal(EndOrdered(cause, message))

    async def order(self, signal: CallSignal) -> bool:
        """Order something; tell whether the call was active when it took the order.

        Returns when what came of it is committed; raises Unavailable, EntryRefused (`Orders`).
        """
        self._check_room()
        return await self._orders.give(signal, self._inbox.put_nowait)

    async def barge(self, member: str, role: ParticipantRole) -> bool:
        """Order as `order` does that an operator takes over; playing stops at once."""
        self._check_room()  # what is halted must be followed by its order
        taken_over = TakenOver(member, role, self._bridge.halt())
        return await self._orders.give(taken_over, self._inbox.put_nowait)

    def _check_room(self) -> None:
        """Raise Unavailable rather than let orders crowd out the call's own signals."""
        self._orders.check_room()
        if self._inbox.qsize() >= INBOX_SIZE:
            raise Unavailable(UnavailableReason.TOO_MANY_ORDERS)

    async def run(self) -> None:
        """Live: from the first entry to the last one. Never raises."""
        self._after(self._limits.duration_s, EndCause.MAX_DURATION)
        self._after(self._limits.idle_s, EndCause.IDLE_TIMEOUT)
        opening = asyncio.create_task(self._open())
        row, scope = self.new.row, self.new.scope
        told = _log.bind(
            call_id=str(row.id),
            workspace_id=str(scope.workspace_id),
            environment=scope.environment.value,
        )
        told.info("call_begun", source=row.source)
        try:
            self._carry_out(
                call.begin(self.new.scope, self.new.row, self.new.greeting, self._moment())
            )
            while not self._call.ended:
                self._take(await self._inbox.get())
        except Exception as error:  # a defect ends this call alone, and visibly
            self._log_defect(error)
            self._end_broken()
        finally:
            self._orders.close()
            self._log_end(told)
            await self._close(opening)

    async def _open(self) -> None:
        opening = voice.VoiceOpening(self.new.config)
        try:
            async with asyncio.timeout(self._limits.voice_s):
                self._voice = await self._open_voice(opening, self._bridge)
        except VoiceUnavailable as error:
            self.end(EndCause.VOICE_UNAVAILABLE, error.message)
            return
        except TimeoutError:
            self.end(EndCause.VOICE_UNAVAILABLE)
            return
        except Exception as error:
            self._log_defect(error)
            self.end(EndCause.VOICE_UNAVAILABLE)
            return
        self._bridge.attach_voice(self._voice)
        self.signal(call.VoiceOpened(self._voice.capabilities))

    def _take(self, signal: CallSignal | Ordered) -> None:
        if not isinstance(signal, Ordered):
            self._inbox_bytes -= _text_bytes(signal)
        match signal:
            case Ordered():
                active = self._call.active
                self._carry_out(call.step(self._call, signal.signal, self._moment()))
                self._orders.answer(signal, active=active)
            case EndOrdered(EndCause.IDLE_TIMEOUT) if not self._is_idle():
                pass
            case _:
                self._carry_out(call.step(self._call, signal, self._moment()))

    def _carry_out(self, step: Step) -> None:
        """Hand the entry to the journal and the orders to whom they are for."""
        self._call = step.call
        if step.entry is not None:
            told = self._answer_told if step.answers else self._entry_told
            if step.entry.durable:
                told = self._orders.follow(told)
            self._journal.submit(step.entry, told, last=step.last)
            if step.answers:
                self._answer_timer = self._after(self._limits.answer_s, EndCause.ANSWER_NOT_WRITTEN)
        for order in step.orders:
            match order:
                case bridge.OpenLine() | bridge.Admit() | bridge.Drop():
                    self._bridge.tell(order)
                case (
                    voice.UpdateConfig()
                    | voice.EndTurn()
                    | voice.ClearInput()
                    | voice.AddText()
                    | voice.Respond()
                    | voice.Cancel()
                    | voice.ToolResult()
                ):
                    if self._voice is not None:
                        self._voice.tell(order)
                case _:
                    self.line.tell(order)

    def _end_broken(self) -> None:
        """Write the end of a call in which something went wrong, whatever it was."""
        try:
            if not self._call.ended:
                broken = EndOrdered(EndCause.INTERNAL_ERROR)
                self._carry_out(call.step(self._call, broken, self._moment()))
        except Exception as error:
            self._log_defect(error)

    def _log_end(self, told: structlog.typing.FilteringBoundLogger) -> None:
        row = self._call.row
        lasted = row.ended_at - row.started_at if row.ended_at else None
        told.info(
            "call_ended",
            status=row.status.value,
            hangup_cause=row.hangup_cause.value if row.hangup_cause else None,
            answered=row.answered_at is not None,
            seconds=None if lasted is None else round(lasted.total_seconds(), 3),
        )

    def _log_defect(self, error: Exception) -> None:
        _log.error("call_failed", call_id=str(self.new.row.id), error=type(error).__name__)

    def _answer_told(self, outcome: Outcome) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
        if isinstance(outcome, Written):
            self.signal(call.AnswerWritten())
        else:
            self._entry_told(outcome)

    def _entry_told(self, outcome: Outcome) -> None:
        match outcome:
            case Written():
                pass
            case Refused():
                self.end(EndCause.INTERNAL_ERROR)
            case StorageLost():
                self.end(EndCause.STORAGE_LOST)

    def _after(self, delay_s: float, cause: EndCause) -> asyncio.TimerHandle:
        timer = self._loop.call_later(delay_s, self.end, cause)
        self._timers.append(timer)
        return timer

    def _is_idle(self) -> bool:
        """Tell whether nothing came for the whole idle time; else look again later."""
        quiet_s = self._loop.time() - self._bridge.last_heard
        if quiet_s >= self._limits.idle_s:
            return True
        self._after(self._limits.idle_s - quiet_s, EndCause.IDLE_TIMEOUT)
        return False

    async def _close(self, opening: asyncio.Task[None]) -> None:
        opening.cancel()
        for timer in self._timers:
            timer.cancel()
        self._bridge.close()
        await asyncio.gather(opening, return_exceptions=True)
        if self._voice is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._voice.close()
        except Exception as error:  # the call has ended already
            self._log_defect(error)


class Calls:
    """The calls that run in this process."""

    def __init__(
        self,
        journal: Journal,
        open_voice: OpenVoice,
        now: Clock,
        new_id: NewId,
    ) -> None:
        self._journal = journal
        self._open_voice = open_voice
        self._now = now
        self._new_id = new_id
        self._live: dict[UUID, tuple[LiveCall, asyncio.Task[None]]] = {}
        self._ended: dict[UUID, LiveCall] = {}  # whose end is not written yet
        self._closing = False

    @property
    def accepting(self) -> bool:
        """Tell whether a new call may begin and can be recorded now."""
        return self._journal.accepting and not self._closing

    def check_accepting(self) -> None:
        """Raise Unavailable unless `accepting`."""
        if not self.accepting:
            raise Unavailable(UnavailableReason.NOT_ACCEPTING)

    def count(self, scope: Scope) -> int:
        """Return how many calls of a workspace's environment run here."""
        return sum(1 for live, _ in self._live.values() if live.new.scope == scope)

    def start(self, new: NewCall, line: Leg) -> LiveCall:
        """Begin a call; its leg reports to the `listener` of what is returned."""
        live = LiveCall(new, line, self._open_voice, self._journal, self._moment)
        task = asyncio.create_task(live.run())
        self._live[new.row.id] = (live, task)
        task.add_done_callback(lambda _: self._let_go(live))
        return live

    async def end(self, scope: Scope, call_id: UUID) -> bool:
        """End a call by order of the API; False if no such call of this log runs here.

        Returns when the end is committed, also where the call had ended already; raises
        Unavailable if that is not known within 10 s, EntryRefused if it cannot be written.
        """
        live = self._find(scope, call_id)
        if live is None:
            return False
        await live.order(EndOrdered(EndCause.ENDED_BY_API))
        return True

    async def barge(
        self,
        scope: Scope,
        call_id: UUID,
        member: str,
        role: ParticipantRole = ParticipantRole.OPERATOR,
    ) -> Verdict:
        """Let an operator take a call over: he joins, and its agent is paused.

        Returns when that is committed, also where he had done so before; raises as `end`.
        """
        live = self._find(scope, call_id)
        if live is None:
            return Verdict.NOT_HERE
        return _verdict(await live.barge(member, role))

    async def resume(self, scope: Scope, call_id: UUID) -> Verdict:
        """Hand a call back to its agent: the operators leave, and it may speak again.

        Returns when that is committed, also where nobody had taken over; raises as `end`.
        """
        live = self._find(scope, call_id)
        if live is None:
            return Verdict.NOT_HERE
        return _verdict(await live.order(HandedBack()))

    def sweep(self, abandoned: list[AbandonedCall]) -> None:
        """End the records of calls whose process is dead."""
        for lost in abandoned:
            lines = tuple(line_of(turn) for turn in lost.turns)
            moment = self._moment()
            step = call.end_abandoned(
                lost.scope, lost.call, lost.participants, lines, lost.lost_at, moment
            )
            if step.entry is not None:
                self._journal.submit(step.entry, _sweep_told, last=True)

    async def shutdown(self, grace_s: float = 5.0) -> None:
        """End every call and wait for their tasks; no new one may begin.

        Their last entries are with the journal then, written or not: where the database is
        away, it is the journal that waits, and the next start that ends their records.
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
                await asyncio.wait(pending, timeout=_CLOSE_S)

    def _find(self, scope: Scope, call_id: UUID) -> LiveCall | None:
        """Find a call until its end is written; a foreign one looks like none."""
        live, _ = self._live.get(call_id, (self._ended.get(call_id), None))
        return live if live is not None and live.new.scope == scope else None

    def _let_go(self, live: LiveCall) -> None:
        call_id = live.new.row.id
        self._live.pop(call_id, None)
        if not live.written.done():
            self._ended[call_id] = live
            live.written.add_done_callback(lambda _: self._ended.pop(call_id))

    def _moment(self) -> Moment:
        return Moment(self._now(), self._new_id)


def _text_bytes(signal: CallSignal) -> int:
    """Return the bytes of text, of any length, in a signal; nothing else in one is long."""
    match signal:
        case leg.Typed(text) | voice.Heard(text=text) | bridge.Spoken(delta=text):
            return 4 * len(text)  # the most that a character takes
        case _:
            return 0


def _sweep_told(outcome: Outcome) -> None:
    if not isinstance(outcome, Written):
        _log.error("sweep_not_written", outcome=type(outcome).__name__)


def _verdict(active: bool) -> Verdict:
    return Verdict.DONE if active else Verdict.NOT_ACTIVE
