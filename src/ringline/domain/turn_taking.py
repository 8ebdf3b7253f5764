"""Who speaks when: turns and responses of one call, the same for every voice.

At most one response is under way. Its phase moves by the table `PHASES` alone; what
follows from a move (orders to bridge and voice, news to the leg, events) is written
beside it. A response lives until its last chunk has left the bridge; the text of an
interrupted turn is what had left by then (contract, 11).

A voice that answers by itself may begin the next response while the one before is still
leaving: it waits in `coming`. What such a voice has yet to begin is no response, only
expected; so nothing waits for ever where it begins nothing.

While the agent is `paused` there is no response at all: none is asked for, and what a voice
begins is refused. What the caller says, types or asks for meanwhile is remembered, once.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import UUID

from ringline.domain import bridge, leg, limits, voice
from ringline.domain.events import BargeIn, TranscriptDelta
from ringline.domain.turns import Draft, Turns, finish_turn, forget, hear, storable

#: Most responses that wait until the one before them has left; more are refused.
MAX_COMING = limits.COMING_RESPONSES.most
_REFUSED = 8  # ids of stopped responses that are remembered, for a late start


class Phase(StrEnum):
    """How far a response is."""

    WANTED = "wanted"  # the voice has been told
    RUNNING = "running"  # it has begun
    DRAINING = "draining"  # wholly produced, still leaving the bridge
    OVER = "over"  # played out, stopped, or never begun; a conversation keeps none


class Step(StrEnum):
    """What can happen to a response."""

    STARTED = "started"
    DONE = "done"
    PLAYED_OUT = "played_out"
    STOPPED = "stopped"


#: Where a step takes a response. What is not here changes nothing.
PHASES: dict[tuple[Phase, Step], Phase] = {
    (Phase.WANTED, Step.STARTED): Phase.RUNNING,
    (Phase.WANTED, Step.DONE): Phase.OVER,
    (Phase.WANTED, Step.STOPPED): Phase.OVER,
    (Phase.RUNNING, Step.DONE): Phase.DRAINING,
    (Phase.RUNNING, Step.STOPPED): Phase.OVER,
    (Phase.DRAINING, Step.PLAYED_OUT): Phase.OVER,
    (Phase.DRAINING, Step.STOPPED): Phase.OVER,
}


class Expected(StrEnum):
    """Whether a voice that answers by itself is about to begin a response."""

    NOTHING = "nothing"
    ANSWER = "answer"
    UNWANTED = "unwanted"  # it has been cancelled before it began


@dataclass(frozen=True, slots=True)
class Response:
    """A response, asked for or begun by the voice; `automatic` if no client asked for it."""

    id: str
    turn_id: UUID
    automatic: bool
    phase: Phase = Phase.WANTED
    text: str = ""
    pieces: int = 0
    audible: bool = False
    swallowed: bool = False
    hang_up: bool = False

    @property
    def begun(self) -> bool:
        """Tell whether the voice has begun it, so that the leg was told of it."""
        return self.phase is not Phase.WANTED


def advance(response: Response, step: Step) -> Response | None:
    """Move a response; None if the step changes nothing in the phase it is in."""
    phase = PHASES.get((response.phase, step))
    return None if phase is None else replace(response, phase=phase)


@dataclass(frozen=True, slots=True)
class TurnTaking:
    """The state of a conversation.

    `coming` have begun while `response` was still leaving; `refused` were stopped and may
    begin late. `hang_up` ends the call once the caller has heard what was sent.
    """

    answers_itself: bool = False
    response: Response | None = None
    coming: tuple[Response, ...] = ()
    expected: Expected = Expected.NOTHING
    refused: tuple[str, ...] = ()
    caller_speaks: bool = False
    forgotten: bool = False  # the client has cleared what the caller was saying
    unanswered_text: bool = False
    wanted_again: bool = False
    hang_up: bool = False
    paused: bool = False  # an operator has taken over
    turns: Turns = field(default_factory=Turns)


def greet(talk: TurnTaking, say: str, draft: Draft) -> TurnTaking:
    """Say words of our own first."""
    return _ask(talk, draft, automatic=True, say=say)


def client_wants_response(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Take `response.create` (realtime voice, O8; contract, 11).

    While the agent is paused it is remembered, once, and answered when the agent is back.
    """
    if talk.paused:
        return replace(talk, wanted_again=True)
    response = talk.response
    if talk.caller_speaks or response is not None:
        if talk.unanswered_text or talk.wanted_again:
            return replace(talk, wanted_again=True)
        if response is None:
            return talk  # the end of the turn will be answered anyway
        if response.automatic and not response.audible and not response.swallowed:
            return replace(talk, response=replace(response, swallowed=True))
        draft.orders.append(leg.Problem("conversation_already_has_active_response"))
        return talk
    if talk.expected is Expected.ANSWER and not talk.unanswered_text:
        return replace(talk, expected=Expected.NOTHING)  # swallowed, once
    return _ask(talk, draft, automatic=False)


def client_clears(talk: TurnTaking) -> TurnTaking:
    """Take `audio.clear`: the turn that is being spoken ends without an answer."""
    return replace(talk, forgotten=talk.caller_speaks)


def pause(talk: TurnTaking, played_ms: int, draft: Draft) -> TurnTaking:
    """Silence the agent: what runs is stopped as by a cancel, and nothing begins."""
    if talk.expected is Expected.ANSWER:
        talk = replace(talk, expected=Expected.UNWANTED)
    talk = _stop(talk, played_ms, draft, barge_in=False)
    return replace(talk, paused=True, hang_up=False)


def resume(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Let the agent speak again: at once if it was wanted meanwhile, else when it is."""
    talk = replace(talk, paused=False)
    if talk.wanted_again and not talk.caller_speaks:
        return _ask(talk, draft, automatic=True)
    return talk


def _ask(talk: TurnTaking, draft: Draft, *, automatic: bool, say: str | None = None) -> TurnTaking:
    turn_id = draft.new_id()
    response = Response(str(turn_id), turn_id, automatic)
    draft.orders.append(voice.Respond(response.id, say))
    return replace(
        talk,
        response=response,
        expected=Expected.NOTHING,
        unanswered_text=False,
        wanted_again=False,
        hang_up=False,
    )


def take_typed(talk: TurnTaking, text: str, draft: Draft) -> TurnTaking:
    """Take a typed message: a final turn of the caller that starts no response."""
    turn_id = draft.new_id()
    draft.orders.append(voice.AddText(text))
    turns = finish_turn(talk.turns, draft, turn_id, str(turn_id), "caller", text)
    wanted = talk.wanted_again or talk.paused
    return replace(talk, turns=turns, unanswered_text=True, wanted_again=wanted)


def take_voice(talk: TurnTaking, signal: voice.VoiceSignal, draft: Draft) -> TurnTaking:
    """Take what the voice reports about the conversation."""
    match signal:
        case voice.SpeechStarted():
            raise AssertionError("the bridge turns speech that starts into CallerSpoke")
        case voice.SpeechStopped():
            draft.orders.append(leg.CallerStopped())
            return _turn_over(replace(talk, caller_speaks=False), draft)
        case voice.Heard(item_id, text, final):
            return replace(talk, turns=hear(talk.turns, item_id, text, draft, final=final))
        case voice.Forgotten(item_id):
            return replace(talk, turns=forget(talk.turns, item_id))
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


def take_bridge(talk: TurnTaking, signal: bridge.BridgeSignal, draft: Draft) -> TurnTaking:
    """Take what the bridge reports about the response that is playing."""
    match signal:
        case bridge.CallerSpoke(played_ms):
            draft.orders.append(leg.CallerStarted())
            talk = replace(
                talk,
                caller_speaks=True,
                forgotten=False,
                hang_up=False,
                expected=Expected.NOTHING,
            )
            return _stop(talk, played_ms, draft, barge_in=True)
        case bridge.CancelAsked(played_ms):
            return _go_on(_cancel(talk, played_ms, draft), draft)
        case bridge.Audible(response_id):
            response = _leaving(talk, response_id)
            return replace(talk, response=replace(response, audible=True)) if response else talk
        case bridge.Spoken(response_id, delta):
            response = _leaving(talk, response_id)
            return _said(talk, response, delta, draft) if response and delta else talk
        case bridge.PlayedOut(response_id):
            response = _leaving(talk, response_id)
            if response is None or not _ends(response, Step.PLAYED_OUT):
                return talk
            talk = _finish_response(talk, response, draft, interrupted=False)
            return _go_on(replace(talk, hang_up=response.hang_up), draft)
        case bridge.Silence():
            return talk


def end_talk(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Close what is open when the call ends: the running turn ends with what had left."""
    talk = replace(talk, coming=())
    if talk.response is None or not _ends(talk.response, Step.STOPPED):
        return talk
    return _finish_response(talk, talk.response, draft, interrupted=True)


def _ends(response: Response, step: Step) -> bool:
    after = advance(response, step)
    return after is not None and after.phase is Phase.OVER


def _leaving(talk: TurnTaking, response_id: str) -> Response | None:
    """Return the response under way if it is this one and has begun."""
    response = talk.response
    return response if response and response.id == response_id and response.begun else None


def _turn_over(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Answer what the caller said, or leave it to the voice."""
    if talk.forgotten:
        return _go_on(replace(talk, forgotten=False), draft)
    if talk.paused:
        return replace(talk, wanted_again=True)
    if talk.answers_itself:  # all that was said; what was typed is answered when it is wanted
        wanted = talk.wanted_again and talk.unanswered_text
        return replace(talk, expected=Expected.ANSWER, wanted_again=wanted)
    if talk.response is None:
        return _ask(talk, draft, automatic=True)
    if not talk.response.begun:
        return talk  # it will answer this turn too
    return replace(talk, wanted_again=True)  # a turn that did not interrupt (push to talk)


def _started(talk: TurnTaking, response_id: str, draft: Draft) -> TurnTaking:
    response = talk.response
    if response is not None and response.id == response_id:
        running = advance(response, Step.STARTED)
        return talk if running is None else _admit(talk, running, draft)
    own = talk.answers_itself and response_id not in talk.refused
    if own and talk.expected is not Expected.UNWANTED and not talk.paused:
        begun = Response(response_id, draft.new_id(), automatic=True, phase=Phase.RUNNING)
        talk = replace(talk, expected=Expected.NOTHING)
        if response is None:
            return _admit(talk, begun, draft)
        if response.phase is Phase.DRAINING and len(talk.coming) < MAX_COMING:
            return replace(talk, coming=(*talk.coming, begun))
    if own:
        talk = replace(talk, expected=Expected.NOTHING)
    return _refuse(talk, response_id, 0, draft)


def _admit(talk: TurnTaking, response: Response, draft: Draft) -> TurnTaking:
    draft.orders += [leg.AgentStarted(), bridge.Admit(response.id)]
    return replace(talk, response=response)


def _refuse(talk: TurnTaking, response_id: str, played_ms: int, draft: Draft) -> TurnTaking:
    """Stop a response wherever it is; the voice keeps in its history what was played."""
    draft.orders += [bridge.Drop(response_id), voice.Cancel(response_id, played_ms)]
    return replace(talk, refused=(*talk.refused, response_id)[-_REFUSED:])


def _done(talk: TurnTaking, response_id: str, draft: Draft, *, hang_up: bool) -> TurnTaking:
    known = (talk.response, *talk.coming)
    response = next((one for one in known if one and one.id == response_id), None)
    if response is None:
        draft.orders.append(bridge.Drop(response_id))  # nobody waits for it
        return talk
    done = advance(response, Step.DONE)
    if done is None:
        return talk
    if done.phase is Phase.OVER:  # it never began
        draft.orders.append(bridge.Drop(response_id))
        return _go_on(replace(talk, response=None), draft)
    done = replace(done, hang_up=hang_up)
    if response is talk.response:
        return replace(talk, response=done)
    coming = tuple(done if one is response else one for one in talk.coming)
    return replace(talk, coming=coming)


def _cancel(talk: TurnTaking, played_ms: int, draft: Draft) -> TurnTaking:
    if talk.response is None and talk.expected is Expected.ANSWER:
        return replace(talk, expected=Expected.UNWANTED)
    if talk.response is None:
        draft.orders.append(leg.Problem("response_cancel_not_active"))
    return _stop(talk, played_ms, draft, barge_in=False)


def _stop(talk: TurnTaking, played_ms: int, draft: Draft, *, barge_in: bool) -> TurnTaking:
    response = talk.response
    if response is None or not _ends(response, Step.STOPPED):
        return talk
    talk = _refuse(talk, response.id, played_ms, draft)
    for next_ in talk.coming:
        talk = _refuse(talk, next_.id, 0, draft)
    if barge_in and response.audible:
        draft.events.append(
            BargeIn(turn_id=response.turn_id, spoken_text=response.text, at_ms=played_ms)
        )
    return _finish_response(replace(talk, coming=()), response, draft, interrupted=True)


def _finish_response(
    talk: TurnTaking, response: Response, draft: Draft, *, interrupted: bool
) -> TurnTaking:
    if response.begun:
        draft.orders.append(leg.AgentFinished(interrupted))
    if response.text:
        turns = finish_turn(
            talk.turns,
            draft,
            response.turn_id,
            response.id,
            "agent",
            response.text,
            interrupted=interrupted,
        )
        talk = replace(talk, turns=turns)
    return replace(talk, response=None)


def _go_on(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Go on with what has begun or was asked for while something else was under way."""
    if talk.response is not None or talk.paused:
        return talk
    if talk.coming:
        next_, *later = talk.coming
        return _admit(replace(talk, coming=tuple(later)), next_, draft)
    if talk.wanted_again and not talk.caller_speaks:
        return _ask(talk, draft, automatic=False)
    return talk


def _said(talk: TurnTaking, response: Response, delta: str, draft: Draft) -> TurnTaking:
    delta = storable(delta)
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
