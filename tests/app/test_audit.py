"""The audit log: what members of the team do, in the transaction that does it (console, 5.4)."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from ringline.domain import audit_limits
from ringline.domain.audit import DEEDS
from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment, Scope
from ringline.domain.operators import TeamRole
from ringline.ports import Violation
from ringline.rpc.action import Action, ActionKind
from ringline.rpc.actions import ACTIONS
from ringline.rpc.audit_resources import AUDIT_ENTRY
from ringline.storage.stores import Stores
from tests.app.test_rpc_isolation import NOBODYS_IDS, given, settle
from tests.database import TestDatabase, new_id
from tests.expecting import refused_for
from tests.people import ORIGIN, Acting, House, a_house
from tests.serving import Service

AUDITED = [action for action in ACTIONS.values() if action.is_audited]
#: What must not be found in the audit log: secrets, texts, and numbers that were dialled.
CONFIDENTIAL = {
    "fromNumber": "+442079460101",
    "toNumber": "+442079460102",
    "password": "a password of a gateway",
    "sipPassword": "a password of a line",
    "apiKey": "a key of a provider",
    "content": "what somebody wrote",
    "notes": "what somebody noted",
    "instructions": "what an agent is told",
    "greeting": "what an agent says",
}
TEXTS = CONFIDENTIAL | {
    "email": "new@example.com",
    "name": "another",
    "queueName": "another",
    "sipUsername": "another",
    "callUuid": "another",
    "phoneE164": "+442079460103",
    "provider": "xai",
    "model": "local/attendant",
    "status": "closed",
    "label": "another",
    "matchType": "keyword",
    "webhookUrl": "https://example.com/hook",
    "callWindowStart": "09:00",
    "callWindowEnd": "17:00",
    "after": "0",
}


@pytest.fixture
async def house(stores: Stores, database: TestDatabase) -> AsyncIterator[House]:
    async with a_house(stores, database) as house:
        yield house


async def a_call(program: Acting, name: str, status: str = "answered") -> None:
    call = {"callUuid": name, "direction": "inbound", "fromNumber": "1", "toNumber": "2"}
    await program.run("create_call", input=call | {"status": status})


# -- every action ---------------------------------------------------------------------------


@pytest.mark.parametrize("action", AUDITED, ids=lambda action: action.name)
async def test_what_a_person_changes_has_one_entry_and_what_they_may_not_read_is_not_in_it(
    house: House, action: Action
) -> None:
    program, owner = house.program(), await house.person(TeamRole.OWNER)
    ids = await settle(program, house.database, house.scope)
    request = await request_of(house, action, ids)
    before = await house.entries("id")
    await owner.run(action.name, **request)
    (entry,) = (one for one in await house.entries() if {"id": one["id"]} not in before)
    person = owner.caller.person
    assert person is not None
    assert (entry["actor_kind"], entry["actor_id"]) == ("user", person.id)
    assert entry["actor_name"] == "owner@example.com"
    assert (entry["action"], entry["outcome"]) == (action.name, "done")
    assert entry["target_kind"] == (action.resource.name if action.resource else action.audited)
    assert entry["environment"] == (None if action.team else "live")
    assert (entry["request_id"], entry["address"]) == (ORIGIN.request_id, ORIGIN.address)
    if action.kind in (ActionKind.CREATE, ActionKind.UPDATE):
        assert set(entry["fields"]) <= {*action.input_index, *moved_by(action)}
        assert entry["fields"]
    written = json.dumps(entry, default=str)
    for secret in CONFIDENTIAL.values():
        assert secret not in written


def moved_by(action: Action) -> set[str]:
    """Return what an action may change besides its inputs."""
    return {
        "accept_call_queue_entry": {"status", "acceptedAt", "acceptedBySipUserId", "leftAt"}
        | {"acceptedByAgentName"},
        "update_call": {"answeredAt", "endedAt", "durationSeconds", "hangupCause", "resolved"},
        "update_conversation": set[str](),
        "update_provider_credential": {"lastFour"},
    }.get(action.name, set[str]())


async def request_of(house: House, action: Action, ids: dict[str, str]) -> dict[str, Any]:
    """Return a request that changes something of ours."""
    program = house.program()
    if action.audited == "Call":
        live = str(await house.runner.live_call())
        if action.name == "resume_ai_call":
            await program.run("barge_call", input={"callUuid": live})
        return {"input": {"callUuid": live}}
    if action.name == "revoke_key":
        return {"input": {"keyId": await a_key(house)}}
    request: dict[str, Any] = {"input": given(action, ids, TEXTS)}
    changes = request["input"]
    match action.name:
        case "create_call":
            changes |= {"status": "ringing"}
            del changes["queueId"], changes["conversationId"]
        case "update_call":
            request["input"] = {"status": "answered"}
        case "update_call_participant":
            request["input"] = {"leftAt": "2999-01-01T00:00:00Z"}
        case "accept_call_queue_entry":
            request["input"] = {"agentName": "their-line"}
        case "create_routing_rule" | "update_routing_rule":
            changes |= {"priority": 9, "matchType": "keyword", "matchValue": "sales"}
        case "update_conversation":
            request["input"] = {"metadata": {"note": "what somebody noted"}}
        case "update_team_member" | "remove_team_member":
            member = await house.member(TeamRole.MEMBER, "leaving")
            if action.kind is ActionKind.DESTROY:
                return {"identity": str(member)}
            return {"identity": str(member), "input": {"role": "operator"}}
        case "set_operator_status":
            request["input"]["status"] = "on_break"
        case _:
            pass
    if action.kind in (ActionKind.UPDATE, ActionKind.DESTROY):
        assert action.resource is not None
        request["identity"] = ids[action.resource.name]
    if action.kind is ActionKind.DESTROY:
        del request["input"]
        request["identity"] = await loose(program, action, ids)
    return request


async def a_key(house: House) -> str:
    """Return the id of a key of ours."""
    async with house.database.connection() as superuser:
        found = await superuser.fetchval(
            "SELECT id FROM ringline.keys WHERE workspace_id = $1 AND environment = 'live'"
            " AND kind = 'secret'",
            house.scope.workspace_id,
        )
    return str(found)


async def loose(program: Acting, action: Action, ids: dict[str, str]) -> str:
    """Return the id of a record that nothing refers to."""
    if action.name == "delete_phone_number":
        await program.run("delete_routing_rule", identity=ids["RoutingRule"])
    if action.name == "delete_sip_user":
        member = {"userId": ids["User"], "sipUsername": "loose", "sipPassword": "secret words"}
        return (await program.run("create_sip_user", input=member, fields=["id"]))["id"]
    if action.name == "delete_queue":
        queue = {"queueName": "loose", "strategy": "ring-all"}
        return (await program.run("create_queue", input=queue, fields=["id"]))["id"]
    if action.name == "delete_ai_agent":
        agent = {"name": "Loose", "model": "local/attendant"}
        return (await program.run("create_ai_agent", input=agent, fields=["id"]))["id"]
    assert action.resource is not None
    return ids[action.resource.name]


# -- what has no entry ------------------------------------------------------------------------


async def test_what_changes_nothing_is_refused_or_is_done_by_a_program_has_no_entry(
    house: House,
) -> None:
    program, owner = house.program(), await house.person(TeamRole.OWNER)
    contact = {"fullName": "Priya", "phoneE164": "+442079460132"}
    made = await program.run("create_contact", input=contact, fields=["id"])
    await program.run("update_contact", identity=made["id"], input={"notes": "from a program"})
    await owner.run("update_contact", identity=made["id"], input={"fullName": "Priya"})
    await owner.run("delete_contact", identity=NOBODYS_IDS["Contact"])
    await a_call(program, "over")
    await program.run("end_call", input={"callUuid": "over"})
    await owner.run("end_call", input={"callUuid": "over"})
    for refused, problem in (
        ({"fullName": ""}, "invalid_attribute"),
        (contact, "invalid_attribute"),  # the number is taken
    ):
        answer = await owner.problem("create_contact", input=refused)
        assert answer["type"] in (problem, "required")
    await owner.run("list_contacts", fields=["id"])
    assert await house.entries("action") == []


async def test_an_entry_names_the_fields_that_differ(house: House) -> None:
    owner = await house.person(TeamRole.OWNER)
    contact = {"fullName": "Priya", "phoneE164": "+442079460132"}
    made = await owner.run("create_contact", input=contact, fields=["id"])
    await owner.run(
        "update_contact",
        identity=made["id"],
        input={"fullName": "Priya", "notes": "called back", "email": "p@example.com"},
    )
    await owner.run("delete_contact", identity=made["id"])
    assert await house.entries("action", "fields", "target_id", "target_name") == [
        {
            "action": f"{verb}_contact",
            "fields": fields,
            "target_id": UUID(made["id"]),
            "target_name": "Priya",
        }
        for verb, fields in (
            ("create", ["fullName", "phoneE164"]),
            ("update", ["email", "notes"]),
            ("delete", []),
        )
    ]


# -- calls ------------------------------------------------------------------------------------


async def test_an_order_to_a_live_call_is_written_with_what_it_changes(house: House) -> None:
    operator = await house.person(TeamRole.OPERATOR)
    call_id = await house.runner.live_call()
    name = str(call_id)
    await operator.run("barge_call", input={"callUuid": name})
    taken = await house.runner.types()
    await operator.run("resume_ai_call", input={"callUuid": name})
    await operator.run("resume_ai_call", input={"callUuid": name})  # it speaks already
    await operator.run("end_call", input={"callUuid": name})
    await operator.run("end_call", input={"callUuid": name})
    assert "call.participant_joined" in taken
    entries = await house.entries("action", "call_uuid", "target_id", "outcome")
    assert [entry["action"] for entry in entries] == ["barge_call", "resume_ai_call", "end_call"]
    for entry in entries:
        assert (entry["call_uuid"], entry["target_id"]) == (name, call_id)


async def test_an_order_that_cannot_be_written_leaves_no_entry(house: House) -> None:
    operator = await house.person(TeamRole.OPERATOR)
    call_id = await house.runner.live_call()
    async with house.database.connection() as superuser:  # as if another server ran the call
        await superuser.execute(
            "UPDATE ringline.calls SET server_id = $1 WHERE id = $2", new_id(), call_id
        )
    with refused_for(Violation.NOT_OURS):
        await operator.ask({"action": "end_call", "input": {"callUuid": str(call_id)}})
    assert await house.entries() == []


async def test_an_operators_token_is_a_member_too(house: House) -> None:
    program, ann = house.program(), await house.operator("ann")
    await a_call(program, "theirs")
    await ann.run("end_call", input={"callUuid": "theirs"})
    (entry,) = await house.entries("actor_kind", "actor_name", "action", "call_uuid")
    assert entry == {
        "actor_kind": "user",
        "actor_name": "ann@example.com",
        "action": "end_call",
        "call_uuid": "theirs",
    }


# -- what is refused --------------------------------------------------------------------------


async def test_what_a_role_may_not_do_is_recorded_within_a_bound(house: House) -> None:
    member = await house.person(TeamRole.MEMBER)
    other = await house.person(TeamRole.MEMBER, name="other")
    most = audit_limits.REFUSALS_PER_MINUTE.most
    for _ in range(most + 3):
        problem = await member.problem("create_queue", input={"queueName": "mine"})
        assert problem["type"] == "forbidden"
    await other.problem("list_keys", fields=["id"])
    entries = await house.entries("actor_name", "action", "outcome", "fields", "target_kind")
    refused = {"outcome": "refused", "fields": [], "target_kind": None}
    mine = {"actor_name": "member@example.com", "action": "create_queue"} | refused
    theirs = {"actor_name": "other@example.com", "action": "list_keys"} | refused
    assert entries == [mine] * most + [theirs]


async def test_a_key_is_refused_without_an_entry(house: House) -> None:
    for action in ("list_keys", "create_key", "list_audit_entries", "update_team_member"):
        problem = await house.program().problem(action, fields=["id"], input={})
        assert problem["type"] == "forbidden"
        assert "sign-in" in problem["details"]["hint"]
    assert await house.entries() == []


async def test_a_refusal_by_what_is_stored_is_one_too(house: House) -> None:
    admin = await house.person(TeamRole.ADMIN)
    owner_id = str(await house.member(TeamRole.OWNER))
    assert (await admin.problem("remove_team_member", identity=owner_id))["type"] == "forbidden"
    assert await house.entries("action", "outcome", "environment") == [
        {"action": "remove_team_member", "outcome": "refused", "environment": None}
    ]


# -- who may read and write it ----------------------------------------------------------------


async def test_the_application_adds_entries_and_changes_none(house: House, stores: Stores) -> None:
    owner = await house.person(TeamRole.OWNER)
    await owner.run("create_contact", input={"fullName": "Priya"})
    for statement in (
        "UPDATE ringline.audit_entries SET actor_name = 'nobody'",
        "DELETE FROM ringline.audit_entries",
        "TRUNCATE ringline.audit_entries",
    ):
        with refused_for(Violation.OTHER, "42501"):
            async with stores.database.transaction(house.scope) as connection:
                await connection.execute(statement)
    assert len(await house.entries()) == 1


async def test_admins_see_every_entry_of_their_environment_and_others_their_own(
    house: House,
) -> None:
    test = house.within(Environment.TEST)
    owner, operator = await house.person(TeamRole.OWNER), await house.person(TeamRole.OPERATOR)
    await owner.run("create_contact", input={"fullName": "Live"})
    await operator.run("create_contact", input={"fullName": "Live too"})
    await owner.run("invite_team_member", input={"email": "new@example.com"})
    in_test = Acting(owner.engine, replace(owner.caller, scope=test))
    await in_test.run("create_contact", input={"fullName": "Test"})
    shown = ["targetName", "environment", "actorName"]
    live = [("Live", "live"), ("Live too", "live"), ("new@example.com", None)]
    assert await seen(owner, shown) == live
    assert await seen(await house.person(TeamRole.ADMIN), shown) == live
    assert await seen(operator, shown) == [("Live too", "live")]
    assert await seen(await house.person(TeamRole.MEMBER), shown) == []
    assert await seen(in_test, shown) == [("new@example.com", None), ("Test", "test")]


async def seen(person: Acting, fields: list[str]) -> list[tuple[str, str | None]]:
    listed = await person.run("list_audit_entries", fields=fields)
    return [(one["targetName"], one["environment"]) for one in listed]


async def test_the_log_is_read_in_pages_and_filtered(house: House) -> None:
    owner = await house.person(TeamRole.OWNER)
    for number in range(5):
        await owner.run("create_contact", input={"fullName": f"Contact {number}"})
    await a_call(house.program(), "theirs")
    await owner.run("end_call", input={"callUuid": "theirs"})
    names: list[str] = []
    after: str | None = None
    for _ in range(3):
        page = {"limit": 2} | ({} if after is None else {"after": after})
        answer = await owner.run(
            "list_audit_entries", fields=["targetName"], sort="-occurredAt", page=page
        )
        names += [one["targetName"] for one in answer["results"]]
        after = answer["nextPage"]
    assert sorted(names) == [*(f"Contact {number}" for number in range(5)), "theirs"]
    fields = [field.name for field in AUDIT_ENTRY.fields]
    filters: list[tuple[dict[str, Any], int]] = [
        ({"action": "end_call"}, 1),
        ({"callUuid": "theirs"}, 1),
        ({"targetKind": "Contact", "outcome": "done"}, 5),
        ({"actorKind": "key"}, 0),
        ({"targetName": {"contains": "Contact 3"}}, 1),
    ]
    for filter_, found in filters:
        listed = await owner.run("list_audit_entries", fields=fields, filter=filter_)
        assert len(listed) == found, filter_
    (entry,) = await owner.run("list_audit_entries", fields=fields, filter={"callUuid": "theirs"})
    assert (entry["requestId"], entry["address"]) == (ORIGIN.request_id, ORIGIN.address)
    assert entry["fields"] == []


# -- keys, whoever makes them -----------------------------------------------------------------


async def test_keys_are_recorded_whoever_makes_them(
    service: Service, database: TestDatabase
) -> None:
    workspaces = service.admin.workspaces
    scope = Scope(service.keys.workspace_id, Environment.TEST)
    key, _ = await workspaces.create_key(scope, KeyKind.PUBLISHABLE, label="from the server")
    assert await workspaces.revoke_key(key.id, end_calls=True)
    assert await workspaces.revoke_key(key.id, end_calls=True)  # again: nothing changes
    keys = f"{service.base_url}/v1/keys"
    async with service.http.post(
        keys, json={"label": "from a program", "mode": "live"}, headers=service.bearer()
    ) as answer:
        made = (await answer.json())["key_id"]
    async with service.http.post(f"{keys}/{made}/rotate", headers=service.bearer()) as answer:
        assert answer.status == 200
    async with service.http.delete(f"{keys}/{made}", headers=service.bearer()) as answer:
        assert answer.status == 204
    async with database.connection() as superuser:
        rows = await superuser.fetch(
            "SELECT actor_kind, actor_name, action, target_kind, target_name, environment, fields,"
            " request_id LIKE 'req_%' AS named FROM ringline.audit_entries ORDER BY occurred_at, id"
        )
    assert [tuple(row) for row in rows] == [
        ("cli", "command line", "create_workspace", "Organisation", "Test", None, [], None),
        ("cli", "command line", "create_key", "Key", "from the server", "test", [], None),
        ("cli", "command line", "revoke_key", "Key", "from the server", "test", ["endCalls"], None),
        *(
            ("key", "first secret key", action, "Key", "from a program", "live", [], True)
            for action in ("create_key", "rotate_key", "revoke_key")
        ),
    ]


def test_every_deed_that_is_no_action_has_a_row() -> None:
    assert {"create_workspace", "create_key", "rotate_key", "revoke_key"} <= set(DEEDS)
    assert not set(DEEDS) & {action.name for action in AUDITED} - {"create_key", "revoke_key"}
