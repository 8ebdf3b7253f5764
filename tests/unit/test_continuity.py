"""How a session outlives its upstream: every phase and step, and what no sequence can do."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ringline.domain.continuity import (
    TRANSITIONS,
    Action,
    Continuity,
    Phase,
    Step,
    advance,
    after_loss,
    completed,
)

MODEL, OTHERS = "openai/one", ("xai/two", "cascade/three")


def at(phase: Phase, *, may_retry: bool = True, fallbacks: tuple[str, ...] = OTHERS) -> Continuity:
    return Continuity(MODEL, fallbacks, phase, may_retry)


def test_a_planned_rollover_takes_the_first_quiet_moment() -> None:
    state, actions = at(Phase.OPENING), list[Action]()
    for step in (Step.OPENED, Step.AGED, Step.QUIET, Step.OPENED, Step.QUIET):
        state, action = advance(state, step)
        actions.append(action)
    assert actions == [Action.USE, Action.NONE, Action.PREPARE, Action.NONE, Action.USE]
    assert state == at(Phase.STEADY)


def test_the_table_says_what_each_step_does_in_each_phase() -> None:
    for phase in Phase:
        for step in Step:
            if step in (Step.RETRY, Step.FALL_BACK, Step.GIVE_UP):
                continue
            state, action = advance(at(phase), step)
            expected = TRANSITIONS.get((phase, step), (phase, Action.NONE))
            assert (state.phase, action) == expected
            assert (state.model, state.fallbacks) == (MODEL, OTHERS)


def test_after_a_loss_the_same_model_is_dialled_once_then_the_others() -> None:
    for phase in (Phase.OPENING, Phase.STEADY, Phase.DUE):
        assert after_loss(at(phase), again=True) is Step.RETRY
        assert after_loss(at(phase), again=False) is Step.FALL_BACK
        assert after_loss(at(phase, may_retry=False), again=True) is Step.FALL_BACK
        assert after_loss(at(phase, may_retry=False, fallbacks=()), again=True) is Step.GIVE_UP
    for phase in (Phase.RECONNECTING, Phase.FALLING_BACK):
        assert after_loss(at(phase), again=True) is Step.FALL_BACK
        assert after_loss(at(phase, fallbacks=()), again=True) is Step.GIVE_UP


def test_a_loss_while_the_next_connection_is_on_its_way_needs_no_other() -> None:
    for phase in (Phase.PREPARING, Phase.READY):
        for again in (True, False):
            assert after_loss(at(phase), again=again) is Step.LOST
    waiting, action = advance(at(Phase.PREPARING), Step.LOST)
    assert (waiting, action) == (at(Phase.RECONNECTING, may_retry=False), Action.NONE)
    used, action = advance(at(Phase.READY), Step.LOST)
    assert (used, action) == (at(Phase.STEADY), Action.USE)


def test_a_completed_response_grants_another_retry() -> None:
    used, _ = advance(at(Phase.STEADY), Step.RETRY)
    assert not used.may_retry
    assert completed(used) == replace(used, may_retry=True)
    assert completed(at(Phase.STEADY)) == at(Phase.STEADY)


def test_the_next_model_has_to_complete_a_response_before_it_is_dialled_twice() -> None:
    state, action = advance(at(Phase.STEADY), Step.FALL_BACK)
    assert action is Action.DIAL_NEXT
    assert (state.model, state.fallbacks) == ("xai/two", ("cascade/three",))
    state, _ = advance(state, Step.OPENED)
    assert after_loss(state, again=True) is Step.FALL_BACK
    assert after_loss(completed(state), again=True) is Step.RETRY


@given(st.lists(st.booleans(), min_size=12, max_size=12))
def test_without_a_completed_response_every_series_of_losses_ends(again: list[bool]) -> None:
    state, dialled = at(Phase.OPENING), [MODEL]
    for may_pass in again:
        state, action = advance(state, after_loss(state, again=may_pass))
        if action is Action.END:
            break
        dialled.append(state.model)
    assert state.phase is Phase.OVER
    assert dialled in ([MODEL, *OTHERS], [MODEL, MODEL, *OTHERS])


class Shell(RuleBasedStateMachine):
    """A shell that does what it is told; its connections come and go as they like."""

    @initialize(fallbacks=st.sampled_from([(), OTHERS[:1], OTHERS]))
    def start(self, fallbacks: tuple[str, ...]) -> None:
        self.state = Continuity(MODEL, fallbacks)
        self.tried = [MODEL]
        self.dialling, self.active, self.next = True, False, False

    def step(self, step: Step) -> None:
        before = self.state
        self.state, action = advance(self.state, step)
        match action:
            case Action.PREPARE | Action.REDIAL | Action.DIAL_NEXT:
                assert not self.dialling, "one connection is dialled at a time"
                self.dialling = True
                if action is Action.DIAL_NEXT:
                    assert self.state.model == before.fallbacks[0]
                    assert self.state.model not in self.tried, "each model once"
                    self.tried.append(self.state.model)
            case Action.USE:
                assert self.next, "only an open connection is used"
                self.active, self.next = True, False
            case Action.END:
                assert not self.state.fallbacks
                assert not self.active
            case _:
                pass

    @precondition(lambda self: self.dialling)
    @rule()
    def opens(self) -> None:
        self.dialling, self.next = False, True
        self.step(Step.OPENED)

    @precondition(lambda self: self.dialling)
    @rule(again=st.booleans())
    def refuses(self, again: bool) -> None:
        self.dialling = False
        preparing = self.state.phase is Phase.PREPARING
        self.step(Step.UNPREPARED if preparing else after_loss(self.state, again=again))

    @precondition(lambda self: self.active)
    @rule(again=st.booleans())
    def is_lost(self, again: bool) -> None:
        self.active = False
        self.step(after_loss(self.state, again=again))

    @precondition(lambda self: self.next)
    @rule()
    def the_next_is_lost(self) -> None:
        self.next = False
        self.step(Step.UNPREPARED)

    @rule(step=st.sampled_from([Step.AGED, Step.QUIET, Step.LATE]))
    def the_clock(self, step: Step) -> None:
        self.step(step)

    @precondition(lambda self: self.active)
    @rule()
    def completes_a_response(self) -> None:
        self.state = completed(self.state)

    @invariant()
    def somebody_speaks_or_is_on_the_way(self) -> None:
        over = self.state.phase is Phase.OVER
        assert over != (self.active or self.dialling or self.next)
        if self.state.phase in (Phase.OPENING, Phase.RECONNECTING, Phase.FALLING_BACK):
            assert self.dialling
            assert not self.active
        elif not over:
            assert self.active
            assert self.next == (self.state.phase is Phase.READY)
            assert self.dialling == (self.state.phase is Phase.PREPARING)


TestShell = Shell.TestCase
