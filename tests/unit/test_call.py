"""The life of a call: from its first event to its last (contract, 3 to 5 and 11)."""

from collections import defaultdict
from dataclasses import replace
from typing import Any, TypeAlias
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.domain import bridge, leg, voice
from ringline.domain.bridge import Played
from ringline.domain.call import MAX_EARLY, end_abandoned
from ringline.domain.call_signals import AnswerWritten, EndOrdered, VoiceOpened
from ringline.domain.call_vocabulary import CallStatus, ParticipantRole, TurnRole
from ringline.domain.endings import EndCause
from ringline.domain.events import (
    CallAnswered,
    CallAudit,
    CallCreated,
    CallEnded,
    ParticipantJoined,
    ParticipantLeft,
    TranscriptDelta,
    TranscriptLine,
    TurnCompleted,
)
from ringline.domain.handover import OPERATORS, HandedBack, TakenOver
from ringline.domain.records import CallRow, ParticipantRow
from ringline.domain.responses import Phase
from tests.samples import NOW, a_scope, new_id
from tests.talking import (
    CAPABILITIES,
    RESPONDS_BY_ITSELF,
    VOICE,
    Said,
    Story,
    cancelled,
    moment,
    orders_of,
    spoke,
)

BROKEN = voice.VoiceFailure.INTERNAL_ERROR
ENDED = EndOrdered(EndCause.ENDED_BY_API)
OPENED = VoiceOpened(VOICE, CAPABILITIES)


def last(story: Story) -> CallEnded:
    data = story.events[-1]
    assert isinstance(data, CallEnded)
    return data


# The beginning.


def test_the_first_event_is_that_the_call_exists() -> None:
    story = Story(opened=False)
    (created,) = story.events
    assert isinstance(created, CallCreated)
    entry = story.steps[0].entry
    assert entry is not None
    assert entry.records == (story.call.row,)
    assert story.orders == []


def test_an_open_voice_answers_the_call_but_tells_nobody_yet() -> None:
    story = Story("Hello", opened=False)
    assert story.feed(OPENED) == []
    assert story.types[1:] == [
        "call.answered",
        "call.participant_joined",
        "call.participant_joined",
    ]
    assert story.steps[-1].answers
    assert story.all(CallAnswered)[0].answered_by == "ai_agent"
    members = [(data.member_uuid, data.role) for data in story.all(ParticipantJoined)]
    row = story.call.row
    assert members == [(row.from_number, "caller"), (row.to_number, "ai_agent")]
    assert row.status is CallStatus.ANSWERED


def test_the_client_is_told_when_the_answer_is_written_and_then_greeted() -> None:
    story = Story("Hello", opened=False)
    story.feed(OPENED)
    row = story.call.row
    assert story.feed(AnswerWritten()) == [
        leg.SessionStarted(row.id, row.uuid),
        bridge.AttachVoice(VOICE),
        voice.Respond(story.asked(), "Hello"),
    ]


def test_without_a_greeting_the_agent_waits() -> None:
    assert Story().all(voice.Respond) == []


@pytest.mark.parametrize("after_opening", [False, True])
def test_what_the_client_wants_early_waits_until_it_is_told(after_opening: bool) -> None:
    story = Story(opened=False)
    before, after = ([OPENED], []) if after_opening else ([], [OPENED])
    assert story.feed(*before, leg.Typed("hi"), leg.ResponseRequested(), *after) == []
    assert story.feed(AnswerWritten())[2:] == [voice.AddText("hi"), voice.Respond(story.asked())]
    assert story.types[-1] == "call.turn_completed"
    assert story.call.early == ()


def test_the_greeting_comes_before_the_answer_to_early_text() -> None:
    story = Story("Hello", opened=False)
    story.feed(OPENED, leg.Typed("hi"), leg.ResponseRequested(), AnswerWritten())
    assert [respond.say for respond in story.all(voice.Respond)] == ["Hello"]
    greeting = story.asked()
    story.feed(voice.ResponseStarted(greeting), voice.ResponseDone(greeting))
    story.feed(bridge.ResponseSent(greeting))
    assert [respond.say for respond in story.all(voice.Respond)] == ["Hello", None]


def test_a_voice_that_speaks_early_is_heard_after_the_client_is_told() -> None:  # O2
    story = Story(opened=False)
    assert story.feed(VoiceOpened(VOICE, RESPONDS_BY_ITSELF), voice.ResponseStarted("own")) == []
    assert story.feed(AnswerWritten())[-2:] == [leg.AgentStarted(), bridge.PlayResponse("own")]


def test_only_so_much_waits() -> None:
    story = Story(opened=False)
    assert story.feed(*[leg.Typed("hi")] * MAX_EARLY) == []
    assert story.feed(leg.Typed("hi")) == [leg.RequestRefused(leg.Refusal.TOO_MANY_EARLY)]
    story.feed(OPENED, AnswerWritten())
    assert len(story.all(TurnCompleted)) == MAX_EARLY


def test_nothing_can_be_cancelled_early() -> None:
    story = Story("Hello", opened=False)
    problem = leg.RequestRefused(leg.Refusal.NOTHING_TO_CANCEL)
    assert story.feed(cancelled(0)) == [problem]
    story.feed(OPENED, AnswerWritten())
    assert story.all(voice.Cancel) == []


# The end.

END = [
    # how it ends, before the answer, after the answer
    (leg.Left(), "cancelled", "completed", "caller_hangup"),
    (ENDED, "completed", "completed", "api_hangup"),
    (leg.LegFailed(EndCause.LEG_TOO_SLOW), "failed", "failed", "failed"),
    (voice.VoiceFailed(BROKEN, "", False), "failed", "failed", "upstream_lost"),
    (EndOrdered(EndCause.STORAGE_LOST), "failed", "failed", "storage_lost"),
    (EndOrdered(EndCause.INTERNAL_ERROR), "failed", "failed", "internal_error"),
    (EndOrdered(EndCause.AGENT_FAILED), "failed", "failed", "agent_error"),
    (EndOrdered(EndCause.IDLE_TIMEOUT), "failed", "completed", "idle_timeout"),
    (EndOrdered(EndCause.MAX_DURATION), "failed", "completed", "max_duration"),
    (EndOrdered(EndCause.BUDGET_EXHAUSTED), "failed", "completed", "budget_exhausted"),
    (EndOrdered(EndCause.KEY_REVOKED), "failed", "completed", "revoked"),
    (EndOrdered(EndCause.SERVER_SHUTDOWN), "failed", "completed", "server_shutdown"),
]


@pytest.mark.parametrize(("signal", "before", "after", "cause"), END)
def test_how_a_call_ends(signal: Said, before: str, after: str, cause: str) -> None:
    for opened, status in ((False, before), (True, after)):
        story = Story(opened=opened)
        story.feed(signal)
        assert (last(story).status, last(story).hangup_cause) == (status, cause)
        row = story.call.row
        assert (row.status, row.hangup_cause) == (status, cause)
        assert story.steps[-1].last


@pytest.mark.parametrize(
    ("signal", "goodbye"),
    [
        (leg.Left(), []),
        (leg.LegFailed(EndCause.LEG_TOO_SLOW), [leg.HangUp(EndCause.LEG_TOO_SLOW)]),
        (
            voice.VoiceFailed(voice.VoiceFailure.UPSTREAM_CLOSED, "why", False),
            [leg.HangUp(EndCause.VOICE_CLOSED, "why")],
        ),
        (voice.VoiceFailed(BROKEN, "why", False), [leg.HangUp(EndCause.VOICE_FAILED, "why")]),
        (EndOrdered(EndCause.KEY_REVOKED), [leg.HangUp(EndCause.KEY_REVOKED)]),
        (
            EndOrdered(EndCause.VOICE_UNAVAILABLE, "m"),
            [leg.HangUp(EndCause.VOICE_UNAVAILABLE, "m")],
        ),
    ],
)
def test_the_line_is_told_why_unless_it_is_gone(signal: Said, goodbye: list[leg.HangUp]) -> None:
    assert Story().feed(signal) == goodbye


def test_everybody_leaves_before_the_last_event() -> None:
    story = Story()
    story.seconds = 12.9
    story.feed(leg.Left())
    assert story.types[-3:] == ["call.participant_left", "call.participant_left", "call.ended"]
    assert last(story).duration_seconds == 12
    entry = story.steps[-1].entry
    assert entry is not None
    gone = [row for row in entry.records if isinstance(row, ParticipantRow)]
    assert [row.left_at is not None for row in gone] == [True, True]


def test_a_call_that_was_never_answered_lasted_no_time_and_nobody_left() -> None:
    story = Story(opened=False)
    story.seconds = 12.9
    story.feed(leg.Left())
    assert last(story).duration_seconds == 0
    assert story.all(ParticipantLeft) == []


def test_a_running_response_ends_with_what_had_left() -> None:
    story = Story("Hello dear caller")
    greeting = story.asked()
    story.feed(voice.ResponseStarted(greeting), bridge.TextSent(greeting, "Hello "))
    assert story.feed(ENDED) == [
        leg.AgentFinished(interrupted=True, spoken_text=""),
        leg.HangUp(EndCause.ENDED_BY_API),
    ]
    (turn,) = story.all(TurnCompleted)
    assert (turn.text, turn.interrupted, turn.spoken_text) == ("Hello ", True, "")
    assert [line.text for line in last(story).transcript] == ["Hello "]


def test_an_ended_call_takes_nothing_any_more() -> None:
    story = Story("Hello")
    story.feed(leg.Left())
    before = story.call
    late = (
        OPENED,
        AnswerWritten(),
        ENDED,
        leg.Left(),
        leg.Typed("x"),
        voice.ResponseStarted(story.asked()),
        voice.Transcribed("i", "x", True),
        voice.VoiceFailed(BROKEN, "x", False),
        spoke(0),
        bridge.PlaybackFinished(),
    )
    assert story.feed(*late) == []
    assert story.call == before
    assert all(step.entry is None and not step.last for step in story.steps[-len(late) :])


def test_a_problem_of_the_voice_is_told_and_the_call_goes_on() -> None:
    story = Story()
    failed = voice.VoiceFailed(voice.VoiceFailure.OVERLOADED, "why", True)
    assert story.feed(failed) == [leg.VoiceError(voice.VoiceFailure.OVERLOADED, "why")]
    assert story.feed(voice.GoingAway(1000), leg.Digit("5")) == []
    assert not story.call.ended


@pytest.mark.parametrize("opened", [True, False])
def test_a_refused_key_is_told_to_the_workspace_and_not_to_the_caller(opened: bool) -> None:
    story = Story(opened=opened)
    before = len(story.events)
    assert story.feed(voice.KeyRefused("openai/x", "http_401", "ab12")) == []
    (told,) = story.events[before:]
    assert isinstance(told, CallAudit)
    assert (told.audit_type, told.code) == ("error", "provider_key_refused")
    assert told.detail == {"model": "openai/x", "cause": "http_401", "lastFour": "ab12"}
    assert not story.call.ended


def goodbye() -> tuple[Story, str]:
    """Take a story to where the agent has said goodbye and the caller still hears it."""
    story = Story("Goodbye")
    response_id = story.asked()
    story.feed(voice.ResponseStarted(response_id), bridge.ResponseAudible(response_id))
    story.feed(voice.ResponseDone(response_id, hang_up=True))
    return story, response_id


def test_the_agent_hangs_up_once_the_caller_has_heard_it_all() -> None:
    story, response_id = goodbye()
    story.feed(bridge.PlaybackFinished())
    assert not story.call.ended, "that was the silence before"
    story.feed(bridge.ResponseSent(response_id))
    assert not story.call.ended
    assert story.feed(bridge.PlaybackFinished()) == [leg.HangUp(EndCause.AGENT_HUNG_UP)]
    assert (last(story).status, last(story).hangup_cause) == ("completed", "agent_hangup")


def test_a_caller_who_speaks_keeps_the_agent_on_the_line() -> None:
    for played_out in (False, True):
        story, response_id = goodbye()
        if played_out:
            story.feed(bridge.ResponseSent(response_id))
        story.feed(spoke(0), bridge.PlaybackFinished())
        assert not story.call.ended


def test_a_response_that_is_asked_for_keeps_the_agent_on_the_line() -> None:
    story, response_id = goodbye()
    story.feed(bridge.ResponseSent(response_id), leg.ResponseRequested())
    story.feed(
        voice.ResponseDone(story.asked(), voice.ResponseEnd.FAILED), bridge.PlaybackFinished()
    )
    assert not story.call.ended


def test_a_call_whose_process_is_dead_gets_one_last_event() -> None:
    for answered, status in ((None, "failed"), (NOW, "completed")):
        story = Story(opened=answered is not None)
        lines = (TranscriptLine(turn_id=new_id(), role=TurnRole.CALLER, text="hi", at=NOW),)
        row, people = story.call.row, story.call.participants
        step = end_abandoned(
            a_scope(),
            row,
            participants=people,
            lines=lines,
            lost_at=moment(3).now,
            recorded=answered is not None,
            moment=moment(9),
        )
        assert step.last
        assert step.entry is not None
        *before, ended = [event.data for event in step.entry.events]
        assert isinstance(ended, CallEnded)
        assert (ended.status, ended.hangup_cause) == (status, "server_lost")
        assert (ended.ended_at, step.entry.events[-1].occurred_at) == (moment(3).now, moment(3).now)
        assert ended.transcript == lines
        assert ended.recorded is (answered is not None)
        assert len(before) == len(story.call.participants)
        assert step.orders == ()


# Any way through it.

RESPONSES = ("asked", "asked", "asked", "own-1", "own-2", "own-3")
ITEMS = ("i1", "i2")
TEXTS = ("", "we", "we are", "we are open", "no\0")

#: Signals of a conversation; "asked" stands for the response that was asked for last.
SIGNALS: st.SearchStrategy[Said] = st.one_of(
    st.sampled_from(RESPONSES).flatmap(
        lambda id_: st.sampled_from(
            [
                voice.ResponseStarted(id_),
                voice.ResponseStarted(id_),
                voice.ResponseDone(id_),
                voice.ResponseDone(id_, hang_up=True),
                bridge.ResponseAudible(id_),
                bridge.TextSent(id_, "word "),
                bridge.TextSent(id_, "\0"),
                bridge.ResponseSent(id_),
                bridge.ResponseSent(id_, playing=True, characters=3),
                voice.ToolCall(id_, "call", "tool", {}),
            ]
        )
    ),
    st.sampled_from(
        [
            leg.ResponseRequested(),
            leg.Typed("typed"),
            leg.ClearRequested(),
            leg.Digit("1"),
            spoke(120, 3),
            spoke(0),
            cancelled(50),
            voice.SpeechStopped("item"),
            voice.VoiceFailed(BROKEN, "", True),
            voice.GoingAway(1_000),
            TakenOver("ann"),
            TakenOver("bob", ParticipantRole.SUPERVISOR, Played("", 70, 3)),
            HandedBack(),
            HandedBack(),
        ]
    ),
    st.builds(voice.Transcribed, st.sampled_from(ITEMS), st.sampled_from(TEXTS), st.booleans()),
)
ENDINGS = st.sampled_from([bridge.PlaybackFinished(), *(signal for signal, *_ in END)])
Signals: TypeAlias = list[Said]
Parts: TypeAlias = tuple[Signals, voice.VoiceCapabilities, Signals, Signals, Signals]
STORIES: st.SearchStrategy[Parts] = st.tuples(
    st.lists(SIGNALS, max_size=4),
    st.sampled_from([CAPABILITIES, RESPONDS_BY_ITSELF]),
    st.lists(SIGNALS, max_size=4),
    st.lists(st.one_of(SIGNALS, SIGNALS, SIGNALS, st.just(bridge.PlaybackFinished())), max_size=40),
    st.lists(st.one_of(SIGNALS, ENDINGS), max_size=4),
)


def tell(parts: Parts) -> Story:
    early, capabilities, held, talk, late = parts
    story = Story("Hello", opened=False)
    for signal in (*early, VoiceOpened(VOICE, capabilities), *held, AnswerWritten(), *talk, *late):
        story.feed(_named(signal, story))
    return story


def _named(signal: Said, story: Story) -> Said:
    if getattr(signal, "response_id", "") != "asked":
        return signal
    wanted = story.all(voice.Respond)
    name: Any = wanted[-1].response_id if wanted else "none"
    return replace(signal, response_id=name)


@settings(max_examples=300)
@given(STORIES, st.booleans())
def test_whatever_happens(parts: Parts, ends: bool) -> None:
    story = tell(parts)
    if ends:
        story.feed(leg.LegFailed(EndCause.LEG_TOO_SLOW))
    check_news(story)
    check_phases(story)
    check_orders(story)
    check_pauses(story)
    check_events(story)
    check_texts(story)
    check_entries(story)


def check_news(story: Story) -> None:
    """Each response that began is over before the next, and silent after it."""
    speaking = started = False
    for position, order in enumerate(story.news):
        match order:
            case leg.SessionStarted():
                started = True
            case leg.RequestRefused() | leg.VoiceError():
                pass
            case leg.HangUp():
                assert not speaking
                assert position == len(story.news) - 1
            case leg.AgentStarted():
                assert started
                assert not speaking
                speaking = True
            case leg.AgentFinished():
                assert speaking
                speaking = False
            case leg.AgentSaid():
                assert speaking
            case leg.CallerStarted():
                following = story.news[position + 1 : position + 2]
                cut = [item for item in following if isinstance(item, leg.AgentFinished)]
                assert not speaking or [item.interrupted for item in cut] == [True]
            case _:
                assert started
    assert speaking == (story.call.talk.response is not None and _begun(story))


def check_phases(story: Story) -> None:
    """A conversation keeps no response that is over; what is coming has begun."""
    for step in story.steps:
        talk = step.call.talk
        assert talk.response is None or talk.response.phase is not Phase.OVER
        assert all(one.phase in (Phase.RUNNING, Phase.DRAINING) for one in talk.queued)


def _begun(story: Story) -> bool:
    response = story.call.talk.response
    return response is not None and response.begun


def check_orders(story: Story) -> None:
    """The bridge plays one response at a time; the voice is never asked for two."""
    admitted: str | None = None
    pending: str | None = None
    for step in story.steps:
        for order in orders_of(step):
            match order:
                case bridge.PlayResponse(response_id):
                    assert admitted is None
                    admitted = response_id
                case bridge.DropResponse(response_id):
                    admitted = None if response_id == admitted else admitted
                    pending = None if response_id == pending else pending
                case leg.AgentFinished():
                    admitted = None
                case voice.Respond(response_id):
                    assert pending is None
                    pending = response_id
                case leg.HangUp():
                    assert order is orders_of(step)[-1]
                case _:
                    pass
        response = step.call.talk.response
        pending = response.id if response and not response.begun else None
        if not step.call.ended:
            assert admitted == (response.id if response and not pending else None)


def check_pauses(story: Story) -> None:
    """An agent is paused as long as operators are there, and then does nothing at all."""
    for step in story.steps:
        talk = step.call.talk
        present = [each for each in step.call.participants if each.left_at is None]
        if not step.call.ended:
            assert talk.paused == any(each.role in OPERATORS for each in present)
        if talk.paused:
            assert (talk.response, talk.queued) == (None, ())
            begun = (bridge.PlayResponse, voice.Respond, leg.AgentStarted)
            assert not any(isinstance(order, begun) for order in orders_of(step))


def check_events(story: Story) -> None:
    """The order of contract, 3; the last event once and last."""
    types = story.types
    assert types[0] == "call.created"
    assert types.count("call.created") == types.count("call.answered") == 1
    assert types[1] == "call.answered"
    ended = types.count("call.ended")
    assert ended == (1 if story.call.ended else 0)
    assert sum(step.last for step in story.steps) == ended
    if ended:
        assert types[-3:] == ["call.participant_left", "call.participant_left", "call.ended"]
    joined = [data.participant_id for data in story.all(ParticipantJoined)]
    left = [data.participant_id for data in story.all(ParticipantLeft)]
    assert len(set(left)) == len(left)
    present = [each.id for each in story.call.participants if each.left_at is None]
    assert sorted([*left, *present]) == sorted(joined)
    assert not (ended and present)
    audits = story.all(CallAudit)
    operators = [data for data in story.all(ParticipantJoined) if data.role in OPERATORS]
    assert sum(audit.code == "barged" for audit in audits) == len(operators)


def check_texts(story: Story) -> None:
    """Deltas concatenate; a turn is final once; the transcript is the turns."""
    said: dict[UUID, list[TranscriptDelta]] = defaultdict(list)
    turns: dict[UUID, TurnCompleted] = {}
    for data in story.events:
        match data:
            case TranscriptDelta():
                assert data.turn_id not in turns
                said[data.turn_id].append(data)
            case TurnCompleted():
                assert data.turn_id not in turns
                turns[data.turn_id] = data
                assert bool(data.text) is data.recognized
            case _:
                pass
    for turn_id, deltas in said.items():
        assert [delta.sequence for delta in deltas] == list(range(len(deltas)))
        text = "".join(delta.delta for delta in deltas)
        assert text == deltas[-1].text
        assert "\0" not in text
        if deltas[0].role == "agent" and turn_id in turns:
            assert turns[turn_id].text == text
    assert [line.turn_id for line in story.call.talk.turns.lines] == list(turns)
    if story.call.ended:
        assert [line.text for line in last(story).transcript] == [
            turn.text for turn in turns.values()
        ]


def check_entries(story: Story) -> None:
    """Records come with a durable event; ids are unique; the row agrees with the events."""
    event_ids: list[UUID] = []
    for step in story.steps:
        if step.entry is None:
            continue
        assert step.entry.events
        assert step.entry.call_id == story.call.row.id
        assert not step.entry.records or step.entry.durable
        event_ids += [event.id for event in step.entry.events]
        rows = [row for row in step.entry.records if isinstance(row, CallRow)]
        assert rows in ([], [step.call.row])
    assert len(set(event_ids)) == len(event_ids)
    assert sum(step.answers for step in story.steps) == 1


@pytest.mark.parametrize(
    ("signal", "refusal"),
    [
        (leg.ToolAnswered("none", "x", "mine"), leg.Refusal.NO_SUCH_TOOL_CALL),
        (bridge.ClientCancelled(bridge.NOTHING, "mine"), leg.Refusal.NOTHING_TO_CANCEL),
    ],
)
def test_a_refusal_names_the_request_that_it_answers(
    signal: leg.LegSignal | bridge.BridgeSignal, refusal: leg.Refusal
) -> None:
    story = Story()
    assert story.feed(signal) == [leg.RequestRefused(refusal, "mine")]


def test_a_request_before_the_answer_is_named_as_well() -> None:
    story = Story(opened=False)
    story.feed(leg.ToolAnswered("none", "x", "early"))
    story.feed(VoiceOpened(VOICE, CAPABILITIES), AnswerWritten())
    assert leg.RequestRefused(leg.Refusal.NO_SUCH_TOOL_CALL, "early") in story.news
    late = Story(opened=False)
    for _ in range(MAX_EARLY):
        late.feed(leg.Typed("x", "mine"))
    assert late.feed(leg.Typed("x", "one too many")) == [
        leg.RequestRefused(leg.Refusal.TOO_MANY_EARLY, "one too many")
    ]
