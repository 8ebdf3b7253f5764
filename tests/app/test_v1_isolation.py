"""No route of `/v1` reaches into another workspace, or the other environment of its own.

The cases are made from the table of routes, so a new one is covered by being there: each is
called with every id of somebody else's, and with ids that nobody has. The two answers must be
the same, and nothing of the others' may have changed or be shown.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.rest.route import Route
from ringline.rest.routes import ROUTES
from tests.app.test_rpc_isolation import snapshot
from tests.database import TestDatabase, add_member
from tests.message_rows import store_message
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.stored_recordings import store_recording
from tests.v1 import V1, Answer
from tests.webhook_rows import make_events, owe

#: Where nobody listens.
NOBODY = "http://127.0.0.1:9/a"
#: Values for the members of bodies that are no ids.
GIVEN = {
    "message": "Hello?",
    "url": NOBODY,
    "since": "0",
    "label": "ours",
    "to_number": "+2348031234567",
    "from_number": "+2348000001234",
    "display_name": "Ours",
    "e164": "+2348031234567",
    "priority": "1",
    "number": "+2348031234567",
    "body": "Hello?",
    "template_name": "order_ready",
    "language_code": "en",
    "shareable": "true",
    "digits": "1",
    "destination": "+2348000001234",
}
#: Members that are given although a route may do without.
ALWAYS = {"body", "ai_mode"}
#: Templates are everybody's.
WITH_IDS = [route for route in ROUTES if route.ids and route.ids[0].prefix is not Prefix.TEMPLATE]
LISTS = [route for route in ROUTES if route.paging and not route.ids]
NOBODYS = {prefix: f"{prefix}_{'0' * 22}" for prefix in Prefix}


@dataclass
class Two:
    """A server with a workspace of ours, and somebody else's in which everything exists."""

    service: Service
    database: TestDatabase
    ours: V1
    theirs: V1
    their_log: Scope
    ids: Mapping[Prefix, str]  # of theirs
    same_workspace: bool


@pytest.fixture(params=["workspace", "environment"])
async def two(
    request: pytest.FixtureRequest, database: TestDatabase, tmp_path: Path
) -> AsyncIterator[Two]:
    """Give two neighbours: of different workspaces, or environments of one."""
    async with serving(database, webhook_allow_private=True, data_dir=tmp_path) as service:
        if request.param == "workspace":
            other = await service.admin.workspaces.create("Theirs")
            key, scope, agent = other.secret_key, other.workspace_id, other.agent_id
            log = Scope(scope, Environment.LIVE)
        else:
            key, agent = service.keys.test_key, service.keys.test_agent_id
            log = Scope(service.keys.workspace_id, Environment.TEST)
        theirs = V1(service, key)
        endpoint = await theirs.endpoint(NOBODY)
        await theirs.post(f"/webhook-endpoints/{endpoint['endpoint_id']}/pause")
        made = {"direction": "inbound", "fromNumber": "+1", "toNumber": "+2"}
        call = await Rpc(service, key).run("create_call", input=made, fields=["id"])
        (event,) = await make_events(Rpc(service, key), 1)
        number = await theirs.new_number()
        rule = await theirs.new_rule(number["number_id"], format_id(Prefix.AGENT, agent))
        conversation, message = await store_message(database, log, agent)
        opted_out = {"agent_id": str(agent), "number": GIVEN["number"], "channel": "sms"}
        assert (await theirs.post("/opt-outs", opted_out)).status == 201
        ids = {
            Prefix.WEBHOOK_ENDPOINT: endpoint["endpoint_id"],
            Prefix.EVENT: event,
            Prefix.DELIVERY: await owe(database, event, endpoint_id=endpoint["endpoint_id"]),
            Prefix.AGENT: format_id(Prefix.AGENT, agent),
            Prefix.KEY: (await theirs.new_key("theirs"))["key_id"],
            Prefix.CALL: format_id(Prefix.CALL, UUID(call["id"])),
            Prefix.PHONE_NUMBER: number["number_id"],
            Prefix.ROUTING_RULE: rule["rule_id"],
            Prefix.CONVERSATION: conversation,
            Prefix.MESSAGE: message,
        }
        same = request.param == "environment"
        if not same:  # users span environments
            async with database.connection() as superuser:
                user = await add_member(superuser, log.workspace_id, "theirs@example.com")
            ids[Prefix.USER] = format_id(Prefix.USER, user)
        yield Two(service, database, V1(service), theirs, log, ids, same)


async def seen_from_test(two: Two, route: Route) -> Two:
    """Swap the two if a `sk_live_` key may see what is test: it is the other one that may not."""
    if not (two.same_workspace and route.spans):
        return two
    live = Scope(two.service.keys.workspace_id, Environment.LIVE)
    ids = {**two.ids, Prefix.KEY: (await two.ours.new_key("theirs too"))["key_id"]}
    return replace(two, ours=two.theirs, theirs=two.ours, their_log=live, ids=ids)


def test_every_kind_of_id_in_a_path_exists_for_them() -> None:
    kinds = {one.prefix for route in WITH_IDS for one in route.ids}
    assert kinds == {
        Prefix.AGENT,
        Prefix.WEBHOOK_ENDPOINT,
        Prefix.EVENT,
        Prefix.DELIVERY,
        Prefix.KEY,
        Prefix.CALL,
        Prefix.PHONE_NUMBER,
        Prefix.ROUTING_RULE,
        Prefix.CONVERSATION,
        Prefix.MESSAGE,
    }


def required_of(route: Route) -> dict[str, Any]:
    """Return the members that a route's body must have."""
    return {
        one.name: one.member.words[-1] if one.member.words else GIVEN[one.name]
        for one in route.body
        if (one.required or one.name in ALWAYS) and not one.name.endswith("_id")
    }


async def ask(v1: V1, route: Route, ids: Mapping[Prefix, str]) -> Answer:
    """Call a route with these ids wherever it takes one."""
    prefixes = {one.name: one.prefix for one in route.ids}
    given = {one.name: GIVEN[one.name] for one in route.parts}
    path = re.sub(
        r"\{(\w+)\}", lambda name: given.get(name[1]) or ids[prefixes[name[1]]], route.path
    )
    body = required_of(route)
    return await v1.ask(route.method, path.removeprefix("/v1"), body if route.body else None)


@pytest.mark.parametrize("route", WITH_IDS, ids=lambda route: route.operation)
async def test_what_is_somebody_elses_looks_like_what_is_nobodys(
    two: Two, route: Route, tmp_path: Path
) -> None:
    two = await seen_from_test(two, route)
    if route.file:  # a call that has ended, with a recording
        recorded = await store_recording(two.database, two.their_log, tmp_path)
        two = replace(two, ids={**two.ids, Prefix.CALL: recorded.id})
    before = await snapshot(two.database, two.their_log)
    answers = [await ask(two.ours, route, ids) for ids in (NOBODYS, two.ids)]
    told = [(answer.status, answer.code, answer.message) for answer in answers]
    assert told[0] == told[1]
    assert told[0][0] == 404
    assert await snapshot(two.database, two.their_log) == before
    found = await ask(two.theirs, route, two.ids)
    assert found.status != 404, "it is there, for whose it is"


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.operation)
async def test_a_list_holds_nothing_of_somebody_elses(two: Two, route: Route) -> None:
    two = await seen_from_test(two, route)
    path = route.path.removeprefix("/v1")
    assert route.paging is not None
    filters = [{}]
    for one in route.query:
        if one.name.endswith("_id"):
            filters += [{one.name: id_} for id_ in two.ids.values()]
    for query in filters:
        answer = await two.ours.get(path, **query)
        said = json.dumps(answer.body.get(route.paging.key, [])) if answer.status == 200 else ""
        assert not any(id_ in said for id_ in two.ids.values()), query
    theirs = (await two.theirs.get(path)).body[route.paging.key]
    assert theirs, "there is something to be hidden"


#: The kinds of the ids that bodies name.
IN_BODIES = {
    "agent_id": Prefix.AGENT,
    "target_agent_id": Prefix.AGENT,
    "template_id": Prefix.TEMPLATE,
    "number_id": Prefix.PHONE_NUMBER,
    "actor_user_id": Prefix.USER,
}


async def test_ids_in_bodies(two: Two) -> None:
    """A route that takes an id in its body: foreign ones are as unknown ones."""
    number = (await two.ours.new_number("+2348000009999"))["number_id"]
    is_live = two.ours.key.startswith("sk_live_")
    keys = two.service.keys
    agent = format_id(Prefix.AGENT, keys.agent_id if is_live else keys.test_agent_id)
    log = Scope(keys.workspace_id, Environment.LIVE if is_live else Environment.TEST)
    conversation, _ = await store_message(
        two.database, log, keys.agent_id if is_live else keys.test_agent_id
    )
    ours = {
        "conversation_id": conversation,
        "agent_id": agent,
        "target_agent_id": agent,
        "number_id": number,
        "rule_id": (await two.ours.new_rule(number, agent))["rule_id"],
    }
    for route in ROUTES:
        named = [one.name for one in route.body if one.name.endswith("_id")]
        own = {name: ours[name] for name in named if name in ours}
        path = re.sub(r"\{(\w+)\}", lambda name: ours.get(name[1], "nobodys"), route.path)
        for name in named:
            answers = [
                await two.ours.ask(
                    route.method,
                    path.removeprefix("/v1"),
                    required_of(route)
                    | own
                    | {name: ids.get(IN_BODIES[name], NOBODYS[IN_BODIES[name]])},
                )
                for ids in (NOBODYS, two.ids)
            ]
            assert {answer.status for answer in answers} == {404}, (route.operation, name)
            assert answers[0].message == answers[1].message
