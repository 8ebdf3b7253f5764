"""What each signal of a conversation means: of its voice, its bridge and the caller's leg."""

from dataclasses import replace

from ringline.domain import bridge, leg, voice
from ringline.domain.agent_tools import ToolRunner
from ringline.domain.call_signals import ConversationSignal
from ringline.domain.config_members import Modality
from ringline.domain.resumption import continue_with
from ringline.domain.talk import TurnTaking
from ringline.domain.turn_taking import (
    add_typed_text,
    answer_tool,
    clear_turn,
    handle_bridge_signal,
    handle_voice_signal,
    request_response,
)
from ringline.domain.turns import Draft


def converse(talk: TurnTaking, signal: ConversationSignal, *, draft: Draft) -> TurnTaking:
    """Handle a signal of the conversation."""
    match signal:
        case leg.Typed(text):
            return add_typed_text(talk, text, draft=draft)
        case leg.ContextGiven(role, text):
            draft.orders.append(voice.AddText(f"[{role}] {text}", role, text))
            return talk
        case leg.ImageShown(image_url, detail, text):
            draft.orders.append(voice.AddImage(image_url, detail, text))
            return talk
        case leg.ToolAnswered(tool_call_id, result):
            return answer_tool(talk, tool_call_id, result=result, draft=draft)
        case leg.ConfigChanged(config, warnings, tools_of_agent):
            offered = talk.builtins.offered_with(config)
            draft.orders += [voice.UpdateConfig(offered), leg.ConfigUpdated(config, warnings)]
            runner = talk.tools_run_by if tools_of_agent else ToolRunner.CLIENT
            speaks = Modality.AUDIO in config.modalities
            return replace(talk, speaks=speaks, tools_run_by=runner)
        case leg.ResponseRequested():
            return request_response(talk, draft)
        case leg.AnswersOnRequest(turns, results):
            return replace(talk, turns_on_request=turns, results_on_request=results)
        case leg.ClearRequested():
            return clear_turn(talk)
        case (
            leg.EndTurnRequested()
            | leg.CancelRequested()
            | leg.PlaybackTold()
            | leg.SpeechInterrupts()
        ):
            raise AssertionError("the bridge handles it")
        case leg.Digit():
            return talk  # nothing uses digits yet
        case (
            bridge.CallerSpoke()
            | bridge.CallerSpokeOver()
            | bridge.ClientCancelled()
            | bridge.ResponseAudible()
            | bridge.TextSent()
            | bridge.ResponseSent()
            | bridge.PlaybackFinished()
        ):
            return handle_bridge_signal(talk, signal, draft=draft)
        case voice.Resumed():
            return continue_with(talk, signal, draft=draft)
        case (
            voice.SpeechStarted()
            | voice.SpeechStopped()
            | voice.Transcribed()
            | voice.TurnCleared()
            | voice.TurnEmpty()
            | voice.ResponseStarted()
            | voice.ResponseDone()
            | voice.ToolCall()
            | voice.ToolCallsCancelled()
        ):
            return handle_voice_signal(talk, signal, draft=draft)
        case _:
            raise AssertionError(f"the call handles {type(signal).__name__} itself")
