"""The life of one call: call, events, orders = step(call, signal). Pure.

A call is moved by signals alone: from its legs, its voice and its bridge, from the journal
(what it told is committed, or never will be) and from whoever may end it. Each step says
what to write (events and rows, one entry of the journal) and what to order at once. What
a caller hears never waits for a disk; what is told to watchers always does.

Signals name who they come from and orders who they are for (`addresses.py`): what a leg or
a voice that is gone still reports changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from uuid import UUID

from ringline.domain import bridge, leg, limits, voice
from ringline.domain.addresses import Addressed, FromBridge, FromLeg, FromVoice, ToBridge, ToLeg
from ringline.domain.call_signals import (
    AnswerWritten,
    CallSignal,
    ConversationSignal,
    EndOrdered,
    LegJoined,
    VoiceOpened,
)
from ringline.domain.call_status import CallMove, move
from ringline.domain.call_vocabulary import AnsweredBy, ParticipantRole
from ringline.domain.endings import ENDINGS, EndCause, lost_voice
from ringline.domain.events import (
    CallAnswered,
    CallCreated,
    CallEnded,
    CallRef,
    Event,
    TranscriptLine,
)
from ringline.domain.handover import HandedBack, TakenOver, hand_back, take_over
from ringline.domain.log import Scope
from ringline.domain.participants import join, leave
from ringline.domain.parties import Parties
from ringline.domain.records import CallRow, Entry, ParticipantRow, talked_s
from ringline.domain.routes import NO_ROUTES, LegId, Routes, VoiceId
from ringline.domain.turn_taking import (
    TurnTaking,
    add_typed_text,
    clear_turn,
    end_conversation,
    greet,
    handle_bridge_signal,
    handle_voice_signal,
    replace_voice,
    request_response,
)
from ringline.domain.turns import Draft, Turns, keep


@dataclass(frozen=True, slots=True)
class Call:
    """A live call: its row, who is connected and takes part now, and its conversation.

    Until the answer is `announced` to the client nothing is said; `early` signals wait.
    `routed` is what the bridge was told last.
    """

    scope: Scope
    row: CallRow
    parties: Parties = field(default_factory=Parties)
    routed: Routes = field(default_factory=lambda: NO_ROUTES)
    greeting: str = ""
    participants: tuple[ParticipantRow, ...] = ()
    talk: TurnTaking = field(default_factory=TurnTaking)
    capabilities: voice.VoiceCapabilities | None = None
    announced: bool = False
    early: tuple[ConversationSignal, ...] = ()

    @property
    def ref(self) -> CallRef:
        """Return what every event of this call repeats."""
        return call_ref(self.row)

    @property
    def ended(self) -> bool:
        """Tell whether the call is over."""
        return self.row.ended_at is not None

    @property
    def active(self) -> bool:
        """Tell whether the call is being talked on: it was answered and is not over."""
        return self.announced and not self.ended


@dataclass(frozen=True, slots=True)
class Step:
    """What a step brings: the call after it, an entry to write, orders to carry out.

    `answers` marks the entry whose commit must come back as `AnswerWritten`; `last` the
    call's final one.
    """

    call: Call
    entry: Entry | None
    orders: tuple[Addressed, ...]
    answers: bool = False
    last: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """Time and randomness, handed in: a step has neither of its own."""

    now: datetime
    new_id: Callable[[], UUID]


#: Most signals that wait until the client is told; what comes then is refused.
MAX_EARLY = limits.EARLY_SIGNALS.most


def call_ref(row: CallRow) -> CallRef:
    """Return what every event of a call repeats."""
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
    """Begin a call that has just been accepted, with the leg it came on and a voice to be."""
    row, draft = call.row, _draft(call.row, moment)
    draft.records.append(row)
    draft.events.append(
        CallCreated(status=row.status, source=row.source, started_at=row.started_at)
    )
    return _step(call, draft)


def step(call: Call, signal: CallSignal, moment: Moment) -> Step:
    """Take one signal. An ended call takes nothing any more."""
    draft = _draft(call.row, moment)
    if call.ended:
        return _step(call, draft)
    answers = False
    match signal:
        case VoiceOpened(_, capabilities) if call.capabilities is None:
            call, answers = _answer(call, capabilities, draft), True
        case VoiceOpened(voice_id, capabilities):
            call = _change_voice(call, voice_id, capabilities, draft)
        case AnswerWritten():
            call = _announce_answer(call, draft)
        case EndOrdered(cause, message):
            call = _end(call, cause, draft, message)
        case TakenOver() | HandedBack() if not call.announced:
            pass  # there is no agent yet to be paused
        case TakenOver():
            participants, talk = take_over(signal, call.participants, call.talk, draft)
            call = replace(call, participants=participants, talk=talk)
        case HandedBack():
            participants, talk = hand_back(call.participants, call.talk, draft)
            call = _hang_up_on(call, {each.id for each in participants}, draft)
            call = replace(call, participants=participants, talk=talk)
        case LegJoined():
            call = _join(call, signal, draft)
        case FromLeg(leg_id, said) if call.parties.has(leg_id):
            call = _from_leg(call, leg_id, said, draft)
        case FromVoice(voice_id, said) if voice_id == call.parties.voice:
            call = _from_voice(call, said, draft)
        case FromBridge(bridge.PlaybackFinished()) if (
            call.talk.hang_up and call.talk.response is None
        ):
            call = _end(call, EndCause.AGENT_HUNG_UP, draft)
        case FromBridge(said):
            call = _talk(call, said, draft)
        case FromLeg(leg_id, leg.Left()):
            draft.orders.append(bridge.DetachLeg(leg_id))  # it never joined
        case FromLeg() | FromVoice():
            pass  # it has left, or was replaced
    return _step(call, draft, answers=answers)


def _from_leg(call: Call, leg_id: LegId, signal: leg.LegSignal, draft: Draft) -> Call:
    match signal:
        case leg.Left() if _is_last_caller(call, leg_id):
            return _end(call, EndCause.CALLER_LEFT, draft, gone=leg_id)
        case leg.LegFailed(cause) if _is_last_caller(call, leg_id):
            return _end(call, cause, draft)
        case leg.Left():
            return _leave(call, leg_id, draft)
        case leg.LegFailed(cause):
            draft.orders.append(ToLeg(leg_id, leg.HangUp(cause)))
            return _leave(call, leg_id, draft)
        case _ if leg_id != call.parties.caller:
            return call  # the conversation is the caller's
        case _:
            return _talk(call, signal, draft)


def _from_voice(call: Call, signal: voice.VoiceSignal, draft: Draft) -> Call:
    match signal:
        case voice.VoiceFailed(failure, message, alive):
            return _voice_failed(call, failure, message, draft, alive=alive)
        case voice.GoingAway():
            return call  # it will say so again by failing; replacing it comes with roll-over
        case _:
            return _talk(call, signal, draft)


def _talk(call: Call, signal: ConversationSignal, draft: Draft) -> Call:
    if not call.announced:
        return _wait(call, signal, draft)
    return replace(call, talk=_converse(call.talk, signal, draft))


def _join(call: Call, joined: LegJoined, draft: Draft) -> Call:
    """Connect another leg to a call that is talked on."""
    if not call.announced:
        return call
    participant = join(joined.member, joined.role, draft, joined.leg)
    parties = call.parties.with_leg(joined.leg, joined.seat)
    return replace(call, parties=parties, participants=(*call.participants, participant))


def _is_last_caller(call: Call, leg_id: LegId) -> bool:
    """Tell whether there is nobody to go on with without a leg."""
    return call.parties.without_leg(leg_id).caller is None


def _leave(call: Call, leg_id: LegId, draft: Draft) -> Call:
    """Go on without a leg."""
    draft.orders.append(bridge.DetachLeg(leg_id))
    stay = tuple(each for each in call.participants if each.id != leg_id)
    for participant in call.participants:
        if participant not in stay:
            leave(participant, draft)
    return replace(call, parties=call.parties.without_leg(leg_id), participants=stay)


def _hang_up_on(call: Call, staying: set[UUID], draft: Draft) -> Call:
    """Let go of the legs whose participants have left."""
    parties = call.parties
    for leg_id, _ in call.parties.legs:
        if leg_id not in staying:
            parties = parties.without_leg(leg_id)
            draft.orders.append(ToLeg(leg_id, leg.HangUp(EndCause.ENDED_BY_API)))
            draft.orders.append(bridge.DetachLeg(leg_id))
    return replace(call, parties=parties)


def _change_voice(
    call: Call, voice_id: VoiceId, capabilities: voice.VoiceCapabilities, draft: Draft
) -> Call:
    """Let another voice hear the caller, and go on where the one before it was."""
    parties = replace(call.parties, voice=voice_id)
    call = replace(call, parties=parties, capabilities=capabilities)
    if not call.announced:
        return call  # it hears when the line opens
    draft.orders.append(bridge.AttachVoice(voice_id))
    by_itself = capabilities.responds_by_itself
    return replace(call, talk=replace_voice(call.talk, draft, responds_by_itself=by_itself))


def end_abandoned(
    scope: Scope,
    row: CallRow,
    participants: tuple[ParticipantRow, ...],
    lines: tuple[TranscriptLine, ...],
    lost_at: datetime,
    moment: Moment,
) -> Step:
    """End the record of a call whose process is dead: one terminal event, `server_lost`.

    It ended when its process was last known alive, which was no sooner than what it wrote.
    """
    turns = reduce(keep, lines, Turns())
    call = Call(scope, row, participants=participants, talk=TurnTaking(turns=turns))
    written = (
        row.started_at,
        row.answered_at or row.started_at,
        *(participant.joined_at for participant in participants),
        *(line.at for line in lines),
    )
    draft = Draft(row.id, min(moment.now, max(lost_at, *written)), moment.new_id)
    return _step(_end(call, EndCause.SERVER_LOST, draft), draft)


def _converse(talk: TurnTaking, signal: ConversationSignal, draft: Draft) -> TurnTaking:
    match signal:
        case leg.Typed(text):
            return add_typed_text(talk, text, draft)
        case leg.ResponseRequested():
            return request_response(talk, draft)
        case leg.ClearRequested():
            return clear_turn(talk)
        case leg.EndTurnRequested() | leg.CancelRequested():
            raise AssertionError("the bridge takes it")
        case leg.Digit():
            return talk  # nothing listens to keys yet
        case (
            bridge.CallerSpoke()
            | bridge.ClientCancelled()
            | bridge.ResponseAudible()
            | bridge.TextSent()
            | bridge.ResponseSent()
            | bridge.PlaybackFinished()
        ):
            return handle_bridge_signal(talk, signal, draft)
        case (
            voice.SpeechStarted()
            | voice.SpeechStopped()
            | voice.Transcribed()
            | voice.TurnCleared()
            | voice.ResponseStarted()
            | voice.ResponseDone()
            | voice.ToolCall()
        ):
            return handle_voice_signal(talk, signal, draft)
        case _:
            raise AssertionError(f"the call takes {type(signal).__name__} itself")


def _answer(call: Call, capabilities: voice.VoiceCapabilities, draft: Draft) -> Call:
    row = move(call.row, CallMove.ANSWER, draft.now)
    if row is None:
        raise AssertionError(f"a call that is {call.row.status} cannot be answered")
    draft.records.append(row)
    draft.events.append(
        CallAnswered(
            answered_at=draft.now, started_at=row.started_at, answered_by=AnsweredBy.AI_AGENT
        )
    )
    joined = (
        join(row.from_number, ParticipantRole.CALLER, draft, call.parties.caller),
        join(row.to_number, ParticipantRole.AI_AGENT, draft),
    )
    talk = TurnTaking(responds_by_itself=capabilities.responds_by_itself)
    return replace(call, row=row, participants=joined, capabilities=capabilities, talk=talk)


def _announce_answer(call: Call, draft: Draft) -> Call:
    """Tell the client that the call is answered, let the voice hear, and greet."""
    if call.parties.voice is None:
        raise AssertionError("a call is answered by a voice")
    draft.orders += [
        leg.SessionStarted(call.row.id, call.row.uuid),
        bridge.AttachVoice(call.parties.voice),
    ]
    talk = greet(call.talk, call.greeting, draft) if call.greeting else call.talk
    for signal in call.early:
        talk = _converse(talk, signal, draft)
    return replace(call, talk=talk, announced=True, early=())


def _wait(call: Call, signal: ConversationSignal, draft: Draft) -> Call:
    """Keep a signal of the conversation until the client is told that it may begin."""
    if isinstance(signal, bridge.ClientCancelled):
        draft.orders.append(leg.RequestRefused(leg.Refusal.NOTHING_TO_CANCEL))
        return call
    if len(call.early) < MAX_EARLY:
        return replace(call, early=(*call.early, signal))
    draft.orders.append(leg.RequestRefused(leg.Refusal.TOO_MANY_EARLY))
    return call


def _voice_failed(
    call: Call, failure: voice.VoiceFailure, message: str, draft: Draft, *, alive: bool
) -> Call:
    if alive:
        draft.orders.append(leg.VoiceTrouble(failure, message))
        return call
    return _end(call, lost_voice(failure), draft, message)


def _end(
    call: Call, cause: EndCause, draft: Draft, message: str = "", *, gone: LegId | None = None
) -> Call:
    """Write how the call ended, and hang up on every leg but one that is gone already."""
    talk = end_conversation(call.talk, draft)
    ending, answered = ENDINGS[cause], call.row.answered_at
    row = move(call.row, ending.answered if answered else ending.unanswered, draft.now)
    if row is None:
        raise AssertionError(f"a call that is {call.row.status} has ended already")
    row = replace(row, hangup_cause=ending.hangup_cause)
    left = tuple(leave(participant, draft) for participant in call.participants)
    draft.records.append(row)
    draft.events.append(
        CallEnded(
            status=row.status,
            hangup_cause=ending.hangup_cause,
            started_at=row.started_at,
            answered_at=answered,
            ended_at=draft.now,
            duration_seconds=talked_s(answered, draft.now),
            transcript=talk.turns.lines,
        )
    )
    for leg_id, _ in call.parties.legs:
        if leg_id != gone:
            draft.orders.append(ToLeg(leg_id, leg.HangUp(cause, message)))
    return replace(call, row=row, participants=left, talk=talk)


def _draft(row: CallRow, moment: Moment) -> Draft:
    return Draft(row.id, moment.now, moment.new_id)


def _step(call: Call, draft: Draft, *, answers: bool = False) -> Step:
    ref = call.ref
    events = tuple(Event(draft.new_id(), draft.now, data, ref) for data in draft.events)
    entry = None
    if events:
        entry = Entry(call.scope, events, tuple(draft.records), call.row.id)
    orders = tuple(call.parties.address(draft.orders))
    routes = call.parties.routes(paused=call.talk.paused)
    if routes != call.routed and not call.ended:  # before what goes along them
        orders = (ToBridge(bridge.SetRoutes(routes, call.parties.caller)), *orders)
        call = replace(call, routed=routes)
    return Step(call, entry, orders, answers, last=call.ended and entry is not None)
