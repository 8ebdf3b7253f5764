"""What webhooks are owed is written with its event, whoever wrote that, and only then."""

import pytest

from ringline.domain.call_vocabulary import AuditType, TurnRole
from ringline.domain.events import CallAudit, Event
from ringline.domain.log import Environment, Scope
from ringline.domain.records import Entry
from ringline.domain.sample_events import Sample, sample_event
from ringline.domain.topics import ThreadEvents
from ringline.ports import AlreadyExists, Transaction
from ringline.storage.stores import Stores
from ringline.wire.message_payloads import THREAD_EVENTS
from tests.database import (
    NOW,
    TestDatabase,
    a_call,
    a_turn,
    a_workspace,
    created,
    last_entry,
    make_log,
    new_id,
    said,
)
from tests.webhook_rows import a_contact, add_endpoint, first_agent, owed


async def test_every_endpoint_is_owed_what_its_filter_lets_through(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    everything = await add_endpoint(stores, scope, "*")
    calls = await add_endpoint(stores, scope, "call.*")
    ends = await add_endpoint(stores, scope, "call.ended", "contact.created")
    nothing = await add_endpoint(stores, scope, "conversation.*", "call.answered")
    paused = await add_endpoint(stores, scope, "call.ended", paused=True)
    disabled = await add_endpoint(stores, scope, "*", enabled=False)
    call = a_call()
    await stores.log.commit(
        [
            Entry(scope, (created(call),), (call,), call.id),
            last_entry(scope, call),
            Entry(scope, (a_contact(),)),
        ]
    )
    found = await owed(database)
    by_target = {
        target: [(offset, type_) for other, offset, type_ in found if other == target]
        for target in (everything, calls, ends, nothing, paused, disabled)
    }
    new, end, contact = (1, "call.created"), (2, "call.ended"), (3, "contact.created")
    assert by_target == {
        everything: [new, end, contact],
        calls: [new, end],
        ends: [end, contact],
        nothing: [],
        paused: [end],
        disabled: [],
    }
    async with database.connection() as superuser:
        rows = await superuser.fetch("SELECT * FROM ringline.webhook_deliveries")
        log = await superuser.fetch('SELECT "offset", event_id, call_id FROM ringline.events')
    known = {row["offset"]: (row["event_id"], row["call_id"]) for row in log}
    assert len({row["id"] for row in rows}) == len(rows) == len(found)
    for row in rows:
        assert row["id"].version == 7
        assert (row["event_id"], row["call_id"]) == known[row["offset"]]
        assert (row["status"], row["attempts"], row["step"]) == ("pending", 0, 0)
        assert row["schedule_from"] is row["claimed_by"] is None


async def test_an_agent_is_owed_the_envelopes_of_its_own_calls(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    agent = await first_agent(stores, scope, "https://example.com/agent")
    own, others = a_call(agent_id=agent), a_call()
    turns = (said(own, a_turn(own)), said(own, a_turn(own, role=TurnRole.AGENT)))
    note = Event(new_id(), NOW, CallAudit(audit_type=AuditType.NOTE, code="n"), created(own).call)
    await stores.log.commit(
        [
            Entry(scope, (created(own), created(others), *turns, note), (own, others), own.id),
            last_entry(scope, others),
            last_entry(scope, own),
        ]
    )
    assert await owed(database) == [
        (agent, 3, "call.transcription"),
        (agent, 4, "call.agent_response"),
        (agent, 7, "call.completed"),
    ]
    assert await first_agent(stores, scope, None) == agent
    other = a_call(agent_id=agent)
    await stores.log.commit([Entry(scope, (created(other),), (other,), other.id)])
    await stores.log.commit([last_entry(scope, other)])
    assert len(await owed(database)) == 3


async def test_an_agent_is_owed_the_envelopes_of_its_own_threads(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    agent = await first_agent(stores, scope, "https://example.com/agent")
    kinds = [kind.type for kind in THREAD_EVENTS]
    for agent_id in (agent, new_id()):
        sample = Sample(NOW, new_id, agent_id)
        written = tuple(sample_event(kind, sample) for kind in kinds)
        await stores.log.commit([Entry(scope, written)])
    assert await owed(database) == [
        (agent, offset, kind) for offset, kind in enumerate(kinds, start=1)
    ]


async def test_a_thread_is_read_by_itself(stores: Stores) -> None:
    scope = await make_log(stores)
    sample = Sample(NOW, new_id, new_id())
    written = tuple(sample_event(kind.type, sample) for kind in THREAD_EVENTS)
    await stores.log.commit([Entry(scope, written)])
    second = written[1]
    assert second.thread_id is not None
    page = await stores.log.page(scope, 0, limit=10, topic=ThreadEvents(second.thread_id))
    assert [(stored.offset, stored.event) for stored in page.events] == [(2, second)]


async def test_a_request_owes_as_the_journal_does_and_nothing_if_it_fails(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    endpoint = await add_endpoint(stores, scope, "contact.*")

    async def write(transaction: Transaction) -> None:
        transaction.append(a_contact(), a_contact())

    async def fail(transaction: Transaction) -> None:
        transaction.append(a_contact())
        raise LookupError

    await stores.records.write(scope, write)
    with pytest.raises(LookupError):
        await stores.records.write(scope, fail)

    async def refuse() -> None:
        raise LookupError

    with pytest.raises(LookupError):  # after everything was written
        await stores.records.write(scope, write, check=refuse)
    assert await owed(database) == [
        (endpoint, 1, "contact.created"),
        (endpoint, 2, "contact.created"),
    ]


async def test_a_batch_that_is_refused_owes_nothing(database: TestDatabase, stores: Stores) -> None:
    scope = await make_log(stores)
    await add_endpoint(stores, scope, "*")
    twice = a_contact()
    with pytest.raises(AlreadyExists):
        await stores.log.commit([Entry(scope, (a_contact(), twice, twice))])
    assert await owed(database) == []


async def test_environments_and_workspaces_owe_their_own_endpoints_only(
    database: TestDatabase, stores: Stores
) -> None:
    workspace = a_workspace()
    await stores.workspaces.create_workspace(workspace)
    live, test = (Scope(workspace.id, environment) for environment in Environment)
    other = await make_log(stores)
    endpoints = {scope: await add_endpoint(stores, scope, "*") for scope in (live, test, other)}
    await stores.log.commit([Entry(scope, (a_contact(),)) for scope in (live, test, live)])
    assert sorted(await owed(database)) == sorted(
        [
            (endpoints[live], 1, "contact.created"),
            (endpoints[live], 2, "contact.created"),
            (endpoints[test], 1, "contact.created"),
        ]
    )
