"""Whether the database can be written to: every state and move."""

import pytest

from ringline.services.reachability import Reach, Reachability


def in_state(state: Reach) -> Reachability:
    reach = Reachability()
    if state is not Reach.HERE:
        reach.lost()
    if state is Reach.ANSWERED:
        assert reach.answered(reach.ask())
    assert reach.state is state
    return reach


@pytest.mark.parametrize(
    ("state", "move", "then", "returned"),
    [
        (Reach.HERE, "lost", Reach.LOST, True),
        (Reach.LOST, "lost", Reach.LOST, False),
        (Reach.ANSWERED, "lost", Reach.LOST, False),
        (Reach.HERE, "written", Reach.HERE, False),
        (Reach.LOST, "written", Reach.LOST, False),
        (Reach.ANSWERED, "written", Reach.HERE, True),
    ],
)
def test_every_move(state: Reach, move: str, then: Reach, returned: bool) -> None:
    reach = in_state(state)
    assert getattr(reach, move)() is returned
    assert reach.state is then
    assert (reach.is_here, reach.must_ask) == (then is Reach.HERE, then is Reach.LOST)


def test_an_answer_to_a_question_before_the_last_loss_counts_for_nothing() -> None:
    reach = in_state(Reach.LOST)
    question = reach.ask()
    reach.lost()
    assert not reach.answered(question)
    assert reach.must_ask


def test_the_wait_grows_with_failures_and_is_reset_by_a_write() -> None:
    reach = in_state(Reach.LOST)
    waits: list[float] = []
    for _ in range(8):
        waits.append(reach.wait_s)
        reach.failed()
    assert waits == [0.0, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 2.0]
    assert reach.answered(reach.ask())
    assert reach.written()
    assert reach.wait_s == 0.0
