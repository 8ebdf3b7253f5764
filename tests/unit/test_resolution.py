"""Whether a call resolved what its caller wanted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain.call_vocabulary import HangupCause, TurnRole
from ringline.domain.resolution import ENDS_WELL, Resolution, is_resolved, resolution_of
from tests.call_rows import an_ended_call
from tests.database import NOW

CALLER, AGENT = TurnRole.CALLER, TurnRole.AGENT
CALL = an_ended_call(NOW, resolved=None)


def test_every_cause_has_a_row() -> None:
    assert set(ENDS_WELL) == set(HangupCause)


@pytest.mark.parametrize(
    ("said", "resolved"),
    [
        ([], False),
        ([CALLER], False),
        ([AGENT], False),
        ([AGENT, CALLER], False),  # a greeting, and nobody answered
        ([CALLER, AGENT], True),
        ([AGENT, CALLER, CALLER, AGENT, CALLER], True),
    ],
)
def test_the_agent_must_speak_after_the_caller(said: list[TurnRole], resolved: bool) -> None:
    assert is_resolved(CALL, said) is resolved


@pytest.mark.parametrize("cause", HangupCause)
def test_a_call_must_end_well(cause: HangupCause) -> None:
    assert is_resolved(replace(CALL, hangup_cause=cause), [CALLER, AGENT]) is ENDS_WELL[cause]


@given(st.lists(st.sampled_from(TurnRole)))
def test_a_call_that_nobody_answered_is_not_resolved(said: list[TurnRole]) -> None:
    unanswered = replace(CALL, answered_at=None, ended_at=NOW + timedelta(seconds=1))
    assert is_resolved(unanswered, said) is False


@given(st.lists(st.sampled_from(TurnRole)))
def test_more_turns_never_undo_it(said: list[TurnRole]) -> None:
    if is_resolved(CALL, said):
        assert is_resolved(CALL, [*said, CALLER])
        assert is_resolved(CALL, [AGENT, *said])


def test_a_call_that_runs_cannot_be_asked() -> None:
    with pytest.raises(AssertionError):
        is_resolved(replace(CALL, hangup_cause=None), [CALLER, AGENT])


def test_its_words() -> None:
    assert [resolution_of(known) for known in (True, False, None)] == [
        Resolution.RESOLVED,
        Resolution.UNRESOLVED,
        None,
    ]
