"""Whether the database is up: every state and move."""

import pytest

from ringline.services.reachability import Reach, Reachability


def in_state(state: Reach) -> Reachability:
    reach = Reachability()
    if state is not Reach.UP:
        reach.lost()
    if state is Reach.ANSWERED:
        assert reach.answered(reach.probe())
    assert reach.state is state
    return reach


@pytest.mark.parametrize(
    ("state", "move", "then", "returned"),
    [
        (Reach.UP, "lost", Reach.DOWN, True),
        (Reach.DOWN, "lost", Reach.DOWN, False),
        (Reach.ANSWERED, "lost", Reach.DOWN, False),
        (Reach.UP, "written", Reach.UP, False),
        (Reach.DOWN, "written", Reach.DOWN, False),
        (Reach.ANSWERED, "written", Reach.UP, True),
    ],
)
def test_every_move(state: Reach, move: str, then: Reach, returned: bool) -> None:
    reach = in_state(state)
    assert getattr(reach, move)() is returned
    assert reach.state is then
    assert (reach.is_up, reach.must_probe) == (then is Reach.UP, then is Reach.DOWN)


def test_an_answer_to_a_probe_from_before_the_last_loss_is_ignored() -> None:
    reach = in_state(Reach.DOWN)
    probe = reach.probe()
    reach.lost()
    assert not reach.answered(probe)
    assert reach.must_probe


def test_the_wait_grows_with_failures_and_is_reset_by_a_write() -> None:
    reach = in_state(Reach.DOWN)
    waits: list[float] = []
    for _ in range(8):
        waits.append(reach.backoff_s)
        reach.failed()
    assert waits == [0.0, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 2.0]
    assert reach.answered(reach.probe())
    assert reach.written()
    assert reach.backoff_s == 0.0
