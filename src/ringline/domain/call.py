"""The life of one call: call, events, orders = step(call, signal). Pure.

Only signals change a call: from its legs, its voice and its bridge, from the journal (an
entry was committed, or never will be), and from API requests and limits. Each step returns
one entry for the journal (events and rows) and orders to carry out at once. What a caller
hears never waits for the database; what watchers receive always does.

Signals carry their sender and orders their receiver (`addresses.py`), so that late signals
of a detached leg or a replaced voice are ignored.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from uuid import UUID

from ringline.domain import bridge, leg, limits, voice
from ringline.domain.addresses import Addressed, FromBridge, FromLeg, FromVoice, ToBridge, ToLeg
from ringline.domain.agent_responses import answer_plan, count_usage, end_conversation, proceed
from ringline.domain.agent_tools import ToolReturned, ToolRunner
from ringline.domain.builtin_tools import NO_BUILTINS, Builtins, result_of
from ringline.domain.call_control import (
    NEEDS,
    Line,
    hold_line,
    is_possible,
    resume_line,
    transfer_line,
)
from ringline.domain.call_signals import (
    AnswerWritten,
    CallerSilent,
    CallSignal,
    ControlOrder,
    ConversationSignal,
    DigitsOrdered,
    EndOrdered,
    HoldOrdered,
    LegJoined,
    LimitApproached,
    RecordingFailed,
    ResumeOrdered,
    TransferOrdered,
    UsageCharged,
    Verdict,
    VoiceOpened,
    size_of,
)
from ringline.domain.call_status import CallMove, move
from ringline.domain.call_vocabulary import (
    AnsweredBy,
    AuditType,
    CallDirection,
    CallStatus,
    ParticipantRole,
)
from ringline.domain.conversation import converse
from ringline.domain.endings import ENDINGS, EndCause, lost_voice
from ringline.domain.events import (
    CallAnswered,
    CallAudit,
    CallCreated,
    CallEnded,
    CallRef,
    TranscriptLine,
)
from ringline.domain.handover import HandedBack, TakenOver, hand_back, take_over
from ringline.domain.log import Scope
from ringline.domain.participants import join, leave
from ringline.domain.parties import Parties
from ringline.domain.plans import audit_result
from ringline.domain.records import CallRow, Entry, ParticipantRow, talk_time_s
from ringline.domain.resolution import is_resolved
from ringline.domain.routes import NO_ROUTES, LegId, Routes, VoiceId
from ringline.domain.silences import Silences, note_silence
from ringline.domain.talk import TurnTaking, is_quiet
from ringline.domain.turn_taking import greet, replace_voice, take_result
from ringline.domain.turns import Draft, Turns, add_line, nothing_played


@dataclass(frozen=True, slots=True)
class Call:
    """A live call: its row, legs and voice, participants, and conversation.

    The conversation starts once the answer is `announced` to the client; until then signals
    wait in `early`. `routed` are the routes that the bridge has.
    """

    scope: Scope
    row: CallRow
    parties: Parties = field(default_factory=Parties)
    routed: Routes = field(default_factory=lambda: NO_ROUTES)
    greeting: str = ""
    #: The session's config asks for speech, not for text alone.
    speaks: bool = True
    participants: tuple[ParticipantRow, ...] = ()
    talk: TurnTaking = field(default_factory=TurnTaking)
    capabilities: voice.VoiceCapabilities | None = None
    #: The only tools that the voice may call; None is any.
    allowed_tools: frozenset[str] | None = None
    builtins: Builtins = NO_BUILTINS
    tools_run_by: ToolRunner = ToolRunner.CLIENT
    announced: bool = False
    silences: Silences = field(default_factory=Silences)
    #: There is a recording of it.
    recorded: bool = False
    early: tuple[ConversationSignal, ...] = ()

    @property
    def ref(self) -> CallRef:
        """Return the call's data that each of its events repeats."""
        return call_ref(self.row)

    @property
    def ended(self) -> bool:
        """Return whether the call has ended."""
        return self.row.ended_at is not None

    @property
    def active(self) -> bool:
        """Return whether the conversation is under way: answered, and not ended."""
        return self.announced and not self.ended

    @property
    def silent_since(self) -> Turns | None:
        """Return the turns after which all are silent; None if somebody speaks."""
        return self.talk.turns if self.active and is_quiet(self.talk) else None


@dataclass(frozen=True, slots=True)
class Step:
    """The result of a step: the new call, an entry to write, orders to carry out.

    `answers` marks the entry whose commit must be reported as `AnswerWritten`; `last` marks
    the call's final entry. `verdict` is what became of a control order.
    """

    call: Call
    entry: Entry | None
    orders: tuple[Addressed, ...]
    answers: bool = False
    last: bool = False
    verdict: Verdict = Verdict.DONE


@dataclass(frozen=True, slots=True)
class Moment:
    """The time, the source of ids and the playback clock, passed in to keep steps pure."""

    now: datetime
    new_id: Callable[[], UUID]
    #: Stops playback; returns how much was played of the response that was sent last.
    played: Callable[[], bridge.Played] = nothing_played


#: Most signals that wait for the answer; further ones are refused.
MAX_EARLY = limits.EARLY_SIGNALS.most
#: Most bytes of text in them.
MAX_EARLY_BYTES = limits.EARLY_SIGNAL_BYTES.most


def call_ref(row: CallRow) -> CallRef:
    """Return the call's data that each of its events repeats."""
    return CallRef(
        id=row.id,
        uuid=row.uuid,
        direction=row.direction,
        from_number=row.from_number,
        to_number=row.to_number,
        transport=row.transport,
        agent_id=row.agent_id,
        model=row.model,
        conversation_id=row.conversation_id,
    )


def begin(call: Call, moment: Moment) -> Step:
    """Begin a call on the leg that it came in on; its voice opens later."""
    row, draft = call.row, _draft(call.row, moment)
    draft.records.append(row)
    draft.report(CallCreated(status=row.status, source=row.source, started_at=row.started_at))
    return _step(call, draft)


def step(call: Call, signal: CallSignal, *, moment: Moment) -> Step:
    """Handle one signal. An ended call ignores all signals."""
    draft = _draft(call.row, moment)
    if call.ended:
        return _step(call, draft)
    answers, verdict = False, Verdict.DONE
    match signal:
        case VoiceOpened(_, capabilities) if call.capabilities is None:
            call, answers = _answer(call, capabilities, draft=draft), True
        case VoiceOpened(voice_id, capabilities):
            call = _switch_voice(call, voice_id, capabilities=capabilities, draft=draft)
        case AnswerWritten():
            call = _announce_answer(call, draft)
        case EndOrdered(cause, message, lost):
            call = _end(call, cause, draft=draft, message=message, lost=lost)
        case HoldOrdered() | ResumeOrdered() | TransferOrdered() | DigitsOrdered():
            verdict = _judge(call, signal)
            if verdict is Verdict.DONE:
                call = _control(call, signal, draft=draft)
        case LimitApproached(near):
            draft.orders.append(leg.LimitWarned(near))
        case CallerSilent(seconds) if call.silent_since is not None:
            silences = note_silence(call.silences, seconds, draft=draft)
            call = replace(call, silences=silences)
        case CallerSilent():
            pass  # somebody has spoken since
        case UsageCharged():
            pass  # only its limits count it
        case TakenOver() | HandedBack() if not call.announced:
            pass  # no agent speaks yet
        case TakenOver():
            participants, talk = take_over(signal, call.participants, talk=call.talk, draft=draft)
            call = replace(call, participants=participants, talk=talk)
        case HandedBack():
            participants, talk = hand_back(call.participants, call.talk, draft=draft)
            call = _detach_departed(
                call, {participant.id for participant in participants}, draft=draft
            )
            call = replace(call, participants=participants, talk=talk)
        case LegJoined():
            call = _join(call, signal, draft=draft)
        case RecordingFailed(failure, kept):
            call = replace(call, recorded=kept)
            draft.report(
                CallAudit(
                    audit_type=AuditType.ERROR,
                    code="recording_failed",
                    detail={"reason": failure.value},
                )
            )
        case ToolReturned():
            call = replace(call, talk=take_result(call.talk, signal, draft=draft))
        case FromLeg(leg_id, report) if call.parties.has(leg_id):
            call = _from_leg(call, leg_id, signal=report, draft=draft)
        case FromVoice(_, voice.KeyRefused() as refused):
            _report_refused_key(refused, draft)
        case FromVoice(voice_id, report) if voice_id == call.parties.voice:
            call = _from_voice(call, report, draft=draft)
            call = _carry_out_plans(call, draft)
        case FromBridge(report):
            call = _talk(call, report, draft=draft)
            quiet = isinstance(report, bridge.PlaybackFinished | bridge.CallerSpoke)
            call = _carry_out_plans(call, draft, quiet=quiet)
        case FromLeg(leg_id, leg.Left()):
            draft.orders.append(bridge.DetachLeg(leg_id))  # the leg never joined
        case FromLeg() | FromVoice():
            pass  # the leg has left, or the voice was replaced
    return replace(_step(call, draft, answers=answers), verdict=verdict)


def _judge(call: Call, order: ControlOrder | EndOrdered) -> Verdict:
    """Return whether an order would be carried out, by the call's state and its leg."""
    if not call.active:
        return Verdict.NOT_ACTIVE
    if isinstance(order, EndOrdered):
        return Verdict.DONE
    if not call.parties.can(NEEDS[type(order)]):
        return Verdict.LEG_CANNOT
    return Verdict.DONE if is_possible(order, call.row.status) else Verdict.WRONG_STATE


def _control(
    call: Call, order: ControlOrder | EndOrdered, *, draft: Draft, by_agent: bool = False
) -> Call:
    """Carry out an order that `_judge` allows."""
    line = Line(call.row, call.talk)
    match order:
        case HoldOrdered():
            line = hold_line(line, draft, by_agent=by_agent)
        case ResumeOrdered():
            line = resume_line(line, draft)
        case DigitsOrdered(digits):
            draft.orders.append(leg.SendDigits(digits))
        case TransferOrdered(destination):
            transfer_line(destination, draft)
            return _end(call, EndCause.TRANSFERRED, draft=draft)
        case EndOrdered(cause):
            return _end(call, cause, draft=draft)
    return replace(call, row=line.row, talk=line.talk)


def _carry_out_plans(call: Call, draft: Draft, *, quiet: bool = False) -> Call:
    """Carry out what the agent planned, if it is due: at once, or now that it is quiet."""
    quiet = quiet and call.talk.response is None
    due = tuple(plan for plan in call.talk.plans if plan.at_once or quiet)
    if not due or call.ended:
        return call
    left = tuple(plan for plan in call.talk.plans if plan not in due)
    call = replace(call, talk=replace(call.talk, plans=left))
    for plan in due:
        verdict = _judge(call, plan.order)
        result = result_of(plan.name, verdict) if plan.name else ""
        if verdict is Verdict.DONE and (plan.ends_call or isinstance(plan.order, TransferOrdered)):
            if plan.name:  # told before the call's end
                audit_result(plan.name, result, draft=draft)
            return _control(call, plan.order, draft=draft)
        if verdict is Verdict.DONE:
            call = _control(call, plan.order, draft=draft, by_agent=True)
        call = replace(call, talk=answer_plan(call.talk, plan, result=result, draft=draft))
    return replace(call, talk=proceed(call.talk, draft))


def _from_leg(call: Call, leg_id: LegId, *, signal: leg.LegSignal, draft: Draft) -> Call:
    match signal:
        case leg.Left() if _is_last_caller(call, leg_id):
            return _end(call, EndCause.CALLER_LEFT, draft=draft, departed=leg_id)
        case leg.LegFailed(cause) if _is_last_caller(call, leg_id):
            return _end(call, cause, draft=draft)
        case leg.Left():
            return _leave(call, leg_id, draft=draft)
        case leg.LegFailed(cause):
            draft.orders.append(ToLeg(leg_id, leg.HangUp(cause)))
            return _leave(call, leg_id, draft=draft)
        case _ if leg_id != call.parties.caller:
            return call  # only the caller's leg takes part in the conversation
        case _:
            return _talk(call, signal, draft=draft)


def _report_refused_key(refused: voice.KeyRefused, draft: Draft) -> None:
    """Tell the workspace which of its keys a provider refused."""
    detail: dict[str, object] = {
        "model": refused.model,
        "cause": refused.cause,
        "lastFour": refused.last_four,
    }
    draft.report(CallAudit(audit_type=AuditType.ERROR, code="provider_key_refused", detail=detail))


def _from_voice(call: Call, signal: voice.VoiceSignal, *, draft: Draft) -> Call:
    if (used := voice.used_in(signal)) is not None:
        call = replace(call, talk=count_usage(call.talk, used))
    match signal:
        case voice.VoiceFailed():
            return _voice_failed(call, signal, draft=draft)
        case voice.KeyRefused():
            raise AssertionError("it is reported whichever voice it comes from")
        case voice.GoingAway() | voice.Resumable():
            return call  # what wraps the voice has acted on it
        case voice.UsageReported():
            return call  # it moves no conversation
        case _:
            return _talk(call, signal, draft=draft)


def _talk(call: Call, signal: ConversationSignal, *, draft: Draft) -> Call:
    before = len(draft.orders)
    if call.announced:
        call = replace(call, talk=converse(call.talk, signal, draft=draft))
    else:
        call = _hold(call, signal, draft=draft)
    _name_refusals(signal, draft, since=before)
    return call


def _name_refusals(signal: ConversationSignal, draft: Draft, *, since: int) -> None:
    """Say in a refusal which request of the client it answers."""
    if isinstance(signal, bridge.ClientCancelled):
        request = signal.request
    elif isinstance(signal, leg.LegSignal):
        request = leg.request_of(signal)
    else:
        return
    if request:
        draft.orders[since:] = [
            replace(order, request=request) if isinstance(order, leg.RequestRefused) else order
            for order in draft.orders[since:]
        ]


def _join(call: Call, joined: LegJoined, *, draft: Draft) -> Call:
    """Add another leg to a call whose conversation is under way."""
    if not call.announced:
        return call
    participant = join(joined.member, joined.role, draft=draft, leg_id=joined.leg)
    parties = call.parties.with_leg(joined.leg, joined.seat, controls=joined.controls)
    return replace(call, parties=parties, participants=(*call.participants, participant))


def _is_last_caller(call: Call, leg_id: LegId) -> bool:
    """Return whether no other leg is a caller's."""
    return call.parties.without_leg(leg_id).caller is None


def _leave(call: Call, leg_id: LegId, *, draft: Draft) -> Call:
    """Detach a leg; the call continues."""
    draft.orders.append(bridge.DetachLeg(leg_id))
    remaining = tuple(participant for participant in call.participants if participant.id != leg_id)
    for participant in call.participants:
        if participant not in remaining:
            leave(participant, draft)
    return replace(call, parties=call.parties.without_leg(leg_id), participants=remaining)


def _detach_departed(call: Call, staying: set[UUID], *, draft: Draft) -> Call:
    """Hang up and detach the legs whose participants have left."""
    parties = call.parties
    for leg_id, _ in call.parties.legs:
        if leg_id not in staying:
            parties = parties.without_leg(leg_id)
            draft.orders.append(ToLeg(leg_id, leg.HangUp(EndCause.ENDED_BY_API)))
            draft.orders.append(bridge.DetachLeg(leg_id))
    return replace(call, parties=parties)


def _switch_voice(
    call: Call, voice_id: VoiceId, *, capabilities: voice.VoiceCapabilities, draft: Draft
) -> Call:
    """Switch to another voice, which continues the conversation."""
    parties = replace(call.parties, voice=voice_id)
    call = replace(call, parties=parties, capabilities=capabilities)
    if not call.announced:
        return call  # attached when the answer is announced
    draft.orders.append(bridge.AttachVoice(voice_id))
    by_itself = capabilities.responds_by_itself
    return replace(call, talk=replace_voice(call.talk, draft, responds_by_itself=by_itself))


def end_abandoned(
    scope: Scope,
    row: CallRow,
    *,
    participants: tuple[ParticipantRow, ...],
    lines: tuple[TranscriptLine, ...],
    lost_at: datetime,
    recorded: bool,
    moment: Moment,
) -> Step:
    """End the record of a dead process's call: one terminal event, `server_lost`.

    It ends at the time its process was last known to be alive, but not before its last
    written event. `recorded` is whether there is a recording.
    """
    turns = reduce(add_line, lines, Turns())
    talk = TurnTaking(turns=turns)
    call = Call(scope, row, participants=participants, talk=talk, recorded=recorded)
    written = (
        row.started_at,
        row.answered_at or row.started_at,
        *(participant.joined_at for participant in participants),
        *(line.at for line in lines),
    )
    draft = Draft(row.id, min(moment.now, max(lost_at, *written)), moment.new_id)
    return _step(_end(call, EndCause.SERVER_LOST, draft=draft), draft)


def _answer(call: Call, capabilities: voice.VoiceCapabilities, *, draft: Draft) -> Call:
    row = move(call.row, CallMove.ANSWER, at=draft.now)
    if row is None:
        raise AssertionError(f"a call that is {call.row.status} cannot be answered")
    draft.records.append(row)
    draft.report(
        CallAnswered(
            answered_at=draft.now,
            started_at=row.started_at,
            answered_by=AnsweredBy.AI_AGENT,
            source=row.source,
        )
    )
    theirs, ours = row.from_number, row.to_number
    if row.direction is CallDirection.OUTBOUND:
        theirs, ours = ours, theirs
    joined = (
        join(theirs, ParticipantRole.CALLER, draft=draft, leg_id=call.parties.caller),
        join(ours, ParticipantRole.AI_AGENT, draft=draft),
    )
    talk = TurnTaking(
        responds_by_itself=capabilities.responds_by_itself,
        speaks=call.speaks,
        allowed_tools=call.allowed_tools,
        builtins=call.builtins,
        tools_run_by=call.tools_run_by,
    )
    return replace(
        call,
        row=row,
        participants=joined,
        capabilities=capabilities,
        talk=talk,
        recorded=call.parties.recorder is not None,
    )


def _announce_answer(call: Call, draft: Draft) -> Call:
    """Announce the answer to the client, attach the voice, and greet the caller."""
    if call.parties.voice is None:
        raise AssertionError("a call is answered by a voice")
    draft.orders += [
        leg.SessionStarted(call.row.id, call.row.uuid),
        bridge.AttachVoice(call.parties.voice),
    ]
    talk = greet(call.talk, call.greeting, draft=draft) if call.greeting else call.talk
    for signal in call.early:
        before = len(draft.orders)
        talk = converse(talk, signal, draft=draft)
        _name_refusals(signal, draft, since=before)
    return replace(call, talk=talk, announced=True, early=())


def _hold(call: Call, signal: ConversationSignal, *, draft: Draft) -> Call:
    """Hold a signal until the answer is announced."""
    if isinstance(signal, bridge.ClientCancelled):
        draft.orders.append(leg.RequestRefused(leg.Refusal.NOTHING_TO_CANCEL))
        return call
    held = sum(size_of(early) for early in call.early)
    if len(call.early) < MAX_EARLY and held + size_of(signal) <= MAX_EARLY_BYTES:
        return replace(call, early=(*call.early, signal))
    draft.orders.append(leg.RequestRefused(leg.Refusal.TOO_MANY_EARLY))
    return call


def _voice_failed(call: Call, failed: voice.VoiceFailed, *, draft: Draft) -> Call:
    if failed.recoverable:
        draft.orders.append(leg.VoiceError(failed.code, failed.message, failed.details))
        return call
    cause = lost_voice(failed.code)
    return _end(call, cause, draft=draft, message=failed.message, lost=failed.lost)


def _end(
    call: Call,
    cause: EndCause,
    *,
    draft: Draft,
    message: str = "",
    lost: voice.UpstreamLoss | None = None,
    departed: LegId | None = None,
) -> Call:
    """Record how the call ended, and hang up on every leg but the one already gone."""
    talk = end_conversation(call.talk, draft)
    ending, answered = ENDINGS[cause], call.row.answered_at
    row = move(call.row, ending.answered if answered else ending.unanswered, at=draft.now)
    if row is None:
        raise AssertionError(f"a call that is {call.row.status} has ended already")
    row = replace(row, hangup_cause=ending.hangup_cause)
    row = replace(row, resolved=is_resolved(row, (line.role for line in talk.turns.lines)))
    left = tuple(leave(participant, draft) for participant in call.participants)
    draft.records.append(row)
    draft.report(
        CallEnded(
            status=row.status,
            hangup_cause=ending.hangup_cause,
            started_at=row.started_at,
            answered_at=answered,
            ended_at=draft.now,
            duration_seconds=talk_time_s(answered, draft.now),
            transcript=talk.turns.lines,
            source=row.source,
            metadata=None if row.metadata is None else dict(row.metadata),
            recorded=call.recorded,
        )
    )
    for leg_id, _ in call.parties.legs:
        if leg_id != departed:
            draft.orders.append(ToLeg(leg_id, leg.HangUp(cause, message, lost)))
    return replace(call, row=row, participants=left, talk=talk)


def _draft(row: CallRow, moment: Moment) -> Draft:
    return Draft(row.id, moment.now, moment.new_id, moment.played)


def _step(call: Call, draft: Draft, *, answers: bool = False) -> Step:
    events = draft.build_events(call.ref)
    entry = None
    if events:
        entry = Entry(call.scope, events, tuple(draft.records), call.row.id)
    orders = tuple(call.parties.address(draft.orders))
    held = call.row.status is CallStatus.HELD
    routes = call.parties.routes(paused=call.talk.silent, held=held)
    if routes != call.routed and not call.ended:  # before orders that rely on them
        orders = (ToBridge(bridge.SetRoutes(routes, call.parties.caller)), *orders)
        call = replace(call, routed=routes)
    return Step(call, entry, orders, answers, last=call.ended and entry is not None)
