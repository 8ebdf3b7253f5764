"""Reading records from a real database: filters, sorts, pages, relationships."""

from __future__ import annotations

import gc
import random
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ringline.domain import limits
from ringline.domain.log import Scope
from ringline.ports import Portions, Rows
from ringline.rpc import reader as reader_module
from ringline.rpc.kinds import Id, PhoneNumber, Text, Timestamp
from ringline.rpc.lists import answer_list, read_list
from ringline.rpc.pages import BadCursor, Cursors, kinds_of, purpose_of
from ringline.rpc.reader import ListRequest, PlanLimits, Reader
from ringline.rpc.records import ResultTooLarge
from ringline.rpc.resource import Resource
from ringline.rpc.resources import RESOURCES
from ringline.rpc.selection import Selection, select
from ringline.rpc.sorting import read_sort
from ringline.schema.sql import Prepared
from ringline.services import callers
from ringline.storage.database import Connection
from ringline.storage.stores import Stores
from tests.database import NOW, a_call, a_participant, a_turn, first_entry, make_log, new_id

MAX_LIST = limits.LIST_RECORDS.most
CONTACT, CALL = RESOURCES["Contact"], RESOURCES["Call"]
IDS = Selection(("id",))


class Counted:
    """Rows that count the statements that they run."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.statements: list[str] = []
        self.in_portions = 0
        self.fetched = 0  # rows in portions

    async def fetch(self, text: str, values: Sequence[object]) -> Sequence[Any]:
        self.statements.append(text)
        return await self._rows.fetch(text, values)

    async def fetch_within(
        self, text: str, values: Sequence[object], most_bytes: int, portion: int
    ) -> Portions:
        self.statements.append(text)
        self.in_portions += 1
        found = await self._rows.fetch_within(text, values, most_bytes=most_bytes, portion=portion)
        self.fetched += len(found.rows)
        return found


def asked_for(resource: Resource, fields: Any = IDS, **body: object) -> ListRequest:
    """Return the list that an RPC request describes."""
    selection = fields if isinstance(fields, Selection) else select(resource, fields)
    return read_list(resource, selection, body=body)


@dataclass
class Desk:
    """A workspace's rows, and a reader of them."""

    stores: Stores
    scope: Scope
    reader: Reader

    @asynccontextmanager
    async def counted(self) -> AsyncIterator[Counted]:
        async with self.stores.records.read(self.scope) as rows:
            yield Counted(rows)

    async def list(self, resource: str = "Contact", **request: Any) -> Any:
        pace = request.pop("pace", callers.at_once)
        asked = asked_for(RESOURCES[resource], **request)
        async with self.stores.records.read(self.scope) as rows:
            listed = await self.reader.list(rows, asked, pace=pace)
        return msgspec.json.decode(msgspec.json.encode(answer_list(asked, listed)))

    async def run(self, statement: str, *values: object) -> list[Any]:
        async with self.stores.database.transaction(self.scope) as connection:
            return await connection.fetch(statement, *values)

    async def contact(self, name: str, email: str | None = None, phone: str | None = None) -> UUID:
        contact_id = new_id()
        await self.run(
            "INSERT INTO ringline.contacts"
            " (workspace_id, environment, id, full_name, email, phone_e164)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            self.scope.workspace_id,
            self.scope.environment.value,
            contact_id,
            name,
            email,
            phone,
        )
        return contact_id


@pytest.fixture
async def desk(stores: Stores) -> Desk:
    return Desk(stores, await make_log(stores), Reader(["secret"]))


# -- filters ------------------------------------------------------------------------------

PEOPLE = [("Ada", "ada@x"), ("Bob", None), ("Cleo", "Cleo@x"), ("ada", "ada@y"), ("Zoe_%", None)]

#: A filter, and the name and email of the contacts that match it.
FILTERS: list[tuple[object, Callable[[str, str | None], bool]]] = [
    ({}, lambda _, __: True),
    ({"fullName": "Ada"}, lambda name, _: name == "Ada"),
    ({"fullName": {"notEq": "Ada"}}, lambda name, _: name != "Ada"),
    ({"fullName": {"in": ["Ada", "Bob", None]}}, lambda name, _: name in ("Ada", "Bob")),
    ({"fullName": {"in": []}}, lambda _, __: False),
    ({"email": {"isNil": True}}, lambda _, email: email is None),
    ({"email": {"isNil": False}}, lambda _, email: email is not None),
    ({"email": {"eq": None}}, lambda _, __: False),
    ({"email": {"notEq": "ada@x"}}, lambda _, email: email not in (None, "ada@x")),
    ({"email": {"not": {"eq": "ada@x"}}}, lambda _, email: email not in (None, "ada@x")),
    ({"not": {"email": "ada@x"}}, lambda _, email: email not in (None, "ada@x")),
    ({"fullName": {"contains": "d"}}, lambda name, _: "d" in name),
    ({"fullName": {"contains": "_%"}}, lambda name, _: "_%" in name),
    ({"fullName": {"stringStartsWith": "A"}}, lambda name, _: name.startswith("A")),
    ({"fullName": {"stringEndsWith": "a"}}, lambda name, _: name.endswith("a")),
    ({"or": []}, lambda _, __: False),
    ({"and": []}, lambda _, __: True),
    ({"not": []}, lambda _, __: False),
    (
        {"or": [{"fullName": "Bob"}, {"email": {"contains": "y"}}]},
        lambda name, email: name == "Bob" or "y" in (email or ""),
    ),
    (
        {"not": [{"fullName": "Bob"}, {"email": {"isNil": True}}]},
        lambda name, email: not (name == "Bob" and email is None),
    ),
    (
        {"and": [{"or": [{"fullName": "Ada"}, {"fullName": "ada"}]}, {"email": "ada@y"}]},
        lambda name, _: name == "ada",
    ),
]


@pytest.mark.parametrize(("given", "passes"), FILTERS)
async def test_a_filter_lets_through_whom_it_names(
    desk: Desk, given: object, passes: Callable[[str, str | None], bool]
) -> None:
    for name, email in PEOPLE:
        await desk.contact(name, email)
    found = await desk.list(fields=["fullName", "email"], filter=given)
    assert {(one["fullName"], one["email"]) for one in found} == {
        person for person in PEOPLE if passes(*person)
    }
    page = await desk.list(filter=given, page={"limit": 1, "count": True})
    assert page["count"] == len(found)


async def test_kinds_of_values_are_compared_as_what_they_are(desk: Desk) -> None:
    call = a_call()
    await desk.stores.log.commit([first_entry(desk.scope, call)])
    started = call.started_at.isoformat()
    for given, expected in (
        ({"id": str(call.id)}, 1),
        ({"id": {"in": [str(call.id), str(new_id())]}}, 1),
        ({"startedAt": {"gte": started, "lt": "2026-03-01T12:00:00.000001Z"}}, 1),
        ({"startedAt": {"gt": "2026-03-01T13:00:00+01:00"}}, 0),
        ({"durationSeconds": {"isNil": True}}, 1),
        ({"status": {"eq": "initiated"}}, 1),
        ({"status": {"in": ["answered", "initiated"]}}, 1),
        ({"participants": {"role": "caller"}}, 1),
        ({"participants": {"role": "operator"}}, 0),
        ({"not": {"participants": {"role": "operator"}}}, 1),
        ({"conversation": {}}, 0),
        ({"not": {"conversation": {}}}, 1),
        ({"organisation": {"environment": "live"}}, 1),
        ({"organisation": {"environment": "sandbox"}}, 0),
    ):
        assert len(await desk.list("Call", filter=given)) == expected, given


async def test_what_is_read_through_a_relationship_is_filtered_and_sorted(desk: Desk) -> None:
    calls = [a_call(uuid=f"call-{name}") for name in "bac"]
    for call in calls:
        await desk.stores.log.commit([first_entry(desk.scope, call)])
    found = await desk.list(
        "CallParticipant",
        fields=["memberUuid", {"call": ["callUuid"]}],
        filter={"call": {"callUuid": {"in": ["call-a", "call-b"]}}},
        sort="-call.callUuid",
    )
    assert [one["call"]["callUuid"] for one in found] == ["call-b", "call-a"]
    turns = [a_turn(call) for call in calls]
    for call, turn in zip(calls, turns, strict=True):
        await desk.run(
            "INSERT INTO ringline.call_transcripts (workspace_id, environment, id, call_id,"
            " turn_id, item_id, role, text, occurred_at)"
            " VALUES ($1, $2, $3, $4, $3, 'i', 'agent', 'Yes?', now())",
            desk.scope.workspace_id,
            desk.scope.environment.value,
            turn.id,
            call.id,
        )
    found = await desk.list(
        "CallTranscript",
        fields=["callUuid", "role"],
        filter={"callUuid": {"stringStartsWith": "call-"}, "role": "assistant"},
        sort="callUuid",
        page={"limit": 2},
    )
    assert found["results"] == [
        {"callUuid": "call-a", "role": "assistant"},
        {"callUuid": "call-b", "role": "assistant"},
    ]


# -- orders and pages -----------------------------------------------------------------------

PREFIXES = {"": (False, False), "-": (True, True), "++": (False, True), "--": (True, False)}


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_every_way_to_list_gives_the_same_order(desk: Desk, prefix: str) -> None:
    emails = ["b", None, "a", "B", None, "é", "a"]
    for number, email in enumerate(emails):
        await desk.contact(f"{number}", email)
    descending, nulls_first = PREFIXES[prefix]
    values = sorted((e for e in emails if e is not None), key=str.encode, reverse=descending)
    nulls: list[str | None] = [None, None]
    expected = [*nulls, *values] if nulls_first else [*values, *nulls]
    request = {"fields": ["id", "email"], "sort": f"{prefix}email"}
    whole = await desk.list(**request)
    assert [one["email"] for one in whole] == expected
    same = [one["id"] for one in whole if one["email"] == "a"]
    assert same == sorted(same)
    walked: list[Any] = []
    for offset in range(0, 9, 3):
        page = await desk.list(**request, page={"limit": 3, "offset": offset})
        assert page["hasMore"] == (offset + 3 < len(emails))
        walked += page["results"]
    assert walked == whole
    forward = [one async for one in walk(desk, "after", 2, **request)]
    assert forward == whole
    page = await desk.list(**request, page={"limit": 250})
    assert (page["nextPage"], page["hasMore"]) == (None, False)
    end = await end_of(desk, len(whole), **request)
    beyond = await desk.list(**request, page={"limit": 1, "after": end})
    assert beyond["results"] == []
    assert (beyond["nextPage"], beyond["previousPage"], beyond["hasMore"]) == (None, None, False)
    backward = [one async for one in walk(desk, "before", 2, start=end, **request)]
    assert backward == whole[-2::-1]
    first = await desk.list(**request, page={"limit": 250, "before": end})
    behind = await desk.list(**request, page={"limit": 250, "after": first["nextPage"]})
    assert behind["results"] == whole[-1:]


async def end_of(desk: Desk, count: int, **request: Any) -> str:
    """Return the cursor of the last row of a page of this size."""
    page = await desk.list(**request, page={"limit": count - 1})
    last = await desk.list(**request, page={"limit": 1, "after": page["nextPage"]})
    assert (len(last["results"]), last["nextPage"]) == (1, None)
    return last["previousPage"]


async def walk(
    desk: Desk, direction: str, limit: int, *, start: str | None = None, **request: Any
) -> AsyncIterator[Any]:
    """Follow cursors from the start, or from one of them, to the end; or backwards."""
    cursor = start
    while True:
        page = await desk.list(**request, page={"limit": limit, direction: cursor})
        assert page["type"] == "keyset"
        assert page[direction] == cursor
        results = page["results"]
        for one in results if direction == "after" else results[::-1]:
            yield one
        if not page["hasMore"]:
            return
        cursor = page["nextPage" if direction == "after" else "previousPage"]


@pytest.mark.parametrize("seed", range(25))
async def test_a_walk_under_writes_sees_every_row_that_stays_exactly_once(
    desk: Desk, seed: int
) -> None:
    chance = random.Random(seed)
    staying = [await random_contact(desk, chance) for _ in range(20)]
    others = [await random_contact(desk, chance) for _ in range(10)]
    names = chance.sample(["fullName", "email", "notes", "insertedAt"], chance.randint(1, 3))
    sort = ",".join(chance.choice(list(PREFIXES)) + name for name in names)
    seen: list[str] = []
    limit = chance.randint(1, 5)
    start = None
    direction = chance.choice(["after", "before"])
    if direction == "before":  # from behind everything
        everything = await desk.list(sort=sort, page={"limit": 250})
        start = await end_of(desk, len(everything["results"]), sort=sort)
        seen = [everything["results"][-1]["id"]]
    async for one in walk(desk, direction, limit, start=start, sort=sort):
        seen.append(one["id"])
        for _ in range(chance.randint(0, 2)):
            await write_something(desk, chance, others)
    assert sorted(seen.count(str(one)) for one in staying) == [1] * len(staying)


async def random_contact(desk: Desk, chance: random.Random) -> UUID:
    contact_id = await desk.contact(chance.choice("ab"), chance.choice([None, None, "x@y", "z@y"]))
    await desk.run(
        "UPDATE ringline.contacts SET notes = $2, inserted_at = $3::timestamptz WHERE id = $1",
        contact_id,
        chance.choice([None, "n", "m" * 300]),
        a_call().started_at.replace(second=chance.randint(0, 3)),
    )
    return contact_id


async def write_something(desk: Desk, chance: random.Random, others: list[UUID]) -> None:
    match chance.choice(["insert", "delete", "move"]):
        case "insert":
            others.append(await random_contact(desk, chance))
        case "delete" if others:
            gone = others.pop(chance.randrange(len(others)))
            await desk.run("DELETE FROM ringline.contacts WHERE id = $1", gone)
        case _ if others:
            await desk.run(
                "UPDATE ringline.contacts SET full_name = $2, email = $3 WHERE id = $1",
                chance.choice(others),
                chance.choice("abc"),
                chance.choice([None, "x@y", "z@y"]),
            )


async def test_a_cursor_serves_its_own_list_alone(desk: Desk) -> None:
    await desk.contact("Ada")
    page = await desk.list(sort="fullName", page={"limit": 1})
    cursor = page["previousPage"]
    for request in (
        {"sort": "-fullName"},
        {"sort": "email"},
        {"sort": None},
        {"resource": "Queue", "sort": None},
    ):
        resource = request.pop("resource", "Contact")
        with pytest.raises(BadCursor):
            await desk.list(str(resource), **request, page={"after": cursor})


class Explained:
    """Rows that record a statement's plan and return no rows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.plan = ""

    async def fetch(self, text: str, values: Sequence[object]) -> Sequence[Any]:
        plan = await self._connection.fetch(f"EXPLAIN (COSTS OFF) {text}", *values)
        self.plan = "\n".join(row[0] for row in plan)
        return []

    async def fetch_within(
        self, text: str, values: Sequence[object], most_bytes: int, portion: int
    ) -> Portions:
        return Portions(await self.fetch(text, values), 0, True)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("direction", ["first", "after", "before"])
async def test_an_indexed_sort_is_walked_by_its_index(
    desk: Desk, prefix: str, direction: str
) -> None:
    samples: dict[type, object] = {
        Text: "x",
        PhoneNumber: "+4930901820",
        Timestamp: NOW,
        Id: new_id(),
    }
    for resource in RESOURCES.values():
        for name in resource.indexed:
            keys = read_sort(resource, prefix + name)
            values = [samples[type(kind)] for kind in kinds_of(resource, keys)]
            cursor = Cursors(["secret"]).make(purpose_of(resource, keys), values)
            page = {"limit": 5} | ({} if direction == "first" else {direction: cursor})
            async with desk.stores.database.transaction(desk.scope) as connection:
                await connection.execute(
                    "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
                    "SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off"
                )
                rows = Explained(connection)
                asked = asked_for(resource, sort=prefix + name, page=page)
                await desk.reader.list(rows, asked)
            assert "Index" in rows.plan
            # What the regions bring together is sorted by their number; nothing else is.
            sorts = [line for line in rows.plan.splitlines() if "Sort Key" in line]
            assert all("(0)" in line for line in sorts), (resource.name, name, rows.plan)


# -- what is related ------------------------------------------------------------------------


async def test_what_is_related_costs_a_query_each_however_many_rows(desk: Desk) -> None:
    agent = (await desk.list("AiAgent"))[0]["id"]
    for number in range(30):
        conversation = new_id()
        await desk.run(
            "INSERT INTO ringline.conversations (workspace_id, environment, id, public_id,"
            " channel, mode, status, agent_id) VALUES ($1, $2, $3, $4, 'call', 'voice',"
            " 'active', $5)",
            desk.scope.workspace_id,
            desk.scope.environment.value,
            conversation,
            f"c{number}",
            agent,
        )
        for _ in range(2):
            call = a_call(conversation_id=conversation)
            entry = first_entry(desk.scope, call)
            await desk.stores.log.commit([entry])
    fields: list[object] = [
        "callUuid",
        {"participants": ["role"], "transcripts": ["text"]},
        {"conversation": ["publicId", {"aiAgent": ["name", {"organisation": ["name"]}]}]},
    ]
    for page in ({"limit": 3}, {"limit": 250}):
        async with desk.counted() as rows:
            await desk.reader.list(rows, asked_for(CALL, fields, page=page))
        assert len(rows.statements) == 6
    listed = await desk.list("Call", fields=fields, page=page)
    assert len(listed["results"]) == 60
    for one in listed["results"]:
        assert one["participants"] == [{"role": "caller"}]
        assert one["transcripts"] == []
        assert one["conversation"]["aiAgent"]["name"] == "Attendant"
        assert one["conversation"]["aiAgent"]["organisation"] == {"name": "Somebody's"}


async def test_a_plain_list_is_one_query_and_a_count_one_more(desk: Desk) -> None:
    for page, queries in (({"limit": 1}, 1), ({"limit": 1, "count": True}, 2), (None, 1)):
        async with desk.counted() as rows:
            await desk.reader.list(rows, asked_for(CONTACT, page=page))
        assert len(rows.statements) == queries


async def test_the_call_of_a_conversation_is_its_latest(desk: Desk) -> None:
    conversation = new_id()
    await desk.run(
        "INSERT INTO ringline.conversations (workspace_id, environment, id, public_id, channel,"
        " mode, status) VALUES ($1, $2, $3, 'p', 'call', 'voice', 'active')",
        desk.scope.workspace_id,
        desk.scope.environment.value,
        conversation,
    )
    times = [a_call().started_at.replace(minute=minute) for minute in (1, 3, 2)]
    for number, moment in enumerate(times):
        call = a_call(uuid=f"{number}", started_at=moment, conversation_id=conversation)
        await desk.stores.log.commit([first_entry(desk.scope, call)])
    fields = ["publicId", {"call": ["callUuid"]}]
    (found,) = await desk.list("Conversation", fields=fields)
    assert found == {"publicId": "p", "call": {"callUuid": "1"}}
    for uuid, expected in (("1", 1), ("0", 0)):
        given = {"call": {"callUuid": uuid}}
        assert len(await desk.list("Conversation", filter=given, sort="call.callUuid")) == expected


async def test_lists_are_bounded(desk: Desk) -> None:
    async def contacts(count: int) -> None:
        await desk.run(
            "INSERT INTO ringline.contacts (workspace_id, environment, id, full_name)"
            " SELECT $1, $2, gen_random_uuid(), 'x' FROM generate_series(1, $3)",
            desk.scope.workspace_id,
            desk.scope.environment.value,
            count,
        )

    await contacts(MAX_LIST)
    assert len(await desk.list()) == MAX_LIST
    await contacts(1)
    with pytest.raises(ResultTooLarge) as refused:
        await desk.list()
    assert refused.value.limit == limits.LIST_RECORDS


async def test_nested_selections_are_counted_as_they_multiply(desk: Desk) -> None:
    call = a_call()
    people = [a_participant(call) for _ in range(400)]
    entry = first_entry(desk.scope, call)
    await desk.stores.log.commit(
        [entry.__class__(entry.scope, entry.events, (call, *people), call.id)]
    )
    once: list[object] = ["id", {"participants": ["id"]}]
    await desk.list("Call", fields=once)
    twice: list[object] = ["id", {"participants": ["id", {"call": once}]}]
    with pytest.raises(ResultTooLarge) as refused:
        await desk.list("Call", fields=twice)
    assert refused.value.limit == limits.ANSWER_RECORDS


async def test_plans_are_kept_by_shape_in_a_bounded_number(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    def prepare(statement: Any) -> Prepared:
        made.append(statement)
        return Prepared(statement)

    monkeypatch.setattr(reader_module, "Prepared", prepare)
    desk = replace(desk, reader=Reader(["secret"], PlanLimits(kept=2)))
    for name in ("Ada", "Bob", "Cleo"):  # one shape
        await desk.list(filter={"fullName": {"in": [name, name]}}, page={"limit": 2})
    assert len(made) == 1
    for field in ("email", "notes", "email", "fullName"):  # the third is still there
        await desk.list(filter={field: {"eq": "x"}}, page={"limit": 2})
    assert len(made) == 4
    huge = {"or": [{"fullName": {"contains": "x"}}] * 499}
    for _ in range(2):
        await desk.list(filter=huge, page={"limit": 2})
    assert len(made) == 6
    await desk.list(filter={"fullName": "y"}, page={"limit": 2})
    assert len(made) == 6


async def test_what_large_shapes_take_is_not_kept(desk: Desk) -> None:
    call: list[object] = ["id"]
    for _ in range(7):
        inner = {"conversation": [{"call": call, "organisation": ["id"]}]}
        call = ["id", inner, {"participants": ["id"], "transcripts": ["id"]}]
    large: list[dict[str, Any]] = [
        {"filter": {"or": [{"and": []}] * (400 + number)}} for number in range(10)
    ]
    large += [{"fields": [*call, name]} for name in ("status", "callUuid")]
    for warm in ({"filter": {"or": [{"and": []}] * 390}}, {"fields": [*call, "direction"]}):
        await desk.list("Call", page={"limit": 1}, **warm)  # what is kept once
    tracemalloc.start()
    try:
        for request in large:
            await desk.list("Call", page={"limit": 1}, **request)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The driver keeps texts of statements, so many; the plans would be more than twice this.
    assert kept < 2 * limits.PLAN_BYTES.most


async def test_a_large_plan_is_made_beside_the_event_loop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_by: list[bool] = []

    def prepare(statement: Any) -> Prepared:
        made_by.append(threading.current_thread() is threading.main_thread())
        return Prepared(statement)

    monkeypatch.setattr(reader_module, "Prepared", prepare)
    sort = ["-status", "startedAt", "-endedAt", "sipUsername", "fromNumber", "toNumber"]
    paths = [f"conversation.{name}" for name in ("publicId", "channel", "mode", "status")]
    requests: dict[bool, list[dict[str, Any]]] = {
        True: [{}, {"filter": {"or": [{"status": "busy"}] * 20}}, {"sort": sort}],
        False: [
            {"filter": {"or": [{"status": "busy"}] * 100}},
            {"filter": {"or": [{"participants": {"role": "caller"}}] * 10}},
            {"sort": [*sort, *paths], "page": {"limit": 1}},
        ],
    }
    for at_once, asked in requests.items():
        for request in asked:
            await desk.list("Call", **request)
            assert made_by.pop() is at_once
    assert made_by == []


# -- bytes ----------------------------------------------------------------------------------


async def fill(desk: Desk, count: int, size: int, text: str = "x") -> None:
    """Add contacts with notes of this length, which may predate the limit."""
    await desk.run(
        "INSERT INTO ringline.contacts (workspace_id, environment, id, full_name, notes)"
        " SELECT $1, $2, gen_random_uuid(), 'x', repeat($5, $4) FROM generate_series(1, $3)",
        desk.scope.workspace_id,
        desk.scope.environment.value,
        count,
        size,
        text,
    )


async def too_large(desk: Desk, resource: str = "Contact", **request: Any) -> Counted:
    """List more bytes than an answer may have; return the rows that were read."""
    asked = asked_for(RESOURCES[resource], **request)
    async with desk.counted() as rows:
        with pytest.raises(ResultTooLarge) as refused:
            await desk.reader.list(rows, asked)
    assert refused.value.limit == limits.ANSWER_BYTES
    return rows


@pytest.mark.parametrize("page", [None, {"limit": 250}, {"limit": 250, "offset": 0}])
async def test_an_answer_is_counted_in_bytes_while_its_rows_are_fetched(
    desk: Desk, page: object
) -> None:
    await fill(desk, 60, 1_000_000, "ä")
    rows = await too_large(desk, fields=["id", "notes"], page=page)
    assert rows.fetched == 9, "the ninth of 2 MB is over it, and no other was handed on"
    assert len(await desk.list(fields=["id", "fullName"])) == 60
    for one in await desk.list(fields=["id"], page={"limit": 3}, sort="notes"):
        assert one


async def test_rows_come_in_portions_that_large_ones_fit_in(desk: Desk) -> None:
    await fill(desk, 40, 4_000_000)
    tracemalloc.start()
    try:
        await too_large(desk, fields=["notes"], page={"limit": 250})
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2.5 * limits.PORTION_ROWS.most * 4_000_000


async def test_a_few_short_columns_are_fetched_at_once(desk: Desk) -> None:
    for number in range(3):
        await desk.contact(f"{number}")
    for fields, page, in_portions in (
        (["id", "fullName"], {"limit": 250}, 0),
        (["id"], None, 0),
        (["id", "fullName"], None, 1),
        (["id", "notes"], {"limit": 1}, 1),
    ):
        async with desk.counted() as rows:
            await desk.reader.list(rows, asked_for(CONTACT, fields, page=page))
        assert (rows.in_portions, len(rows.statements)) == (in_portions, 1)


async def test_what_may_be_large_is_held_before_it_is_fetched(desk: Desk) -> None:
    await fill(desk, 5, 100_000)
    held: list[int] = []

    async def pace(size: int, made: int) -> None:
        held.append(size)
        assert made == 0, "nothing is made yet"

    page = {"limit": 10}
    await desk.list(fields=["id", "fullName"], page=page, pace=pace)
    assert held == []
    await desk.list(fields=["id", "notes"], page=page, pace=pace)
    assert held[0] == limits.ANSWER_BYTES.most
    assert 500_000 <= held[1] < 510_000


async def test_what_many_records_share_counts_in_each_of_them(desk: Desk) -> None:
    agent = UUID((await desk.list("AiAgent"))[0]["id"])
    await desk.run("UPDATE ringline.agents SET instructions = repeat('x', 262144)")
    await desk.run(
        "INSERT INTO ringline.conversations (workspace_id, environment, id, public_id, channel,"
        " mode, status, agent_id) SELECT $1, $2, gen_random_uuid(), gen_random_uuid()::text,"
        " 'chat', 'text', 'active', $3 FROM generate_series(1, 250)",
        desk.scope.workspace_id,
        desk.scope.environment.value,
        agent,
    )
    fields: list[object] = ["id", {"aiAgent": ["instructions"]}]
    assert (
        len((await desk.list("Conversation", fields=fields, page={"limit": 60}))["results"]) == 60
    )
    await too_large(desk, "Conversation", fields=fields, page={"limit": 62})
    twice: list[object] = [{"aiAgent": ["instructions"], "conversationItems": ["id"]}]
    await too_large(desk, "Conversation", fields=twice, page={"limit": 250})


async def test_all_statements_of_a_request_have_one_budget(desk: Desk) -> None:
    conversation = new_id()
    place = (desk.scope.workspace_id, desk.scope.environment.value, conversation)
    await desk.run(
        "INSERT INTO ringline.conversations (workspace_id, environment, id, public_id, channel,"
        " mode, status, metadata) VALUES ($1, $2, $3, 'p', 'chat', 'text', 'active',"
        " jsonb_build_object('k', repeat('x', 9000000)))",
        *place,
    )
    await desk.run(
        "INSERT INTO ringline.conversation_items (workspace_id, environment, id,"
        " conversation_id, role, modality, content, occurred_at)"
        " VALUES ($1, $2, $3, $3, 'user', 'text', repeat('x', 9000000), now())",
        *place,
    )
    items: list[object] = [{"conversationItems": ["content"]}]
    for fields in (["metadata"], items):
        assert len(await desk.list("Conversation", fields=fields)) == 1
    await too_large(desk, "Conversation", fields=["metadata", *items])
