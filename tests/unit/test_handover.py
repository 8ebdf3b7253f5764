"""An operator takes a call over and hands it back (events socket, 5.3 and 6)."""

import pytest

from ringline.domain import bridge, leg, voice
from ringline.domain.bridge import Played
from ringline.domain.call_signals import AnswerWritten, EndOrdered, VoiceOpened
from ringline.domain.call_vocabulary import AuditType, ParticipantRole
from ringline.domain.endings import EndCause
from ringline.domain.events import (
    CallAudit,
    EventData,
    ParticipantJoined,
    ParticipantLeft,
    TurnCompleted,
)
from ringline.domain.handover import HandedBack, TakenOver
from ringline.domain.records import ParticipantRow
from ringline.domain.responses import Phase
from ringline.domain.talk import Expected
from ringline.domain.turns import Order
from tests.talking import CAPABILITIES, LIVING, RESPONDS_BY_ITSELF, VOICE, Story, cancelled, spoke

STOPPED = voice.SpeechStopped("item")
CREATE = leg.ResponseRequested()
NOT_ACTIVE = leg.RequestRefused(leg.Refusal.NOTHING_TO_CANCEL)
ENDED = EndOrdered(EndCause.ENDED_BY_API)
ANN, BOB = TakenOver("ann"), TakenOver("bob", ParticipantRole.SUPERVISOR)
BACK = HandedBack()
BOTH = pytest.mark.parametrize("capabilities", [CAPABILITIES, RESPONDS_BY_ITSELF])


def in_phase(
    phase: Phase | None, capabilities: voice.VoiceCapabilities = CAPABILITIES
) -> tuple[Story, str]:
    """Return a call whose response has come so far, and the response's id."""
    story = Story(capabilities=capabilities)
    if phase is None:
        return story, ""
    story.feed(CREATE)
    response_id = story.asked()
    way = [
        voice.ResponseStarted(response_id),
        voice.ResponseDone(response_id),
        bridge.ResponseSent(response_id, playing=True),
    ]
    for signal in way[: LIVING.index(phase)]:
        story.feed(signal)
        if isinstance(signal, voice.ResponseStarted):
            story.feed(
                bridge.ResponseAudible(response_id), bridge.TextSent(response_id, "we are open ")
            )
    response = story.call.talk.response
    assert response is not None
    assert response.phase is phase
    return story, response_id


def new_events(story: Story, *signals: TakenOver | HandedBack) -> list[EventData]:
    before = len(story.events)
    story.feed(*signals)
    return story.events[before:]


def unchanged(story: Story, *signals: TakenOver | HandedBack) -> bool:
    before, steps = story.call, len(story.steps)
    orders: list[Order] = story.feed(*signals)
    written = any(step.entry is not None for step in story.steps[steps:])
    return story.call == before and not orders and not written


# Taking over.


@BOTH
@pytest.mark.parametrize("phase", [None, *LIVING])
def test_the_response_is_stopped_whatever_its_phase(
    phase: Phase | None, capabilities: voice.VoiceCapabilities
) -> None:
    story, response_id = in_phase(phase, capabilities)
    orders = story.feed(TakenOver("ann", played=Played("", 250, 3)))
    stopped: list[Order] = [bridge.DropResponse(response_id), voice.Cancel(response_id, 250)]
    begun = phase in (Phase.RUNNING, Phase.DRAINING, Phase.PLAYING)
    expected = (
        [] if phase is None else [*stopped, leg.AgentFinished(True, "we")] if begun else stopped
    )
    assert orders == expected
    assert story.call.talk.response is None
    turns = [(turn.text, turn.interrupted) for turn in story.all(TurnCompleted)]
    assert turns == ([("we are open ", True)] if begun else [])
    late = (
        voice.ResponseStarted(response_id),
        voice.ResponseDone(response_id, voice.ResponseEnd.CANCELLED),
    )
    assert leg.AgentStarted() not in story.feed(*late, bridge.ResponseSent(response_id))


def test_what_is_written_of_it_is_one_entry() -> None:
    story, _ = in_phase(Phase.RUNNING)
    turn, joined, audit = new_events(story, BOB)
    assert isinstance(turn, TurnCompleted)
    assert isinstance(joined, ParticipantJoined)
    assert (joined.member_uuid, joined.role) == ("bob", "supervisor")
    assert audit == CallAudit(
        audit_type=AuditType.HANDOFF, code="barged", detail={"member": "bob", "role": "supervisor"}
    )
    entry = story.steps[-1].entry
    assert entry is not None
    (row,) = [row for row in entry.records if isinstance(row, ParticipantRow)]
    assert (row.id, row.member_uuid, row.left_at) == (joined.participant_id, "bob", None)
    assert story.call.participants[-1] == row


def test_the_greeting_is_stopped_and_not_begun_again() -> None:
    story = Story("Hello")
    greeting = story.asked()
    assert story.feed(ANN) == [bridge.DropResponse(greeting), voice.Cancel(greeting, 0)]
    assert story.feed(voice.ResponseStarted(greeting))[0] == bridge.DropResponse(greeting)
    assert story.feed(BACK) == []


def test_an_agent_that_was_about_to_hang_up_does_not() -> None:
    for played_out in (False, True):
        story = Story("Goodbye")
        goodbye = story.asked()
        story.feed(voice.ResponseStarted(goodbye), bridge.ResponseAudible(goodbye))
        story.feed(voice.ResponseDone(goodbye, hang_up=True))
        if played_out:
            story.feed(bridge.ResponseSent(goodbye))
        story.feed(ANN, bridge.PlaybackFinished(), BACK, bridge.PlaybackFinished())
        assert not story.call.ended


def test_the_same_operator_again_changes_nothing() -> None:
    story, _ = in_phase(Phase.RUNNING)
    story.feed(ANN)
    assert unchanged(story, ANN)
    assert unchanged(story, TakenOver("ann", ParticipantRole.SUPERVISOR, Played("", 100)))


def test_another_operator_joins_too() -> None:
    story = Story()
    story.feed(ANN)
    types = [data.type for data in new_events(story, BOB)]
    assert types == ["call.participant_joined", "call.audit"]
    assert [each.member_uuid for each in story.call.participants[2:]] == ["ann", "bob"]


# While it is taken over.


@BOTH
def test_the_caller_is_still_heard_and_written_down(
    capabilities: voice.VoiceCapabilities,
) -> None:
    story = Story(capabilities=capabilities)
    story.feed(ANN)
    orders = story.feed(spoke(0), STOPPED, voice.Transcribed("item", "hello", final=True))
    assert orders == [leg.CallerStarted(), leg.CallerStopped(), leg.TurnTranscribed("hello")]
    assert [turn.text for turn in story.all(TurnCompleted)] == ["hello"]


@BOTH
def test_nothing_is_asked_of_the_voice(capabilities: voice.VoiceCapabilities) -> None:
    story = Story(capabilities=capabilities)
    story.feed(ANN)
    orders = story.feed(leg.Typed("hi"), CREATE, CREATE, STOPPED, spoke(0))
    orders += story.feed(leg.ClearRequested(), STOPPED, cancelled(0))
    assert not [order for order in orders if isinstance(order, voice.Respond)]
    problems = [order for order in orders if isinstance(order, leg.RequestRefused)]
    assert problems == [NOT_ACTIVE], "a create is remembered, a cancel finds nothing"


def test_what_a_voice_begins_by_itself_is_refused() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(ANN, spoke(0), STOPPED)
    for number in range(20):
        own = f"own-{number}"
        assert story.feed(voice.ResponseStarted(own)) == [
            bridge.DropResponse(own),
            voice.Cancel(own, 0),
        ]
        late = (bridge.ResponseAudible(own), bridge.TextSent(own, "late"), bridge.ResponseSent(own))
        assert story.feed(*late) == []
        assert story.feed(voice.ResponseDone(own, voice.ResponseEnd.CANCELLED)) == [
            bridge.DropResponse(own)
        ]


def test_what_a_voice_is_about_to_begin_is_refused_even_when_it_comes_late() -> None:
    for meanwhile in ([], [BACK]):
        story = Story(capabilities=RESPONDS_BY_ITSELF)
        story.feed(STOPPED)
        assert story.call.talk.expected is Expected.ANSWER
        story.feed(ANN, *meanwhile)
        refused = [bridge.DropResponse("own"), voice.Cancel("own", 0)]
        assert story.feed(voice.ResponseStarted("own")) == refused


def test_what_was_to_come_is_stopped_with_what_runs() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(voice.ResponseStarted("one"), voice.ResponseDone("one"))
    story.feed(voice.ResponseStarted("two"))
    orders = story.feed(ANN)
    assert {bridge.DropResponse("one"), bridge.DropResponse("two"), voice.Cancel("two", 0)} <= set(
        orders
    )
    assert story.call.talk.queued == ()


# Handing back.


def test_all_operators_leave_and_the_trail_tells_of_it() -> None:
    story = Story()
    story.feed(ANN, BOB)
    *left, audit = new_events(story, BACK)
    assert [data.member_uuid for data in left if isinstance(data, ParticipantLeft)] == [
        "ann",
        "bob",
    ]
    assert audit == CallAudit(
        audit_type=AuditType.HANDOFF, code="ai_resumed", detail={"members": ["ann", "bob"]}
    )
    assert [each.role for each in story.call.participants] == ["caller", "ai_agent"]


def test_a_call_that_nobody_took_over_cannot_be_handed_back() -> None:
    for phase in (None, *LIVING):
        assert unchanged(in_phase(phase)[0], BACK)
    story = Story()
    story.feed(ANN, BACK)
    assert unchanged(story, BACK)


@BOTH
@pytest.mark.parametrize("phase", [None, *LIVING])
def test_the_agent_waits_where_nothing_was_said_meanwhile(
    phase: Phase | None, capabilities: voice.VoiceCapabilities
) -> None:
    story, _ = in_phase(phase, capabilities)
    story.feed(ANN)
    assert story.feed(BACK) == []
    orders = story.feed(spoke(0), STOPPED)
    if capabilities is RESPONDS_BY_ITSELF:
        orders = story.feed(voice.ResponseStarted("own"))
        assert orders == [leg.AgentStarted(), bridge.PlayResponse("own")]
    else:
        assert orders[-1] == voice.Respond(story.asked())


@BOTH
@pytest.mark.parametrize(
    "meanwhile",
    [
        [spoke(0), STOPPED],
        [STOPPED],
        [leg.Typed("hi")],
        [leg.Typed("hi"), CREATE, leg.Typed("there"), CREATE],
        [CREATE],
        [STOPPED, leg.Typed("hi"), CREATE, CREATE],
    ],
)
def test_what_was_wanted_meanwhile_is_answered_at_once_and_once(
    meanwhile: list[leg.LegSignal | bridge.BridgeSignal | voice.VoiceSignal],
    capabilities: voice.VoiceCapabilities,
) -> None:
    story = Story(capabilities=capabilities)
    story.feed(ANN, *meanwhile)
    assert story.feed(BACK) == [voice.Respond(story.asked())]
    assert story.feed(CREATE) == [], "it was begun by us, so one is swallowed"
    response_id = story.asked()
    story.feed(voice.ResponseStarted(response_id), voice.ResponseDone(response_id))
    assert story.feed(bridge.ResponseSent(response_id)) == [leg.AgentFinished()]


def test_what_was_wanted_of_a_response_that_was_cut_off_is_not_forgotten() -> None:
    story, _ = in_phase(Phase.RUNNING)
    story.feed(leg.Typed("wait"), CREATE, ANN)
    assert story.feed(BACK) == [voice.Respond(story.asked())]


def test_a_turn_that_was_cleared_is_not_answered() -> None:
    story = Story()
    story.feed(ANN, spoke(0), leg.ClearRequested(), STOPPED)
    assert story.feed(BACK) == []


@BOTH
def test_a_caller_who_is_speaking_is_answered_afterwards_once(
    capabilities: voice.VoiceCapabilities,
) -> None:
    story = Story(capabilities=capabilities)
    story.feed(ANN, STOPPED, spoke(0))
    assert story.feed(BACK) == []
    orders = story.feed(STOPPED)
    response_id = "own"
    if capabilities is CAPABILITIES:
        response_id = story.asked()
        assert orders == [leg.CallerStopped(), voice.Respond(response_id)]
    assert bridge.PlayResponse(response_id) in story.feed(voice.ResponseStarted(response_id))
    story.feed(voice.ResponseDone(response_id))
    assert story.feed(bridge.ResponseSent(response_id)) == [leg.AgentFinished()]


def test_a_late_answer_of_the_voice_itself_gives_way_to_the_one_we_ask_for() -> None:
    story = Story(capabilities=RESPONDS_BY_ITSELF)
    story.feed(ANN, STOPPED, BACK)
    assert story.feed(voice.ResponseStarted("own")) == [
        bridge.DropResponse("own"),
        voice.Cancel("own", 0),
    ]
    assert leg.AgentStarted() in story.feed(voice.ResponseStarted(story.asked()))


def test_it_can_be_taken_over_again() -> None:
    story = Story()
    story.feed(ANN, STOPPED, BACK)
    response_id = story.asked()
    assert bridge.DropResponse(response_id) in story.feed(ANN)
    ids = [data.participant_id for data in story.all(ParticipantJoined)[2:]]
    assert len(set(ids)) == 2
    assert [data.participant_id for data in story.all(ParticipantLeft)] == ids[:1]
    assert len(story.call.participants) == 3


# Before the call is active, and at its end.


def test_a_call_is_active_from_when_its_caller_is_told_until_its_end() -> None:
    story = Story("Hello", opened=False)
    for signal in (VoiceOpened(VOICE, CAPABILITIES), AnswerWritten()):
        assert not story.call.active
        assert unchanged(story, ANN, BACK)
        story.feed(signal)
    assert story.call.active
    assert story.all(voice.Respond), "the greeting was not held up"
    story.feed(ENDED)
    assert not story.call.active
    assert unchanged(story, ANN, BACK)


@pytest.mark.parametrize("ending", [ENDED, leg.Left()])
def test_operators_leave_with_everybody_before_the_last_event(
    ending: EndOrdered | leg.Left,
) -> None:
    story = Story()
    story.feed(ANN, BACK, ANN, BOB, ending)
    members = [data.member_uuid for data in story.all(ParticipantLeft)]
    row = story.call.row
    assert members == ["ann", row.from_number, row.to_number, "ann", "bob"]
    assert story.types[-5:] == ["call.participant_left"] * 4 + ["call.ended"]
    entry = story.steps[-1].entry
    assert entry is not None
    gone = [row for row in entry.records if isinstance(row, ParticipantRow)]
    assert [each.left_at is not None for each in gone] == [True] * 4
