"""The agent's responses: how one begins, is sent, stopped and finished, and what follows it.

`advance` changes a response's phase by a table (`responses.py`); this module decides what that
means: orders to the bridge and the voice, notifications for the leg, events. An interrupted
turn keeps the text that was sent, and how much of it was heard (contract, 11): a response that
was sent can be interrupted until it was played, or until the next one may begin.

A response that calls tools has one follow-up, when it is over and the client has answered all
of its calls (O6, O7). A voice that responds by itself begins it by itself.
"""

from dataclasses import replace

from ringline.domain import bridge, leg, limits, voice
from ringline.domain.agent_tools import ToolRunner
from ringline.domain.call_orders import EndOrdered
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.endings import EndCause
from ringline.domain.events import BargeIn, TranscriptDelta
from ringline.domain.heard import whole_words
from ringline.domain.plans import audit_result, drop_goodbye, drop_plans, plan_call, without
from ringline.domain.responses import Phase, Plan, Response, ResponseStep, advance
from ringline.domain.talk import Expected, TurnTaking, leaving, with_result
from ringline.domain.tool_calls import (
    MAX_OPEN,
    NOT_ALLOWED,
    TOO_MANY,
    UNWANTED,
    OpenCall,
    answered,
    find_call,
    has_open,
)
from ringline.domain.tool_runs import give_up, run_tool, stop_runs
from ringline.domain.turns import Draft, finish_turn, storable
from ringline.domain.usage import plausible

#: Most responses that wait until the previous one was sent; more are refused.
MAX_QUEUED = limits.QUEUED_RESPONSES.most
# A stopped response may still be reported as started: our Cancel and the voice's report can
# cross. Without its id, a voice that responds by itself would seem to begin a new response.
_REFUSED = 8


def request(
    talk: TurnTaking, draft: Draft, *, automatic: bool, say: str | None = None
) -> TurnTaking:
    """Request a response; it answers everything that is unanswered."""
    talk = drop_goodbye(talk, draft)
    turn_id = draft.new_id()
    response = Response(str(turn_id), turn_id, automatic, say=say)
    draft.orders.append(voice.Respond(response.id, say, talk.turns.newest))
    return replace(
        talk,
        response=response,
        expected=Expected.NOTHING,
        unanswered_text=False,
        owed=False,
        owes_work=False,
        rounds=talk.rounds if automatic else 0,
    )


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


def response_sent(talk: TurnTaking, sent: bridge.ResponseSent, *, draft: Draft) -> TurnTaking:
    """Handle the last chunk of a response: it is over once it was played."""
    response = leaving(talk, sent.response_id)
    playing = advance(response, ResponseStep.SENT) if response is not None else None
    if playing is None:
        return talk
    talk = replace(talk, response=replace(playing, characters=sent.characters))
    follows = _follows(talk, playing)
    if sent.playing and not (talk.queued or talk.owed or follows):
        return talk
    return proceed(settle(talk, draft), draft)


def settle(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """End the response that the leg still plays: it was heard, or the next one may begin."""
    response = talk.response
    if response is None or not _ends(response, ResponseStep.PLAYED):
        return talk
    heard = response.characters if response.cut else None
    talk = _finish_response(talk, response, draft=draft, heard=heard)
    return replace(talk, plans=(*talk.plans, *response.plans))


def response_started(talk: TurnTaking, response_id: str, *, draft: Draft) -> TurnTaking:
    """Handle the beginning of a response: admit it, queue it or refuse it."""
    response = talk.response
    if response is not None and response.id == response_id:
        running = advance(response, ResponseStep.STARTED)
        return talk if running is None else _admit(talk, running, draft=draft)
    talk = settle(talk, draft)
    response = talk.response
    unrequested = talk.responds_by_itself and response_id not in talk.refused
    may_respond = talk.works_on or not talk.silent
    if unrequested and talk.expected is not Expected.UNWANTED and may_respond:
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
    if not talk.held:
        draft.orders += [leg.AgentStarted(response.turn_id), bridge.PlayResponse(response.id)]
    talk = replace(talk, response=replace(response, held_calls=(), muted=talk.held))
    for call in response.held_calls:
        talk = call_tool(talk, call, draft=draft)
    return talk


def call_tool(talk: TurnTaking, call: voice.ToolCall, *, draft: Draft) -> TurnTaking:
    """Pass a tool call to the client or the agent's webhook, or plan what the call runs itself.

    A response that the client does not know yet holds its calls.
    """
    response = leaving(talk, call.response_id)
    if response is None:
        queued = tuple(
            replace(item, held_calls=(*item.held_calls, call)[:MAX_OPEN])
            if item.id == call.response_id
            else item
            for item in talk.queued
        )
        if call.response_id in talk.refused:  # a model may wait for it all the same
            draft.orders.append(voice.ToolResult(call.tool_call_id, UNWANTED))
        return replace(talk, queued=queued)
    if find_call(talk.calls, call.tool_call_id) is not None:
        return talk
    calls = talk.calls
    if talk.allowed_tools is not None and call.name not in talk.allowed_tools:
        draft.orders.append(voice.ToolResult(call.tool_call_id, NOT_ALLOWED))
        response = replace(response, has_results=True)
    elif call.name in talk.builtins.names:
        return plan_call(talk, response, call=call, draft=draft)
    elif talk.tools_run_by is not ToolRunner.CLIENT:
        return run_tool(talk, response, call=call, draft=draft)
    elif len(calls) < MAX_OPEN:
        draft.orders.append(leg.ToolCalled(call.tool_call_id, call.name, call.arguments))
        calls = (*calls, OpenCall(call.tool_call_id, response.id, in_turn=response.has_results))
    else:
        draft.orders.append(voice.ToolResult(call.tool_call_id, TOO_MANY))
        response = replace(response, has_results=True)
    return replace(talk, calls=calls, response=replace(response, called=True))


def answer_plan(talk: TurnTaking, plan: Plan, *, result: str, draft: Draft) -> TurnTaking:
    """Give the model the result of a built-in tool, and let it respond to that."""
    if plan.name:
        audit_result(plan.name, result, draft=draft)
    call = find_call(talk.calls, plan.tool_call_id)
    if call is None:
        return talk
    draft.orders.append(voice.ToolResult(call.id, result))
    talk = replace(talk, calls=answered(talk.calls, call))
    response = talk.response
    if response is not None and response.id == call.response_id:
        return with_result(replace(talk, response=replace(response, own_results=True)), response.id)
    if call.silent or has_open(talk.calls, call.response_id):
        return talk
    return follow_up(talk, draft, is_own=True)


def cancel_calls(talk: TurnTaking, call_ids: tuple[str, ...], *, draft: Draft) -> TurnTaking:
    """Forget tool calls that the model has cancelled; a late result is refused.

    Results that came before are followed up all the same.
    """
    gone = tuple(call for call in talk.calls if call.id in call_ids)
    give_up(gone, draft)
    talk = replace(
        talk,
        calls=tuple(call for call in talk.calls if call not in gone),
        queued=tuple(_without_held(item, call_ids) for item in talk.queued),
        plans=without(talk.plans, call_ids),
    )
    response = talk.response
    if response is not None and response.plans:
        response = replace(response, plans=without(response.plans, call_ids))
        talk = replace(talk, response=response)
    for call in gone:
        if has_open(talk.calls, call.response_id):
            continue
        if response is not None and response.id == call.response_id:
            return replace(talk, response=replace(response, called=response.has_results))
        if call.in_turn and not call.silent:
            return follow_up(talk, draft)
    return talk


def _without_held(response: Response, call_ids: tuple[str, ...]) -> Response:
    held = tuple(call for call in response.held_calls if call.tool_call_id not in call_ids)
    return replace(response, held_calls=held)


def follows_on_request(talk: TurnTaking) -> bool:
    """Return whether the results of tools are answered only on request of the client."""
    return talk.results_on_request and not talk.responds_by_itself


def follow_up(talk: TurnTaking, draft: Draft, *, is_own: bool = False) -> TurnTaking:
    """Request the response to the results of tool calls, now or when the agent may speak.

    No client knows of results that `is_own`, so none requests it.
    """
    if follows_on_request(talk) and not is_own:
        return replace(talk, unanswered_text=True)
    if talk.works_on and not talk.responds_by_itself:
        talk = replace(talk, owes_work=True)
        return talk if talk.response is not None else request(talk, draft, automatic=True)
    if talk.responds_by_itself and (talk.works_on or not talk.silent):
        return replace(talk, expected=Expected.ANSWER)
    return proceed(replace(talk, owed=True), draft)


def _refuse(talk: TurnTaking, response_id: str, *, played_ms: int, draft: Draft) -> TurnTaking:
    """Stop a response; the voice learns how much of it was played."""
    draft.orders += [bridge.DropResponse(response_id), voice.Cancel(response_id, played_ms)]
    return replace(talk, refused=(*talk.refused, response_id)[-_REFUSED:])


def response_done(talk: TurnTaking, signal: voice.ResponseDone, *, draft: Draft) -> TurnTaking:
    """Handle the end of a response at the voice; it may still be sent and played."""
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
        return proceed(replace(talk, response=None), draft)
    cut = signal.reason is not voice.ResponseEnd.COMPLETED
    ends = signal.hang_up or signal.gives_up
    cause = EndCause.AGENT_FAILED if signal.gives_up else EndCause.AGENT_HUNG_UP
    goodbye = (Plan(EndOrdered(cause)),) if ends else ()
    done = replace(done, plans=(*done.plans, *goodbye), cut=cut)
    if done.muted:
        return _finish_muted(talk, done, draft=draft)
    if response is talk.response:
        return replace(talk, response=done)
    queued = tuple(done if item is response else item for item in talk.queued)
    return replace(talk, queued=queued)


def _finish_muted(talk: TurnTaking, response: Response, *, draft: Draft) -> TurnTaking:
    """Finish what the agent said to a held caller: nobody heard it.

    It responds to the results of tools at once. What it said otherwise, it says anew after the
    hold; what it planned is done now, since there is nothing to be played.
    """
    draft.orders += [bridge.DropResponse(response.id), voice.Cancel(response.id, 0)]
    follows = _follows(talk, response)
    plans = tuple(replace(plan, at_once=True) for plan in response.plans)
    talk = replace(talk, response=None, plans=(*talk.plans, *plans))
    if not (follows or talk.owes_work):
        return replace(talk, owed=True) if not response.called else talk
    return talk if talk.responds_by_itself else request(talk, draft, automatic=True)


def unmute(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Let the caller hear what the agent has begun to say to them on hold."""
    response = talk.response
    if response is None or not response.muted:
        return talk
    draft.orders += [leg.AgentStarted(response.turn_id), bridge.PlayResponse(response.id)]
    return replace(talk, response=replace(response, muted=False))


def count_usage(talk: TurnTaking, used: voice.UsageReported) -> TurnTaking:
    """Count what a voice has used for responses: the client is told at the end of one.

    What comes later, of a response that was cut off say, is told with the next one.
    """
    if used.kind is not voice.UsageKind.RESPONSE:
        return talk
    return replace(talk, untold=talk.untold + plausible(used.usage))


def stop_response(
    talk: TurnTaking, played: bridge.Played, *, draft: Draft, barge_in: bool
) -> TurnTaking:
    """Stop the response under way, if there is one, and those that are queued."""
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
    talk = _finish_response(talk, response, draft=draft, heard=played.characters)
    if barge_in:
        talk = stop_runs(talk, response.id, draft=draft)
    # The caller who interrupts a goodbye goes on; what they were promised is done all the same.
    kept = tuple(plan for plan in response.plans if barge_in and not plan.ends_call)
    dropped = tuple(plan for plan in response.plans if plan not in kept)
    talk = drop_plans(talk, dropped, draft=draft)
    return replace(talk, plans=(*talk.plans, *kept))


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
    if response.begun and not response.muted:  # if not, the leg was never notified of it
        used = talk.untold if talk.untold != voice.NOTHING_USED else None
        finished = leg.AgentFinished(heard is not None, spoken, response.latency, usage=used)
        draft.orders.append(finished)
        talk = replace(talk, untold=voice.NOTHING_USED)
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
    owed = talk.owed or (_follows(talk, response) and not talk.responds_by_itself)
    return replace(talk, response=None, owed=owed)


def _follows(talk: TurnTaking, response: Response) -> bool:
    """Return whether all calls of a response are answered, and their results will be."""
    answered = response.called and not has_open(talk.calls, response.id)
    return answered and (response.own_results or not follows_on_request(talk))


def proceed(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Start the next response, if it is queued or owed and the agent may speak."""
    if talk.response is not None or talk.silent:
        return talk
    if not all(plan.ends_call for plan in talk.plans):
        return talk  # they come first, as soon as it is quiet
    if talk.queued:
        talk = drop_goodbye(talk, draft)
        first, *later = talk.queued
        return _admit(replace(talk, queued=tuple(later)), first, draft=draft)
    if talk.owed and not talk.caller_speaks:
        # Clients cannot tell that it is coming, so it absorbs a `response.create`.
        return request(talk, draft, automatic=True)
    return talk


def text_sent(talk: TurnTaking, response: Response, *, delta: str, draft: Draft) -> TurnTaking:
    """Handle text of a response that was sent to the caller."""
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
