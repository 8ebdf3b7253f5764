"""An agent's tools at its webhook: asked for, followed up once, and given up (live streams, 5)."""

import pytest

from ringline.domain import bridge, leg, voice
from ringline.domain.agent_tools import CancelTools, InvokeTool, ToolReturned, ToolRunner, runner_of
from ringline.domain.builtin_tools import Builtins
from ringline.domain.call_orders import EndOrdered, HoldOrdered, ResumeOrdered
from ringline.domain.call_signals import VoiceOpened, size_of
from ringline.domain.config_members import SessionConfig
from ringline.domain.endings import EndCause
from ringline.domain.events import CallAudit
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.ids import Prefix, format_id
from ringline.domain.tool_calls import NOT_ALLOWED, TOO_MANY
from ringline.domain.tool_runs import (
    CANCELLED,
    LARGE_ARGUMENTS,
    MAX_ARGUMENTS,
    MAX_AUDITED,
    MAX_ROUNDS,
    MAX_RUNS,
    NO_WEBHOOK,
    TOO_MANY_ROUNDS,
)
from tests.talking import CAPABILITIES, RESPONDS_BY_ITSELF, VOICE, Story, cancelled, spoke

CREATE = leg.ResponseRequested()
STOPPED = voice.SpeechStopped("item")
UNKNOWN = leg.RequestRefused(leg.Refusal.NO_SUCH_TOOL_CALL)
OK = '{"status":"shipped"}'


def story(**options: object) -> Story:
    options.setdefault("tools_run_by", ToolRunner.WEBHOOK)
    return Story(**options)  # type: ignore[arg-type]


def calling(told: Story, *call_ids: str, name: str = "lookup") -> str:
    """Begin the response to a turn, and let it call tools."""
    told.feed(STOPPED)
    response_id = told.asked()
    call(told, response_id, *call_ids, name=name)
    return response_id


def call(told: Story, response_id: str, *call_ids: str, name: str = "lookup") -> None:
    told.feed(voice.ResponseStarted(response_id))
    for call_id in call_ids:
        told.feed(voice.ToolCall(response_id, call_id, name, {"order": "A-19"}))


def finish(told: Story, response_id: str) -> None:
    told.feed(voice.ResponseDone(response_id), bridge.ResponseSent(response_id))


def runs(told: Story) -> list[InvokeTool]:
    return told.all(InvokeTool)


def returns(told: Story, *found: InvokeTool, result: str = OK) -> None:
    for run in found:
        told.feed(ToolReturned(run.id, result))


def requested(told: Story) -> int:
    return len(told.all(voice.Respond))


def results(told: Story) -> list[tuple[str, str]]:
    return [(one.tool_call_id, one.result) for one in told.all(voice.ToolResult)]


def audits(told: Story) -> list[tuple[str, dict[str, object]]]:
    return [(one.code, one.detail) for one in told.all(CallAudit)]


def test_the_webhook_is_asked_and_the_client_hears_nothing() -> None:
    told = story()
    response_id = calling(told, "c1")
    (run,) = runs(told)
    assert (run.name, run.arguments) == ("lookup", {"order": "A-19"})
    assert told.all(leg.ToolCalled) == []
    assert told.feed(leg.ToolAnswered("c1", "mine")) == [UNKNOWN], "it is not the client's"
    finish(told, response_id)
    assert requested(told) == 1
    returns(told, run)
    assert results(told) == [("c1", OK)]
    assert requested(told) == 2
    returns(told, run)
    assert requested(told) == 2, "a second result of one call is nobody's"
    assert results(told) == [("c1", OK)]


def test_what_is_asked_is_an_event_of_its_own_id() -> None:
    told = story()
    calling(told, "c1")
    (run,) = runs(told)
    entries = [step.entry for step in told.steps if step.entry is not None]
    ids = [event.id for entry in entries for event in entry.events if event.type == "call.audit"]
    assert ids == [run.id]
    returns(told, run)
    tool_call_id = format_id(Prefix.TOOL_CALL, run.id)
    assert audits(told) == [
        (
            "tool_invocation",
            {
                "name": "lookup",
                "arguments": {"order": "A-19"},
                "toolCallId": tool_call_id,
                "turnId": format_id(Prefix.TURN, run.turn_id),
            },
        ),
        (
            "tool_result",
            {"name": "lookup", "toolCallId": tool_call_id, "result": {"status": "shipped"}},
        ),
    ]


def test_a_long_result_is_told_to_the_model_and_not_to_the_log() -> None:
    told = story()
    calling(told, "c1")
    long = '{"x":"' + "y" * MAX_AUDITED + '"}'
    returns(told, *runs(told), result=long)
    assert results(told) == [("c1", long)]
    _, (_, detail) = audits(told)
    assert detail["characters"] == len(long)
    assert "result" not in detail


@pytest.mark.parametrize("early", [True, False])
def test_several_are_asked_at_once_and_have_one_follow_up(early: bool) -> None:
    told = story()
    response_id = calling(told, "c1", "c2", "c3")
    first, second, third = runs(told)
    returns(told, third, first)
    if early:
        returns(told, second)
        assert requested(told) == 1, "it is not over"
        finish(told, response_id)
    else:
        finish(told, response_id)
        assert requested(told) == 1, "a result is missing"
        returns(told, second)
    assert requested(told) == 2
    assert [call_id for call_id, _ in results(told)] == ["c3", "c1", "c2"]


def test_a_client_that_requests_what_follows_gets_no_second_response() -> None:
    told = story()
    told.feed(leg.AnswersOnRequest(turns=False, results=True))
    response_id = calling(told, "c1")
    finish(told, response_id)
    returns(told, *runs(told))
    assert requested(told) == 2, "it knows of no result"
    told.feed(CREATE)
    assert requested(told) == 2


def test_a_voice_that_responds_by_itself_is_told_and_goes_on() -> None:
    told = story(capabilities=RESPONDS_BY_ITSELF)
    call(told, "own", "c1")
    finish(told, "own")
    returns(told, *runs(told))
    assert results(told) == [("c1", OK)]
    assert requested(told) == 0
    assert leg.AgentStarted() in told.feed(voice.ResponseStarted("next"))


# What is given up.


def cut_short(told: Story) -> tuple[InvokeTool, ...]:
    """Call two tools, one of which has its result; return them."""
    calling(told, "c1", "c2")
    first, second = runs(told)
    returns(told, first)
    return first, second


@pytest.mark.parametrize("how", ["speech", "cancel"])
def test_a_response_that_is_stopped_takes_its_questions_with_it(how: str) -> None:
    told = story()
    _, second = cut_short(told)
    orders = told.feed(spoke() if how == "speech" else cancelled())
    assert CancelTools((second.id,)) in orders
    assert results(told) == [("c1", OK), ("c2", CANCELLED)]
    assert audits(told)[-1][1]["result"] == {"error": "tool_failed", "reason": "cancelled"}
    before = len(told.orders)
    returns(told, second)
    assert told.orders[before:] == [], "it comes too late"
    if how == "speech":
        told.feed(STOPPED)
        assert requested(told) == 2, "the newer turn is answered, once"
    else:
        assert requested(told) == 1


def test_speech_while_the_agent_waits_in_silence_loses_no_result() -> None:
    told = story()
    finish(told, calling(told, "c1"))
    (run,) = runs(told)
    told.feed(spoke(), STOPPED)
    assert told.all(CancelTools) == []
    answer = told.asked()
    returns(told, run)
    assert results(told) == [("c1", OK)]
    told.feed(voice.ResponseStarted(answer))
    finish(told, answer)
    assert requested(told) == 3, "the newer turn, and then the result"


def test_a_model_that_cancels_its_calls_is_told_nothing() -> None:
    told = story(capabilities=RESPONDS_BY_ITSELF)
    call(told, "own", "c1", "c2")
    first, second = runs(told)
    orders = told.feed(voice.ToolCallsCancelled(("c1",)))
    assert orders == [CancelTools((first.id,))]
    assert results(told) == []
    returns(told, first, second)
    assert results(told) == [("c2", OK)]


def test_another_voice_knows_nothing_of_what_was_asked() -> None:
    told = story()
    finish(told, calling(told, "c1"))
    (run,) = runs(told)
    orders = told.feed(VoiceOpened(VOICE, CAPABILITIES))
    assert CancelTools((run.id,)) in orders
    returns(told, run)
    assert results(told) == []
    assert requested(told) == 2, "it answers without it"


def test_the_result_in_a_call_that_has_ended_is_dropped() -> None:
    told = story()
    calling(told, "c1")
    told.feed(EndOrdered(EndCause.ENDED_BY_API))
    before = len(told.orders)
    returns(told, *runs(told))
    assert told.orders[before:] == []
    assert told.types[-1] == "call.ended"


@pytest.mark.parametrize(
    ("away", "back"), [(TakenOver("ann"), HandedBack()), (HoldOrdered(), ResumeOrdered())]
)
def test_while_the_agent_is_silenced_results_wait(away: object, back: object) -> None:
    told = story()
    finish(told, calling(told, "c1"))
    told.feed(away)  # type: ignore[arg-type]
    returns(told, *runs(told))
    assert results(told) == [("c1", OK)]
    assert requested(told) == 1
    told.feed(back)  # type: ignore[arg-type]
    assert requested(told) == 2


# What is not asked.


def test_an_agent_without_a_webhook_in_a_call_without_a_client() -> None:
    told = story(tools_run_by=ToolRunner.NOBODY)
    finish(told, calling(told, "c1"))
    assert results(told) == [("c1", NO_WEBHOOK)]
    assert (told.all(leg.ToolCalled), runs(told)) == ([], [])
    assert requested(told) == 2, "the model goes on without it"


def test_a_tool_that_the_ticket_does_not_allow_is_not_asked_for() -> None:
    told = story(allowed_tools=frozenset({"weather"}))
    finish(told, calling(told, "c1"))
    assert results(told) == [("c1", NOT_ALLOWED)]
    assert runs(told) == []


def test_a_built_in_tool_of_the_agent_is_the_calls() -> None:
    told = story(builtins=Builtins(frozenset({"hold_call"})))
    response_id = calling(told, "c1")
    told.feed(voice.ToolCall(response_id, "c2", "hold_call", {}))
    assert [run.name for run in runs(told)] == ["lookup"]
    returns(told, *runs(told))
    assert requested(told) == 1, "the hold has no result yet"
    finish(told, response_id)
    told.feed(bridge.PlaybackFinished())
    assert [call_id for call_id, _ in results(told)] == ["c1", "c2"]
    assert requested(told) == 2


def test_so_many_are_asked_for_at_once_and_no_more() -> None:
    told = story()
    response_id = calling(told, *(str(number) for number in range(MAX_RUNS + 1)))
    assert results(told) == [(str(MAX_RUNS), TOO_MANY)]
    returns(told, *runs(told))
    assert len(results(told)) == MAX_RUNS + 1
    finish(told, response_id)
    assert requested(told) == 2


@pytest.mark.parametrize("too_long", [True, False])
def test_arguments_have_a_bound(too_long: bool) -> None:
    told = story()
    response_id = calling(told)
    around = len('{"x":""}')
    arguments: dict[str, object] = {"x": "y" * (MAX_ARGUMENTS - around + too_long)}
    told.feed(voice.ToolCall(response_id, "c1", "lookup", arguments))
    assert results(told) == ([("c1", LARGE_ARGUMENTS)] if too_long else [])
    assert len(runs(told)) == (not too_long)


# Rounds.


def round_of(told: Story, number: int, *, by_itself: bool) -> None:
    """Let the response under way call a tool, and end."""
    response_id = f"own{number}" if by_itself else told.asked()
    call(told, response_id, f"c{number}")
    finish(told, response_id)
    returns(told, *runs(told)[-1:])


@pytest.mark.parametrize("by_itself", [False, True])
def test_a_turn_has_so_many_rounds(by_itself: bool) -> None:
    told = story(capabilities=RESPONDS_BY_ITSELF if by_itself else CAPABILITIES)
    told.feed(STOPPED)
    for number in range(MAX_ROUNDS):
        round_of(told, number, by_itself=by_itself)
    assert len(runs(told)) == MAX_ROUNDS
    assert [result for _, result in results(told)] == [OK] * MAX_ROUNDS
    round_of(told, 98, by_itself=by_itself)
    assert results(told)[-1] == ("c98", TOO_MANY_ROUNDS)
    asked = requested(told)
    round_of(told, 99, by_itself=by_itself)
    assert requested(told) == asked, "whoever cannot stop is not asked again"
    assert len(runs(told)) == MAX_ROUNDS
    # A model that continues by itself would go on for ever.
    assert (results(told)[-1][0] == "c99") is not by_itself


@pytest.mark.parametrize(
    "signals", [(spoke(), STOPPED), (leg.Typed("hi"), CREATE), (CREATE,)], ids=str
)
def test_a_newer_turn_has_rounds_of_its_own(signals: tuple[object, ...]) -> None:
    told = story()
    told.feed(STOPPED)
    for number in range(MAX_ROUNDS + 2):
        round_of(told, number, by_itself=False)
    told.feed(*signals)  # type: ignore[arg-type]
    round_of(told, 100, by_itself=False)
    assert len(runs(told)) == MAX_ROUNDS + 1
    assert results(told)[-1] == ("c100", OK)


# Whose tools they are.


@pytest.mark.parametrize("kept", [True, False])
def test_a_session_that_brings_tools_of_its_own_runs_them_itself(kept: bool) -> None:
    told = story()
    told.feed(leg.ConfigChanged(SessionConfig(model="m"), tools_of_agent=kept))
    calling(told, "c1")
    assert len(runs(told)) == kept
    assert len(told.all(leg.ToolCalled)) == (not kept)


@pytest.mark.parametrize(
    ("tools_of_agent", "has_webhook", "has_client", "runner"),
    [
        (True, True, True, ToolRunner.WEBHOOK),
        (True, True, False, ToolRunner.WEBHOOK),
        (True, False, True, ToolRunner.CLIENT),
        (True, False, False, ToolRunner.NOBODY),
        (False, True, True, ToolRunner.CLIENT),
        (False, True, False, ToolRunner.NOBODY),
    ],
)
def test_who_runs_the_tools(
    tools_of_agent: bool, has_webhook: bool, has_client: bool, runner: ToolRunner
) -> None:
    found = runner_of(tools_of_agent=tools_of_agent, has_webhook=has_webhook, has_client=has_client)
    assert found is runner


def test_a_result_in_the_inbox_has_its_weight() -> None:
    told = story()
    calling(told, "c1")
    assert size_of(ToolReturned(runs(told)[0].id, "x" * 1_000)) >= 1_000
