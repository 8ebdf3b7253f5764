"""No action reaches into another workspace, or the other environment of its own.

The cases are made from the table of actions, so a new one is covered by being there: each
is called with every id of somebody else's, and with ids that nobody has. The two answers
must be the same, and nothing of the others' may have changed or be shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from ringline.domain.log import Environment, Scope
from ringline.rpc.action import Action, ActionKind, Input
from ringline.rpc.actions import ACTIONS
from ringline.rpc.kinds import (
    Boolean,
    Choice,
    Choices,
    Dialogue,
    Id,
    Integer,
    Kind,
    LogPoint,
    Map,
    Number,
    PhoneNumber,
    Text,
    TextList,
    Timestamp,
    ToolList,
)
from ringline.rpc.resource import Resource
from ringline.rpc.resources import RESOURCES
from ringline.schema.tables import metadata
from tests.database import TestDatabase
from tests.rpc_calls import Asking, Rpc
from tests.serving import Service, on_shared_server, serving

#: Words that stand for somebody else's things, where an input is text.
FOREIGN_TEXTS = {
    "callUuid": "their-call",
    "publicId": "their-conversation",
    "agentName": "their-line",
    "sipUsername": "their-line",
    "operatorEmail": "their-operator@example.com",
    "email": "their-operator@example.com",
    "phoneE164": "+4930111111",
    "queueName": "their-queue",
    "name": "their-gateway",
    "label": "their-label",
    "provider": "openai",  # of which they have a key
}


@dataclass
class Two:
    """A server with a workspace of ours, and somebody else's in which everything exists."""

    service: Service
    database: TestDatabase
    ours: Rpc
    theirs: Rpc
    their_log: Scope
    ids: Mapping[str, str]  # of theirs, by resource
    texts: Mapping[str, str]  # of theirs, by input


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["workspace", "environment"])
async def two(request: pytest.FixtureRequest, shared_database: TestDatabase) -> AsyncIterator[Two]:
    """Give two neighbours: of different workspaces, or environments of one."""
    database = shared_database
    async with serving(database, rate_rpc_per_second=0, rate_mint_per_second=0) as service:
        if request.param == "workspace":
            other = await service.admin.workspaces.create("Theirs")
            key, scope = other.secret_key, Scope(other.workspace_id, Environment.LIVE)
        else:
            key = service.keys.test_key
            scope = Scope(service.keys.workspace_id, Environment.TEST)
        theirs = Rpc(service, key)
        ids = await settle(theirs, database, scope)
        yield Two(service, database, Rpc(service), theirs, scope, ids, FOREIGN_TEXTS)


async def settle(rpc: Asking, database: TestDatabase, scope: Scope) -> dict[str, str]:
    """Put one record of every resource into a workspace; return their ids."""
    user = uuid4()
    async with database.connection() as superuser:
        await superuser.execute(
            "INSERT INTO ringline.users (workspace_id, id, email, role)"
            " VALUES ($1, $2, 'their-operator@example.com', 'owner')",
            scope.workspace_id,
            user,
        )

    async def create(what: str, given: object) -> str:
        return (await rpc.run(f"create_{what}", input=given, fields=["id"]))["id"]

    contact = {"fullName": "Theirs", "phoneE164": "+4930111111"}
    queue = {"queueName": "their-queue", "strategy": "ring-all"}
    gateway = {"name": "their-gateway", "username": "u", "realm": "r"}
    line = {"sipUsername": "their-line", "sipPassword": "secret", "userId": str(user)}
    credential = {"provider": "openai", "apiKey": "a key that is theirs"}
    ids = {
        "User": str(user),
        "Contact": await create("contact", contact),
        "Queue": await create("queue", queue),
        "Gateway": await create("gateway", gateway),
        "SipUser": await create("sip_user", line),
        "ProviderCredential": await create("provider_credential", credential),
        "PhoneNumber": await create("phone_number", {"phoneE164": "+4930111111"}),
        "AiAgent": await create("ai_agent", {"name": "Theirs", "model": "local/attendant"}),
        "Conversation": await create("conversation", {}),
    }
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.conversations SET public_id = 'their-conversation' WHERE id = $1",
            UUID(ids["Conversation"]),
        )
    rule = {"phoneNumberId": ids["PhoneNumber"], "targetAgentId": ids["AiAgent"], "priority": 1}
    ids["RoutingRule"] = await create("routing_rule", rule | {"matchType": "default"})
    item = {"conversationId": ids["Conversation"], "role": "user", "content": "Theirs"}
    call = {"callUuid": "their-call", "direction": "inbound", "fromNumber": "1", "toNumber": "2"}
    call |= {"status": "queued", "queueId": ids["Queue"], "conversationId": ids["Conversation"]}
    ids["ConversationItem"] = await create("conversation_item", item)
    ids["Call"] = await create("call", call)
    member = {"callId": ids["Call"], "memberUuid": "m", "role": "caller"}
    ids["CallParticipant"] = await create("call_participant", member)
    status = {"sipUserId": ids["SipUser"], "status": "available"}
    ids["OperatorStatus"] = (await rpc.run("set_operator_status", input=status, fields=["id"]))[
        "id"
    ]
    (entry,) = await rpc.run("list_call_queue_entries", fields=["id"])
    ids["CallQueueEntry"] = entry["id"]
    async with database.connection() as superuser:
        key = await superuser.fetchval(
            "SELECT id FROM ringline.keys"
            " WHERE workspace_id = $1 AND environment = $2 AND kind = 'secret'",
            scope.workspace_id,
            scope.environment.value,
        )
    ids["Key"] = str(key)
    return ids


# -- requests of the table ------------------------------------------------------------------


def sample(one: Input, ids: Mapping[str, str], texts: Mapping[str, str]) -> object:
    """Return a value that an input takes; ids and names are those that are given."""
    match one.kind:
        case Id(prefix):
            return next(ids[r.name] for r in RESOURCES.values() if r.prefix is prefix)
        case Choice(words):
            wanted = texts.get(one.name, "")
            return wanted if wanted in words else words[0]
        case Integer():
            return 7
        case Number():
            return 0.5
        case Boolean():
            return one.name != "silent"  # which goes without an utterance
        case Timestamp():
            return "2026-03-01T12:00:00Z"
        case Map():
            return {}
        case Dialogue():
            return {"replies": {"fallback": "Pardon?"}}
        case TextList(Choice(words)):
            return [words[0]]
        case TextList() | ToolList():
            return []
        case Choices(words):
            return [words[0]]
        case LogPoint():
            return texts["after"]
        case Text() | PhoneNumber():
            return texts.get(one.name, "something")
        case _:
            return None


def given(action: Action, ids: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, object]:
    values = {one.name: sample(one, ids, texts) for one in action.inputs}
    for group in action.one_of:
        for name in group[1:]:
            values.pop(name, None)
    return {name: value for name, value in values.items() if value is not None}


def requests(action: Action, ids: Mapping[str, str], texts: Mapping[str, str]) -> Iterator[Any]:
    """Make the requests of an action that name something of somebody's."""
    request: dict[str, Any] = {"input": given(action, ids, texts)}
    if action.resource is not None:
        request["fields"] = ["id"]
    if action.kind in (ActionKind.UPDATE, ActionKind.DESTROY):
        assert action.resource is not None
        yield request | {"identity": ids[action.resource.name]}
        for name in action.identities:
            yield request | {"identity": {name: texts[name]}}
        if action.kind is ActionKind.DESTROY:
            return
        if action.resource.name in ids:
            yield request | {"identity": {"id": ids[action.resource.name]}}
    else:
        yield request
        for group in action.one_of:
            for name in group[1:]:
                others = {k: v for k, v in request["input"].items() if k not in group}
                one = action.input_index[name]
                yield request | {"input": others | {name: sample(one, ids, texts)}}


#: Ids and names that nobody has, for which a foreign one must not be told apart.
NOBODYS_IDS = {
    name: f"00000000-0000-7000-8000-{place:012d}" for place, name in enumerate(RESOURCES)
}
NOBODYS_TEXTS = {name: f"nobodys-{name}" for name in FOREIGN_TEXTS} | {
    "operatorEmail": "nobody@example.com",
    "email": "nobody@example.com",
    "phoneE164": "+4930222222",
    "provider": "gemini",
    "after": "evt_0000000000000000000001",
}

#: What a request may create of its own is answered with an id, a time or a secret.
_NEW = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|inv_[\w-]+"
    r"|\d{4}-\d\d-\d\dT[\d:.]+Z|[0-9a-z]{8}:\d+"
    r'|sk_(?:live|test)_[\w-]+|"last_four": "[\w-]{4}"'
)


def blurred(answer: object) -> str:
    """Return an answer without what differs from one request to the next."""
    return _NEW.sub("…", json.dumps(answer, sort_keys=True))


@on_shared_server
@pytest.mark.parametrize("name", sorted(ACTIONS))
async def test_what_is_somebody_elses_looks_like_what_is_nobodys(two: Two, name: str) -> None:
    action = ACTIONS[name]
    spanning = two.their_log.workspace_id == two.service.keys.workspace_id
    ids, texts = dict(two.ids), dict(two.texts)
    if spanning:  # the team is one in both environments
        ids["User"] = NOBODYS_IDS["User"]
        texts |= {name: NOBODYS_TEXTS[name] for name in ("email", "operatorEmail")}
    events = await two.theirs.run("list_events", input={})
    texts["after"] = events["events"][0]["eventId"]
    ids |= {"CallTranscript": NOBODYS_IDS["CallTranscript"]}
    ids["Organisation"] = str(two.their_log.workspace_id)
    before = await snapshot(two.database, two.their_log)
    for way in ("validate", "run"):
        foreign = requests(action, ids, texts)
        nobodys = requests(action, NOBODYS_IDS, NOBODYS_TEXTS)
        for theirs, unknown in zip(foreign, nobodys, strict=True):
            answers = [
                await two.ours.ask({"action": name, **request}, way)
                for request in (unknown, theirs)
            ]
            told = [blurred(answer) for answer in answers]
            for known, stranger in names_of(texts):
                told[1] = told[1].replace(known, stranger)
            assert told[0] == told[1], (way, theirs)
            if way == "validate" and "identity" in theirs and not spanning:
                known = await two.theirs.ask({"action": name, **theirs}, way)
                assert "not_found" not in blurred(known)  # it is there, for whose it is
    assert await snapshot(two.database, two.their_log) == before


def names_of(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((text, NOBODYS_TEXTS[name]) for name, text in texts.items())


async def snapshot(database: TestDatabase, scope: Scope) -> dict[str, list[str]]:
    """Return every row of a workspace's environment, as text."""
    rows: dict[str, list[str]] = {}
    async with database.connection() as superuser:
        for table in metadata.sorted_tables:
            if "environment" not in table.c or table.name == "keys":
                continue  # a key is marked as used when it is
            found = await superuser.fetch(
                f"SELECT t::text AS row FROM ringline.{table.name} t"
                " WHERE workspace_id = $1 AND environment = $2",
                scope.workspace_id,
                scope.environment.value,
            )
            rows[table.name] = sorted(row["row"] for row in found)
    return rows


# -- lists ----------------------------------------------------------------------------------

#: Of those for people, `test_roles.py` has tests.
LISTS = [
    action for action in ACTIONS.values() if action.kind is ActionKind.LIST and not action.people
]


def everything(resource: Resource, depth: int = 1) -> list[object]:
    fields: list[object] = [field.name for field in resource.fields]
    if depth:
        for relationship in resource.relationships:
            fields.append({relationship.name: everything(RESOURCES[relationship.target], 0)})
    return fields


@on_shared_server
@pytest.mark.parametrize("action", LISTS, ids=lambda action: action.name)
async def test_a_list_holds_nothing_of_somebody_elses(two: Two, action: Action) -> None:
    assert action.resource is not None
    values = {"input": {"publicId": "their-conversation"}} if action.inputs else {}
    spanning = two.their_log.workspace_id == two.service.keys.workspace_id
    pages: list[object] = [None]
    if action.pages:
        pages += [{"limit": 250, "count": True}, {"offset": 0, "count": True}]
    for page in pages:
        paged = {} if page is None else {"page": page}
        fields = everything(action.resource)
        mine = await two.ours.run(action.name, fields=fields, **values, **paged)
        assert not any(
            their in json.dumps(mine)
            for resource, their in two.ids.items()
            if not (spanning and resource == "User")
        )
        fields = [
            "id",
            *[{name: ["id"]} for name in (r.name for r in action.resource.relationships)],
        ]
        sort = ",".join(
            field.name
            for field in action.resource.fields
            if not isinstance(field.kind, Map | TextList | ToolList | Dialogue)
        )
        await two.ours.run(action.name, fields=fields, sort=sort[:200].rpartition(",")[0], **values)
    if action.resource.name in two.ids:
        their = two.ids[action.resource.name]
        listed = await two.theirs.run(action.name, fields=["id"], **values)
        assert their in [one["id"] for one in listed]
        if not (spanning and action.resource.name == "User"):
            seen = await two.ours.run(
                action.name, fields=["id"], filter={"id": {"in": [their]}}, **values
            )
            assert seen == []


# -- operators ------------------------------------------------------------------------------


def test_operators_may_follow_to_what_they_may_list_and_to_nothing_else() -> None:
    listed = {
        action.resource.name
        for action in ACTIONS.values()
        if action.operator and action.kind is ActionKind.LIST and action.resource is not None
    }
    assert {resource.name for resource in RESOURCES.values() if resource.operators} == listed
    for action in ACTIONS.values():  # what they are answered is what they may list
        if action.operator and action.resource is not None:
            assert action.resource.operators, action.name


def test_what_is_read_through_what_operators_may_not_list_was_decided() -> None:
    through = {
        f"{resource.name}.{one.name}"
        for resource in RESOURCES.values()
        if resource.operators
        for one in resource.fields
        if one.through is not None
        and not RESOURCES[resource.relationship_index[one.through[0]].target].operators
    }
    # The name of a line, which is what a colleague is called wherever they take part.
    assert through == {"OperatorStatus.agentName"}


@pytest_asyncio.fixture(loop_scope="module")
async def browser(two: Two) -> Rpc:
    """Speak with an operator's token of the other workspace, in which everything exists."""
    given = {"email": FOREIGN_TEXTS["operatorEmail"]}
    minted = await two.theirs.run("issue_operator_access_token", input=given)
    return Rpc(two.service, minted["token"])


def ways(resource: Resource, depth: int = 3) -> Iterator[tuple[list[str], Resource, bool, bool]]:
    """Yield the paths along relationships: where to, whether by operators, all of them to-one."""
    for one in resource.relationships:
        target = RESOURCES[one.target]
        yield [one.name], target, target.operators, not one.many
        if depth > 1 and target.operators:
            for path, end, may, single in ways(target, depth - 1):
                yield [one.name, *path], end, may, single and not one.many


def nested(path: list[str], inside: object, wrap: Callable[[str, object], object]) -> object:
    for name in reversed(path):
        inside = wrap(name, inside)
    return inside


OPERATORS_OWN = [
    action
    for action in ACTIONS.values()
    if action.operator and action.resource is not None and action.kind is not ActionKind.GENERIC
]


@on_shared_server
@pytest.mark.parametrize("action", OPERATORS_OWN, ids=lambda action: action.name)
async def test_an_operator_reaches_nothing_through_relationships_that_they_may_not_list(
    two: Two, browser: Rpc, action: Action
) -> None:
    resource = action.resource
    assert resource is not None
    request: dict[str, Any] = {"input": given(action, two.ids, two.texts)}
    if action.kind is ActionKind.UPDATE:
        request["identity"] = two.ids[resource.name]
    for path, _, may, single in ways(resource):
        asked: list[dict[str, object]] = [
            {"fields": nested(path, ["id"], lambda name, inner: [{name: inner}])}
        ]
        if action.kind is ActionKind.LIST:
            looked_at = nested(path, {"id": {"isNil": False}}, lambda name, inner: {name: inner})
            asked += [{"fields": ["id"], "filter": {word: [looked_at]}} for word in ("and", "not")]
            if single:
                dotted = ".".join([*path, "id"])
                asked.append({"fields": ["id"], "sort": f"-{dotted}", "page": {"limit": 3}})
        for one in asked:
            answer = await browser.ask({"action": action.name, **request, **one})
            types = [problem["type"] for problem in answer.get("errors", ())]
            assert types == ([] if may else ["forbidden"]), one
            validated = await browser.ask({"action": action.name, **request, **one}, "validate")
            if "filter" not in one and "sort" not in one:
                told = [problem["type"] for problem in validated.get("errors", ())]
                assert ("forbidden" in told) is not may


def test_every_kind_of_input_has_a_sample() -> None:
    kinds: set[type[Kind]] = {type(one.kind) for a in ACTIONS.values() for one in a.inputs}
    known = {Id, Choice, Choices, Integer, Boolean, LogPoint, Timestamp, Map, TextList, ToolList}
    known |= {Dialogue, Text, PhoneNumber}
    assert kinds <= known
