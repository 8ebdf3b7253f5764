"""The places of voice sessions: none is given twice, and none is lost."""

from collections import Counter
from contextlib import ExitStack

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from structlog.testing import capture_logs

from ringline.domain.leash import UNLEASHED, Leash
from ringline.domain.log import Environment, Scope
from ringline.domain.log_pace import LOG_EVERY_S
from ringline.services.session_places import (
    ProcessFull,
    SessionLimits,
    SessionPlaces,
    TooManyCalls,
    TooManySessions,
)
from tests.samples import new_id

SCOPE = Scope(new_id(), Environment.LIVE)
TEST = Scope(SCOPE.workspace_id, Environment.TEST)
OTHER = Scope(new_id(), Environment.LIVE)


def places(live: int = 0, test: int = 0, process: int = 0) -> SessionPlaces:
    return SessionPlaces(SessionLimits(live, test, process), clock=lambda: 0.0)


def test_an_environment_has_places_of_its_own() -> None:
    opening = places(live=2, test=1)
    with opening.taken(SCOPE), opening.taken(TEST):
        with pytest.raises(TooManySessions), opening.taken(TEST):
            raise AssertionError("no place is left")
        with opening.taken(SCOPE), pytest.raises(TooManySessions), opening.taken(SCOPE):
            raise AssertionError("no place is left")
        with opening.taken(SCOPE), opening.taken(OTHER):
            assert opening.live == 4
    with opening.taken(TEST):
        assert opening.live == 1


def test_the_process_is_full_whoever_fills_it() -> None:
    opening = places(process=2)
    with opening.taken(SCOPE), opening.taken(OTHER):
        with pytest.raises(ProcessFull):
            opening.check_room()
        with pytest.raises(ProcessFull), opening.taken(TEST):
            raise AssertionError("no place is left")
    opening.check_room()


def test_a_full_process_is_told_before_a_full_workspace() -> None:
    opening = places(live=1, process=1)
    with opening.taken(SCOPE), pytest.raises(ProcessFull), opening.taken(SCOPE):
        raise AssertionError("no place is left")


def test_zero_is_no_limit() -> None:
    opening = places()
    with ExitStack() as held:
        for _ in range(1_000):
            held.enter_context(opening.taken(SCOPE))
        opening.check_room()


def test_settings_choose_the_limits() -> None:
    assert SessionLimits.chosen(500, None) == SessionLimits(live=100, test=10, process=500)
    assert SessionLimits.chosen(7, 0) == SessionLimits(live=0, test=0, process=7)


def test_refusals_are_logged_once_a_minute_and_counted() -> None:
    now = 0.0
    opening = SessionPlaces(SessionLimits(process=1), clock=lambda: now)

    def refuse(times: int) -> None:
        for _ in range(times):
            with pytest.raises(ProcessFull):
                opening.check_room()

    with capture_logs() as log, opening.taken(SCOPE):
        refuse(5)
        now = LOG_EVERY_S - 1
        refuse(5)
        now = LOG_EVERY_S
        refuse(1)
    assert [(line["event"], line["refused"], line["live"]) for line in log] == [
        ("sessions_refused", 1, 1),
        ("sessions_refused", 10, 1),
    ]


MOST = SessionLimits(live=3, test=2, process=6, placed=4)
MOST_CALLS = 5  # of a workspace
SCOPES = st.sampled_from([SCOPE, TEST, OTHER])
LEASHES = st.sampled_from(
    [
        UNLEASHED,
        Leash(subject="ann"),
        Leash(subject="ann", concurrency=1),
        Leash(subject="ann", concurrency=2),
        Leash(subject="ben", concurrency=1),
    ]
)


class Crash(Exception):
    """The session's task fails."""


class Held:
    """One session's places, and the way in which it may leave."""

    def __init__(self, opening: SessionPlaces, scope: Scope, *, leash: Leash) -> None:
        self.scope = scope
        self.subject = leash.subject
        self._taken = opening.taken(scope, leash)
        self._taken.__enter__()

    def leave(self, error: BaseException | None) -> None:
        try:
            self._taken.__exit__(None if error is None else type(error), error, None)
        except BaseException as raised:
            assert raised is error  # noqa: PT017 - it goes through unchanged


class Crowd(RuleBasedStateMachine):
    """Sessions and placed calls, in any order, against plain counts of who is here."""

    held = Bundle("held")
    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.opening = SessionPlaces(MOST, clock=lambda: 0.0)
        self.here: list[Held] = []
        self.placed: list[tuple[Scope, ExitStack]] = []

    def expected(self, scope: Scope, leash: Leash) -> type[Exception] | None:
        scopes = Counter(one.scope for one in self.here)
        if len(self.here) >= MOST.process:
            return ProcessFull
        if scopes[scope] >= MOST.of(scope.environment):
            return TooManySessions
        same = sum(1 for one in self.here if (one.scope, one.subject) == (scope, leash.subject))
        full = leash.concurrency is not None and same >= leash.concurrency
        return TooManySessions if full else None

    @rule(target=held, scope=SCOPES, leash=LEASHES)
    def come(self, scope: Scope, leash: Leash) -> Held | None:
        expected = self.expected(scope, leash)
        if expected is not None:
            with pytest.raises(expected):
                Held(self.opening, scope, leash=leash)
            return None
        one = Held(self.opening, scope, leash=leash)
        self.here.append(one)
        return one

    @rule(one=consumes(held), error=st.sampled_from([None, Crash(), GeneratorExit(), SystemExit()]))
    def leave(self, one: Held | None, error: BaseException | None) -> None:
        if one is not None:
            one.leave(error)
            self.here.remove(one)

    @rule(target=calls, scope=SCOPES)
    def place(self, scope: Scope) -> tuple[Scope, ExitStack] | None:
        ours = [one.scope for one in self.here] + [owner for owner, _ in self.placed]
        same = sum(owner.workspace_id == scope.workspace_id for owner in ours)
        call = ExitStack()
        taking = self.opening.placed(scope.workspace_id, MOST_CALLS)
        if len(self.placed) >= MOST.placed or same >= MOST_CALLS:
            full = ProcessFull if len(self.placed) >= MOST.placed else TooManyCalls
            with pytest.raises(full):
                call.enter_context(taking)
            return None
        call.enter_context(taking)
        self.placed.append((scope, call))
        return scope, call

    @rule(one=consumes(calls))
    def end(self, one: tuple[Scope, ExitStack] | None) -> None:
        if one is not None:
            one[1].close()
            self.placed.remove(one)

    @invariant()
    def every_place_is_somebodys(self) -> None:
        assert self.opening.live == len(self.here) <= MOST.process

    def teardown(self) -> None:
        for one in self.here:
            one.leave(None)
        for _, call in self.placed:
            call.close()
        assert self.opening.live == 0
        # No trace of anybody is kept: all of them could come again.
        with ExitStack() as full:
            for scope, most in ((SCOPE, MOST.live), (OTHER, MOST.live)):
                for _ in range(most):
                    full.enter_context(self.opening.taken(scope, Leash(subject="ann")))
            assert self.opening.live == MOST.process
        with ExitStack() as full:
            for _ in range(MOST.placed):
                full.enter_context(self.opening.placed(SCOPE.workspace_id, MOST_CALLS))


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
