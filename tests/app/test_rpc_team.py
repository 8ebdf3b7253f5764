"""The actions of the team and of SIP access, and what an operator token may do (5.3, 7.1)."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import connect

from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.operators import TeamRole
from ringline.rpc.actions import ACTIONS
from tests.callers import LIMIT_S
from tests.rpc_calls import Rpc
from tests.serving import Service
from tests.watchers import EventsClient, socket_url

TEAM_ACTIONS = [name for name, action in ACTIONS.items() if action.team]


@pytest.fixture
def rpc(service: Service) -> Rpc:
    return Rpc(service)


async def hire(rpc: Rpc, email: str, role: str = "member") -> str:
    """Invite somebody who accepts; return their id."""
    invited = await rpc.run("invite_team_member", input={"email": email, "role": role})
    await rpc.run("accept_team_invitation", input={"token": invited["token"], "name": "Ada"})
    users = await rpc.run("list_users", fields=["id"], filter={"email": email})
    return users[0]["id"]


async def operator(rpc: Rpc, email: str) -> Rpc:
    """Speak with an operator's token."""
    minted = await rpc.run("issue_operator_access_token", input={"email": email})
    return Rpc(rpc.service, minted["token"])


async def line(rpc: Rpc, user_id: str, name: str) -> str:
    """Give a member a SIP user."""
    made = await rpc.run(
        "create_sip_user",
        input={"sipUsername": name, "sipPassword": "secret", "userId": user_id},
        fields=["id"],
    )
    return made["id"]


async def turned_away(rpc: Rpc) -> None:
    """Wait until a credential opens nothing any more."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            body = {"action": "list_contacts", "fields": ["id"]}
            async with rpc.post(body) as answer:
                if answer.status == 401:
                    return
                assert answer.status == 200
            await asyncio.sleep(0.01)


# -- the team ---------------------------------------------------------------------------


async def test_a_member_is_invited_joins_and_goes(rpc: Rpc) -> None:
    invited = await rpc.run("invite_team_member", input={"email": "ada@example.com"})
    assert set(invited) == {"token", "email", "role", "expires_at"}
    assert (invited["email"], invited["role"]) == ("ada@example.com", "member")
    left = datetime.fromisoformat(invited["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    joined = await rpc.run(
        "accept_team_invitation",
        input={"token": invited["token"], "name": "Ada Lovelace", "password": "ignored"},
    )
    assert joined == {
        "accepted": True,
        "organisation_id": str(rpc.service.keys.workspace_id),
        "role": "member",
    }
    fields = ["id", "email", "fullName", "role"]
    (user,) = await rpc.run("list_users", fields=fields)
    assert user | {"id": ""} == {
        "id": "",
        "email": "ada@example.com",
        "fullName": "Ada Lovelace",
        "role": "member",
    }
    again = await rpc.problem("accept_team_invitation", input={"token": invited["token"]})
    assert (again["type"], again["shortMessage"]) == ("invalid_token", "Invalid token")
    assert await rpc.run("remove_team_member", identity=user["id"], fields=["email"]) == {
        "email": "ada@example.com"
    }
    assert await rpc.run("list_users", fields=fields) == []
    for identity in (user["id"], str(uuid4())):
        assert await rpc.run("remove_team_member", identity=identity) == {}


async def test_everybody_has_the_role_that_they_were_invited_to(rpc: Rpc) -> None:
    for role in TeamRole:
        user_id = await hire(rpc, f"{role}@example.com", role)
        fields = ["role"]
        (user,) = await rpc.run("list_users", fields=fields, filter={"id": user_id})
        assert user == {"role": role}


async def test_what_invitations_refuse(rpc: Rpc) -> None:
    await hire(rpc, "ada@example.com")
    known = await rpc.problem("invite_team_member", input={"email": "ADA@example.com"})
    assert (known["type"], known["fields"]) == ("invalid_argument", ["email"])
    assert known["vars"] == {"field": "email"}
    for given, expected in (
        ({}, ("required", "email")),
        ({"email": " "}, ("required", "email")),
        ({"email": "nobody"}, ("invalid_argument", "email")),
        ({"email": "b@example.com", "role": "king"}, ("invalid_argument", "role")),
    ):
        refused = await rpc.problem("invite_team_member", input=given)
        assert (refused["type"], *refused["fields"]) == expected
    for token in ("x", "inv_" + "x" * 43, str(uuid4())):
        refused = await rpc.problem("accept_team_invitation", input={"token": token})
        assert refused["type"] == "invalid_token"
    refused = await rpc.problem("accept_team_invitation", input={})
    assert (refused["type"], refused["fields"]) == ("required", ["token"])


async def test_an_address_may_be_in_any_script(rpc: Rpc) -> None:
    for email in ("żółw@przykład.pl", "用户@例子.公司", "o'neil+x@[192.0.2.1]"):
        assert (await rpc.run("invite_team_member", input={"email": email}))["email"] == email
    for email in ("a b@example.com", "a\u3000b@example.com", "a@", "@b", "a@b@c", "a\x01@b"):
        refused = await rpc.problem("invite_team_member", input={"email": email})
        assert (refused["type"], refused["fields"]) == ("invalid_argument", ["email"])


async def test_an_invitation_of_another_workspace_is_none(rpc: Rpc) -> None:
    strangers = await rpc.service.admin.workspaces.create("Somebody else")
    other = Rpc(replace(rpc.service, keys=strangers))
    invited = await other.run("invite_team_member", input={"email": "ada@example.com"})
    foreign = await rpc.problem("accept_team_invitation", input={"token": invited["token"]})
    unknown = await rpc.problem("accept_team_invitation", input={"token": "inv_x"})
    assert foreign == unknown
    user_id = await hire(other, "bob@example.com")
    assert await rpc.run("remove_team_member", identity=user_id) == {}
    assert len(await other.run("list_users", fields=["id"])) == 1


async def test_who_cannot_be_removed(rpc: Rpc) -> None:
    owner, ada = await hire(rpc, "owner@example.com", "owner"), await hire(rpc, "ada@example.com")
    refused = await rpc.problem("remove_team_member", identity=owner)
    assert (refused["type"], refused["message"]) == ("invalid_changes", "a team needs an owner")
    sip_user = await line(rpc, ada, "100")
    refused = await rpc.problem("remove_team_member", identity=ada)
    assert (refused["type"], refused["message"]) == ("invalid_changes", "it is still in use")
    await rpc.run("delete_sip_user", identity=sip_user)
    await rpc.run("remove_team_member", identity=ada)
    await hire(rpc, "second@example.com", "owner")
    user_id = parse_id(Prefix.USER, owner)
    assert user_id is not None
    await rpc.run("remove_team_member", identity={"id": format_id(Prefix.USER, user_id)})
    users = await rpc.run("list_users", fields=["email"])
    assert users == [{"email": "second@example.com"}]


async def test_two_owners_do_not_both_go(rpc: Rpc) -> None:
    for turn in range(5):
        ids = [await hire(rpc, f"{turn}{number}@example.com", "owner") for number in range(2)]
        if turn:  # who was left over last time
            (last,) = [
                user["id"]
                for user in await rpc.run("list_users", fields=["id"])
                if user["id"] not in ids
            ]
            await rpc.run("remove_team_member", identity=last)
        bodies = [{"action": "remove_team_member", "identity": user_id} for user_id in ids]
        answers = await asyncio.gather(*(rpc.ask(body) for body in bodies))
        assert sorted(answer["success"] for answer in answers) == [False, True]


async def test_teams_are_changed_with_a_live_secret_key_alone(rpc: Rpc) -> None:
    await hire(rpc, "ada@example.com")
    test = Rpc(rpc.service, rpc.service.keys.test_key)
    for other in (test, await operator(rpc, "ada@example.com")):
        for name in TEAM_ACTIONS:
            assert (await other.problem(name))["type"] == "forbidden"


# -- operators --------------------------------------------------------------------------


async def test_both_mints_are_one(rpc: Rpc) -> None:
    await hire(rpc, "ada@example.com", "operator")
    minted = await rpc.run("issue_operator_access_token", input={"email": "ADA@example.com"})
    assert set(minted) == {"token", "expires_at", "ttl_seconds"}
    assert minted["ttl_seconds"] == 3600
    left = datetime.fromisoformat(minted["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    unknown = await rpc.problem("issue_operator_access_token", input={"email": "b@example.com"})
    assert unknown["type"] == "not_found"
    missing = await rpc.problem("issue_operator_access_token", input={})
    assert (missing["type"], missing["fields"]) == ("required", ["email"])
    url = f"{rpc.service.base_url}/api/operator/access"
    asked = {"email": "ada@example.com"}
    async with rpc.service.http.post(url, json=asked, headers=rpc.service.bearer()) as answer:
        other = (await answer.json())["token"]
    for token in (minted["token"], other):
        assert await Rpc(rpc.service, token).run("list_contacts", fields=["id"]) == []
        async with connect(socket_url(rpc.service, token)) as socket:
            await EventsClient(socket).join()


async def test_which_actions_an_operator_may_run(rpc: Rpc) -> None:
    await hire(rpc, "ada@example.com", "operator")
    browser = await operator(rpc, "ada@example.com")
    for name, action in ACTIONS.items():
        answer = await browser.ask({"action": name})
        types = [error["type"] for error in answer.get("errors", [])]
        assert ("forbidden" in types) is not action.operator, name
        unknown = await browser.problem(f"{name}s")
        assert unknown["type"] == "action_not_found"


async def test_operators_stay_in_the_environment_of_their_key(rpc: Rpc) -> None:
    await hire(rpc, "ada@example.com", "operator")
    test = Rpc(rpc.service, rpc.service.keys.test_key)
    await rpc.run("create_contact", input={"fullName": "Live"})
    await test.run("create_contact", input={"fullName": "Test"})
    for backend, name in ((rpc, "Live"), (test, "Test")):
        browser = await operator(backend, "ada@example.com")
        found = await browser.run("list_contacts", fields=["fullName"])
        assert found == [{"fullName": name}]


async def test_an_operator_who_was_removed_is_turned_away(rpc: Rpc) -> None:
    ada, _ = await hire(rpc, "ada@example.com"), await hire(rpc, "bob@example.com")
    going, staying = await operator(rpc, "ada@example.com"), await operator(rpc, "bob@example.com")
    async with connect(socket_url(rpc.service, going.key)) as socket:
        client = EventsClient(socket)
        await client.join()
        for one in (going, staying):
            await one.run("list_contacts", fields=["id"])
        await rpc.run("remove_team_member", identity=ada)
        assert await client.closed() == 1001
    await turned_away(going)
    assert await staying.run("list_contacts", fields=["id"]) == []


async def test_a_revoked_key_and_its_operators_are_turned_away(rpc: Rpc) -> None:
    await hire(rpc, "ada@example.com")
    keys = rpc.service.keys
    (key,) = [
        key
        for key in await rpc.service.admin.rows.list_keys(keys.workspace_id)
        if keys.test_key.endswith(key.last_four)
    ]
    test = Rpc(rpc.service, keys.test_key)
    browser = await operator(test, "ada@example.com")
    await browser.run("list_contacts", fields=["id"])
    await rpc.service.admin.rows.revoke_key(key.id, datetime.now(UTC), end_calls=False)
    await turned_away(test)
    await turned_away(browser)


# -- SIP access -------------------------------------------------------------------------


async def test_sip_access_needs_telephony_and_somebody_to_give_it_to(rpc: Rpc) -> None:
    ada, bob = await hire(rpc, "ada@example.com"), await hire(rpc, "bob@example.com")
    sip_user = await line(rpc, ada, "100")
    await line(rpc, bob, "200")
    browser = await operator(rpc, "ada@example.com")

    async def asked(who: Rpc, **given: Any) -> str:
        problem = await who.problem("issue_sip_access", input=given)
        if problem["type"] == "not_configured":
            assert problem["vars"] == {"capability": "telephony"}
        return problem["type"]

    for given in (
        {"operatorEmail": "ADA@example.com"},
        {"sipUserId": sip_user},
        {"agentName": "100", "ttlSeconds": 60},
        {"agentName": "100", "sipUserId": sip_user, "operatorEmail": "ada@example.com"},
    ):
        assert await asked(rpc, **given) == "not_configured"
        assert await asked(browser, **given) == "not_configured"
    assert await asked(browser) == "not_configured"
    for given in (
        {"operatorEmail": "nobody@example.com"},
        {"sipUserId": str(uuid4())},
        {"agentName": "300"},
        {"agentName": "300", "sipUserId": sip_user},
    ):
        assert await asked(rpc, **given) == "not_found"
        assert await asked(browser, **given) == "not_found"
    for given in ({"agentName": "200"}, {"agentName": "200", "sipUserId": sip_user}):
        assert await asked(browser, **given) == "forbidden"
    assert await asked(rpc, agentName="200", sipUserId=sip_user) == "invalid_argument"
    assert await asked(rpc, agentName="100", ttlSeconds=0) == "invalid_argument"
    missing = await rpc.problem("issue_sip_access", input={"ttlSeconds": 60})
    assert (missing["type"], missing["fields"]) == ("required", ["operatorEmail"])
    test = Rpc(rpc.service, rpc.service.keys.test_key)
    assert await asked(test, sipUserId=sip_user) == "not_found"


async def test_what_is_revoked_stays_revoked(rpc: Rpc) -> None:
    ada, bob = await hire(rpc, "ada@example.com"), await hire(rpc, "bob@example.com")
    await line(rpc, ada, "100")
    await line(rpc, bob, "200")
    for name in ("100", "100", "300"):
        revoked = await rpc.run("revoke_sip_access", input={"sipUsername": name})
        assert revoked == {"revoked": True}
    browser = await operator(rpc, "ada@example.com")
    assert await browser.run("revoke_sip_access", input={"sipUsername": "100"}) == {"revoked": True}
    for name in ("200", "300"):
        refused = await browser.problem("revoke_sip_access", input={"sipUsername": name})
        assert refused["type"] == "forbidden"
    missing = await rpc.problem("revoke_sip_access", input={})
    assert (missing["type"], missing["fields"]) == ("required", ["sipUsername"])
