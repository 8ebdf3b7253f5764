"""The functions that the backend model of a Live session calls."""

from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import voice_limits
from ringline.domain.voice import Usage
from ringline.voices.openai_live_calls import BackendCalls
from ringline.wire.openai_live_events import FunctionCalled, RunEnded


def call(call_id: str, delegation_id: str = "d1") -> FunctionCalled:
    return FunctionCalled(delegation_id, call_id, "clock", {})


def end(delegation_id: str = "d1", *, completed: bool = True) -> RunEnded:
    return RunEnded(delegation_id, completed, Usage())


def test_results_are_taken_together_once_all_are_in() -> None:
    calls = BackendCalls()
    calls.began("d1")
    calls.called(call("c1"))
    calls.called(call("c2"))
    calls.called(call("c2"))  # told twice
    assert [it.call_id for it in calls.ended(end())] == ["c1", "c2"]
    calls.answer("c2", "two")
    calls.answer("c2", "again")
    assert calls.take_results() == []
    calls.answer("c1", "one")
    assert calls.take_results() == [("c1", "one"), ("c2", "two")]
    assert calls.take_results() == []


def test_results_wait_for_the_other_runs() -> None:
    calls = BackendCalls()
    calls.began("d1")
    calls.called(call("c1"))
    calls.ended(end())
    calls.began("d2")
    calls.answer("c1", "one")
    assert calls.take_results() == []
    calls.called(call("c2", "d2"))
    calls.ended(end("d2"))
    assert calls.take_results() == []
    calls.answer("c2", "two")
    assert calls.take_results() == [("c1", "one"), ("c2", "two")]


def test_calls_of_a_failed_run_do_not_count() -> None:
    calls = BackendCalls()
    calls.began("d1")
    calls.called(call("c1"))
    assert calls.ended(end(completed=False)) == ()
    calls.answer("c1", "one")
    assert calls.take_results() == []


def test_a_run_whose_begin_was_not_told_counts() -> None:
    calls = BackendCalls()
    calls.called(call("c1"))
    assert [it.call_id for it in calls.ended(end())] == ["c1"]


def test_results_of_unknown_calls_are_ignored() -> None:
    calls = BackendCalls()
    calls.answer("c9", "nine")
    assert calls.take_results() == []
    assert calls.ended(end("d9")) == ()


def test_a_flood_is_bounded() -> None:
    calls, most = BackendCalls(), voice_limits.UPSTREAM_CALLS.most
    for number in range(2 * most):
        calls.called(call(f"c{number}"))
    assert len(calls.ended(end())) == most
    for number in range(2 * most):
        calls.began(f"d{number}")
        calls.called(call(f"e{number}", f"d{number}"))
        calls.ended(end(f"d{number}"))
    for number in range(2 * most):
        calls.answer(f"e{number}", "x")
    assert len(calls.take_results()) == most


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["began", "called", "completed", "failed", "answer"]),
        st.integers(0, 3),
        st.integers(0, 5),
    ),
    max_size=40,
)


@given(_STEPS)
def test_nothing_is_sent_while_a_run_or_a_call_is_open(steps: list[tuple[str, int, int]]) -> None:
    """And each call that was told gets one result at most."""
    calls = BackendCalls()
    running: set[str] = set()
    unanswered: set[str] = set()
    sent: list[str] = []
    for kind, run, number in steps:
        delegation, call_id = f"d{run}", f"c{run}.{number}.{len(sent)}"
        match kind:
            case "began":
                calls.began(delegation)
                running.add(delegation)
            case "called":
                calls.called(call(call_id, delegation))
                running.add(delegation)
            case "answer":
                for open_id in sorted(unanswered)[:1]:
                    calls.answer(open_id, "x")
                    unanswered.discard(open_id)
            case _:
                told = calls.ended(end(delegation, completed=kind == "completed"))
                running.discard(delegation)
                unanswered |= {it.call_id for it in told}
        results = calls.take_results()
        if running or unanswered:
            assert results == []
        sent += [id_ for id_, _ in results]
    assert len(sent) == len(set(sent))
