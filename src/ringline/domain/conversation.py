"""Who speaks when: turns and responses of one call, the same for every voice.

At most one response is under way. Its phase moves by the table `PHASES` alone; what
follows from a move (orders to bridge and voice, news to the leg, events) is written
beside it. A response lives until its last chunk has left the bridge; the text of an
interrupted turn is what had left by then (contract, 11).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from ringline.domain import bridge, leg, voice
from ringline.domain.events import (
    BargeIn,
    EventData,
    TranscriptDelta,
    TranscriptLine,
    TurnCompleted,
)
from ringline.domain.records import Record, TurnRow

Order: TypeAlias = leg.LegOrder | voice.VoiceOrder | bridge.BridgeOrder


class Phase(StrEnum):
    """How far a response is."""

    WANTED = "wanted"  # the voice has been told, or will start by itself
    RUNNING = "running"  # it has begun
    DRAINING = "draining"  # wholly produced, still leaving the bridge


class Step(StrEnum):
    """What can happen to a response."""

    STARTED = "started"
    DONE = "done"
    PLAYED_OUT = "played_out"
    STOPPED = "stopped"


#: Where a response goes; None is its end. What is not here changes nothing.
PHASES: dict[tuple[Phase, Step], Phase | None] = {
    (Phase.WANTED, Step.STARTED): Phase.RUNNING,
    (Phase.WANTED, Step.DONE): None,
    (Phase.WANTED, Step.STOPPED): None,
    (Phase.RUNNING, Step.DONE): Phase.DRAINING,
    (Phase.RUNNING, Step.STOPPED): None,
    (Phase.DRAINING, Step.PLAYED_OUT): None,
    (Phase.DRAINING, Step.STOPPED): None,
}


@dataclass(frozen=True, slots=True)
class Response:
    """The response under way. An empty id waits for the one the voice will mint."""

    id: str
    turn_id: UUID
    automatic: bool
    phase: Phase = Phase.WANTED
    text: str = ""
    pieces: int = 0
    audible: bool = False
    swallowed: bool = False
    hang_up: bool = False


@dataclass(frozen=True, slots=True)
class Hearing:
    """A turn of the caller that is being recognised.

    Where a recogniser takes words back, `revised` ends the stream of partial texts; the
    final text alone counts then.
    """

    item_id: str
    turn_id: UUID
    text: str = ""
    pieces: int = 0
    revised: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """The state of a conversation; `lines` are its finished turns."""

    answers_itself: bool = False
    response: Response | None = None
    hearings: tuple[Hearing, ...] = ()
    caller_speaks: bool = False
    unanswered_text: bool = False
    wanted_again: bool = False
    hang_up: bool = False
    lines: tuple[TranscriptLine, ...] = ()


@dataclass(slots=True)
class Draft:
    """What one step of a call brings about, gathered while it is taken."""

    call_id: UUID
    now: datetime
    new_id: Callable[[], UUID]
    events: list[EventData] = field(default_factory=list[EventData])
    records: list[Record] = field(default_factory=list[Record])
    orders: list[Order] = field(default_factory=list[Order])


def want_response(talk: Conversation, draft: Draft, say: str | None = None) -> Conversation:
    """Start a response that the gateway decides on: a greeting, or an answer to speech."""
    if talk.response is not None:
        return talk
    return _ask(talk, draft, automatic=True, say=say)


def client_wants_response(talk: Conversation, draft: Draft) -> Conversation:
    """Take `response.create` (realtime voice, O8; contract, 11)."""
    response = talk.response
    if response is None and not talk.caller_speaks:
        return _ask(talk, draft, automatic=False, say=None)
    if talk.unanswered_text:
        return replace(talk, wanted_again=True)
    if response is None:
        return talk  # the caller speaks: the end of the turn will be answered anyway
    if response.automatic and not response.audible and not response.swallowed:
        return replace(talk, response=replace(response, swallowed=True))
    draft.orders.append(leg.Problem("conversation_already_has_active_response"))
    return talk


def _ask(talk: Conversation, draft: Draft, *, automatic: bool, say: str | None) -> Conversation:
    by_itself = automatic and say is None and talk.answers_itself
    turn_id = draft.new_id()
    response = Response("" if by_itself else str(turn_id), turn_id, automatic)
    if not by_itself:
        draft.orders.append(voice.Respond(response.id, say))
    return replace(talk, response=response, unanswered_text=False, wanted_again=False)


def take_typed(talk: Conversation, text: str, draft: Draft) -> Conversation:
    """Take a typed message: a final turn of the caller that starts no response."""
    turn_id = draft.new_id()
    draft.orders.append(voice.AddText(text))
    talk = _finish_turn(talk, draft, turn_id, str(turn_id), "caller", text)
    return replace(talk, unanswered_text=True)


def take_voice(talk: Conversation, signal: voice.VoiceSignal, draft: Draft) -> Conversation:
    """Take what the voice reports about the conversation."""
    match signal:
        case voice.SpeechStarted():
            raise AssertionError("the bridge turns speech that starts into CallerSpoke")
        case voice.SpeechStopped():
            draft.orders.append(leg.CallerStopped())
            return want_response(replace(talk, caller_speaks=False), draft)
        case voice.Heard(item_id, text, final):
            return _hear(talk, item_id, text, draft, final=final)
        case voice.ResponseStarted(response_id):
            return _started(talk, response_id, draft)
        case voice.ResponseDone(response_id, _, hang_up):
            return _done(talk, response_id, draft, hang_up=hang_up)
        case voice.ToolCall():
            # Nothing runs tools yet; a voice must not wait for ever.
            refusal = '{"error":"tools are not available in this call"}'
            draft.orders.append(voice.ToolResult(signal.tool_call_id, refusal))
            return talk
        case voice.VoiceFailed() | voice.GoingAway():
            raise AssertionError("what ends a voice is taken by the call")


def take_bridge(talk: Conversation, signal: bridge.BridgeSignal, draft: Draft) -> Conversation:
    """Take what the bridge reports about the response that is playing."""
    match signal:
        case bridge.CallerSpoke(played_ms):
            draft.orders.append(leg.CallerStarted())
            return _stop(replace(talk, caller_speaks=True), played_ms, draft, barge_in=True)
        case bridge.CancelAsked(played_ms):
            if talk.response is None:
                draft.orders.append(leg.Problem("response_cancel_not_active"))
            return _ask_again(_stop(talk, played_ms, draft, barge_in=False), draft)
        case bridge.Audible(response_id):
            return _mark(talk, response_id, lambda response: replace(response, audible=True))
        case bridge.Spoken(response_id, delta):
            return _said(talk, response_id, delta, draft)
        case bridge.PlayedOut(response_id):
            response = talk.response
            if response is None or response.id != response_id:
                return talk
            talk = _finish_response(talk, response, draft, interrupted=False)
            return _ask_again(replace(talk, hang_up=response.hang_up), draft)
        case bridge.Silence():
            return talk


def end_conversation(talk: Conversation, draft: Draft) -> Conversation:
    """Close what is open when the call ends: the running turn ends with what had left."""
    if talk.response is None:
        return talk
    return _finish_response(talk, talk.response, draft, interrupted=True)


def _mark(
    talk: Conversation, response_id: str, change: Callable[[Response], Response]
) -> Conversation:
    response = talk.response
    if response is None or response.id != response_id:
        return talk
    return replace(talk, response=change(response))


def _started(talk: Conversation, response_id: str, draft: Draft) -> Conversation:
    response = talk.response
    if response is None and talk.answers_itself:
        response = Response(response_id, draft.new_id(), automatic=True)
    if response is None or response.id not in ("", response_id):
        draft.orders.append(bridge.Drop(response_id))  # was cancelled before it began
        return talk
    phase = PHASES.get((response.phase, Step.STARTED))
    if phase is None:
        return talk
    draft.orders += [leg.AgentStarted(), bridge.Admit(response_id)]
    return replace(talk, response=replace(response, id=response_id, phase=phase))


def _done(talk: Conversation, response_id: str, draft: Draft, *, hang_up: bool) -> Conversation:
    response = talk.response
    if response is None or response.id != response_id:
        return talk
    phase = PHASES.get((response.phase, Step.DONE))
    if phase is None:  # it never began
        draft.orders.append(bridge.Drop(response_id))
        return _ask_again(replace(talk, response=None), draft)
    return replace(talk, response=replace(response, phase=phase, hang_up=hang_up))


def _stop(talk: Conversation, played_ms: int, draft: Draft, *, barge_in: bool) -> Conversation:
    response = talk.response
    if response is None or (response.phase, Step.STOPPED) not in PHASES:
        return talk
    if response.id:
        draft.orders.append(bridge.Drop(response.id))
        if response.phase is not Phase.DRAINING:
            draft.orders.append(voice.Cancel(response.id, played_ms))
    if barge_in and response.audible:
        draft.events.append(
            BargeIn(turn_id=response.turn_id, spoken_text=response.text, at_ms=played_ms)
        )
    return _finish_response(talk, response, draft, interrupted=True)


def _finish_response(
    talk: Conversation, response: Response, draft: Draft, *, interrupted: bool
) -> Conversation:
    if response.phase is not Phase.WANTED:
        draft.orders.append(leg.AgentFinished())
    if response.text:
        talk = _finish_turn(
            talk, draft, response.turn_id, response.id, "agent", response.text, interrupted
        )
    return replace(talk, response=None)


def _ask_again(talk: Conversation, draft: Draft) -> Conversation:
    """Answer what was asked for while something else was under way."""
    if not talk.wanted_again or talk.response is not None or talk.caller_speaks:
        return talk
    return _ask(talk, draft, automatic=False, say=None)


def _said(talk: Conversation, response_id: str, delta: str, draft: Draft) -> Conversation:
    response = talk.response
    if response is None or response.id != response_id or not delta:
        return talk
    draft.orders.append(leg.AgentSaid(delta))
    text = response.text + delta
    draft.events.append(
        TranscriptDelta(
            turn_id=response.turn_id,
            item_id=response.id,
            role="agent",
            delta=delta,
            text=text,
            sequence=response.pieces,
        )
    )
    response = replace(response, text=text, pieces=response.pieces + 1, audible=True)
    return replace(talk, response=response)


def _hear(
    talk: Conversation, item_id: str, text: str, draft: Draft, *, final: bool
) -> Conversation:
    hearing = next((open_ for open_ in talk.hearings if open_.item_id == item_id), None)
    others = tuple(open_ for open_ in talk.hearings if open_.item_id != item_id)
    if hearing is None:
        hearing = Hearing(item_id, draft.new_id())
    hearing = _partial(hearing, text, draft, final=final)
    if not final:
        return replace(talk, hearings=(*others, hearing))
    talk = replace(talk, hearings=others)
    if not text:  # nothing was understood: there is no turn to keep
        return talk
    draft.orders.append(leg.TurnHeard(text))
    return _finish_turn(talk, draft, hearing.turn_id, item_id, "caller", text)


def _partial(hearing: Hearing, text: str, draft: Draft, *, final: bool) -> Hearing:
    """Tell what is new of a turn; deltas concatenate to the final text or end early."""
    if hearing.revised or not text.startswith(hearing.text):
        return replace(hearing, revised=True)
    delta = text[len(hearing.text) :]
    if not delta or (final and hearing.pieces == 0):
        return hearing
    draft.events.append(
        TranscriptDelta(
            turn_id=hearing.turn_id,
            item_id=hearing.item_id,
            role="caller",
            delta=delta,
            text=text,
            sequence=hearing.pieces,
        )
    )
    return replace(hearing, text=text, pieces=hearing.pieces + 1)


def _finish_turn(
    talk: Conversation,
    draft: Draft,
    turn_id: UUID,
    item_id: str,
    role: str,
    text: str,
    interrupted: bool = False,
) -> Conversation:
    row = TurnRow(
        draft.new_id(), draft.call_id, turn_id, item_id, 0, role, text, interrupted, draft.now
    )
    draft.records.append(row)
    draft.events.append(
        TurnCompleted(
            turn_id=turn_id,
            item_id=item_id,
            role=role,
            text=text,
            transcript_id=row.id,
            interrupted=interrupted,
        )
    )
    line = TranscriptLine(turn_id=turn_id, role=role, text=text, at=draft.now)
    return replace(talk, lines=(*talk.lines, line))
