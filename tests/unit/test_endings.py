"""Why calls end: the table of causes, and how a realtime session spells each (contract, 11)."""

import json

import pytest

from ringline.domain import leg
from ringline.domain.call_signals import EndOrdered
from ringline.domain.call_status import TRANSITIONS, CallMove
from ringline.domain.call_vocabulary import TERMINAL_STATUSES, CallStatus, HangupCause
from ringline.domain.endings import ENDINGS, EndCause, lost_voice
from ringline.domain.voice import VoiceFailure
from ringline.wire import realtime
from ringline.wire.realtime_errors import END_CODES, Ends, error_of
from tests.talking import Story

#: Causes of the record that only a call which lives elsewhere has, or none yet.
NOT_OURS = {HangupCause.NO_ANSWER, HangupCause.BUSY}

#: The endings again, spelt out: what a caller's client is told, and the record's cause.
SPELT = {
    EndCause.CALLER_LEFT: ("call_ended", 1000, "caller_hangup"),
    EndCause.AGENT_HUNG_UP: ("call_ended", 1000, "agent_hangup"),
    EndCause.ENDED_BY_API: ("call_ended", 1000, "api_hangup"),
    EndCause.TRANSFERRED: ("call_ended", 1000, "transferred"),
    EndCause.IDLE_TIMEOUT: ("idle_timeout", 1000, "idle_timeout"),
    EndCause.MAX_DURATION: ("max_duration", 1000, "max_duration"),
    EndCause.BUDGET_EXHAUSTED: ("budget_exhausted", 1000, "budget_exhausted"),
    EndCause.KEY_REVOKED: ("revoked", 1008, "revoked"),
    EndCause.SESSION_REVOKED: ("revoked", 1000, "revoked"),
    EndCause.LEG_TOO_SLOW: ("slow_client", 1008, "failed"),
    EndCause.LEG_MESSAGE_TOO_LARGE: ("frame_too_large", 1009, "failed"),
    EndCause.LEG_UNSUPPORTED_DATA: ("binary_not_supported", 1003, "failed"),
    EndCause.AGENT_FAILED: ("agent_error", 1011, "agent_error"),
    EndCause.VOICE_UNAVAILABLE: ("upstream_unavailable", 1011, "upstream_lost"),
    EndCause.VOICE_CLOSED: ("upstream_closed", 1011, "upstream_lost"),
    EndCause.VOICE_FAILED: ("internal_error", 1011, "upstream_lost"),
    EndCause.ANSWER_NOT_WRITTEN: ("unavailable", 1011, "storage_lost"),
    EndCause.STORAGE_LOST: ("storage_lost", 1011, "storage_lost"),
    EndCause.INTERNAL_ERROR: ("internal_error", 1011, "internal_error"),
    EndCause.SERVER_SHUTDOWN: ("server_shutdown", 1001, "server_shutdown"),
    EndCause.SERVER_LOST: ("server_shutdown", 1001, "server_lost"),
}


@pytest.mark.parametrize("cause", EndCause)
def test_every_cause_has_a_record_and_a_spelling(cause: EndCause) -> None:
    error = error_of(cause)
    spelt = (error.code, error.close_code, ENDINGS[cause].hangup_cause)
    assert spelt == SPELT[cause]
    assert error.ends in (Ends.ALWAYS, Ends.THIRD_TIME), "it ends a running session"


@pytest.mark.parametrize("cause", EndCause)
def test_a_leg_is_told_the_cause_in_the_surfaces_words_or_its_own(cause: EndCause) -> None:
    code, _, _ = SPELT[cause]
    error = {"code": code, "message": error_of(cause).message}
    told = json.loads(realtime.encode(leg.HangUp(cause)))
    assert told == {"type": "session.terminating", "error": error}
    told = json.loads(realtime.encode(leg.HangUp(cause, "why")))
    assert told["error"] == {"code": code, "message": "why"}


def test_the_tables_have_no_other_rows() -> None:
    assert set(ENDINGS) == set(END_CODES) == set(EndCause)
    recorded = {ending.hangup_cause for ending in ENDINGS.values()}
    assert recorded | NOT_OURS == set(HangupCause)
    assert not recorded & NOT_OURS


@pytest.mark.parametrize("cause", EndCause)
def test_every_cause_ends_a_call_in_any_state(cause: EndCause) -> None:
    ending = ENDINGS[cause]
    for status in (CallStatus.INITIATED, CallStatus.RINGING, CallStatus.QUEUED):
        assert TRANSITIONS[status, ending.unanswered] in TERMINAL_STATUSES
    for status in (CallStatus.ANSWERED, CallStatus.HELD):
        assert TRANSITIONS[status, ending.answered] in TERMINAL_STATUSES
    if ending.answered is CallMove.FAIL:
        assert ending.unanswered is CallMove.FAIL, "no answer makes no failure good"


@pytest.mark.parametrize("cause", EndCause)
@pytest.mark.parametrize("answered", [False, True])
def test_a_call_obeys_the_table(cause: EndCause, answered: bool) -> None:
    story = Story(opened=answered)
    status = story.call.row.status
    assert story.feed(EndOrdered(cause, "why")) == [leg.HangUp(cause, "why")]
    ending, row = ENDINGS[cause], story.call.row
    assert row.hangup_cause is ending.hangup_cause
    move = ending.answered if answered else ending.unanswered
    assert row.status is TRANSITIONS[status, move]


def test_a_voice_that_dies_says_whether_it_was_closed() -> None:
    assert lost_voice(VoiceFailure.UPSTREAM_CLOSED) is EndCause.VOICE_CLOSED
    for failure in set(VoiceFailure) - {VoiceFailure.UPSTREAM_CLOSED}:
        assert lost_voice(failure) is EndCause.VOICE_FAILED
