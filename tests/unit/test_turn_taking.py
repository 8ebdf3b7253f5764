"""Who speaks when: responses and turns of a call (realtime voice, 5; contract, 11)."""

import pytest

from ringline.domain import bridge, leg, voice
from ringline.domain.agent_responses import MAX_QUEUED
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.events import BargeIn, TranscriptDelta, TurnCompleted
from ringline.domain.records import TurnRow
from ringline.domain.responses import PHASES, Phase, ResponseStep
from ringline.domain.turns import MAX_PARTIAL_TURNS, MAX_TRANSCRIPT, history_of
from tests.talking import LIVING, RESPONDS_BY_ITSELF, Said, Story, cancelled, spoke

SPOKE_OVER = bridge.CallerSpokeOver("item")
STOPPED = voice.SpeechStopped("item")
CREATE = leg.ResponseRequested()
ACTIVE = leg.RequestRefused(leg.Refusal.RESPONSE_ACTIVE)
NOT_ACTIVE = leg.RequestRefused(leg.Refusal.NOTHING_TO_CANCEL)
STARTED, FINISHED = leg.AgentStarted(), leg.AgentFinished()
CUT_OFF = leg.AgentFinished(interrupted=True, spoken_text="")


def running(story: Story, text: str = "") -> str:
    """Take a story that waits for a response to where it runs and has said something."""
    response_id = story.asked()
    story.feed(voice.ResponseStarted(response_id))
    if text:
        story.feed(bridge.ResponseAudible(response_id), bridge.TextSent(response_id, text))
    return response_id


def asked(story: Story) -> list[str | None]:
    return [respond.say for respond in story.all(voice.Respond)]


# One turn after the other.


def test_a_voice_turn_in_its_order() -> None:  # O3
    story = Story()
    story.feed(spoke(0), STOPPED, voice.Transcribed("item", "hello", final=True))
    response_id = running(story, "hi ")
    story.feed(bridge.TextSent(response_id, "there"))
    story.feed(voice.ResponseDone(response_id), bridge.ResponseSent(response_id))
    assert story.news[1:] == [
        leg.CallerStarted(),
        leg.CallerStopped(),
        leg.TurnTranscribed("hello"),
        STARTED,
        leg.AgentSaid("hi "),
        leg.AgentSaid("there"),
        FINISHED,
    ]
    assert [(line.role, line.text) for line in story.call.talk.turns.lines] == [
        ("caller", "hello"),
        ("agent", "hi there"),
    ]


def test_a_response_is_admitted_when_it_begins_and_not_before() -> None:
    story = Story()
    assert story.feed(STOPPED) == [leg.CallerStopped(), voice.Respond(story.asked())]
    assert story.feed(voice.ResponseStarted(story.asked())) == [
        STARTED,
        bridge.PlayResponse(story.asked()),
    ]
    assert story.feed(voice.ResponseStarted(story.asked())) == [], "it has begun already"


def test_a_response_lives_until_its_last_chunk_has_left() -> None:
    story = Story()
    story.feed(STOPPED)
    response_id = running(story, "hi")
    assert story.feed(voice.ResponseDone(response_id)) == []
    assert story.feed(voice.ResponseDone(response_id)) == [], "it has been said already"
    assert story.feed(bridge.ResponseSent(response_id)) == [FINISHED]


def test_it_is_not_over_while_the_voice_still_makes_it() -> None:
    story = Story()
    story.feed(STOPPED)
    response_id = running(story, "hi")
    assert story.feed(bridge.ResponseSent(response_id)) == []


def signal_of(step: ResponseStep, response_id: str) -> Said:
    """Return what makes a response that is under way take this step."""
    match step:
        case ResponseStep.STARTED:
            return voice.ResponseStarted(response_id)
        case ResponseStep.DONE:
            return voice.ResponseDone(response_id)
        case ResponseStep.SENT:
            return bridge.ResponseSent(response_id, playing=True)
        case ResponseStep.PLAYED:
            return bridge.PlaybackFinished()
        case ResponseStep.STOPPED:
            return cancelled(0)


def response_in(phase: Phase) -> Story:
    """Take a story to where the response under way is in this phase."""
    story = Story()
    story.feed(STOPPED)
    steps = (ResponseStep.STARTED, ResponseStep.DONE, ResponseStep.SENT)
    for step in steps[: LIVING.index(phase)]:
        story.feed(signal_of(step, story.asked()))
    return story


def phase_of(story: Story) -> Phase:
    """Return the phase of the response under way; a conversation keeps none that is over."""
    response = story.call.talk.response
    return response.phase if response else Phase.OVER


@pytest.mark.parametrize("phase", LIVING)
@pytest.mark.parametrize("step", ResponseStep)
def test_a_response_moves_by_the_table_alone(phase: Phase, step: ResponseStep) -> None:
    story = response_in(phase)
    assert phase_of(story) is phase
    story.feed(signal_of(step, story.asked()))
    assert phase_of(story) is PHASES.get((phase, step), phase)


@pytest.mark.parametrize(("phase", "step"), PHASES)
def test_a_row_that_is_taken_out_of_the_table_moves_nothing(
    phase: Phase, step: ResponseStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = response_in(phase)
    before = story.call.talk.response
    monkeypatch.delitem(PHASES, (phase, step))
    story.feed(signal_of(step, story.asked()))
    assert story.call.talk.response == before


def test_a_response_without_words_is_no_turn() -> None:
    story = Story()
    story.feed(STOPPED)
    response_id = running(story)
    story.feed(voice.ResponseDone(response_id), bridge.ResponseSent(response_id))
    assert story.news[-2:] == [STARTED, FINISHED]
    assert story.all(TurnCompleted) == []


@pytest.mark.parametrize("partials", [(), ("I want",)])
def test_a_turn_that_nobody_could_read_leaves_a_trace(partials: tuple[str, ...]) -> None:
    story = Story()
    hear(story, *partials, "")
    assert story.news[-1] == leg.TurnTranscribed("")
    entry = story.steps[-1].entry
    assert entry is not None
    (row,) = entry.records
    assert isinstance(row, TurnRow)
    (turn,) = story.all(TurnCompleted)
    assert (turn.text, turn.recognized, row.text, row.recognized) == ("", False, "", False)
    (line,) = story.call.talk.turns.lines
    assert (line.text, line.recognized) == ("", False)
    hear(story, "hello")
    assert story.all(TurnCompleted)[-1].recognized


def test_a_later_voice_can_be_told_what_was_said_and_heard() -> None:
    story = Story("Hello, how are you?")
    response_id = running(story, "Hello, ")
    story.feed(spoke(400, 6), STOPPED)  # what was not heard is not part of it
    hear(story, "stop")
    story.feed(leg.Typed("go on"), bridge.ResponseSent(response_id))
    assert history_of(story.call.talk.turns) == (
        voice.PastTurn(TurnRole.AGENT, "Hello,"),
        voice.PastTurn(TurnRole.CALLER, "stop"),
        voice.PastTurn(TurnRole.CALLER, "go on"),
    )


def test_a_turn_that_was_cleared_is_none() -> None:
    story = Story()
    story.feed(voice.Transcribed("item", "I want", final=False), voice.TurnCleared("item"))
    assert story.all(TurnCompleted) == []
    assert story.call.talk.turns.partial_turns == ()


# Interruptions.


def test_speech_over_the_agent_stops_it() -> None:  # O5, K9, K10
    story = Story()
    story.feed(STOPPED)
    response_id = running(story, "we are open ")
    cut_off = leg.AgentFinished(interrupted=True, spoken_text="we are")
    assert story.feed(spoke(250, 8)) == [
        leg.CallerStarted(),
        bridge.DropResponse(response_id),
        voice.Cancel(response_id, 250),
        cut_off,
    ]
    late = (
        bridge.TextSent(response_id, "late"),
        voice.ResponseDone(response_id, voice.ResponseEnd.CANCELLED),
    )
    story.feed(*late, bridge.ResponseSent(response_id))
    assert story.news[-1] == cut_off
    (turn,) = story.all(TurnCompleted)
    assert (turn.text, turn.interrupted, turn.spoken_text) == ("we are open ", True, "we are")
    (barge_in,) = story.all(BargeIn)
    assert (barge_in.spoken_text, barge_in.at_ms) == ("we are", 250)


def test_the_voice_learns_what_was_heard_although_it_had_made_it_all() -> None:
    story = Story()
    story.feed(STOPPED)
    response_id = running(story, "long speech")
    story.feed(voice.ResponseDone(response_id))
    assert voice.Cancel(response_id, 900) in story.feed(spoke(900))


def test_speech_that_does_not_interrupt_is_answered_after_the_response() -> None:
    story = Story()
    story.feed(CREATE)
    response_id = running(story, "we are open")
    assert story.feed(SPOKE_OVER, STOPPED) == [leg.CallerStarted(), leg.CallerStopped()]
    assert story.all(leg.CallerStarted)[0].interrupts is False
    assert asked(story) == [None], "one at a time"
    story.feed(voice.ResponseDone(response_id))
    orders = story.feed(bridge.ResponseSent(response_id, playing=True))
    assert orders == [FINISHED, voice.Respond(story.asked())]
    assert story.all(BargeIn) == []


def test_speech_over_a_response_that_has_not_begun_waits_for_it() -> None:
    story = Story()
    story.feed(CREATE)
    assert story.feed(SPOKE_OVER, STOPPED) == [leg.CallerStarted(), leg.CallerStopped()]
    running(story)
    assert asked(story) == [None], "it answers the turn too"


def test_speech_over_a_goodbye_means_going_on_though_it_does_not_interrupt() -> None:
    story = Story()
    story.feed(CREATE)
    response_id = running(story, "goodbye")
    story.feed(voice.ResponseDone(response_id, hang_up=True), SPOKE_OVER)
    story.feed(bridge.ResponseSent(response_id), bridge.PlaybackFinished())
    assert story.call.active
    assert story.feed(STOPPED)[-1] == voice.Respond(story.asked())


def test_speech_before_anything_was_heard_is_no_barge_in() -> None:
    story = Story()
    story.feed(STOPPED)
    running(story)
    story.feed(spoke(0))
    assert story.all(BargeIn) == []
    assert story.news[-2:] == [leg.CallerStarted(), CUT_OFF]


@pytest.mark.parametrize("stop", [spoke(0), cancelled(0)])
def test_a_response_that_is_stopped_before_it_begins_never_begins(
    stop: bridge.BridgeSignal,
) -> None:
    for capabilities in (None, RESPONDS_BY_ITSELF):
        story = Story(capabilities=capabilities) if capabilities else Story()
        story.feed(CREATE)
        response_id = story.asked()
        assert voice.Cancel(response_id, 0) in story.feed(stop)
        assert story.call.talk.response is None
        story.feed(
            voice.ResponseStarted(response_id),
            voice.ResponseDone(response_id, voice.ResponseEnd.CANCELLED),
        )
        assert STARTED not in story.news
        assert FINISHED not in story.news


def test_a_response_that_fails_before_it_begins_makes_room_for_the_next() -> None:
    story = Story()
    story.feed(STOPPED)
    story.feed(voice.ResponseDone(story.asked(), voice.ResponseEnd.FAILED))
    assert story.call.talk.response is None
    story.feed(STOPPED)
    assert len(story.all(voice.Respond)) == 2


# What the client asks for.


def test_a_cancel_of_nothing_is_a_problem() -> None:
    assert Story().feed(cancelled(0)) == [NOT_ACTIVE]


def test_what_was_used_is_told_at_the_end_of_a_response_and_once() -> None:
    story = Story()
    ten, two = voice.Usage(audio_out_tokens=10), voice.Usage(text_in_tokens=2, audio_out_tokens=1)
    story.feed(CREATE)
    first = running(story, "we are")
    story.feed(spoke(0))  # its usage comes too late
    story.feed(voice.ResponseDone(first, voice.ResponseEnd.CANCELLED, usage=ten), STOPPED)
    story.feed(voice.UsageReported(voice.UsageKind.TRANSCRIPTION, voice.Usage(seconds=1.0)))
    second = running(story, "open")
    story.feed(voice.UsageReported(voice.UsageKind.RESPONSE, two))
    story.feed(voice.ResponseDone(second, usage=two, is_charged=True))
    story.feed(bridge.ResponseSent(second), CREATE)
    third = running(story, "yes")
    story.feed(voice.ResponseDone(third), bridge.ResponseSent(third))
    told = [finished.usage for finished in story.all(leg.AgentFinished)]
    assert told == [None, voice.Usage(text_in_tokens=2, audio_out_tokens=11), None]


def test_a_cancel_is_no_barge_in() -> None:
    story = Story()
    story.feed(STOPPED)
    running(story, "hi")
    story.feed(cancelled(10))
    assert story.all(BargeIn) == []
    assert story.all(TurnCompleted)[0].interrupted


def test_a_typed_message_is_a_final_turn_that_starts_no_response() -> None:
    story = Story()
    assert story.feed(leg.Typed("hello")) == [voice.AddText("hello")]
    (turn,) = story.all(TurnCompleted)
    assert (turn.role, turn.text, turn.interrupted) == ("caller", "hello", False)


def test_several_messages_are_answered_together() -> None:
    story = Story()
    story.feed(leg.Typed("one"), leg.Typed("two"), CREATE)
    assert len(story.all(voice.Respond)) == 1


def test_a_response_that_the_gateway_began_swallows_one_create() -> None:  # O8
    story = Story()
    story.feed(STOPPED)
    assert story.feed(CREATE) == []
    assert story.feed(CREATE) == [ACTIVE]


def test_a_response_that_is_heard_already_swallows_none() -> None:
    story = Story()
    story.feed(STOPPED)
    running(story, "hi")
    assert story.feed(CREATE) == [ACTIVE]


def test_a_response_that_the_client_asked_for_swallows_none() -> None:
    story = Story()
    story.feed(CREATE)
    assert story.feed(CREATE) == [ACTIVE]


def test_text_during_a_response_is_answered_after_it_once() -> None:
    story = Story()
    story.feed(STOPPED)
    first = running(story, "hi")
    assert story.feed(leg.Typed("wait"), CREATE, CREATE) == [voice.AddText("wait")]
    story.feed(voice.ResponseDone(first))
    assert story.feed(bridge.ResponseSent(first)) == [FINISHED, voice.Respond(story.asked())]
    second = running(story, "yes")
    assert second != first
    story.feed(voice.ResponseDone(second))
    assert story.feed(bridge.ResponseSent(second)) == [FINISHED]


def test_text_during_a_response_that_is_cancelled_is_answered_at_once() -> None:
    story = Story()
    story.feed(CREATE)
    first = running(story, "hi")
    story.feed(leg.Typed("wait"), CREATE)
    assert story.feed(cancelled(5))[-1] == voice.Respond(story.asked())
    assert story.asked() != first


def test_text_while_the_caller_speaks_is_answered_with_the_turn() -> None:
    story = Story()
    assert story.feed(spoke(0), leg.Typed("and"), CREATE)[1:] == [voice.AddText("and")]
    story.feed(STOPPED)
    assert len(story.all(voice.Respond)) == 1
    response_id = running(story, "yes")
    story.feed(voice.ResponseDone(response_id), bridge.ResponseSent(response_id))
    assert len(story.all(voice.Respond)) == 1


def test_a_create_while_the_caller_speaks_is_answered_by_the_end_of_the_turn() -> None:
    story = Story()
    story.feed(spoke(0))
    assert story.feed(CREATE) == []
    story.feed(STOPPED)
    assert len(story.all(voice.Respond)) == 1


def test_a_cleared_turn_is_not_answered() -> None:
    story = Story()
    story.feed(spoke(0), leg.ClearRequested())
    assert story.feed(STOPPED) == [leg.CallerStopped()]
    story.feed(spoke(0), STOPPED)
    assert len(story.all(voice.Respond)) == 1, "the next one is"


def test_clearing_while_nobody_speaks_forgets_no_later_turn() -> None:
    story = Story()
    story.feed(leg.ClearRequested(), spoke(0), STOPPED)
    assert len(story.all(voice.Respond)) == 1


def test_a_turn_that_did_not_interrupt_is_answered_after_the_response() -> None:
    story = Story()  # push to talk: speech is not noticed before it is committed
    story.feed(STOPPED)
    first = running(story, "hi")
    assert story.feed(STOPPED, CREATE) == [leg.CallerStopped()]
    story.feed(voice.ResponseDone(first))
    assert story.feed(bridge.ResponseSent(first)) == [FINISHED, voice.Respond(story.asked())]


def test_commit_and_create_make_one_response() -> None:
    story = Story()
    story.feed(CREATE, STOPPED)
    assert len(story.all(voice.Respond)) == 1


def test_an_empty_commit_is_a_problem() -> None:
    empty = leg.RequestRefused(leg.Refusal.NOTHING_TO_COMMIT)
    assert Story().feed(voice.TurnEmpty()) == [empty]


# Voices that answer by themselves.


def test_such_a_voice_is_not_asked() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    assert story.feed(STOPPED) == [leg.CallerStopped()]
    assert story.feed(voice.ResponseStarted("own")) == [STARTED, bridge.PlayResponse("own")]


def test_but_for_a_greeting_and_for_what_is_typed() -> None:
    story = Story("Hello", RESPONDS_BY_ITSELF)
    assert asked(story) == ["Hello"]
    greeting = running(story, "Hello")
    story.feed(voice.ResponseDone(greeting), bridge.ResponseSent(greeting))
    story.feed(STOPPED, leg.Typed("hi"), CREATE)
    assert asked(story) == ["Hello", None]


def test_what_it_is_about_to_say_swallows_one_create() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(STOPPED)
    assert story.feed(CREATE) == []
    story.feed(CREATE)
    assert asked(story) == [None], "it may have had nothing to say"


def test_what_it_is_about_to_say_can_be_cancelled() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    assert story.feed(STOPPED, cancelled(0)) == [leg.CallerStopped()]
    refused = [bridge.DropResponse("own"), voice.Cancel("own", 0)]
    assert story.feed(voice.ResponseStarted("own")) == refused
    story.feed(spoke(0), STOPPED)
    assert STARTED in story.feed(voice.ResponseStarted("next"))


def test_what_it_begins_while_the_last_is_leaving_comes_after_it() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(voice.ResponseStarted("one"), voice.ResponseDone("one"))
    assert story.feed(voice.ResponseStarted("two"), voice.ResponseDone("two")) == []
    assert story.feed(bridge.ResponseSent("one")) == [FINISHED, STARTED, bridge.PlayResponse("two")]
    assert story.feed(bridge.ResponseSent("two")) == [FINISHED]


def test_an_interruption_stops_what_was_to_come_too() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(voice.ResponseStarted("one"), voice.ResponseDone("one"))
    story.feed(voice.ResponseStarted("two"))
    orders = story.feed(spoke(0))
    assert {bridge.DropResponse("one"), bridge.DropResponse("two"), voice.Cancel("two", 0)} <= set(
        orders
    )
    assert orders.count(CUT_OFF) == 1


def test_only_so_many_may_wait() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(voice.ResponseStarted("one"), voice.ResponseDone("one"))
    for number in range(MAX_QUEUED):
        assert story.feed(voice.ResponseStarted(str(number))) == []
    assert bridge.DropResponse("more") in story.feed(voice.ResponseStarted("more"))


def test_a_response_that_has_begun_early_moves_by_the_table_too() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(voice.ResponseStarted("one"), voice.ResponseDone("one"))
    story.feed(voice.ResponseStarted("two"))
    (coming,) = story.call.talk.queued
    assert coming.phase is Phase.RUNNING
    story.feed(voice.ResponseDone("two", hang_up=True))
    (coming,) = story.call.talk.queued
    assert coming.phase is Phase.DRAINING
    assert [plan.ends_call for plan in coming.plans] == [True]
    assert story.feed(voice.ResponseDone("two")) == [], "it has been said already"
    assert story.call.talk.queued == (coming,)
    assert story.feed(bridge.ResponseSent("one")) == [FINISHED, STARTED, bridge.PlayResponse("two")]
    assert story.feed(bridge.ResponseSent("two")) == [FINISHED]
    assert story.call.talk.plans == coming.plans


def test_a_voice_that_must_be_asked_says_nothing_unasked() -> None:
    refused = [bridge.DropResponse("own"), voice.Cancel("own", 0)]
    assert Story().feed(voice.ResponseStarted("own")) == refused


# Texts.


def test_deltas_of_the_agent_concatenate_to_its_turn() -> None:
    story = Story()
    story.feed(STOPPED)
    response_id = running(story, "one ")
    story.feed(bridge.TextSent(response_id, ""), bridge.TextSent(response_id, "two"))
    story.feed(voice.ResponseDone(response_id), bridge.ResponseSent(response_id))
    deltas = story.all(TranscriptDelta)
    assert [(delta.delta, delta.text, delta.sequence) for delta in deltas] == [
        ("one ", "one ", 0),
        ("two", "one two", 1),
    ]
    (turn,) = story.all(TurnCompleted)
    assert turn.text == "one two"
    assert {delta.turn_id for delta in deltas} == {turn.turn_id}
    assert {delta.item_id for delta in deltas} == {turn.item_id}


def hear(story: Story, *texts: str) -> None:
    *partials, final = texts
    story.feed(*(voice.Transcribed("item", text, final=False) for text in partials))
    story.feed(voice.Transcribed("item", final, final=True))


@pytest.mark.parametrize(
    ("texts", "deltas"),
    [
        (("I want", "I want a table"), ["I want", " a table"]),
        (("I want", "I want", "I want"), ["I want"]),
        (("I want a table",), []),
        (("I want", "A table"), ["I want"]),  # revised
        (("I want", "A table", "I want more"), ["I want"]),  # revised for good
        (("I", "I\0", "I\0"), ["I", "\ufffd"]),
    ],
)
def test_deltas_of_the_caller_concatenate_or_end(texts: tuple[str, ...], deltas: list[str]) -> None:
    story = Story()
    hear(story, *texts)
    assert [delta.delta for delta in story.all(TranscriptDelta)] == deltas
    (turn,) = story.all(TurnCompleted)
    assert turn.text == texts[-1].replace("\0", "\ufffd")
    assert story.news[-1] == leg.TurnTranscribed(turn.text)


def test_a_finished_turn_is_written_with_its_event() -> None:
    story = Story()
    hear(story, "hello")
    entry = story.steps[-1].entry
    assert entry is not None
    (row,) = entry.records
    (turn,) = story.all(TurnCompleted)
    assert isinstance(row, TurnRow)
    assert (row.id, row.turn_id, row.text) == (turn.transcript_id, turn.turn_id, turn.text)


def test_what_no_column_takes_is_replaced_in_what_voices_say() -> None:
    story = Story()
    story.feed(STOPPED)
    running(story, "a\0b")
    assert story.news[-1] == leg.AgentSaid("a\ufffdb")


# Bounds.


def test_turns_that_are_never_finished_are_forgotten() -> None:
    story = Story()
    for number in range(MAX_PARTIAL_TURNS + 5):
        story.feed(voice.Transcribed(str(number), "text", final=False))
    assert len(story.call.talk.turns.partial_turns) == MAX_PARTIAL_TURNS


def test_the_last_event_repeats_a_bounded_transcript() -> None:
    story = Story()
    for number in range(12):
        story.feed(leg.Typed(f"{number:02}" * 50_000))
    lines = story.call.talk.turns.lines
    assert sum(len(line.text) for line in lines) <= MAX_TRANSCRIPT
    assert [line.text[:2] for line in lines] == [
        "03",
        "04",
        "05",
        "06",
        "07",
        "08",
        "09",
        "10",
        "11",
    ]
    story.feed(leg.Typed("x" * (MAX_TRANSCRIPT + 1)))
    assert len(story.call.talk.turns.lines) == 1, "the newest is always kept"


def test_a_long_conversation_keeps_nothing_but_its_lines() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    for number in range(100):
        item = f"i{number}"
        story.feed(spoke(item_id=item), voice.Transcribed(item, "hm", final=False))
        story.feed(voice.SpeechStopped(item), CREATE, CREATE, cancelled(0))
        story.feed(voice.Transcribed(item, "hm", final=True))
    talk = story.call.talk
    assert len(talk.turns.lines) == 100
    assert len(talk.refused) <= 8
    assert (talk.queued, talk.turns.partial_turns) == ((), ())


# The client requests every answer by itself.

ON_REQUEST = leg.AnswersOnRequest(turns=True, results=True)


def test_a_turn_waits_for_a_request() -> None:
    story = Story()
    story.feed(ON_REQUEST, spoke(0), STOPPED)
    assert asked(story) == []
    story.feed(CREATE)
    assert asked(story) == [None]
    story.feed(spoke(0), STOPPED)
    assert len(asked(story)) == 1


def test_a_request_while_the_caller_speaks_is_met_at_the_end_of_the_turn() -> None:
    story = Story()
    story.feed(ON_REQUEST, spoke(0), CREATE)
    assert asked(story) == []
    story.feed(STOPPED)
    assert asked(story) == [None]


def test_a_turn_during_a_response_is_answered_by_the_request_that_follows_it() -> None:
    story = Story()
    story.feed(ON_REQUEST, STOPPED, CREATE)
    response_id = running(story, "hi")
    story.feed(voice.SpeechStopped("another"), CREATE)
    assert len(asked(story)) == 1
    story.feed(voice.ResponseDone(response_id), bridge.ResponseSent(response_id))
    assert len(asked(story)) == 2
    assert ACTIVE not in story.news


def test_what_is_answered_by_itself_again_is() -> None:
    story = Story()
    story.feed(ON_REQUEST, leg.AnswersOnRequest(turns=False, results=False), STOPPED)
    assert asked(story) == [None]


def test_a_voice_that_responds_by_itself_answers_without_a_request() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(ON_REQUEST, spoke(0), STOPPED, voice.ResponseStarted("r1"))
    assert story.news[-1] == STARTED
