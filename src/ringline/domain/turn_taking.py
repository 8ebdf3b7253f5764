"""Turn-taking: when the agent speaks. The rules are the same for every voice.

At most one response is under way. `advance` changes its phase by a table (`responses.py`);
this module decides what follows: orders to the bridge and the voice, notifications for the
leg, events. An interrupted turn keeps the text that was sent, and how much of it was heard
(contract, 11): a response that was sent can be interrupted until it was played, or until the
next one may begin.

A voice that responds by itself may begin its next response while the previous one is still
being sent; the next one is `queued`. A response that such a voice has not begun yet does not
count, it is only `expected`: nothing waits for it, as the voice may never begin it.

While the agent is `paused` it has no response: none is requested, and those that the voice
begins are refused. Everything that the caller says, types or requests in that time leads to
one response, which is `owed`.

A response that calls tools has one follow-up, when it is over and the client has answered all
of its calls (O6, O7). A voice that responds by itself begins it by itself.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from ringline.domain import bridge, leg, limits, voice
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.events import BargeIn, TranscriptDelta
from ringline.domain.heard import whole_words
from ringline.domain.responses import Phase, Response, ResponseStep, advance
from ringline.domain.tool_calls import (
    MAX_OPEN,
    NOT_ALLOWED,
    TOO_MANY,
    OpenCall,
    OpenCalls,
    answered,
    are_being_answered,
    awaits_follow_up,
    find_call,
    has_open,
    silence,
)
from ringline.domain.turns import (
    Draft,
    Turns,
    begin_turn,
    drop_turn,
    finish_turn,
    storable,
    transcribe,
)

#: Most responses that wait until the previous one was sent; more are refused.
MAX_QUEUED = limits.QUEUED_RESPONSES.most
# A stopped response may still be reported as started: our Cancel and the voice's report can
# cross. Without its id, a voice that responds by itself would seem to begin a new response.
_REFUSED = 8


class Expected(StrEnum):
    """What a voice that responds by itself will probably begin next."""

    NOTHING = "nothing"
    ANSWER = "answer"
    UNWANTED = "unwanted"  # an answer that was cancelled before it began


@dataclass(frozen=True, slots=True)
class TurnTaking:
    """The state of a conversation."""

    #: The voice responds to the end of a turn by itself; others wait for Respond.
    responds_by_itself: bool = False
    response: Response | None = None
    #: Responses that the voice has begun while `response` was still being sent.
    queued: tuple[Response, ...] = ()
    expected: Expected = Expected.NOTHING
    #: Ids of responses that were stopped and may still be reported as started.
    refused: tuple[str, ...] = ()
    caller_speaks: bool = False
    #: The client has cleared what the caller is saying: this turn gets no answer.
    cleared: bool = False
    #: Typed text has not been answered yet.
    unanswered_text: bool = False
    #: A response must follow once the agent may speak again.
    owed: bool = False
    #: The call ends once everything sent has been played.
    hang_up: bool = False
    #: Responses are spoken; if not, they are text alone, of which the clock knows nothing.
    speaks: bool = True
    #: An operator has taken over.
    paused: bool = False
    #: Tool calls that the client has not answered.
    calls: OpenCalls = ()
    #: The only tools that the voice may call; None is any.
    allowed_tools: frozenset[str] | None = None
    turns: Turns = field(default_factory=Turns)


def greet(talk: TurnTaking, say: str, *, draft: Draft) -> TurnTaking:
    """Request the greeting: the first response, with our own text."""
    return _request(talk, draft, automatic=True, say=say)


def request_response(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Handle `response.create` (realtime voice, O8; contract, 11).

    Clients send it after a turn that is answered anyway, so the response to the turn absorbs
    one of them. While the agent is paused, the response is owed.
    """
    if talk.paused:
        return replace(talk, owed=True)
    talk = _settle(talk, draft)
    response = talk.response
    if talk.caller_speaks or response is not None:
        # The response under way may have begun before the text, so it does not answer it.
        if talk.unanswered_text or talk.owed:
            return replace(talk, owed=True)
        if response is None:
            return talk  # the end of the turn will be answered anyway
        if response.called and not has_open(talk.calls, response.id):
            return talk  # its follow-up is about to begin
        if response.automatic and not response.audible and not response.absorbed:
            return replace(talk, response=replace(response, absorbed=True))
        draft.orders.append(leg.RequestRefused(leg.Refusal.RESPONSE_ACTIVE))
        return talk
    if talk.expected is Expected.ANSWER and not talk.unanswered_text:
        # Absorbed by the answer that is about to begin. Only once: should the voice begin
        # none, the client's next request is answered.
        return replace(talk, expected=Expected.NOTHING)
    if are_being_answered(talk.calls) and not talk.unanswered_text:
        return talk  # some clients request a response after each result (O7)
    return _request(talk, draft, automatic=False)


def answer_tool(talk: TurnTaking, call_id: str, *, result: str, draft: Draft) -> TurnTaking:
    """Handle the result of a tool call; the last one of a response has a follow-up."""
    call = find_call(talk.calls, call_id)
    if call is None:
        draft.orders.append(leg.RequestRefused(leg.Refusal.NO_SUCH_TOOL_CALL))
        return talk
    draft.orders.append(voice.ToolResult(call_id, result))
    talk = replace(talk, calls=answered(talk.calls, call))
    if call.silent or has_open(talk.calls, call.response_id):
        return talk
    talk = _settle(talk, draft)
    if call.response_id in _living(talk):
        return talk  # the follow-up waits until it is over
    return _follow_up(talk, draft)


def clear_turn(talk: TurnTaking) -> TurnTaking:
    """Handle `audio.clear`: the turn being spoken will end without a response."""
    return replace(talk, cleared=talk.caller_speaks)


def pause(talk: TurnTaking, played: bridge.Played, *, draft: Draft) -> TurnTaking:
    """Pause the agent: cancel its response, and refuse others until it resumes."""
    if talk.expected is Expected.ANSWER:
        talk = replace(talk, expected=Expected.UNWANTED)
    talk = _stop(talk, played, draft=draft, barge_in=False)
    return replace(talk, paused=True, hang_up=False)  # the operator decides when it ends


def resume(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Resume the agent; request the response that is owed, if any."""
    talk = replace(talk, paused=False)
    if talk.owed and not talk.caller_speaks:
        return _request(talk, draft, automatic=True)
    return talk


def replace_voice(talk: TurnTaking, draft: Draft, *, responds_by_itself: bool) -> TurnTaking:
    """Continue with another voice, which was given the history.

    What the old voice has produced is played, and its response ends with it. Responses that
    it had not begun are requested from the new voice, as is an answer that it owed. The new
    voice does not know the tool calls of the old one, so it responds without their results.
    """
    talk = _settle(talk, draft)
    unanswered = talk.expected is Expected.ANSWER or awaits_follow_up(talk.calls, _living(talk))
    kept: list[Response] = []
    for response in (*filter(None, [talk.response]), *talk.queued):
        done = advance(response, ResponseStep.DONE)
        if done is not None and done.phase is Phase.DRAINING:
            draft.orders.append(bridge.FinishResponse(response.id))
            kept.append(done)
            continue
        if response.phase is Phase.WANTED:
            draft.orders.append(voice.Respond(response.id, response.say))
        kept.append(response)
    talk = replace(
        talk,
        responds_by_itself=responds_by_itself,
        response=kept[0] if kept else None,
        queued=tuple(kept[1:]),
        expected=Expected.NOTHING,
        refused=(),
        caller_speaks=False,
        calls=(),
        turns=replace(talk.turns, partial_turns=()),
    )
    if unanswered and talk.response is None and not talk.paused:
        return _request(talk, draft, automatic=True)
    return talk


def _request(
    talk: TurnTaking, draft: Draft, *, automatic: bool, say: str | None = None
) -> TurnTaking:
    """Request a response; it answers everything that is unanswered."""
    turn_id = draft.new_id()
    response = Response(str(turn_id), turn_id, automatic, say=say)
    draft.orders.append(voice.Respond(response.id, say))
    return replace(
        talk,
        response=response,
        expected=Expected.NOTHING,
        unanswered_text=False,
        owed=False,
        hang_up=False,
    )


def add_typed_text(talk: TurnTaking, text: str, *, draft: Draft) -> TurnTaking:
    """Handle a typed message: a finished turn of the caller that starts no response."""
    turn_id = draft.new_id()
    draft.orders.append(voice.AddText(text))
    turns = finish_turn(
        talk.turns,
        draft,
        turn_id=turn_id,
        item_id=str(turn_id),
        role=TurnRole.CALLER,
        text=text,
        began_at=draft.now,
    )
    # Clients follow text with a `response.create`, but not while the agent is paused, and
    # the text must be answered all the same.
    owed = talk.owed or talk.paused
    return replace(talk, turns=turns, unanswered_text=True, owed=owed)


def handle_voice_signal(talk: TurnTaking, signal: voice.VoiceSignal, *, draft: Draft) -> TurnTaking:
    """Handle what the voice reports about the conversation."""
    match signal:
        case voice.SpeechStarted():
            raise AssertionError("the bridge translates SpeechStarted into CallerSpoke")
        case voice.SpeechStopped(item_id, _, began_ago_ms):
            draft.orders.append(leg.CallerStopped())
            talk = _begin_turn(talk, item_id, ago_ms=began_ago_ms, draft=draft)
            return _turn_over(replace(talk, caller_speaks=False), draft)
        case voice.Transcribed(item_id, text, final):
            return replace(
                talk, turns=transcribe(talk.turns, item_id, text=text, draft=draft, final=final)
            )
        case voice.TurnEmpty():
            draft.orders.append(leg.RequestRefused(leg.Refusal.NOTHING_TO_COMMIT))
            return talk
        case voice.TurnCleared(item_id):
            return replace(talk, turns=drop_turn(talk.turns, item_id))
        case voice.ResponseStarted(response_id):
            return _started(talk, response_id, draft=draft)
        case voice.ResponseDone():
            return _done(talk, signal, draft=draft)
        case voice.ToolCall():
            return _call_tool(talk, signal, draft=draft)
        case voice.ToolCallsCancelled(call_ids):
            return _cancel_calls(talk, call_ids, draft=draft)
        case voice.VoiceFailed() | voice.GoingAway() | voice.UsageReported():
            raise AssertionError("the call handles what does not move the conversation")


def handle_bridge_signal(
    talk: TurnTaking, signal: bridge.BridgeSignal, *, draft: Draft
) -> TurnTaking:
    """Handle what the bridge reports about the response that is playing."""
    match signal:
        case bridge.CallerSpoke(played, item_id, ago_ms):
            draft.orders.append(leg.CallerStarted())
            talk = replace(
                _begin_turn(talk, item_id, ago_ms=ago_ms, draft=draft),
                caller_speaks=True,
                cleared=False,
                hang_up=False,  # speaking over a goodbye means going on
                expected=Expected.NOTHING,
            )
            return _stop(talk, played, draft=draft, barge_in=True)
        case bridge.ClientCancelled(played):
            return _continue(_cancel(talk, played, draft=draft), draft)
        case bridge.ResponseAudible(response_id, _, latency):
            response = _leaving(talk, response_id)
            if response is None:
                return talk
            # Its text may have been sent before.
            audible = replace(response, audible=True, began_at=draft.now, latency=latency)
            return replace(talk, response=audible)
        case bridge.TextSent(response_id, delta):
            response = _leaving(talk, response_id)
            return _said(talk, response, delta=delta, draft=draft) if response and delta else talk
        case bridge.ResponseSent():
            return _sent(talk, signal, draft=draft)
        case bridge.PlaybackFinished():
            return _continue(_settle(talk, draft), draft)


def _begin_turn(talk: TurnTaking, item_id: str, *, ago_ms: float, draft: Draft) -> TurnTaking:
    began_at = draft.now - timedelta(milliseconds=ago_ms)
    turns = begin_turn(talk.turns, item_id, began_at=began_at, draft=draft)
    return replace(talk, turns=turns)


def end_conversation(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """End the conversation, in the middle of the agent's turn if it has one."""
    talk = replace(talk, queued=())
    response = talk.response
    if response is None or not _ends(response, ResponseStep.STOPPED):
        return talk
    played = _played_of(response, draft.played())
    return _finish_response(talk, response, draft=draft, heard=played.characters)


def _ends(response: Response, step: ResponseStep) -> bool:
    after = advance(response, step)
    return after is not None and after.phase is Phase.OVER


def _living(talk: TurnTaking) -> tuple[str, ...]:
    """Return the ids of the responses that are not over."""
    return tuple(response.id for response in (talk.response, *talk.queued) if response)


def _leaving(talk: TurnTaking, response_id: str) -> Response | None:
    """Return the response under way, if it has this id and has begun."""
    response = talk.response
    return response if response and response.id == response_id and response.begun else None


def _sent(talk: TurnTaking, sent: bridge.ResponseSent, *, draft: Draft) -> TurnTaking:
    """Handle the last chunk of a response: it is over once it was played."""
    response = _leaving(talk, sent.response_id)
    playing = advance(response, ResponseStep.SENT) if response is not None else None
    if playing is None:
        return talk
    talk = replace(talk, response=replace(playing, characters=sent.characters))
    follows = playing.called and not has_open(talk.calls, playing.id)
    if sent.playing and not (talk.queued or talk.owed or follows):
        return talk
    return _continue(_settle(talk, draft), draft)


def _settle(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """End the response that the leg still plays: it was heard, or the next one may begin."""
    response = talk.response
    if response is None or not _ends(response, ResponseStep.PLAYED):
        return talk
    heard = response.characters if response.cut else None
    talk = _finish_response(talk, response, draft=draft, heard=heard)
    return replace(talk, hang_up=response.hang_up)


def _turn_over(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Request a response to the caller's turn, unless the voice responds by itself."""
    talk = _settle(talk, draft)
    if talk.cleared:
        return _continue(replace(talk, cleared=False), draft)
    if talk.paused:
        return replace(talk, owed=True)
    if talk.responds_by_itself:
        # Its own response covers speech; typed text it answers on request only.
        owed = talk.owed and talk.unanswered_text
        return replace(talk, expected=Expected.ANSWER, owed=owed)
    if talk.response is None:
        return _request(talk, draft, automatic=True)
    if not talk.response.begun:
        return talk  # not begun yet, so it will answer this turn too
    # With push to talk, a turn can end without interrupting the response.
    return replace(talk, owed=True)


def _started(talk: TurnTaking, response_id: str, *, draft: Draft) -> TurnTaking:
    response = talk.response
    if response is not None and response.id == response_id:
        running = advance(response, ResponseStep.STARTED)
        return talk if running is None else _admit(talk, running, draft=draft)
    talk = _settle(talk, draft)
    response = talk.response
    unrequested = talk.responds_by_itself and response_id not in talk.refused
    if unrequested and talk.expected is not Expected.UNWANTED and not talk.paused:
        new_response = Response(response_id, draft.new_id(), automatic=True, phase=Phase.RUNNING)
        talk = replace(talk, expected=Expected.NOTHING)
        if response is None:
            return _admit(talk, new_response, draft=draft)
        if response.phase is Phase.DRAINING and len(talk.queued) < MAX_QUEUED:
            return replace(talk, queued=(*talk.queued, new_response))
    if unrequested:  # this was the expected response, wanted or not
        talk = replace(talk, expected=Expected.NOTHING)
    return _refuse(talk, response_id, played_ms=0, draft=draft)


def _admit(talk: TurnTaking, response: Response, *, draft: Draft) -> TurnTaking:
    draft.orders += [leg.AgentStarted(), bridge.PlayResponse(response.id)]
    talk = replace(talk, response=replace(response, held_calls=()))
    for call in response.held_calls:
        talk = _call_tool(talk, call, draft=draft)
    return talk


def _call_tool(talk: TurnTaking, call: voice.ToolCall, *, draft: Draft) -> TurnTaking:
    """Pass a tool call to the client; a response that it does not know yet holds its calls."""
    response = _leaving(talk, call.response_id)
    if response is None:
        queued = tuple(
            replace(item, held_calls=(*item.held_calls, call)[:MAX_OPEN])
            if item.id == call.response_id
            else item
            for item in talk.queued
        )
        return replace(talk, queued=queued)  # unchanged if the response was stopped
    if find_call(talk.calls, call.tool_call_id) is not None:
        return talk
    calls = talk.calls
    if talk.allowed_tools is not None and call.name not in talk.allowed_tools:
        draft.orders.append(voice.ToolResult(call.tool_call_id, NOT_ALLOWED))
    elif len(calls) < MAX_OPEN:
        draft.orders.append(leg.ToolCalled(call.tool_call_id, call.name, call.arguments))
        calls = (*calls, OpenCall(call.tool_call_id, response.id))
    else:
        draft.orders.append(voice.ToolResult(call.tool_call_id, TOO_MANY))
    return replace(talk, calls=calls, response=replace(response, called=True))


def _cancel_calls(talk: TurnTaking, call_ids: tuple[str, ...], *, draft: Draft) -> TurnTaking:
    """Forget tool calls that the model has cancelled; a late result is refused.

    Results that came before are followed up all the same.
    """
    gone = [call for call in talk.calls if call.id in call_ids]
    talk = replace(
        talk,
        calls=tuple(call for call in talk.calls if call not in gone),
        queued=tuple(_without_held(item, call_ids) for item in talk.queued),
    )
    response = talk.response
    for call in gone:
        if has_open(talk.calls, call.response_id):
            continue
        if response is not None and response.id == call.response_id:
            return replace(talk, response=replace(response, called=call.in_turn))
        if call.in_turn and not call.silent:
            return _follow_up(talk, draft)
    return talk


def _without_held(response: Response, call_ids: tuple[str, ...]) -> Response:
    held = tuple(call for call in response.held_calls if call.tool_call_id not in call_ids)
    return replace(response, held_calls=held)


def _follow_up(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Request the response to the results of tool calls, now or when the agent may speak."""
    if talk.responds_by_itself and not talk.paused:
        return replace(talk, expected=Expected.ANSWER)
    return _continue(replace(talk, owed=True), draft)


def _refuse(talk: TurnTaking, response_id: str, *, played_ms: int, draft: Draft) -> TurnTaking:
    """Stop a response; the voice learns how much of it was played."""
    draft.orders += [bridge.DropResponse(response_id), voice.Cancel(response_id, played_ms)]
    return replace(talk, refused=(*talk.refused, response_id)[-_REFUSED:])


def _done(talk: TurnTaking, signal: voice.ResponseDone, *, draft: Draft) -> TurnTaking:
    response_id, known = signal.response_id, (talk.response, *talk.queued)
    response = next((item for item in known if item and item.id == response_id), None)
    if response is None:  # stopped or refused: the bridge can discard its buffer
        draft.orders.append(bridge.DropResponse(response_id))
        return talk
    done = advance(response, ResponseStep.DONE)
    if done is None:
        return talk
    if done.phase is Phase.OVER:  # it ended before it began
        draft.orders.append(bridge.DropResponse(response_id))
        return _continue(replace(talk, response=None), draft)
    cut = signal.reason is not voice.ResponseEnd.COMPLETED
    done = replace(done, hang_up=signal.hang_up, cut=cut)
    if response is talk.response:
        return replace(talk, response=done)
    queued = tuple(done if item is response else item for item in talk.queued)
    return replace(talk, queued=queued)


def _cancel(talk: TurnTaking, played: bridge.Played, *, draft: Draft) -> TurnTaking:
    if talk.response is None and talk.expected is Expected.ANSWER:
        # There is no id to cancel by yet: refuse the answer when it begins.
        return replace(talk, expected=Expected.UNWANTED)
    if talk.response is None:
        draft.orders.append(leg.RequestRefused(leg.Refusal.NOTHING_TO_CANCEL))
    else:  # the client wants to hear nothing of its tools' results either
        cancelled = replace(talk.response, called=False)
        talk = replace(talk, response=cancelled, calls=silence(talk.calls, cancelled.id))
    return _stop(talk, played, draft=draft, barge_in=False)


def _stop(talk: TurnTaking, played: bridge.Played, *, draft: Draft, barge_in: bool) -> TurnTaking:
    response = talk.response
    if response is None or not _ends(response, ResponseStep.STOPPED):
        return talk
    played = _played_of(response, played)
    talk = _refuse(talk, response.id, played_ms=played.ms, draft=draft)
    for item in talk.queued:
        talk = _refuse(talk, item.id, played_ms=0, draft=draft)
    if barge_in and response.audible:  # speech over silence interrupts nothing
        spoken = whole_words(response.text, played.characters) if talk.speaks else response.text
        draft.report(BargeIn(turn_id=response.turn_id, spoken_text=spoken, at_ms=played.ms))
    talk = replace(talk, queued=())
    return _finish_response(talk, response, draft=draft, heard=played.characters)


def _played_of(response: Response, played: bridge.Played) -> bridge.Played:
    """Return how much of this response was played; the clock may count the one before it."""
    return played if played.response_id == response.id else bridge.NOTHING


def _finish_response(
    talk: TurnTaking, response: Response, *, draft: Draft, heard: int | None
) -> TurnTaking:
    """Finish a response; `heard` is how many characters were heard if it was cut off."""
    spoken = None
    if heard is not None and talk.speaks:
        spoken = whole_words(response.text, heard)
    if response.begun:  # if not, the leg was never notified of it
        draft.orders.append(leg.AgentFinished(heard is not None, spoken, response.latency))
    if response.text:
        turns = finish_turn(
            talk.turns,
            draft,
            turn_id=response.turn_id,
            item_id=response.id,
            role=TurnRole.AGENT,
            text=response.text,
            began_at=response.began_at or draft.now,
            interrupted=heard is not None,
            spoken_text=spoken,
            latency=response.latency,
        )
        talk = replace(talk, turns=turns)
    follows = response.called and not has_open(talk.calls, response.id)
    owed = talk.owed or (follows and not talk.responds_by_itself)
    return replace(talk, response=None, owed=owed)


def _continue(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Start the next response, if it is queued or owed and the agent may speak."""
    if talk.response is not None or talk.paused:
        return talk
    if talk.queued:
        first, *later = talk.queued
        return _admit(replace(talk, queued=tuple(later)), first, draft=draft)
    if talk.owed and not talk.caller_speaks:
        # Clients cannot tell that it is coming, so it absorbs a `response.create`.
        return _request(talk, draft, automatic=True)
    return talk


def _said(talk: TurnTaking, response: Response, *, delta: str, draft: Draft) -> TurnTaking:
    delta = storable(delta)
    draft.orders.append(leg.AgentSaid(delta))
    text, began_at = response.text + delta, response.began_at or draft.now
    draft.report(
        TranscriptDelta(
            turn_id=response.turn_id,
            item_id=response.id,
            role=TurnRole.AGENT,
            delta=delta,
            text=text,
            sequence=response.pieces,
        ),
        began_at,
    )
    pieces = response.pieces + 1
    response = replace(response, text=text, pieces=pieces, audible=True, began_at=began_at)
    return replace(talk, response=response)
