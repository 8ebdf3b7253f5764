"""A workspace is set up and kept by RPC: create, update and delete, from the tables."""

from typing import Any
from uuid import UUID

import pytest

from ringline.domain.log import Environment, Scope
from ringline.domain.spelling import snake
from ringline.rpc.action import Action, Input
from ringline.rpc.actions import ACTIONS
from ringline.rpc.kinds import Id, ToolList
from ringline.rpc.resource import Resource
from ringline.rpc.resources import RESOURCES
from ringline.services.id_generator import new_id
from ringline.services.sealer import Sealer
from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.rpc_rows import Seeded, good_input, good_value, insert, seed
from tests.serving import ENCRYPTION_KEY, Service


def verb_of(verb: str, resource: Resource) -> Action | None:
    """Return the action of that name if the engine carries it out by itself."""
    name = f"{verb}_{snake(resource.name[0].lower() + resource.name[1:])}"
    action = ACTIONS.get(name)
    return action if action is not None and action.act is None else None


def verb(verb: str, resource: Resource) -> Action:
    action = verb_of(verb, resource)
    assert action is not None
    return action


#: What the engine makes and keeps by itself: without functions, by the tables alone.
MADE = [resource for resource in RESOURCES.values() if verb_of("create", resource)]
KEPT = [
    resource
    for resource in RESOURCES.values()
    if all(verb_of(kind, resource) for kind in ("create", "update", "delete"))
]
each_made = pytest.mark.parametrize("resource", MADE, ids=[resource.name for resource in MADE])
each_kept = pytest.mark.parametrize("resource", KEPT, ids=[resource.name for resource in KEPT])


@pytest.fixture
def rpc(service: Service) -> Rpc:
    return Rpc(service)


@pytest.fixture
async def seeded(database: TestDatabase, service: Service) -> Seeded:
    return await seed(database, Scope(service.keys.workspace_id, Environment.LIVE))


def test_what_a_console_would_keep_is_kept_by_rpc() -> None:
    assert {resource.name for resource in MADE} >= {"Conversation", "ConversationItem"}
    assert {resource.name for resource in KEPT} >= {
        "Contact",
        "Queue",
        "Gateway",
        "SipUser",
        "PhoneNumber",
        "AiAgent",
    }


def shown_names(resource: Resource) -> list[str]:
    return [field.name for field in resource.fields]


def as_shown(one: Input, value: Any) -> Any:
    if isinstance(one.kind, ToolList):
        return [{"description": "", **tool} for tool in value]
    return value


def check(action: Action, record: dict[str, Any], given: dict[str, Any]) -> None:
    assert action.resource is not None
    for one in action.inputs:
        if one.name in given and one.name in action.resource.field_index and not one.sealed:
            assert record[one.name] == as_shown(one, given[one.name]), one.name


@each_made
async def test_a_record_is_created_with_all_and_with_the_least(
    rpc: Rpc, seeded: Seeded, resource: Resource
) -> None:
    action, fields = verb("create", resource), shown_names(resource)
    for given in (good_input(action, seeded), good_input(action, seeded, required=True)):
        record = await rpc.run(action.name, input=given, fields=fields)
        check(action, record, given)
        assert record["insertedAt"].endswith("Z")
        listed = await rpc.run(
            f"list_{snake(resource.plural)}", fields=fields, filter={"id": record["id"]}
        )
        assert listed == [record]
        assert UUID(record["id"]).version == 7
        if resource.name == "ProviderCredential":  # there is one of each provider at most
            await rpc.run("delete_provider_credential", identity=record["id"])
    snakes = {snake(name): value for name, value in good_input(action, seeded).items()}
    assert await rpc.run(action.name, input=snakes) == {}
    assert await rpc.run(action.name, input=good_input(action, seeded), fields=[]) == {}


@each_made
async def test_validation_writes_nothing(rpc: Rpc, seeded: Seeded, resource: Resource) -> None:
    action, listing = verb("create", resource), f"list_{snake(resource.plural)}"
    before = await rpc.run(listing, fields=["id"])
    assert await rpc.validate(action.name, input=good_input(action, seeded)) == []
    for one in action.inputs:
        if one.required:
            given = good_input(action, seeded) | {one.name: None}
            for way, path in (("run", []), ("validate", [one.name])):
                answer = await rpc.ask({"action": action.name, "input": given}, way)
                (error,) = answer["errors"]
                assert (error["type"], error["fields"]) == ("required", [one.name])
                assert error["path"] == path
    assert await rpc.run(listing, fields=["id"]) == before


@each_made
async def test_a_reference_must_be_there(rpc: Rpc, seeded: Seeded, resource: Resource) -> None:
    for kind in ("create", "update"):
        action = verb_of(kind, resource)
        for one in action.inputs if action else ():
            if action is not None and isinstance(one.kind, Id):
                given = good_input(action, seeded) | {one.name: str(new_id())}
                identity = {"identity": seeded.id_of(resource)} if kind == "update" else {}
                error = await rpc.problem(action.name, input=given, **identity)
                assert (error["type"], error["fields"]) == ("invalid_attribute", [one.name])
                assert (error["vars"], error["path"]) == ({"field": one.name}, [])


@each_kept
async def test_a_record_is_changed_one_value_at_a_time(
    rpc: Rpc, seeded: Seeded, resource: Resource
) -> None:
    create, update = verb("create", resource), verb("update", resource)
    fields = shown_names(resource)
    given = good_input(create, seeded)
    record = await rpc.run(create.name, input=given, fields=fields)
    for one in update.inputs:
        value = True if given[one.name] is False else good_value(one, seeded)
        change = {one.name: value}
        changed = await rpc.run(update.name, identity=record["id"], input=change, fields=fields)
        check(update, changed, change)
        if one.sealed:
            record = changed
            continue
        assert {**changed, one.name: 0, "updatedAt": 0} == {**record, one.name: 0, "updatedAt": 0}
        assert changed["updatedAt"] >= record["updatedAt"]
        again = await rpc.run(update.name, identity=record["id"], input=change, fields=fields)
        assert again == changed, "an update that changes nothing writes nothing"
        record = changed
    plain = {one.name: record[one.name] for one in update.inputs if not one.sealed}
    again = await rpc.run(update.name, identity={"id": record["id"]}, input=plain, fields=fields)
    assert again == record
    assert await rpc.run(update.name, identity=record["id"], fields=fields) == record


#: A window is set as a whole, or not at all.
WINDOW = ("callWindowStart", "callWindowEnd")


@each_kept
async def test_null_clears_or_is_refused(rpc: Rpc, seeded: Seeded, resource: Resource) -> None:
    create, update = verb("create", resource), verb("update", resource)
    made = await rpc.run(create.name, input=good_input(create, seeded), fields=["id"])
    for one in update.inputs:
        together = WINDOW if one.name in WINDOW else (one.name,)
        body = {"identity": made["id"], "input": dict.fromkeys(together)}
        if one.null:
            shown = resource.field_index.get(one.name)
            fields = ["id", *([one.name] if shown else [])]
            record = await rpc.run(update.name, fields=fields, **body)
            assert not record.get(one.name)
        else:
            error = await rpc.problem(update.name, **body)
            assert (error["type"], error["fields"]) == ("required", [one.name])


@each_kept
async def test_a_name_is_taken_once(rpc: Rpc, seeded: Seeded, resource: Resource) -> None:
    create = verb("create", resource)
    unique = {
        "Contact": "phoneE164",
        "Queue": "queueName",
        "Gateway": "name",
        "SipUser": "sipUsername",
        "PhoneNumber": "phoneE164",
    }.get(resource.name)
    if unique is None:
        return
    given = good_input(create, seeded)
    await rpc.run(create.name, input=given)
    again = good_input(create, seeded) | {unique: given[unique]}
    error = await rpc.problem(create.name, input=again)
    assert (error["type"], error["fields"]) == ("invalid_attribute", [unique])
    assert error["message"] == "has already been taken"
    test = Rpc(rpc.service, rpc.service.keys.test_key)
    given = good_input(create, seeded, required=True) | {unique: given[unique]}
    await test.run(create.name, input=given)


async def test_numbers_are_kept_in_e164(rpc: Rpc) -> None:
    made = {"fullName": "Ada", "phoneE164": " +44 (0)20 7946-0958"}
    ada = await rpc.run("create_contact", input=made, fields=["id", "phoneE164"])
    assert ada["phoneE164"] == "+442079460958"
    for asked in ("+44 20 7946 0958", {"in": ["+442079460958"]}, {"contains": "7946"}):
        found = await rpc.run("list_contacts", fields=["id"], filter={"phoneE164": asked})
        assert [one["id"] for one in found] == [ada["id"]]
    again = await rpc.problem("create_phone_number", input={"phoneE164": "020 7946 0958"})
    assert (again["type"], again["fields"]) == ("invalid_attribute", ["phoneE164"])
    blank = {"phoneE164": " "}
    await rpc.run("update_contact", identity=ada["id"], input=blank, fields=["id"])
    (cleared,) = await rpc.run("list_contacts", fields=["phoneE164"], filter={"id": ada["id"]})
    assert cleared["phoneE164"] is None


async def test_a_number_from_before_can_be_looked_for(rpc: Rpc, database: TestDatabase) -> None:
    number, row_id = "+12", new_id()  # which no country has
    scope = {"workspace_id": rpc.service.keys.workspace_id, "environment": "live"}
    row = {**scope, "id": row_id, "full_name": "Ada", "phone_e164": number}
    async with database.connection() as connection:
        await insert(connection, "contacts", row)
    found = await rpc.run("list_contacts", fields=["id", "phoneE164"], filter={"phoneE164": number})
    assert found == [{"id": str(row_id), "phoneE164": number}]


@each_kept
async def test_a_record_is_deleted_once(rpc: Rpc, seeded: Seeded, resource: Resource) -> None:
    create, delete = verb("create", resource), verb("delete", resource)
    made = await rpc.run(create.name, input=good_input(create, seeded), fields=["id"])
    kept = await rpc.run(create.name, input=good_input(create, seeded), fields=["id"])
    assert await rpc.validate(delete.name, identity=made["id"]) == []
    assert await rpc.run(delete.name, identity=made["id"], fields=["id"]) == made
    for answer in (
        await rpc.run(delete.name, identity=made["id"]),
        await rpc.run(delete.name, identity={"id": made["id"]}, fields=["id"]),
    ):
        assert answer == {}
    (error,) = await rpc.validate(delete.name, identity=made["id"])
    assert error["type"] == "not_found"
    error = await rpc.problem(verb("update", resource).name, identity=made["id"], input={})
    assert (error["type"], error["shortMessage"]) == ("not_found", "Not found")
    assert await rpc.run(delete.name, identity=kept["id"]) == {}


async def test_what_is_referred_to_cannot_be_deleted(rpc: Rpc, seeded: Seeded) -> None:
    number = await rpc.run(
        "create_phone_number",
        input=good_input(ACTIONS["create_phone_number"], seeded),
        fields=["id"],
    )
    refused = {
        "delete_gateway": seeded.id_of(RESOURCES["Gateway"]),
        "delete_queue": seeded.id_of(RESOURCES["Queue"]),
    }
    for action, identity in refused.items():
        error = await rpc.problem(action, identity=identity)
        assert (error["type"], error["shortMessage"]) == ("invalid_changes", "Invalid changes")
        assert (error["fields"], error["vars"]) == ([], {})
    await rpc.run("delete_phone_number", identity=number["id"])
    assert await rpc.run("delete_gateway", identity=refused["delete_gateway"]) == {}


async def test_the_default_queue_stays(rpc: Rpc) -> None:
    (queue,) = await rpc.run("list_queues", fields=["id"], filter={"queueName": "default"})
    error = await rpc.problem("delete_queue", identity=queue["id"])
    assert (error["type"], error["fields"]) == ("invalid_changes", [])
    assert await rpc.run("list_queues", fields=["id"], filter={"queueName": "default"}) == [queue]


async def test_passwords_are_sealed_and_never_shown(
    database: TestDatabase, rpc: Rpc, seeded: Seeded
) -> None:
    sealer = Sealer(ENCRYPTION_KEY, lambda count: bytes(count))
    secret = " not trimmed "
    gateway = good_input(ACTIONS["create_gateway"], seeded) | {"password": secret}
    user = good_input(ACTIONS["create_sip_user"], seeded) | {"sipPassword": secret}
    made = {
        "gateways.password": await rpc.run("create_gateway", input=gateway, fields=["id"]),
        "sip_users.sip_password": await rpc.run("create_sip_user", input=user, fields=["id"]),
    }
    async with database.connection() as connection:
        for place, record in made.items():
            table, column = place.split(".")
            found = await connection.fetchval(
                f"SELECT {column} FROM ringline.{table} WHERE id = $1", UUID(record["id"])
            )
            assert secret.encode() not in found
            assert sealer.open_sealed(found) == secret
    for action, field in (("list_gateways", "password"), ("list_sip_users", "sipPassword")):
        assert (await rpc.problem(action, fields=[field]))["type"] == "unknown_field"
