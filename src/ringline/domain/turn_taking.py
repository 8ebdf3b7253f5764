"""Turn-taking: when the agent speaks. The rules are the same for every voice.

Signals of the voice, the bridge and the caller's leg come here; what they mean for the agent's
responses is carried out by `agent_responses.py`, on the state that `talk.py` defines.
"""

from dataclasses import replace
from datetime import timedelta

from ringline.domain import bridge, leg, voice
from ringline.domain.agent_responses import (
    call_tool,
    cancel_calls,
    follow_up,
    follows_on_request,
    proceed,
    request,
    response_done,
    response_sent,
    response_started,
    settle,
    stop_response,
    text_sent,
    unmute,
)
from ringline.domain.agent_tools import ToolReturned, ToolRunner
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.plans import drop_goodbye, drop_plans
from ringline.domain.responses import Phase, Response, ResponseStep, advance
from ringline.domain.talk import Expected, TurnTaking, leaving, living, with_result
from ringline.domain.tool_calls import (
    OpenCall,
    answered,
    are_being_answered,
    awaits_follow_up,
    find_call,
    find_run,
    has_open,
    silence,
)
from ringline.domain.tool_runs import audit_run, give_up, stop_runs
from ringline.domain.turns import (
    Draft,
    begin_turn,
    drop_turn,
    finish_turn,
    transcribe,
    turn_id_of,
)


def greet(talk: TurnTaking, say: str, *, draft: Draft) -> TurnTaking:
    """Request the greeting: the first response, with our own text."""
    return request(talk, draft, automatic=True, say=say)


def request_response(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Handle `response.create` (realtime voice, O8; contract, 11).

    Clients send it after a turn that is answered anyway, so the response to the turn absorbs
    one of them. While the agent is silent, the response is owed.
    """
    if talk.silent:
        return replace(talk, owed=True)
    talk = settle(talk, draft)
    response = talk.response
    if talk.caller_speaks or response is not None:
        # The response under way may have begun before the text, so it does not answer it.
        if talk.unanswered_text or talk.owed:
            return replace(talk, owed=True)
        if response is None:  # the end of the turn will be answered anyway, or is now
            return replace(talk, owed=talk.turns_on_request)
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
    return request(talk, draft, automatic=False)


def answer_tool(talk: TurnTaking, call_id: str, *, result: str, draft: Draft) -> TurnTaking:
    """Handle the client's result of a tool call; the last one of a response has a follow-up."""
    call = find_call(talk.calls, call_id)
    if call is None or call.runner is not ToolRunner.CLIENT:
        draft.orders.append(leg.RequestRefused(leg.Refusal.NO_SUCH_TOOL_CALL))
        return talk
    return _tell_result(talk, call, result=result, draft=draft)


def take_result(talk: TurnTaking, returned: ToolReturned, *, draft: Draft) -> TurnTaking:
    """Handle the webhook's result of a tool call; one that nobody waits for is dropped."""
    call = find_run(talk.calls, returned.id)
    if call is None:
        return talk
    audit_run(call, returned.result, draft=draft)
    return _tell_result(talk, call, result=returned.result, draft=draft)


def _tell_result(talk: TurnTaking, call: OpenCall, *, result: str, draft: Draft) -> TurnTaking:
    draft.orders.append(voice.ToolResult(call.id, result))
    talk = with_result(replace(talk, calls=answered(talk.calls, call)), call.response_id)
    if call.silent or has_open(talk.calls, call.response_id):
        return talk
    is_own = call.runner is not ToolRunner.CLIENT
    if follows_on_request(talk) and not is_own:
        return follow_up(talk, draft)
    talk = settle(talk, draft)
    if call.response_id in living(talk):
        return talk  # the follow-up waits until it is over
    return follow_up(talk, draft, is_own=is_own)


def clear_turn(talk: TurnTaking) -> TurnTaking:
    """Handle `audio.clear`: the turn being spoken will end without a response."""
    return replace(talk, cleared=talk.caller_speaks)


def pause(talk: TurnTaking, played: bridge.Played, *, draft: Draft) -> TurnTaking:
    """Pause the agent: cancel its response, and refuse others until it resumes."""
    if talk.expected is Expected.ANSWER:
        talk = replace(talk, expected=Expected.UNWANTED)
    talk = stop_response(talk, played, draft=draft, barge_in=False)
    talk = drop_plans(replace(talk, plans=()), talk.plans, draft=draft)
    return replace(talk, paused=True)  # the operator decides what happens


def resume(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Resume the agent; request the response that is owed, if any."""
    return _speak_again(replace(talk, paused=False), draft)


def hold(talk: TurnTaking, draft: Draft, *, by_agent: bool = False) -> TurnTaking:
    """Silence the agent while the caller is on hold; what it has not begun is owed.

    Stops playback. What the agent was about to do with the call is dropped, and it works on if
    it holds them itself.
    """
    response = talk.response
    unbegun = talk.expected is Expected.ANSWER or (response is not None and not response.begun)
    if talk.expected is Expected.ANSWER:
        talk = replace(talk, expected=Expected.UNWANTED)
    talk = stop_response(talk, draft.played(), draft=draft, barge_in=False)
    talk = settle(talk, draft)
    talk = drop_plans(replace(talk, plans=()), talk.plans, draft=draft)
    owed = talk.owed or (unbegun and not talk.paused)
    return replace(talk, held=True, holds=by_agent, owed=owed)


def end_hold(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Let the agent speak again; request the response that is owed, if any."""
    talk = unmute(replace(talk, held=False, holds=False), draft)
    talk = replace(talk, owed=talk.owed or talk.owes_work, owes_work=False)
    return _speak_again(talk, draft)


def _speak_again(talk: TurnTaking, draft: Draft) -> TurnTaking:
    if talk.owed and not talk.silent and not talk.caller_speaks and talk.response is None:
        return request(talk, draft, automatic=True)
    return talk


def replace_voice(talk: TurnTaking, draft: Draft, *, responds_by_itself: bool) -> TurnTaking:
    """Continue with another voice, which was given the history.

    What the old voice has produced is played, and its response ends with it. Responses that
    it had not begun are requested from the new voice, as is an answer that it owed. The new
    voice does not know the tool calls of the old one, so it responds without their results.
    """
    talk = settle(talk, draft)
    give_up(talk.calls, draft)
    unanswered = talk.expected is Expected.ANSWER or awaits_follow_up(talk.calls, living(talk))
    kept: list[Response] = []
    for response in (*filter(None, [talk.response]), *talk.queued):
        done = advance(response, ResponseStep.DONE)
        if done is not None and done.phase is Phase.DRAINING:
            draft.orders.append(bridge.FinishResponse(response.id))
            kept.append(done)
            continue
        if response.phase is Phase.WANTED:
            draft.orders.append(voice.Respond(response.id, response.say, talk.turns.newest))
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
    if unanswered and talk.response is None and not talk.silent:
        return request(talk, draft, automatic=True)
    return talk


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
    turns = replace(turns, newest=turn_id)
    talk = replace(talk, rounds=0)
    # Clients follow text with a `response.create`, but not while the agent is silent, and
    # the text must be answered all the same.
    owed = talk.owed or talk.silent
    return replace(talk, turns=turns, unanswered_text=True, owed=owed)


def handle_voice_signal(talk: TurnTaking, signal: voice.VoiceSignal, *, draft: Draft) -> TurnTaking:
    """Handle what the voice reports about the conversation."""
    match signal:
        case voice.SpeechStarted():
            raise AssertionError("the bridge translates SpeechStarted into CallerSpoke")
        case voice.SpeechStopped(item_id, ago_ms, began_ago_ms):
            talk = _begin_turn(talk, item_id, ago_ms=began_ago_ms, draft=draft)
            turn_id = turn_id_of(talk.turns, item_id)
            draft.orders.append(leg.CallerStopped(turn_id, ago_ms, began_ago_ms))
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
            return response_started(talk, response_id, draft=draft)
        case voice.ResponseDone():
            return response_done(talk, signal, draft=draft)
        case voice.ToolCall():
            return call_tool(talk, signal, draft=draft)
        case voice.ToolCallsCancelled(call_ids):
            return cancel_calls(talk, call_ids, draft=draft)
        case (
            voice.VoiceFailed()
            | voice.KeyRefused()
            | voice.GoingAway()
            | voice.Resumable()
            | voice.Resumed()
            | voice.UsageReported()
        ):
            raise AssertionError("the call handles what does not move the conversation")


def handle_bridge_signal(
    talk: TurnTaking, signal: bridge.BridgeSignal, *, draft: Draft
) -> TurnTaking:
    """Handle what the bridge reports about the response that is playing."""
    match signal:
        case bridge.CallerSpoke(played, item_id, ago_ms):
            talk = _begin_turn(talk, item_id, ago_ms=ago_ms, draft=draft)
            draft.orders.append(leg.CallerStarted(turn_id_of(talk.turns, item_id), ago_ms))
            talk = drop_goodbye(talk, draft)  # speaking over it means going on
            talk = replace(talk, caller_speaks=True, cleared=False, expected=Expected.NOTHING)
            return stop_response(talk, played, draft=draft, barge_in=True)
        case bridge.CallerSpokeOver(item_id, ago_ms):
            talk = _begin_turn(talk, item_id, ago_ms=ago_ms, draft=draft)
            turn_id = turn_id_of(talk.turns, item_id)
            draft.orders.append(leg.CallerStarted(turn_id, ago_ms, interrupts=False))
            talk = _drop_goodbyes(talk, draft)
            return replace(talk, caller_speaks=True, cleared=False)
        case bridge.ClientCancelled(played):
            return proceed(_cancel(talk, played, draft=draft), draft)
        case bridge.ResponseAudible(response_id, _, latency):
            response = leaving(talk, response_id)
            if response is None:
                return talk
            # Its text may have been sent before.
            audible = replace(response, audible=True, began_at=draft.now, latency=latency)
            return replace(talk, response=audible)
        case bridge.TextSent(response_id, delta):
            response = leaving(talk, response_id)
            return (
                text_sent(talk, response, delta=delta, draft=draft) if response and delta else talk
            )
        case bridge.ResponseSent():
            return response_sent(talk, signal, draft=draft)
        case bridge.PlaybackFinished():
            return proceed(settle(talk, draft), draft)


def _drop_goodbyes(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Let the call go on, also after the response that is playing."""
    talk = drop_goodbye(talk, draft)
    response = talk.response
    if response is None:
        return talk
    ends = tuple(plan for plan in response.plans if plan.ends_call)
    kept = tuple(plan for plan in response.plans if not plan.ends_call)
    return drop_plans(replace(talk, response=replace(response, plans=kept)), ends, draft=draft)


def _begin_turn(talk: TurnTaking, item_id: str, *, ago_ms: float, draft: Draft) -> TurnTaking:
    began_at = draft.now - timedelta(milliseconds=ago_ms)
    turns = begin_turn(talk.turns, item_id, began_at=began_at, draft=draft)
    return replace(talk, turns=turns, rounds=0)


def _turn_over(talk: TurnTaking, draft: Draft) -> TurnTaking:
    """Request a response to the caller's turn, unless the voice responds by itself."""
    talk = settle(talk, draft)
    if talk.cleared:
        return proceed(replace(talk, cleared=False), draft)
    if talk.silent:
        return replace(talk, owed=True)
    if talk.responds_by_itself:
        # Its own response covers speech; typed text it answers on request only.
        owed = talk.owed and talk.unanswered_text
        return replace(talk, expected=Expected.ANSWER, owed=owed)
    if talk.turns_on_request:
        return proceed(replace(talk, unanswered_text=True), draft)
    if talk.response is None:
        return request(talk, draft, automatic=True)
    if not talk.response.begun:
        return talk  # not begun yet, so it will answer this turn too
    # With push to talk, a turn can end without interrupting the response.
    return replace(talk, owed=True)


def _cancel(talk: TurnTaking, played: bridge.Played, *, draft: Draft) -> TurnTaking:
    if talk.response is None and talk.expected is Expected.ANSWER:
        # There is no id to cancel by yet: refuse the answer when it begins.
        return replace(talk, expected=Expected.UNWANTED)
    if talk.response is None:
        draft.orders.append(leg.RequestRefused(leg.Refusal.NOTHING_TO_CANCEL))
    else:  # the client wants to hear nothing of its tools' results either
        cancelled = replace(talk.response, called=False)
        talk = stop_runs(replace(talk, response=cancelled), cancelled.id, draft=draft)
        talk = replace(talk, calls=silence(talk.calls, cancelled.id))
    return stop_response(talk, played, draft=draft, barge_in=False)
