"""What each role may do in a sign-in: the table is complete, and RPC goes by it."""

from itertools import pairwise
from uuid import UUID

import pytest

from ringline.domain.credentials import Person
from ringline.domain.log import Environment
from ringline.domain.operators import TeamRole
from ringline.domain.permissions import (
    NOT_FOR_PEOPLE,
    PERMISSIONS,
    RANKING,
    is_at_least,
    lowest_role,
)
from ringline.rpc.action import Action
from ringline.rpc.actions import ACTIONS
from ringline.rpc.request import read_request
from ringline.services.callers import Caller
from ringline.wire.rpc import RpcRefused
from tests.samples import a_scope

LISTED = [action for row in PERMISSIONS for action in row.actions]


def in_sign_in(role: TeamRole, environment: Environment) -> Caller:
    person = Person(UUID(int=7), "ann@example.com", "Ann", role, UUID(int=3))
    return Caller(a_scope(environment=environment), UUID(int=1), person=person)


def test_every_action_stands_in_one_row_or_is_kept_from_people() -> None:
    assert len(LISTED) == len(set(LISTED))
    assert set(LISTED) | NOT_FOR_PEOPLE == set(ACTIONS)
    assert not set(LISTED) & NOT_FOR_PEOPLE


def test_roles_are_ranked_from_the_owner_down() -> None:
    assert RANKING == (TeamRole.OWNER, TeamRole.ADMIN, TeamRole.OPERATOR, TeamRole.MEMBER)
    for higher, lower in pairwise(RANKING):
        assert is_at_least(higher, lower)
        assert is_at_least(lower, lower)
        assert not is_at_least(lower, higher)


@pytest.mark.parametrize("environment", Environment)
@pytest.mark.parametrize("role", TeamRole)
@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.name)
def test_a_role_runs_what_the_table_allows(
    action: Action, role: TeamRole, environment: Environment
) -> None:
    lowest = lowest_role(action.name)
    assert action.role is lowest
    caller = in_sign_in(role, environment)
    body = {"action": action.name, "fields": ["id"] if action.resource else None}
    if lowest is not None and is_at_least(role, lowest):
        assert read_request(caller, body).action is action
        return
    with pytest.raises(RpcRefused) as refused:
        read_request(caller, body)
    (problem,) = refused.value.problems
    assert problem.type == "forbidden"
    hint = str(problem.details["hint"]) if problem.details else ""
    assert ("sign-in" in hint) if lowest is None else hint.endswith("owner")
