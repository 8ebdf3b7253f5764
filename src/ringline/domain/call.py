"""The life of one call: call, events, orders = step(call, signal). Pure.

A call is moved by signals alone: from its leg, its voice and its bridge, from the journal
(what it told is committed, or never will be) and from whoever may end it. Each step says
what to write (events and rows, one entry of the journal) and what to order at once. What
a caller hears never waits for a disk; what is told to watchers always does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import TypeAlias
from uuid import UUID

from ringline.domain import bridge, leg, limits, voice
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
from ringline.domain.records import CallRow, Entry, ParticipantRow, talked_s
from ringline.domain.turn_taking import (
    TurnTaking,
    client_clears,
    client_wants_response,
    end_talk,
    greet,
    take_bridge,
    take_typed,
    take_voice,
)
from ringline.domain.turns import Draft, Order, Turns, keep

# Signals that come neither from the leg nor from the voice.


@dataclass(frozen=True, slots=True)
class VoiceOpened:
    """The voice is ready to hear."""

    capabilities: voice.VoiceCapabilities


@dataclass(frozen=True, slots=True)
class AnswerWritten:
    """The entry that says the call is answered has been committed."""


@dataclass(frozen=True, slots=True)
class EndOrdered:
    """The call must end: an API order, a limit, a fault."""

    cause: EndCause
    message: str = ""


CallSignal: TypeAlias = (
    VoiceOpened
    | AnswerWritten
    | EndOrdered
    | TakenOver
    | HandedBack
    | leg.LegSignal
    | voice.VoiceSignal
    | bridge.BridgeSignal
)


@dataclass(frozen=True, slots=True)
class Call:
    """A live call: its row, who takes part now, and its conversation.

    Until the client is `told` that it is answered nothing is said; what comes `early` waits.
    """

    scope: Scope
    row: CallRow
    greeting: str = ""
    participants: tuple[ParticipantRow, ...] = ()
    talk: TurnTaking = field(default_factory=TurnTaking)
    capabilities: voice.VoiceCapabilities | None = None
    told: bool = False
    early: tuple[CallSignal, ...] = ()

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
        return self.told and not self.ended


@dataclass(frozen=True, slots=True)
class Step:
    """What a step brings: the call after it, an entry to write, orders to carry out.

    `answers` marks the entry whose commit must come back as `AnswerWritten`; `last` the
    call's final one.
    """

    call: Call
    entry: Entry | None
    orders: tuple[Order, ...]
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


def begin(scope: Scope, row: CallRow, greeting: str, moment: Moment) -> Step:
    """Begin a call that has just been accepted."""
    call, draft = Call(scope, row, greeting), _draft(row, moment)
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
        case VoiceOpened(capabilities):
            call, answers = _answer(call, capabilities, draft), True
        case AnswerWritten():
            call = _open_line(call, draft)
        case EndOrdered(cause, message):
            call = _end(call, cause, draft, message)
        case TakenOver() | HandedBack() if not call.told:
            pass  # there is no agent yet to be paused
        case TakenOver():
            participants, talk = take_over(signal, call.participants, call.talk, draft)
            call = replace(call, participants=participants, talk=talk)
        case HandedBack():
            participants, talk = hand_back(call.participants, call.talk, draft)
            call = replace(call, participants=participants, talk=talk)
        case leg.Left():
            call = _end(call, EndCause.CALLER_LEFT, draft, leg_is_gone=True)
        case leg.Overrun(cause):
            call = _end(call, cause, draft)
        case voice.VoiceFailed(failure, message, alive):
            call = _voice_failed(call, failure, message, draft, alive=alive)
        case voice.GoingAway():
            pass  # the voice will say so again by failing; replacing it comes with roll-over
        case bridge.Silence() if call.talk.hang_up and call.talk.response is None:
            call = _end(call, EndCause.AGENT_HUNG_UP, draft)
        case _ if not call.told:
            call = _wait(call, signal, draft)
        case _:
            call = replace(call, talk=_converse(call.talk, signal, draft))
    return _step(call, draft, answers=answers)


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
    return _step(_end(call, EndCause.SERVER_LOST, draft, leg_is_gone=True), draft)


def _converse(talk: TurnTaking, signal: CallSignal, draft: Draft) -> TurnTaking:
    match signal:
        case leg.Typed(text):
            return take_typed(talk, text, draft)
        case leg.ResponseWanted():
            return client_wants_response(talk, draft)
        case leg.ClearWanted():
            return client_clears(talk)
        case leg.TurnEndWanted() | leg.CancelWanted():
            raise AssertionError("the bridge takes it")
        case leg.Digit():
            return talk  # nothing listens to keys yet
        case (
            bridge.CallerSpoke()
            | bridge.CancelAsked()
            | bridge.Audible()
            | bridge.Spoken()
            | bridge.PlayedOut()
            | bridge.Silence()
        ):
            return take_bridge(talk, signal, draft)
        case (
            voice.SpeechStarted()
            | voice.SpeechStopped()
            | voice.Heard()
            | voice.Forgotten()
            | voice.ResponseStarted()
            | voice.ResponseDone()
            | voice.ToolCall()
        ):
            return take_voice(talk, signal, draft)
        case _:
            raise AssertionError(f"step takes {type(signal).__name__} before the conversation")


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
        join(row.from_number, ParticipantRole.CALLER, draft),
        join(row.to_number, ParticipantRole.AI_AGENT, draft),
    )
    talk = TurnTaking(answers_itself=capabilities.responds_by_itself)
    return replace(call, row=row, participants=joined, capabilities=capabilities, talk=talk)


def _open_line(call: Call, draft: Draft) -> Call:
    """Tell the client that the call is answered, let the voice hear, and greet."""
    if call.capabilities is None:
        raise AssertionError("a call is answered by a voice")
    draft.orders += [
        leg.SessionStarted(
            call.row.id,
            call.row.uuid,
            call.capabilities.input_hz,
            call.capabilities.output_hz,
        ),
        bridge.OpenLine(),
    ]
    talk = greet(call.talk, call.greeting, draft) if call.greeting else call.talk
    for signal in call.early:
        talk = _converse(talk, signal, draft)
    return replace(call, talk=talk, told=True, early=())


def _wait(call: Call, signal: CallSignal, draft: Draft) -> Call:
    """Keep a signal of the conversation until the client is told that it may begin."""
    if isinstance(signal, bridge.CancelAsked):
        draft.orders.append(leg.Refused(leg.Refusal.NOTHING_TO_CANCEL))
        return call
    if len(call.early) < MAX_EARLY:
        return replace(call, early=(*call.early, signal))
    draft.orders.append(leg.Refused(leg.Refusal.TOO_MANY_EARLY))
    return call


def _voice_failed(
    call: Call, failure: voice.VoiceFailure, message: str, draft: Draft, *, alive: bool
) -> Call:
    if alive:
        draft.orders.append(leg.VoiceTrouble(failure, message))
        return call
    return _end(call, lost_voice(failure), draft, message)


def _end(
    call: Call, cause: EndCause, draft: Draft, message: str = "", *, leg_is_gone: bool = False
) -> Call:
    """Write how the call ended, and hang up the leg."""
    talk = end_talk(call.talk, draft)
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
    if not leg_is_gone:
        draft.orders.append(leg.HangUp(cause, message))
    return replace(call, row=row, participants=left, talk=talk)


def _draft(row: CallRow, moment: Moment) -> Draft:
    return Draft(row.id, moment.now, moment.new_id)


def _step(call: Call, draft: Draft, *, answers: bool = False) -> Step:
    ref = call.ref
    events = tuple(Event(draft.new_id(), draft.now, data, ref) for data in draft.events)
    entry = None
    if events:
        entry = Entry(call.scope, events, tuple(draft.records), call.row.id)
    return Step(call, entry, tuple(draft.orders), answers, last=call.ended and entry is not None)
