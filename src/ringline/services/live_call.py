"""A live call: one task, which is the call's only writer.

The task takes signals from the call's inbox one at a time, asks the pure `step` what
follows, carries out the resulting orders at once and submits the entry to the journal.
Nothing else changes the call, so there are no locks; everything reaches it as a signal in
its inbox.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf
from typing import Self

import structlog

from ringline.domain import bridge, call, call_signals, leg, limits, voice
from ringline.domain.addresses import FromLeg, ToBridge, ToLeg, ToVoice, ToWebhook
from ringline.domain.agent_tools import ToolRunner
from ringline.domain.allowance import LimitNear, Measure
from ringline.domain.audit import AuditEntry
from ringline.domain.builtin_tools import NO_BUILTINS, Builtins
from ringline.domain.call import Call, Moment, Step
from ringline.domain.call_facts import CallFacts
from ringline.domain.call_signals import CallSignal, EndOrdered, Verdict
from ringline.domain.call_vocabulary import CallStatus, ParticipantRole
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.handover import TakenOver
from ringline.domain.leash import UNLIMITED, Budget, Leash
from ringline.domain.log import Scope
from ringline.domain.parties import Parties
from ringline.domain.records import CallRow
from ringline.domain.routes import LegId, PartyId, Seat, VoiceId
from ringline.domain.silences import Silences
from ringline.domain.turns import history_of
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import (
    Leg,
    LegListener,
    NewResampler,
    OpenVoice,
    RunTool,
    Voice,
    VoiceListener,
    VoiceUnavailable,
)
from ringline.services.backlog import Outcome, Refused, StorageLost, Written
from ringline.services.bridge import Bridge
from ringline.services.journal import Journal
from ringline.services.limit_watch import LimitWatch
from ringline.services.orders import ORDER_S, Ordered, Orders
from ringline.services.pricing import Pricing
from ringline.services.recordings import Recorder, Recordings
from ringline.services.silence_watch import SilenceWatch
from ringline.services.tool_runs import ToolRuns
from ringline.services.usage import UsageAccount

_log = structlog.get_logger(__name__)

#: How long closing a voice may take, or ending a task that was cancelled.
CLOSE_S = 5.0

#: How long the end of a session may wait for the last of what was used.
LAST_USAGE_S = limits.LAST_USAGE_S.most

#: So much of anything is never used up.
_NEVER = 1e15

#: Most signals in a call's inbox; a call whose inbox overflows ends.
INBOX_SIZE = limits.INBOX_SIGNALS.most
#: Most bytes of text in those signals.
INBOX_BYTES = limits.INBOX_BYTES.most


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The limits of a call, in seconds and milliseconds (realtime voice, 6.3)."""

    voice_s: float = 15.0
    answer_s: float = 10.0
    idle_s: float = 300.0
    duration_s: float = 3600.0
    playout_lead_ms: float = 400.0
    budget: Budget = UNLIMITED

    def narrowed(self, leash: Leash) -> Self:
        """Return the limits of a call on a leash: of two limits the lower one."""
        return replace(
            self,
            idle_s=min(self.idle_s, leash.idle_timeout_seconds or inf),
            duration_s=min(self.duration_s, leash.max_duration_seconds or inf),
            budget=leash.budget or self.budget,
        )

    @property
    def measured(self) -> Mapping[Measure, float]:
        """Return the limits that are watched from the answer on."""
        budget = self.budget
        limits = {
            Measure.DURATION_S: self.duration_s,
            Measure.IDLE_S: self.idle_s,
            Measure.TOKENS: budget.tokens,
            Measure.AUDIO_S: budget.audio_seconds,
            Measure.USD: budget.usd,
        }
        # An integer of JSON may be larger than a float can be.
        return {name: float(min(most, _NEVER)) for name, most in limits.items() if most is not None}


@dataclass(frozen=True, slots=True)
class NewCall:
    """What a call starts with: its row, the voice's config, the greeting and the limits.

    `allowed_tools` are the only ones that the voice may call; None is any. The call is
    recorded from its answer on if it is to be `recorded`.
    """

    scope: Scope
    row: CallRow
    config: SessionConfig
    greeting: str
    limits: CallLimits
    allowed_tools: frozenset[str] | None = None
    #: The tools that the call runs itself; its voice is offered them beside those of `config`.
    builtins: Builtins = NO_BUILTINS
    #: Who runs the other ones.
    tools_run_by: ToolRunner = ToolRunner.CLIENT
    recorded: bool = False
    #: The caller is told what is used.
    tells_usage: bool = False
    #: After how much silence of the caller that is reported; None: never.
    idle_timeout_seconds: int | None = None
    #: What the caller speaks, as recognisers call it; empty if that is unknown.
    language: str = ""
    #: Opens the call's voice, if that is not its model's.
    open_voice: OpenVoice | None = None

    @property
    def facts(self) -> CallFacts:
        """Return what those who serve the call are told of it."""
        row = self.row
        return CallFacts(
            self.scope, row.id, row.direction, row.from_number, row.to_number, row.agent_id
        )


class LiveCall:
    """A call that runs in this process."""

    def __init__(
        self,
        new: NewCall,
        caller_leg: Leg,
        *,
        open_voice: OpenVoice,
        run_tool: RunTool,
        new_resampler: NewResampler,
        journal: Journal,
        pricing: Pricing,
        moment: Callable[[], Moment],
        recordings: Recordings | None = None,
    ) -> None:
        self.new = new
        #: The leg that the call came on.
        self.caller = LegId(PartyId(moment().new_id()))
        self._open_voice = new.open_voice or open_voice
        self._journal = journal
        self._moment = moment
        self._limits = new.limits
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[CallSignal | Ordered] = asyncio.Queue()
        self._inbox_bytes = 0
        self._begun: asyncio.Future[asyncio.Future[Outcome]] = self._loop.create_future()
        #: Done when the call and its voices are.
        self.over: asyncio.Future[None] = self._loop.create_future()
        self._overrun = False
        self._orders = Orders()
        self._tools = ToolRuns(new.facts, run_tool, report=self.signal)
        self._watch = LimitWatch(self, new.limits.measured)
        self._silence = SilenceWatch(
            new.idle_timeout_seconds,
            lambda seconds: self.signal(call_signals.CallerSilent(seconds)),
        )
        self._account = UsageAccount(
            new.scope,
            new.row.id,
            agent_id=new.row.agent_id,
            journal=journal,
            pricing=pricing,
            moment=moment,
            # Counted in the call's own order of things: a response ends before its budget does.
            spend=lambda tokens, usd: self.signal(call_signals.UsageCharged(tokens, usd)),
        )
        if new.tells_usage:
            self._account.tell(self._tell_usage)
        #: What the caller is told once the session has started.
        self._untold: list[leg.UsageWritten] = []
        self._caller_leg = caller_leg
        self._hang_up: leg.HangUp | None = None
        self._bridge = Bridge(
            self.signal,
            self.caller,
            caller_leg=caller_leg,
            lead_ms=new.limits.playout_lead_ms,
            new_resampler=new_resampler,
            count_audio=self._watch.audio if self._watch.counts_audio else None,
            meter=self._account.take,
        )
        self._first_voice = self._new_voice_id()
        self._listener = self._bridge.plug_voice(self._first_voice)
        self._recordings = recordings if new.recorded else None
        self._recorder: Recorder | None = None
        seat = None if self._recordings is None else PartyId(moment().new_id())
        can = {self.caller: caller_leg.controls}
        parties = Parties(((self.caller, Seat.TALK),), self._first_voice, seat, can)
        routes = parties.routes(paused=False)
        # Route before the voice opens, so that the caller's first words are held for it.
        self._bridge.send(bridge.SetRoutes(routes, self.caller))
        self._legs: dict[LegId, Leg] = {self.caller: caller_leg}
        self._voices: dict[VoiceId, Voice] = {}
        self._call = Call(
            new.scope,
            new.row,
            parties,
            routes,
            new.greeting,
            speaks=Modality.AUDIO in new.config.modalities,
            allowed_tools=new.allowed_tools,
            builtins=new.builtins,
            tools_run_by=new.tools_run_by,
            silences=Silences(new.idle_timeout_seconds),
        )
        self._closing: set[asyncio.Task[None]] = set()
        self._replacing = asyncio.Lock()
        self._answer_timer: asyncio.TimerHandle | None = None
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def listener(self) -> LegListener:
        """Return the listener that the caller's leg reports to."""
        return self._bridge.listener_of(self.caller)

    @property
    def last_heard(self) -> float:
        """Return when a leg last sent anything, by the event loop's clock."""
        return self._bridge.last_heard

    @property
    def written(self) -> asyncio.Future[Outcome]:
        """Return a future of the outcome of the newest durable entry."""
        return self._orders.written

    async def begun(self) -> None:
        """Wait until the call's first event is committed, so that everybody finds the call.

        Raises Unavailable if that is not confirmed within 10 s, or cannot be; the call ends.
        """
        outcome: Outcome | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(ORDER_S):
                outcome = await asyncio.shield(await asyncio.shield(self._begun))
        if not isinstance(outcome, Written):
            self.end(EndCause.STORAGE_LOST)
            raise Unavailable(UnavailableReason.ORDER_UNCONFIRMED)

    def signal(self, signal: CallSignal) -> None:
        """Enqueue a signal; a full inbox ends the call."""
        weight = call_signals.size_of(signal)
        if self._overrun:
            return
        if self._inbox.qsize() < INBOX_SIZE and self._inbox_bytes + weight <= INBOX_BYTES:
            self._inbox_bytes += weight
            self._inbox.put_nowait(signal)
        else:
            self._overrun = True
            self._inbox.put_nowait(EndOrdered(EndCause.INTERNAL_ERROR))

    def end(
        self, cause: EndCause, message: str = "", *, lost: voice.UpstreamLoss | None = None
    ) -> None:
        """End the call once it has handled the signals already in its inbox."""
        self.signal(EndOrdered(cause, message, lost))

    def warn(self, near: LimitNear) -> None:
        """Let the caller know that a limit is near."""
        self.signal(call_signals.LimitApproached(near))

    async def order(self, signal: CallSignal, deed: AuditEntry | None = None) -> Verdict:
        """Order something; return what became of it.

        A takeover stops playback at once. Returns after the commit, which holds the audited
        `deed` if the order changed anything; raises Unavailable and EntryRefused (`Orders`).
        """
        self._check_room()  # never halt playback for an order that is refused
        if isinstance(signal, TakenOver):
            signal = replace(signal, played=self._bridge.halt())
        return await self._orders.submit(signal, self._inbox.put_nowait, deed=deed)

    async def join(
        self, leg_: Leg, seat: Seat, *, member: str, role: ParticipantRole
    ) -> LegListener | None:
        """Let another leg join; return its listener, or None if the call is not active.

        Raises like `order`.
        """
        leg_id = LegId(PartyId(self._moment().new_id()))
        listener = self._bridge.plug_leg(leg_id, leg_)
        self._legs[leg_id] = leg_
        joined = False
        try:
            order = call_signals.LegJoined(leg_id, seat, member, role, leg_.controls)
            joined = await self.order(order) is Verdict.DONE
        finally:
            # If the request was cancelled, the order may still be handled, and the leg join.
            if not joined:
                self.signal(FromLeg(leg_id, leg.Left()))
        return listener if joined else None

    async def replace_voice(self, config: SessionConfig) -> None:
        """Open another voice with the conversation so far; the old one speaks until it is open.

        Returns once the new voice hears the caller. Raises VoiceUnavailable, TimeoutError if
        it takes too long to open, and like `order`.
        """
        async with self._replacing:
            history = history_of(self._call.talk.turns)
            voice_id = self._new_voice_id()
            listener = self._bridge.plug_voice(voice_id)
            opening = self._opening(config, history)
            opened = await self._open(voice_id, listener, opening=opening)
            await self.order(call_signals.VoiceOpened(voice_id, opened.capabilities))

    def _check_room(self) -> None:
        """Raise Unavailable if more orders would crowd out the call's own signals."""
        self._orders.check_room()
        if self._inbox.qsize() >= INBOX_SIZE:
            raise Unavailable(UnavailableReason.TOO_MANY_ORDERS)

    async def run(self) -> None:
        """Run the call from its first entry to its last. Never raises."""
        opening = asyncio.create_task(self._open_first())
        row, scope = self.new.row, self.new.scope
        log = _log.bind(
            call_id=str(row.id),
            workspace_id=str(scope.workspace_id),
            environment=scope.environment.value,
        )
        log.info("call_begun", source=row.source)
        try:
            self._carry_out(call.begin(self._call, self._now()))
            self._begun.set_result(self._orders.written)
            while not self._call.ended:
                self._handle(await self._inbox.get())
        except Exception as error:  # a defect must end only this call, and be logged
            self._log_defect(error)
            self._end_broken()
        finally:
            self._orders.close()
            self._silence.follow(None)
            self._log_end(log)
            try:
                await self._close(opening)
            finally:
                self.over.set_result(None)

    def _now(self) -> Moment:
        return replace(self._moment(), played=self._bridge.halt)

    def _new_voice_id(self) -> VoiceId:
        return VoiceId(PartyId(self._moment().new_id()))

    def _opening(
        self, config: SessionConfig, history: tuple[voice.PastItem, ...] = ()
    ) -> voice.VoiceOpening:
        """Return what a voice of this call is opened with."""
        new = self.new
        return voice.VoiceOpening(
            new.builtins.offered_with(config),
            history,
            scope=new.scope,
            call=new.facts,
            language=new.language,
        )

    async def _open(
        self, voice_id: VoiceId, listener: VoiceListener, *, opening: voice.VoiceOpening
    ) -> Voice:
        self._account.opens(voice_id, opening.config.model)
        async with asyncio.timeout(self._limits.voice_s):
            opened = await self._open_voice(opening, listener)
        if self._call.ended:
            await self._close_voice(opened)
            raise VoiceUnavailable("The call has ended.")
        self._voices[voice_id] = opened
        self._bridge.attach_voice(voice_id, opened)
        return opened

    async def _open_first(self) -> None:
        opening = self._opening(self.new.config)
        try:
            opened = await self._open(self._first_voice, self._listener, opening=opening)
            self.signal(call_signals.VoiceOpened(self._first_voice, opened.capabilities))
        except VoiceUnavailable as error:
            self.end(EndCause.VOICE_UNAVAILABLE, error.message, lost=error.lost)
        except TimeoutError:
            self.end(EndCause.VOICE_UNAVAILABLE)
        except Exception as error:
            self._log_defect(error)
            self.end(EndCause.VOICE_UNAVAILABLE)

    def _handle(self, signal: CallSignal | Ordered) -> None:
        if not isinstance(signal, Ordered):
            self._inbox_bytes -= call_signals.size_of(signal)
        match signal:
            case Ordered():
                active = self._call.active
                step = call.step(self._call, signal.signal, moment=self._now())
                if signal.deed is not None and step.entry is not None:
                    step = replace(step, entry=step.entry.noting(signal.deed))
                self._carry_out(step)
                verdict = step.verdict if active else Verdict.NOT_ACTIVE
                self._orders.acknowledge(signal, verdict)
            case _:
                self._carry_out(call.step(self._call, signal, moment=self._now()))
                if isinstance(signal, call_signals.UsageCharged):
                    self._watch.used(signal.tokens, signal.usd)

    def _tell_usage(self, used: leg.UsageWritten) -> None:
        """Tell the caller what was used, between the session's start and its end."""
        if self._call.active:
            self._caller_leg.send(used)
        else:
            self._untold.append(used)

    def _carry_out(self, step: Step) -> None:
        """Submit a step's entry to the journal and deliver its orders."""
        answered = step.call.announced and not self._call.announced
        self._call = step.call
        if step.answers:
            self._record()
        if step.entry is not None:
            on_outcome = self._on_answer_outcome if step.answers else self._on_entry_outcome
            if step.entry.durable:
                on_outcome = self._orders.track(on_outcome)
            self._journal.submit(step.entry, on_outcome, last=step.last)
            if step.answers:
                self._answer_timer = self._after(self._limits.answer_s, EndCause.ANSWER_NOT_WRITTEN)
        for order in step.orders:
            match order:
                case ToBridge(bridge_order):
                    self._bridge.send(bridge_order)
                    self._follow(bridge_order)
                case ToVoice(voice_id, voice_order):
                    if voice_id in self._voices:  # it may not be open yet
                        self._voices[voice_id].send(voice_order)
                case ToWebhook(tool_order):
                    self._tools.take(tool_order)
                case ToLeg(self.caller, leg.HangUp() as hang_up) if self.new.tells_usage:
                    self._hang_up = hang_up  # after the last of what was used
                case ToLeg(leg_id, leg_order):
                    self._legs[leg_id].send(leg_order)
        self._watch.hold(step.call.row.status is CallStatus.HELD)
        self._silence.follow(step.call.silent_since)
        if answered:
            self._watch.start()
            untold, self._untold = self._untold, []
            for used in untold:
                self._tell_usage(used)

    def _record(self) -> None:
        """Plug in the recorder, if the call is recorded."""
        seat = self._call.parties.recorder
        if self._recordings is not None and seat is not None:
            self._recorder = self._recordings.record(
                self.new.row.id,
                failed=lambda failure, kept: self.signal(
                    call_signals.RecordingFailed(failure, kept)
                ),
            )
            self._bridge.plug_tap(seat, self._recorder)

    def _follow(self, order: bridge.BridgeOrder) -> None:
        """Forget the leg or voice that the bridge has unplugged."""
        match order:
            case bridge.DetachLeg(leg_id):
                self._legs.pop(leg_id, None)
            case bridge.AttachVoice(voice_id):
                self._close_voices(but=voice_id)
            case _:
                pass

    def _end_broken(self) -> None:
        """Write the end of a call that a defect has broken."""
        try:
            if not self._call.ended:
                broken = EndOrdered(EndCause.INTERNAL_ERROR)
                self._carry_out(call.step(self._call, broken, moment=self._now()))
        except Exception as error:
            self._log_defect(error)

    def _log_end(self, log: structlog.typing.FilteringBoundLogger) -> None:
        row = self._call.row
        lasted = row.ended_at - row.started_at if row.ended_at else None
        log.info(
            "call_ended",
            status=row.status.value,
            hangup_cause=row.hangup_cause.value if row.hangup_cause else None,
            answered=row.answered_at is not None,
            seconds=None if lasted is None else round(lasted.total_seconds(), 3),
        )

    def _log_defect(self, error: Exception) -> None:
        _log.error("call_failed", call_id=str(self.new.row.id), error=type(error).__name__)

    def _on_answer_outcome(self, outcome: Outcome) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
        if isinstance(outcome, Written):
            self.signal(call_signals.AnswerWritten())
        else:
            self._on_entry_outcome(outcome)

    def _on_entry_outcome(self, outcome: Outcome) -> None:
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

    async def _close(self, opening: asyncio.Task[None]) -> None:
        opening.cancel()
        self._watch.close()
        self._silence.close()
        for timer in self._timers:
            timer.cancel()
        self._bridge.close()
        await self._tools.close()
        if self._recorder is not None:
            self._recorder.end()
            self._recorder = None  # it refers to the call
        await asyncio.gather(opening, return_exceptions=True)
        self._account.call_ended()
        self._close_voices()
        try:
            if self._hang_up is not None:
                await self._tell_last_usage()
        finally:
            self._hang_up_last()
        await asyncio.gather(*self._closing)
        self._account.close()

    async def _tell_last_usage(self) -> None:
        """Wait, for a bounded time, until all that was used is known and written."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_USAGE_S):
                if self._closing:
                    await asyncio.wait(self._closing)
                await self._account.written()

    def _hang_up_last(self) -> None:
        """Tell the caller the last of what was used, be it nothing; then hang up."""
        if self._hang_up is None:
            return
        if self._call.announced:
            model, kind = self.new.config.model, voice.UsageKind.SESSION
            for used in self._untold or [leg.UsageWritten(model, kind, voice.Usage(), 0.0)]:
                self._caller_leg.send(used)
        self._caller_leg.send(self._hang_up)

    def _close_voices(self, but: VoiceId | None = None) -> None:
        for voice_id in [id_ for id_ in self._voices if id_ != but]:
            task = asyncio.create_task(self._close_voice(self._voices.pop(voice_id)))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _close_voice(self, closed: Voice) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await closed.close()
        except Exception as error:  # a voice that fails to close must not end the call
            self._log_defect(error)
