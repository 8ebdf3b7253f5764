"""Who calls: what a credential may do on a surface, and under whose name."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import pytest

from ringline.domain.credentials import Key, KeyKind, Person, Surface
from ringline.domain.log import Environment
from ringline.domain.operators import TeamRole
from ringline.ports import Rows
from ringline.services.callers import Caller, NotOwnName, Operator, caller_of
from ringline.services.credentials import Pass
from ringline.services.operators import check_own_sip_users
from ringline.wire.session_token import OperatorToken, new_operator_token
from tests.clock import run
from tests.database import a_key
from tests.samples import a_scope

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ANN, BOB = UUID(int=7), UUID(int=8)
BY_KEY = Caller(a_scope(), UUID(int=1))
ANNS = Person(ANN, "ann@example.com", "Ann", TeamRole.OPERATOR, UUID(int=3))
BY_ANN = Caller(a_scope(), UUID(int=1), Operator(ANN, "ann@example.com"))


class Let:
    """A `Pass` for anybody."""

    def __init__(self, who: Key | OperatorToken) -> None:
        self.who = who

    async def check(self) -> None:
        raise AssertionError("nobody has waited")


def behind(who: Key | OperatorToken, surface: Surface) -> Caller | None:
    return caller_of(cast("Pass", Let(who)), surface)


@pytest.mark.parametrize("environment", Environment)
def test_a_secret_key_calls_everything(environment: Environment) -> None:
    key = a_key(a_scope(environment=environment))
    for surface in (Surface.RPC, Surface.REALTIME, Surface.LIVE_STREAM):
        assert behind(key, surface) == Caller(key.scope, key.id)


@pytest.mark.parametrize("environment", Environment)
def test_a_sign_in_calls_for_its_person_and_in_the_console_alone(environment: Environment) -> None:
    key = a_key(a_scope(environment=environment), KeyKind.CONSOLE, person=ANNS)
    assert behind(key, Surface.CONSOLE) == Caller(key.scope, key.id, person=ANNS)
    assert [surface for surface in Surface if behind(key, surface)] == [Surface.CONSOLE]
    assert behind(a_key(a_scope()), Surface.CONSOLE) is None


@pytest.mark.parametrize("kind", [KeyKind.PUBLISHABLE, KeyKind.MANAGEMENT])
def test_another_key_does_not_call_rpc(kind: KeyKind) -> None:
    assert behind(a_key(a_scope(), kind), Surface.RPC) is None


@pytest.mark.parametrize("email", ["ann@example.com", None])
def test_an_operator_may_only_call_rpc(email: str | None) -> None:
    token = new_operator_token(
        a_scope(), UUID(int=1), token_id=UUID(int=2), now=NOW, user_id=ANN, email=email or ""
    )
    found = behind(token, Surface.RPC)
    assert found == Caller(a_scope(), UUID(int=1), Operator(ANN, email or ""))
    assert behind(token, Surface.REALTIME) is None


def test_a_callers_credential_can_be_checked_again() -> None:
    let = Let(a_key(a_scope()))
    found = caller_of(cast("Pass", let), Surface.RPC)
    assert found is not None
    assert found.check == let.check


def test_a_key_acts_under_any_name_and_an_operator_under_their_own() -> None:
    for user_id in (ANN, BOB, None):
        BY_KEY.act_for(user_id)
    BY_ANN.act_for(ANN)
    for user_id in (BOB, None):
        with pytest.raises(NotOwnName):
            BY_ANN.act_for(user_id)


async def never(held: int, made: int) -> None:
    raise AssertionError("nothing was paced")


@pytest.mark.parametrize("role", TeamRole)
def test_an_admin_acts_under_any_name_and_who_is_below_under_their_own(role: TeamRole) -> None:
    caller = Caller(a_scope(), UUID(int=1), person=replace(ANNS, role=role)).paced_by(never)
    caller.act_for(ANN)
    for user_id in (BOB, None):
        if role in (TeamRole.OWNER, TeamRole.ADMIN):
            caller.act_for(user_id)
        else:
            with pytest.raises(NotOwnName):
                caller.act_for(user_id)


class Lines:
    """The lines of a team: `ann` and `bob`, each their own."""

    async def fetch(self, text: str, values: list[object]) -> list[dict[str, object]]:
        owners = {"ann": ANN, "bob": BOB}
        return [
            {"id": UUID(int=9), "sip_username": name, "user_id": owners[name]}
            for name in map(str, values)
            if name in owners
        ]


@pytest.mark.parametrize(
    ("names", "own"),
    [([], True), (["ann"], True), (["bob"], False), (["ann", "bob"], False), (["eve"], False)],
)
def test_an_operator_names_only_their_own_sip_users(names: list[str], own: bool) -> None:
    rows = cast("Rows", Lines())
    run(check_own_sip_users(rows, BY_KEY, names=names))
    if own:
        run(check_own_sip_users(rows, BY_ANN, names=names))
    else:
        with pytest.raises(NotOwnName):
            run(check_own_sip_users(rows, BY_ANN, names=names))
