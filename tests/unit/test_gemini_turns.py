"""The model's phases in a conversation with Gemini Live."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.voices.gemini_turns import PHASES, Phase, Step, move


@pytest.mark.parametrize(("phase", "step"), [*itertools.product(Phase, Step)])
def test_a_phase_moves_by_the_table_alone(phase: Phase, step: Step) -> None:
    assert move(phase, step) is PHASES.get((phase, step), phase)


def test_every_turn_ends_when_it_is_over() -> None:
    assert {move(phase, Step.OVER) for phase in Phase} == {Phase.NONE}


@given(st.lists(st.sampled_from(Step)))
def test_what_was_stopped_is_never_heard_again(steps: list[Step]) -> None:
    """From a stop on, nothing is heard until that turn has ended or been produced."""
    phase, muted = Phase.NONE, False
    for step in steps:
        before, phase = phase, move(phase, step)
        if before is Phase.RUNNING and step is Step.STOPPED:
            muted = True
        elif step in (Step.OVER, Step.GENERATED, Step.INTERRUPTED):
            muted = False
        assert not (muted and phase is Phase.RUNNING)
