"""The tools that a call runs itself, from their call to their result (live streams, 5)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from ringline.domain import bridge, leg, voice
from ringline.domain.agent import Agent, BuiltinTool
from ringline.domain.bridge import Played
from ringline.domain.builtin_tools import (
    BUILTIN_TOOLS,
    DROPPED,
    NO_BUILTINS,
    SEND_DIGITS,
    Builtins,
    builtins_of,
    result_of,
)
from ringline.domain.call_orders import EndOrdered, HoldOrdered, ResumeOrdered, Verdict
from ringline.domain.call_vocabulary import AuditType, CallStatus, HangupCause
from ringline.domain.config_members import SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.events import CallAudit
from ringline.domain.handover import TakenOver
from ringline.domain.session_config import UNBOUND, ConfigProblem, EffectiveConfig, effective
from ringline.domain.session_config import update as update_config
from ringline.domain.turns import Order
from tests.samples import new_id
from tests.talking import CAPABILITIES, RESPONDS_BY_ITSELF, Said, Story, cancelled, spoke

NUMBER = "+2348000001234"
AGENT = Agent(new_id(), "Ada", builtin_tools=tuple(BuiltinTool))
OFFERED = builtins_of(AGENT, "openai/x", calls_tools=True, allowed=None)
BYOM = builtins_of(AGENT, "byom/local", calls_tools=False, allowed=None)
BOTH = pytest.mark.parametrize("capabilities", [CAPABILITIES, RESPONDS_BY_ITSELF])


class Talk:
    """A call whose agent has said something and calls a tool."""

    def __init__(self, builtins: Builtins = OFFERED, **named: Any) -> None:
        self.story = Story(builtins=builtins, **named)
        self.story.feed(leg.ResponseRequested())
        self.id = self.story.asked()
        self.feed(
            voice.ResponseStarted(self.id),
            bridge.ResponseAudible(self.id),
            bridge.TextSent(self.id, "one moment"),
        )

    def feed(self, *signals: Said) -> list[Order]:
        return self.story.feed(*signals)

    def calls(self, name: str, **arguments: object) -> list[Order]:
        return self.feed(voice.ToolCall(self.id, f"t-{name}", name, arguments))

    def said(self) -> list[Order]:
        """Let the response be complete and sent; the leg still plays it."""
        return self.feed(voice.ResponseDone(self.id), bridge.ResponseSent(self.id, playing=True))

    def played(self) -> list[Order]:
        return self.feed(bridge.PlaybackFinished())

    def results(self) -> list[dict[str, Any]]:
        return [json.loads(one.result) for one in self.story.all(voice.ToolResult)]

    def audit(self) -> list[tuple[str, dict[str, object]]]:
        return [(one.code, one.detail) for one in self.story.all(CallAudit)]

    @property
    def status(self) -> CallStatus:
        return self.story.call.row.status


# -- what is offered ------------------------------------------------------------------


def test_the_table_has_what_agents_may_have_and_what_byom_answers_besides() -> None:
    assert set(BUILTIN_TOOLS) == {*BuiltinTool, SEND_DIGITS}
    for tool in OFFERED.offered:
        assert tool.description
        assert tool.parameters["type"] == "object"
    assert [tool.name for tool in OFFERED.offered] == list(BuiltinTool)


def test_an_agent_s_tools_are_offered_beside_the_session_s() -> None:
    config = SessionConfig(model="openai/x")
    assert NO_BUILTINS.offered_with(config) is config
    offered = OFFERED.offered_with(config).tools
    assert [tool.name for tool in offered] == list(BuiltinTool)
    assert config.tools == ()
    none = structs.replace(AGENT, builtin_tools=())
    assert builtins_of(none, "openai/x", calls_tools=True, allowed=None) == NO_BUILTINS
    assert builtins_of(AGENT, "local/attendant", calls_tools=False, allowed=None) == NO_BUILTINS
    assert builtins_of(None, "byom/local", calls_tools=False, allowed=None) == NO_BUILTINS


def test_a_leash_binds_them() -> None:
    allowed = frozenset({"hang_up", "look"})
    bound = builtins_of(AGENT, "openai/x", calls_tools=True, allowed=allowed)
    assert bound.names == {"hang_up"}
    assert [tool.name for tool in bound.offered] == ["hang_up"]
    assert builtins_of(AGENT, "byom/local", calls_tools=False, allowed=allowed).names == {"hang_up"}
    talk = Talk(allowed_tools=allowed)
    (refused,) = talk.calls("hold_call")
    assert isinstance(refused, voice.ToolResult)
    assert "not allowed" in refused.result


def test_an_agent_that_is_its_own_brain_has_all_and_is_offered_none() -> None:
    assert BYOM.names == set(BUILTIN_TOOLS)
    assert (BYOM.offered, BYOM.has_results) == ((), False)


def test_a_client_cannot_bring_a_tool_of_that_name() -> None:
    models = {"m": replace(CAPABILITIES, tools=True)}
    agent = structs.replace(AGENT, builtin_tools=(BuiltinTool.HANG_UP,))
    own = {"model": "m", "tools": [{"name": "look"}, {"name": "hang_up"}]}
    refused = effective(UNBOUND, own, agent=agent, models=models)
    assert refused == ConfigProblem(
        "invalid_config", "tools[1].name: is the name of a built-in tool of the agent"
    )
    assert isinstance(effective(UNBOUND, own, agent=None, models=models), EffectiveConfig)
    running = effective(UNBOUND, {"model": "m"}, agent=agent, models=models)
    assert isinstance(running, EffectiveConfig)
    assert isinstance(update_config(running, {"tools": own["tools"]}), ConfigProblem)
    free = {"tools": [{"name": "hold_call"}]}
    assert isinstance(update_config(running, free), EffectiveConfig)


def test_a_changed_config_still_offers_them_and_the_client_does_not_see_them() -> None:
    talk = Talk()
    given, told = talk.feed(leg.ConfigChanged(SessionConfig(model="m")))
    assert isinstance(given, voice.UpdateConfig)
    assert [tool.name for tool in given.config.tools] == list(BuiltinTool)
    assert told == leg.ConfigUpdated(SessionConfig(model="m"))


# -- hang_up and transfer_call --------------------------------------------------------


@BOTH
def test_a_goodbye_is_heard_before_the_call_ends(capabilities: voice.VoiceCapabilities) -> None:
    talk = Talk(capabilities=capabilities)
    assert talk.calls("hang_up") == [], "it reaches no client"
    talk.said()
    assert talk.status is CallStatus.ANSWERED
    talk.played()
    row = talk.story.call.row
    assert (row.status, row.hangup_cause) == (CallStatus.COMPLETED, HangupCause.AGENT_HANGUP)
    assert talk.audit() == [
        ("tool_call", {"name": "hang_up", "arguments": {}}),
        ("tool_result", {"name": "hang_up", "result": {"status": "ending"}}),
    ]
    assert talk.story.types[-1] == "call.ended"
    kinds = [one.audit_type for one in talk.story.all(CallAudit)]
    assert kinds == [AuditType.TOOL_CALL, AuditType.TOOL_RESULT]


def test_a_call_of_a_tool_without_speech_is_carried_out_too() -> None:
    talk = Talk()
    talk.calls("hang_up")
    talk.feed(voice.ResponseDone(talk.id), bridge.ResponseSent(talk.id), bridge.PlaybackFinished())
    assert talk.story.call.ended


@BOTH
def test_speaking_over_a_goodbye_means_going_on(capabilities: voice.VoiceCapabilities) -> None:
    talk = Talk(capabilities=capabilities)
    talk.calls("hang_up")
    talk.said()
    talk.story.played = Played(talk.id, 100, 3)
    assert voice.ToolResult("t-hang_up", DROPPED) in talk.feed(spoke(100, 3))
    talk.played()
    assert not talk.story.call.ended
    assert talk.results() == [json.loads(DROPPED)]
    assert talk.audit()[-1] == (
        "tool_result",
        {"name": "hang_up", "result": json.loads(DROPPED)},
    )


def test_speaking_without_interrupting_over_a_goodbye_means_going_on_too() -> None:
    talk = Talk()
    talk.calls("hang_up")
    talk.said()
    assert voice.ToolResult("t-hang_up", DROPPED) in talk.feed(bridge.CallerSpokeOver("item"))
    talk.played()
    assert not talk.story.call.ended


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_transfer_comes_after_what_is_said_of_it(interrupted: bool) -> None:
    talk = Talk()
    talk.calls("transfer_call", destination=NUMBER)
    talk.said()
    assert leg.Transfer(NUMBER) not in talk.story.orders
    orders = talk.feed(spoke(100, 3)) if interrupted else talk.played()
    assert leg.Transfer(NUMBER) in orders, "an interruption does not undo it"
    assert talk.story.call.row.hangup_cause is HangupCause.TRANSFERRED
    last = [type_ for type_ in talk.story.types if type_.startswith(("call.audit", "call.tr"))]
    assert last[-2:] == ["call.audit", "call.transferred"]
    assert talk.audit()[-1][1] == {
        "name": "transfer_call",
        "result": {"status": "transferring"},
    }


def test_a_number_may_be_spaced_as_models_write_it() -> None:
    talk = Talk()
    talk.calls("transfer_call", destination=f"{NUMBER[:4]} {NUMBER[4:7]}-{NUMBER[7:]}")
    talk.said()
    assert leg.Transfer(NUMBER) in talk.played()


@pytest.mark.parametrize("given", [{}, {"destination": "0803"}, {"destination": 7}])
def test_a_bad_number_is_answered_at_once(given: dict[str, object]) -> None:
    talk = Talk()
    (answered,) = talk.calls("transfer_call", **given)
    assert isinstance(answered, voice.ToolResult)
    assert "destination must be" in answered.result
    orders = [*talk.said(), *talk.played()]
    assert [one for one in orders if isinstance(one, voice.Respond)], "the agent may try again"
    assert not talk.story.call.ended


@BOTH
def test_a_line_that_cannot_do_it_says_so_to_the_model(
    capabilities: voice.VoiceCapabilities,
) -> None:
    talk = Talk(controls=frozenset(), capabilities=capabilities)
    talk.calls("transfer_call", destination=NUMBER)
    talk.said()
    orders = talk.played()
    assert talk.results() == [{"error": "the line of this call cannot do it"}]
    asked = [one for one in orders if isinstance(one, voice.Respond)]
    assert len(asked) == (not capabilities.responds_by_itself), "and it answers that"
    assert not talk.story.call.ended


def test_a_client_that_requests_what_follows_does_not_know_of_it() -> None:
    talk = Talk(controls=frozenset())
    talk.feed(leg.AnswersOnRequest(turns=False, results=True))
    talk.calls("hold_call")
    talk.said()
    assert [one for one in talk.played() if isinstance(one, voice.Respond)]


@pytest.mark.parametrize("signal", [cancelled(100, 3), TakenOver("ann"), HoldOrdered()])
def test_what_is_planned_is_dropped_with_the_response(signal: Said) -> None:
    talk = Talk()
    talk.calls("transfer_call", destination=NUMBER)
    talk.calls("hang_up")
    talk.said()
    talk.feed(signal)
    talk.played()
    assert not talk.story.call.ended
    assert talk.results() == [json.loads(DROPPED)] * 2
    assert talk.story.call.talk.calls == ()


def test_what_the_model_cancels_is_not_done() -> None:
    talk = Talk()
    talk.calls("hang_up")
    talk.feed(voice.ToolCallsCancelled(("t-hang_up",)))
    talk.said()
    talk.played()
    assert not talk.story.call.ended
    assert talk.results() == []


def test_a_client_cannot_answer_it() -> None:
    talk = Talk()
    talk.calls("hang_up")
    refused = leg.RequestRefused(leg.Refusal.NO_SUCH_TOOL_CALL)
    assert talk.feed(leg.ToolAnswered("t-hang_up", "{}")) == [refused]


def test_a_goodbye_of_the_voice_s_own_is_the_same_mechanism() -> None:
    talk = Talk(NO_BUILTINS)
    talk.feed(voice.ResponseDone(talk.id, hang_up=True))
    talk.feed(bridge.ResponseSent(talk.id, playing=True))
    assert [plan.order for plan in talk.story.call.talk.response.plans] == [  # pyright: ignore
        EndOrdered(EndCause.AGENT_HUNG_UP)
    ]
    talk.played()
    assert talk.story.call.ended
    assert talk.audit() == []


# -- hold_call and resume_call --------------------------------------------------------


def holding(**named: Any) -> Talk:
    """Return a call whose agent holds the caller, and is asked what follows."""
    talk = Talk(**named)
    talk.calls("hold_call")
    talk.said()
    assert talk.status is CallStatus.ANSWERED, "what it says of it is heard"
    orders = talk.played()
    assert leg.Hold() in orders
    assert talk.status is CallStatus.HELD
    assert talk.results() == [{"status": "held"}]
    if not talk.story.call.talk.responds_by_itself:
        talk.id = talk.story.asked()
        assert orders[-1] == voice.Respond(talk.id, None)
    else:
        talk.id = "own"
    return talk


@BOTH
def test_an_agent_works_on_in_silence_and_resumes(capabilities: voice.VoiceCapabilities) -> None:
    talk = holding(capabilities=capabilities)
    assert talk.feed(voice.ResponseStarted(talk.id)) == [], "nobody hears it"
    orders = talk.calls("resume_call")
    assert orders == [
        leg.Resume(),
        leg.AgentStarted(),
        bridge.PlayResponse(talk.id),
        voice.ToolResult("t-resume_call", '{"status": "resumed"}'),
    ]
    assert talk.status is CallStatus.ANSWERED
    orders = [*talk.said(), *talk.played()]
    asked = [one for one in orders if isinstance(one, voice.Respond)]
    assert len(asked) == (not capabilities.responds_by_itself)


def test_what_it_says_to_a_held_caller_is_not_heard_and_said_anew_after_the_hold() -> None:
    talk = holding()
    talk.feed(voice.ResponseStarted(talk.id))
    ended = talk.feed(voice.ResponseDone(talk.id))
    assert ended == [bridge.DropResponse(talk.id), voice.Cancel(talk.id, 0)]
    assert talk.story.call.talk.response is None
    resumed = talk.feed(ResumeOrdered())
    assert resumed == [leg.Resume(), voice.Respond(talk.story.asked(), None)]


def test_tools_of_others_are_called_during_the_hold() -> None:
    talk = holding()
    talk.feed(voice.ResponseStarted(talk.id))
    assert talk.calls("look") == [leg.ToolCalled("t-look", "look", {})]
    talk.feed(voice.ResponseDone(talk.id))
    answered = talk.feed(leg.ToolAnswered("t-look", "{}"))
    assert answered[0] == voice.ToolResult("t-look", "{}")
    talk.id = talk.story.asked()
    assert answered[-1] == voice.Respond(talk.id, None)
    talk.feed(voice.ResponseStarted(talk.id))
    assert leg.Resume() in talk.calls("resume_call")


def test_a_request_from_outside_ends_the_hold_of_the_agent_too() -> None:
    talk = holding()
    talk.feed(voice.ResponseStarted(talk.id))
    orders = talk.feed(ResumeOrdered())
    assert orders == [leg.Resume(), leg.AgentStarted(), bridge.PlayResponse(talk.id)]
    assert talk.calls("resume_call")[-1] == voice.ToolResult(
        "t-resume_call", '{"error": "the caller is not on hold"}'
    )


def test_an_agent_cannot_work_on_in_somebody_else_s_hold() -> None:
    talk = Talk()
    talk.feed(HoldOrdered())
    assert talk.status is CallStatus.HELD
    assert talk.story.call.talk.works_on is False
    assert bridge.DropResponse("own") in talk.feed(voice.ResponseStarted("own"))


def test_an_agent_that_holds_may_hang_up() -> None:
    talk = holding()
    talk.feed(voice.ResponseStarted(talk.id))
    talk.calls("hang_up")
    talk.feed(voice.ResponseDone(talk.id))
    assert talk.story.call.ended


# -- an agent that is its own brain ---------------------------------------------------


def test_its_answer_ends_transfers_or_sends_digits_after_the_speech() -> None:
    wanted: list[tuple[str, dict[str, object], leg.LegOrder | None]] = [
        ("transfer_call", {"destination": NUMBER}, leg.Transfer(NUMBER)),
        ("send_digits", {"digits": "12#"}, leg.SendDigits("12#")),
        ("hang_up", {}, None),
    ]
    for name, arguments, order in wanted:
        talk = Talk(BYOM)
        assert talk.calls(name, **arguments) == []
        talk.said()
        orders = talk.played()
        assert order is None or order in orders
        assert not [one for one in orders if isinstance(one, voice.ToolResult | voice.Respond)]
        assert talk.story.call.ended is (name != "send_digits")
        assert talk.audit()[-1][1]["name"] == name
        assert "12#" not in str(talk.audit())


def test_its_digits_are_sent_though_it_cannot_say_more() -> None:
    talk = Talk(BYOM)
    talk.calls("send_digits", digits="x")
    talk.said()
    assert leg.SendDigits("x") not in talk.played()
    assert talk.audit()[-1][1] == {
        "name": "send_digits",
        "result": {"error": "digits must be 1 to 64 of 0-9, A-D, * and #"},
    }


def test_every_verdict_has_a_sentence() -> None:
    for name in BUILTIN_TOOLS:
        assert json.loads(result_of(name, Verdict.DONE)) == {"status": BUILTIN_TOOLS[name].status}
        assert "error" in json.loads(result_of(name, Verdict.LEG_CANNOT))
