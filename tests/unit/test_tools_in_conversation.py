"""Tools in a conversation: calls, results, and the one response that follows (O6, O7, O8)."""

import pytest

from ringline.domain import bridge, leg, voice
from ringline.domain.call_signals import VoiceOpened
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.responses import Phase
from ringline.domain.tool_calls import MAX_OPEN, NOT_ALLOWED, TOO_MANY, UNWANTED
from tests.talking import CAPABILITIES, RESPONDS_BY_ITSELF, VOICE, Story, cancelled, spoke

CREATE = leg.ResponseRequested()
STOPPED = voice.SpeechStopped("item")
ACTIVE = leg.RequestRefused(leg.Refusal.RESPONSE_ACTIVE)
UNKNOWN = leg.RequestRefused(leg.Refusal.NO_SUCH_TOOL_CALL)
STARTED, FINISHED = leg.AgentStarted(), leg.AgentFinished()
CUT_OFF = leg.AgentFinished(interrupted=True, spoken_text="")


def calling(story: Story, *call_ids: str) -> str:
    """Begin the response to a turn, and let it call tools."""
    story.feed(STOPPED)
    response_id = story.asked()
    story.feed(voice.ResponseStarted(response_id))
    for call_id in call_ids:
        story.feed(voice.ToolCall(response_id, call_id, "clock", {"tz": "UTC"}))
    return response_id


def finish(story: Story, response_id: str) -> None:
    story.feed(voice.ResponseDone(response_id), bridge.ResponseSent(response_id))


def answer(story: Story, *call_ids: str) -> None:
    story.feed(*(leg.ToolAnswered(call_id, "12:00") for call_id in call_ids))


def requested(story: Story) -> int:
    return len(story.all(voice.Respond))


def test_a_call_and_its_result_are_passed_on() -> None:
    story = Story()
    calling(story, "c1")
    assert story.news[-1] == leg.ToolCalled("c1", "clock", {"tz": "UTC"})
    assert story.feed(leg.ToolAnswered("c1", "12:00")) == [voice.ToolResult("c1", "12:00")]


@pytest.mark.parametrize("early", [True, False])
def test_the_follow_up_waits_for_the_response_and_all_results(early: bool) -> None:  # O6, O7
    story = Story()
    response_id = calling(story, "c1", "c2")
    answer(story, "c1")
    if early:
        answer(story, "c2")
        assert requested(story) == 1
        story.feed(voice.ResponseDone(response_id))
        assert requested(story) == 1, "its last chunk has not left yet"
        story.feed(bridge.ResponseSent(response_id))
    else:
        finish(story, response_id)
        assert requested(story) == 1, "a result is missing"
        answer(story, "c2")
    assert requested(story) == 2
    follow_up = story.asked()
    story.feed(voice.ResponseStarted(follow_up))
    finish(story, follow_up)
    assert requested(story) == 2, "one follow-up for all of them"
    assert story.news.count(STARTED) == story.news.count(FINISHED) == 2


def test_a_follow_up_can_call_tools_again() -> None:
    story = Story()
    response_id = calling(story, "c1")
    answer(story, "c1")
    finish(story, response_id)
    second = story.asked()
    story.feed(voice.ResponseStarted(second), voice.ToolCall(second, "c2", "clock", {}))
    finish(story, second)
    answer(story, "c2")
    assert requested(story) == 3


def test_unknown_late_and_repeated_results_are_refused() -> None:
    story = Story()
    calling(story, "c1")
    answer(story, "c1")
    for call_id in ("c1", "other", ""):
        assert story.feed(leg.ToolAnswered(call_id, "12:00")) == [UNKNOWN]


def test_a_create_after_a_result_makes_no_second_response() -> None:  # O8
    for early in (True, False):
        story = Story()
        response_id = calling(story, "c1")
        if early:
            answer(story, "c1")
            assert story.feed(CREATE) == []
            finish(story, response_id)
        else:
            finish(story, response_id)
            answer(story, "c1")
            assert story.feed(CREATE) == []
        assert requested(story) == 2
        follow_up = story.asked()
        story.feed(voice.ResponseStarted(follow_up))
        finish(story, follow_up)
        assert requested(story) == 2


def test_a_create_after_each_result_makes_one_response() -> None:  # O7
    story = Story()
    response_id = calling(story, "c1", "c2", "c3")
    finish(story, response_id)
    for call_id in ("c2", "c1"):
        answer(story, call_id)
        assert story.feed(CREATE) == []
    assert requested(story) == 1
    answer(story, "c3")
    assert story.feed(CREATE) == []
    assert requested(story) == 2


def test_a_create_before_any_result_is_answered() -> None:
    story = Story()
    finish(story, calling(story, "c1", "c2"))
    story.feed(CREATE)
    assert requested(story) == 2


def test_a_client_can_go_on_without_a_result() -> None:
    story = Story()
    response_id = calling(story, "c1")
    finish(story, response_id)
    story.feed(leg.Typed("never mind"), CREATE)
    assert requested(story) == 2
    again = story.asked()
    story.feed(voice.ResponseStarted(again))
    answer(story, "c1")
    assert requested(story) == 2, "another response is under way"
    finish(story, again)
    assert requested(story) == 3


def test_speech_over_a_call_answers_the_turn_with_its_result() -> None:
    story = Story()
    calling(story, "c1")
    story.feed(spoke(0))
    assert story.news[-1] == CUT_OFF
    answer(story, "c1")
    assert requested(story) == 1, "the caller speaks"
    story.feed(STOPPED)
    assert requested(story) == 2
    finish(story, story.asked())
    assert requested(story) == 2


def test_a_result_after_an_interrupted_response_is_told_of() -> None:
    story = Story()
    calling(story, "c1")
    story.feed(spoke(0), STOPPED)
    second = story.asked()
    story.feed(voice.ResponseStarted(second))
    finish(story, second)
    answer(story, "c1")
    assert requested(story) == 3


def test_a_turn_that_is_cleared_loses_no_follow_up() -> None:
    story = Story()
    calling(story, "c1")
    answer(story, "c1")
    story.feed(spoke(0), leg.ClearRequested(), STOPPED)
    assert requested(story) == 2


def test_nothing_follows_a_response_that_the_client_cancelled() -> None:
    for early in (True, False):
        story = Story()
        calling(story, "c1", "c2")
        answer(story, *(["c1", "c2"] if early else ["c1"]))
        story.feed(cancelled(0))
        if not early:
            assert story.feed(leg.ToolAnswered("c2", "x")) == [voice.ToolResult("c2", "x")]
        assert requested(story) == 1


def test_calls_of_a_response_that_was_stopped_are_not_passed_on() -> None:
    story = Story()
    response_id = calling(story)
    story.feed(spoke(0))
    late = voice.ToolResult("late", UNWANTED)  # the model may wait for it
    assert story.feed(voice.ToolCall(response_id, "late", "clock", {})) == [late]
    assert story.feed(voice.ToolCall("unknown", "later", "clock", {})) == []


def test_a_call_in_a_response_that_nobody_wants_is_answered() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(TakenOver("ann"), voice.ResponseStarted("own"))
    unwanted = voice.ToolCall("own", "c1", "clock", {})
    assert story.feed(unwanted) == [voice.ToolResult("c1", UNWANTED)]
    assert story.feed(leg.ToolAnswered("c1", "12:00")) == [UNKNOWN]


def test_a_call_is_passed_on_once() -> None:
    story = Story()
    response_id = calling(story, "c1")
    assert story.feed(voice.ToolCall(response_id, "c1", "clock", {})) == []


def test_so_many_calls_may_be_open_and_the_voice_waits_for_no_other() -> None:
    story = Story()
    response_id = calling(story, *(str(number) for number in range(MAX_OPEN)))
    more = voice.ToolCall(response_id, "more", "clock", {})
    assert story.feed(more) == [voice.ToolResult("more", TOO_MANY)]
    assert story.feed(leg.ToolAnswered("more", "x")) == [UNKNOWN]
    answer(story, *(str(number) for number in range(MAX_OPEN)))
    finish(story, response_id)
    assert requested(story) == 2


def test_results_wait_while_an_operator_has_the_call() -> None:
    story = Story()
    response_id = calling(story, "c1", "c2")
    story.feed(TakenOver("ann"))
    answer(story, "c1", "c2")
    assert requested(story) == 1
    story.feed(HandedBack())
    assert requested(story) == 2
    assert story.all(voice.ToolResult)[-1] == voice.ToolResult("c2", "12:00")
    assert story.call.talk.response is not None
    assert story.call.talk.response.id != response_id


# Voices that continue by themselves.


def test_such_a_voice_follows_up_by_itself() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(voice.ResponseStarted("own"), voice.ToolCall("own", "c1", "clock", {}))
    finish(story, "own")
    answer(story, "c1")
    assert story.feed(CREATE) == [], "it is about to respond"
    assert requested(story) == 0
    assert STARTED in story.feed(voice.ResponseStarted("next"))


def test_a_response_that_the_client_does_not_know_yet_holds_its_calls() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(voice.ResponseStarted("one"), voice.ResponseDone("one"))
    story.feed(voice.ResponseStarted("two"))
    assert story.feed(voice.ToolCall("two", "c1", "clock", {})) == []
    assert story.feed(bridge.ResponseSent("one")) == [
        FINISHED,
        STARTED,
        bridge.PlayResponse("two"),
        leg.ToolCalled("c1", "clock", {}),
    ]
    response = story.call.talk.response
    assert response is not None
    assert (response.phase, response.held_calls) == (Phase.RUNNING, ())


# Another voice.


def test_another_voice_responds_without_the_results() -> None:
    story = Story()
    response_id = calling(story, "c1")
    finish(story, response_id)
    before = requested(story)
    story.feed(VoiceOpened(VOICE, CAPABILITIES))
    assert requested(story) == before + 1
    assert story.feed(leg.ToolAnswered("c1", "12:00")) == [UNKNOWN]


def test_what_the_old_voice_called_for_is_followed_up_by_the_new_one() -> None:
    story = Story()
    response_id = calling(story, "c1")
    story.feed(voice.ResponseDone(response_id))
    story.feed(VoiceOpened(VOICE, CAPABILITIES))
    assert requested(story) == 1, "the old voice's response still plays"
    story.feed(bridge.ResponseSent(response_id))
    assert requested(story) == 2


def cancel(story: Story, *call_ids: str) -> None:
    story.feed(voice.ToolCallsCancelled(call_ids))


def test_the_result_of_a_call_that_the_model_has_cancelled_comes_too_late() -> None:
    story = Story()
    response_id = calling(story, "c1")
    cancel(story, "c1", "unknown")
    assert story.feed(leg.ToolAnswered("c1", "12:00")) == [UNKNOWN]
    finish(story, response_id)
    assert requested(story) == 1, "nothing follows a call that nobody wants"


@pytest.mark.parametrize("over", [True, False])
def test_results_that_came_before_are_followed_up(over: bool) -> None:
    story = Story()
    response_id = calling(story, "c1", "c2", "c3")
    answer(story, "c1")
    if over:
        finish(story, response_id)
    cancel(story, "c2", "c3")
    if not over:
        assert requested(story) == 1
        finish(story, response_id)
    assert requested(story) == 2


@pytest.mark.parametrize("over", [True, False])
def test_a_result_is_followed_up_although_a_later_call_is_cancelled(over: bool) -> None:
    story = Story()
    response_id = calling(story, "c1")
    answer(story, "c1")
    story.feed(voice.ToolCall(response_id, "c2", "clock", {}))
    if over:
        finish(story, response_id)
    cancel(story, "c2")
    if not over:
        finish(story, response_id)
    assert requested(story) == 2


def test_a_call_that_is_cancelled_leaves_the_others_open() -> None:
    story = Story()
    response_id = calling(story, "c1", "c2")
    cancel(story, "c1")
    finish(story, response_id)
    assert requested(story) == 1
    answer(story, "c2")
    assert requested(story) == 2


def test_a_call_of_a_queued_response_may_be_cancelled_before_the_client_learns_of_it() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(voice.ResponseStarted("r1"), voice.ResponseDone("r1"))
    story.feed(voice.ResponseStarted("r2"))
    story.feed(voice.ToolCall("r2", "c1", "clock", {}), voice.ToolCall("r2", "c2", "clock", {}))
    cancel(story, "c1")
    story.feed(bridge.ResponseSent("r1"))
    called = [order.tool_call_id for order in story.all(leg.ToolCalled)]
    assert called == ["c2"]


def test_a_voice_that_responds_by_itself_may_leave_cancelled_calls_alone() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(voice.ResponseStarted("r1"), voice.ToolCall("r1", "c1", "clock", {}))
    cancel(story, "c1")
    finish(story, "r1")
    story.feed(leg.Typed("never mind"), CREATE)
    assert requested(story) == 1, "no follow-up absorbs the request"


# Tools that the ticket does not allow.


def test_a_call_of_a_tool_that_is_not_allowed_is_answered_and_not_shown() -> None:
    story = Story(allowed_tools=frozenset({"weather"}))
    response_id = calling(story, "c1")
    assert story.all(voice.ToolResult) == [voice.ToolResult("c1", NOT_ALLOWED)]
    assert story.all(leg.ToolCalled) == []
    finish(story, response_id)
    assert requested(story) == 2, "the model goes on without it"
    assert story.news.count(STARTED) == story.news.count(FINISHED) == 1
    assert story.feed(leg.ToolAnswered("c1", "12:00")) == [UNKNOWN], "the client has no such call"


def test_beside_one_that_is_allowed_it_is_answered_at_once() -> None:
    story = Story(allowed_tools=frozenset({"weather"}))
    response_id = calling(story, "c1")
    story.feed(voice.ToolCall(response_id, "c2", "weather", {}))
    finish(story, response_id)
    assert [call.tool_call_id for call in story.all(leg.ToolCalled)] == ["c2"]
    assert requested(story) == 1, "a result is missing"
    answer(story, "c2")
    assert requested(story) == 2


@pytest.mark.parametrize("allowed", [None, frozenset({"clock"})])
def test_an_allowed_tool_is_called(allowed: frozenset[str] | None) -> None:
    story = Story(allowed_tools=allowed)
    calling(story, "c1")
    assert story.all(leg.ToolCalled) == [leg.ToolCalled("c1", "clock", {"tz": "UTC"})]


def test_no_tool_is_allowed_by_an_empty_list_also_with_a_voice_that_responds_by_itself() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF, allowed_tools=frozenset())
    story.feed(
        voice.ResponseStarted("r1"), voice.ToolCall("r1", "c1", "clock", {}),
        voice.ResponseDone("r1"), bridge.ResponseSent("r1"),
        voice.ResponseStarted("r2"),
    )  # fmt: skip
    assert story.all(voice.ToolResult) == [voice.ToolResult("c1", NOT_ALLOWED)]
    assert story.news.count(STARTED) == 2, "its follow-up is its own"
    assert requested(story) == 0


# The client requests what follows by itself.

ON_REQUEST = leg.AnswersOnRequest(turns=False, results=True)


@pytest.mark.parametrize("early", [True, False])
def test_results_wait_for_a_request(early: bool) -> None:
    story = Story()
    story.feed(ON_REQUEST)
    response_id = calling(story, "c1", "c2")
    answer(story, "c1")
    if early:
        answer(story, "c2")
        finish(story, response_id)
    else:
        finish(story, response_id)
        answer(story, "c2")
    assert requested(story) == 1
    story.feed(CREATE)
    assert requested(story) == 2
    assert ACTIVE not in story.news


def test_a_request_for_what_follows_waits_until_the_response_is_over() -> None:
    story = Story()
    story.feed(ON_REQUEST)
    response_id = calling(story, "c1")
    answer(story, "c1")
    story.feed(CREATE)
    assert requested(story) == 1
    finish(story, response_id)
    assert requested(story) == 2
    assert ACTIVE not in story.news


def test_a_request_after_some_results_means_what_follows_all_of_them() -> None:
    story = Story()
    story.feed(ON_REQUEST)
    finish(story, calling(story, "c1", "c2"))
    answer(story, "c1")
    story.feed(CREATE)
    answer(story, "c2")
    assert requested(story) == 1
    story.feed(CREATE)
    assert requested(story) == 2


def test_a_voice_that_responds_by_itself_goes_on_without_a_request() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(ON_REQUEST, STOPPED, voice.ResponseStarted("r1"))
    story.feed(voice.ToolCall("r1", "c1", "clock", {}))
    finish(story, "r1")
    answer(story, "c1")
    story.feed(CREATE)
    assert requested(story) == 0, "the follow-up absorbs it"
    story.feed(voice.ResponseStarted("r2"))
    assert story.news[-1] == STARTED
