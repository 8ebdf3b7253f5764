"""The phases of a response: the table, walked. `test_turn_taking` sees it obeyed."""

from dataclasses import replace

import pytest

from ringline.domain.responses import PHASES, Phase, Response, ResponseStep, advance
from tests.samples import new_id
from tests.talking import LIVING


@pytest.mark.parametrize("step", ResponseStep)
@pytest.mark.parametrize("phase", Phase)
def test_every_step_in_every_phase(phase: Phase, step: ResponseStep) -> None:
    response = Response("one", new_id(), automatic=True, phase=phase)
    after = advance(response, step)
    if (phase, step) in PHASES:
        assert after == replace(response, phase=PHASES[phase, step])
        assert after != response, "each row changes something"
    else:
        assert after is None
    assert response.begun == (phase is not Phase.WANTED)


def test_every_response_can_end_and_none_goes_on_after_it() -> None:
    for phase in LIVING:
        assert PHASES[phase, ResponseStep.STOPPED] is Phase.OVER
    assert not [phase for phase, _ in PHASES if phase is Phase.OVER]
