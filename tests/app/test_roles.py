"""What each role may do in a sign-in, in truth (console, 5.3).

Made from the table of permissions: every role, at every action, in both environments of one of
two workspaces. What it may not do is `forbidden`; what it may reaches nothing of the neighbour,
and tells what is somebody else's from what is nobody's no more than a key does.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from ringline.domain.log import Environment
from ringline.domain.operators import TeamRole
from ringline.domain.permissions import MANAGED, is_at_least, lowest_role
from ringline.rpc.actions import ACTIONS
from ringline.rpc.request import may_run
from ringline.storage.stores import Stores
from tests.app.test_rpc_isolation import (
    FOREIGN_TEXTS,
    NOBODYS_IDS,
    NOBODYS_TEXTS,
    blurred,
    names_of,
    requests,
    settle,
    snapshot,
)
from tests.database import TestDatabase
from tests.people import Acting, House, a_house

#: Actions about the workspace's own team and keys, by which a role may reach both environments.
SPANNING = {name for name, action in ACTIONS.items() if action.team}


@pytest.fixture
async def house(stores: Stores, database: TestDatabase) -> AsyncIterator[House]:
    async with a_house(stores, database) as house:
        yield house


def type_of(answer: Any) -> str:
    return "" if answer["success"] else answer["errors"][0]["type"]


@pytest.mark.parametrize("neighbour", ["workspace", "environment"])
@pytest.mark.parametrize("environment", Environment)
@pytest.mark.parametrize("role", TeamRole)
async def test_a_role_does_what_its_table_says_and_reaches_no_neighbour(
    house: House, role: TeamRole, environment: Environment, neighbour: str
) -> None:
    ours = house.within(environment)
    if neighbour == "workspace":
        other = replace(await house.neighbour(), environment=environment)
    else:
        other = next(house.within(one) for one in Environment if one is not environment)
    theirs = house.program(other)
    ids = await settle(theirs, house.database, other)
    ids |= {"CallTranscript": NOBODYS_IDS["CallTranscript"]}
    ids["Organisation"] = str(other.workspace_id)
    events = await theirs.run("list_events", input={})
    texts = FOREIGN_TEXTS | {"after": events["events"][0]["eventId"]}
    if neighbour == "environment":  # the team is one in both
        ids["User"] = NOBODYS_IDS["User"]
        texts |= {name: NOBODYS_TEXTS[name] for name in ("email", "operatorEmail")}
    person = await house.person(role, name="whoever", scope=ours)
    before = await snapshot(house.database, other)
    for name, action in ACTIONS.items():
        lowest = lowest_role(name)
        may = lowest is not None and is_at_least(role, lowest)
        assert may_run(person.caller, action) is may
        foreign = requests(action, ids, texts)
        nobodys = requests(action, NOBODYS_IDS, NOBODYS_TEXTS)
        for request, unknown in zip(foreign, nobodys, strict=True):
            answers = [await person.ask({"action": name, **one}) for one in (unknown, request)]
            if not may:
                assert [type_of(answer) for answer in answers] == ["forbidden"] * 2
                break
            told = [blurred(answer) for answer in answers]
            for known, stranger in names_of(texts):
                told[1] = told[1].replace(known, stranger)
            assert told[0] == told[1], (name, request)
    assert await snapshot(house.database, other) == before


# -- the team ---------------------------------------------------------------------------------


@pytest.mark.parametrize("old", TeamRole)
@pytest.mark.parametrize("role", [TeamRole.OWNER, TeamRole.ADMIN])
async def test_a_role_changes_invites_and_removes_those_it_manages(
    house: House, role: TeamRole, old: TeamRole
) -> None:
    person = await house.person(role, name="whoever")
    await house.member(TeamRole.OWNER, "another")  # nobody is the last
    for new in TeamRole:
        member = str(await house.member(old, f"{old}-to-{new}"))
        answer = await person.ask(
            {
                "action": "update_team_member",
                "identity": member,
                "input": {"role": new.value, "fullName": "Ann"},
                "fields": ["role", "fullName"],
            }
        )
        if {old, new} <= MANAGED[role]:
            assert answer["data"] == {"role": new.value, "fullName": "Ann"}
        else:
            assert type_of(answer) == "forbidden"
    leaving = str(await house.member(old, "leaving"))
    removed = await person.ask({"action": "remove_team_member", "identity": leaving})
    invitation = {"email": "new@example.com", "role": old.value}
    invited = await person.ask({"action": "invite_team_member", "input": invitation})
    expected = "" if old in MANAGED[role] else "forbidden"
    assert (type_of(removed), type_of(invited)) == (expected, expected)


async def test_the_last_owner_stays_one(house: House) -> None:
    owner = await house.person(TeamRole.OWNER)
    own_id = str(person_of(owner))
    problem = await owner.problem(
        "update_team_member", identity=own_id, input={"role": "admin"}, fields=["id"]
    )
    assert problem["type"] == "invalid_changes"
    await owner.run("update_team_member", identity=own_id, input={"fullName": "Ada"})
    await house.member(TeamRole.OWNER, "another")
    changed = await owner.run(
        "update_team_member", identity=own_id, input={"role": "admin"}, fields=["role", "fullName"]
    )
    assert changed == {"role": "admin", "fullName": "Ada"}
    problem = await owner.problem(
        "update_team_member", identity=NOBODYS_IDS["User"], input={"role": "member"}
    )
    assert problem["type"] == "not_found"


async def test_a_name_may_go_and_a_role_may_not(house: House) -> None:
    owner = await house.person(TeamRole.OWNER)
    member = str(await house.member(TeamRole.MEMBER))
    change = {"identity": member, "fields": ["fullName", "role"]}
    await owner.run("update_team_member", **change, input={"fullName": "Ann"})
    cleared = await owner.run("update_team_member", **change, input={"fullName": None})
    assert cleared == {"fullName": None, "role": "member"}
    for role in (None, "chief", 7):
        problem = await owner.problem("update_team_member", **change, input={"role": role})
        assert problem["type"] in ("invalid_attribute", "required")


def person_of(acting: Acting) -> UUID:
    assert acting.caller.person is not None
    return acting.caller.person.id
