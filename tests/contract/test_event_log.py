"""The port `EventLog`: offsets, order, refusals, reading back.

The adapters are PostgreSQL and the double that other tests use.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from ringline.domain import limits
from ringline.domain.audit import COMMAND_LINE, AuditEntry
from ringline.domain.call_vocabulary import AuditType, CallStatus, TurnRole
from ringline.domain.events import CallAudit, Event, TranscriptDelta
from ringline.domain.log import Environment, Scope
from ringline.domain.records import Entry
from ringline.domain.topics import CallEvents
from ringline.ports import EntryRefused, EventLog, LogBusy, LogPage, Violation
from ringline.storage.stores import Stores
from tests.database import (
    NOW,
    OTHER,
    TestDatabase,
    a_call,
    a_participant,
    a_turn,
    a_workspace,
    created,
    first_entry,
    last_entry,
    make_log,
    new_id,
    ref_of,
    said,
)
from tests.expecting import refused_for
from tests.faulty import EPOCH, MemoryLog


@dataclass(frozen=True)
class Truth:
    """An adapter of the port `EventLog`, and how to create a log in it."""

    log: EventLog
    epoch: str
    new_scope: Callable[[], Awaitable[Scope]]


@pytest.fixture(params=["postgres", "memory"])
def truth(request: pytest.FixtureRequest, stores: Stores) -> Truth:
    if request.param == "postgres":
        return Truth(stores.log, "aaaaaaaa", partial(make_log, stores))
    memory = MemoryLog()
    memory.known = set()
    return Truth(memory, EPOCH, partial(new_memory_scope, memory))


async def new_memory_scope(memory: MemoryLog) -> Scope:
    assert memory.known is not None
    workspace_id = new_id()
    memory.known |= {Scope(workspace_id, environment) for environment in Environment}
    return Scope(workspace_id, Environment.LIVE)


async def test_offsets_begin_with_one_and_have_no_gap(truth: Truth) -> None:
    scope = await truth.new_scope()
    call = a_call()
    turn = a_turn(call)
    spoken = Entry(scope, (said(call, turn), said(call, turn)), (turn,), call.id)
    assert await truth.log.commit([first_entry(scope, call)]) == [(1,)]
    assert await truth.log.commit([spoken, first_entry(scope)]) == [(2, 3), (4,)]
    head = (await truth.log.heads([scope]))[scope]
    assert (head.epoch, head.newest, head.oldest) == (truth.epoch, 4, 1)


async def test_an_event_is_read_back_as_it_was_written(truth: Truth) -> None:
    scope = await truth.new_scope()
    call = a_call()
    audit = CallAudit(
        audit_type=AuditType.TOOL_CALL, code="book", detail={"n": [1, None, "ä\u2028"]}
    )
    plain = Event(new_id(), NOW + timedelta(microseconds=1), audit)
    entry = Entry(scope, (created(call), plain), (call,), call.id)
    await truth.log.commit([entry])
    page = await truth.log.page(scope, 0, limit=10)
    assert [stored.event for stored in page.events] == list(entry.events)
    assert offsets_of(page) == [1, 2]


def offsets_of(page: LogPage) -> list[int]:
    return [event.offset for event in page.events]


async def test_a_page_ends_where_its_events_are_large_but_has_one(truth: Truth) -> None:
    scope = await truth.new_scope()
    call = a_call()
    notes = [
        Event(
            new_id(),
            NOW,
            CallAudit(audit_type=AuditType.NOTE, code="n", detail={"text": "x" * size}),
            None,
        )
        for size in (10, limits.FOLLOWED_BYTES.most + 10, limits.FOLLOWED_BYTES.most // 2, 10, 10)
    ]
    await truth.log.commit([Entry(scope, tuple(notes), (), call.id)])
    pages: list[tuple[list[int], bool]] = []
    after = 0
    while not pages or not pages[-1][1]:
        page = await truth.log.page(scope, after, limit=100)
        after = offsets_of(page)[-1]
        pages.append((offsets_of(page), page.complete))
    assert pages == [([1, 2], False), ([3, 4, 5], True)]
    page = await truth.log.page(scope, 1, limit=100)
    assert (offsets_of(page), page.complete) == ([2], False)
    page = await truth.log.page(scope, 2, limit=2)
    assert (offsets_of(page), page.complete) == ([3, 4], False)


async def test_pages_go_on_behind_an_offset_and_keep_to_a_call(truth: Truth) -> None:
    scope = await truth.new_scope()
    one, two = a_call(), a_call()
    await truth.log.commit(
        [
            first_entry(scope, one),
            first_entry(scope, two),
            last_entry(scope, one),
            last_entry(scope, two),
        ]
    )
    assert offsets_of(await truth.log.page(scope, 1, limit=2)) == [2, 3]
    assert offsets_of(await truth.log.page(scope, 0, limit=9, topic=CallEvents(two.id))) == [2, 4]
    assert await truth.log.page(scope, 4, limit=9) == LogPage([], True)


async def test_ephemeral_events_have_no_row_and_no_offset(truth: Truth) -> None:
    scope = await truth.new_scope()
    call = a_call()
    delta = TranscriptDelta(
        turn_id=new_id(), item_id="i", role=TurnRole.CALLER, delta="a", text="a", sequence=0
    )
    so_far = Event(new_id(), NOW, delta, ref_of(call))
    await truth.log.commit([first_entry(scope, call)])
    told = await truth.log.commit(
        [Entry(scope, (so_far,)), Entry(scope, (so_far, said(call, a_turn(call))))]
    )
    assert told == [(), (2,)]
    assert await truth.log.commit([Entry(scope, (so_far,))]) == [()]


async def test_several_logs_go_into_one_transaction(truth: Truth) -> None:
    live = await truth.new_scope()
    test = Scope(live.workspace_id, Environment.TEST)
    other = await truth.new_scope()
    order = [other, live, test, live]
    assert await truth.log.commit([first_entry(scope) for scope in order]) == [
        (1,),
        (1,),
        (1,),
        (2,),
    ]
    heads = await truth.log.heads([live, test, other, Scope(new_id(), Environment.LIVE)])
    assert {scope: head.newest for scope, head in heads.items()} == {live: 2, test: 1, other: 1}


async def test_offsets_are_gapless_under_two_servers_at_once(
    database: TestDatabase, stores: Stores
) -> None:
    scopes = [await make_log(stores) for _ in range(3)]
    async with database.stores(OTHER, claim=False) as others:

        async def write(through: Stores, shift: int) -> list[tuple[Scope, int]]:
            told: list[tuple[Scope, int]] = []
            for turn in range(12):
                # Every writer names the logs in another order.
                batch = [first_entry(scopes[(shift + turn + step) % 3]) for step in range(3)]
                for entry, offsets in zip(batch, await through.log.commit(batch), strict=True):
                    told += [(entry.scope, offset) for offset in offsets]
            return told

        writers = [write((stores, others)[shift % 2], shift) for shift in range(6)]
        told = [place for places in await asyncio.gather(*writers) for place in places]
    expected = list(range(1, 6 * 12 + 1))
    for scope in scopes:
        assert sorted(offset for place, offset in told if place == scope) == expected
        assert offsets_of(await stores.log.page(scope, 0, limit=1000)) == expected


async def test_events_are_found_by_their_ids(truth: Truth) -> None:
    scope = await truth.new_scope()
    entry = first_entry(scope)
    await truth.log.commit([first_entry(scope), entry])
    event_id = entry.events[0].id
    assert await truth.log.find(scope, [event_id, new_id()]) == {event_id: 2}
    assert await truth.log.find(replace(scope, environment=Environment.TEST), [event_id]) == {}


async def test_an_event_is_written_once(truth: Truth) -> None:
    scope = await truth.new_scope()
    entry = first_entry(scope)
    await truth.log.commit([entry])
    with refused_for(Violation.ALREADY_EXISTS):
        await truth.log.commit([Entry(scope, entry.events)])
    assert await truth.log.commit([first_entry(scope)]) == [(2,)]


async def test_a_refused_entry_leaves_nothing_behind(stores: Stores) -> None:
    scope = await make_log(stores)
    call, unknown = a_call(), a_call()
    orphan = Entry(scope, (said(unknown, a_turn(unknown)),), (a_turn(unknown),), unknown.id)
    with refused_for(Violation.REFERENCE):
        await stores.log.commit([first_entry(scope, call), orphan])
    assert await stores.calls.get_call(scope, call.id) is None
    assert await stores.log.page(scope, 0, limit=10) == LogPage([], True)


async def test_a_deed_is_written_with_its_entry_or_not_at_all(
    stores: Stores, database: TestDatabase
) -> None:
    scope = await make_log(stores)
    call, unknown = a_call(), a_call()
    deed = AuditEntry(new_id(), NOW, COMMAND_LINE, "end_call", scope.environment)
    orphan = Entry(scope, (said(unknown, a_turn(unknown)),), (a_turn(unknown),), unknown.id)
    with refused_for(Violation.REFERENCE):
        await stores.log.commit([orphan.noting(deed)])
    assert await deeds_in(database) == []
    await stores.log.commit([first_entry(scope, call).noting(deed)])
    # A transaction whose answer was lost may be written again, if it has no events.
    await stores.log.commit([Entry(scope, (), (deed,), call.id)])
    assert await deeds_in(database) == [deed.id]


async def deeds_in(database: TestDatabase) -> list[UUID]:
    async with database.connection() as superuser:
        rows = await superuser.fetch("SELECT id FROM ringline.audit_entries")
    return [row["id"] for row in rows]


@pytest.mark.parametrize("text", ["a\x00b", "half a pair \ud800"])
async def test_text_that_cannot_be_stored_is_refused(stores: Stores, text: str) -> None:
    scope = await make_log(stores)
    call = a_call()
    await stores.log.commit([first_entry(scope, call)])
    turn = a_turn(call, text)
    with pytest.raises(EntryRefused):
        await stores.log.commit([Entry(scope, (said(call, turn),), (), call.id)])
    with pytest.raises(EntryRefused):
        await stores.log.commit([Entry(scope, (said(call, a_turn(call)),), (turn,), call.id)])
    assert await stores.log.commit([last_entry(scope, call)]) == [(2,)]


async def test_a_log_that_is_not_there_is_refused(stores: Stores) -> None:
    scope = Scope(new_id(), Environment.LIVE)
    call = a_call()
    with refused_for(Violation.NO_LOG):
        await stores.log.commit([Entry(scope, (created(call),))])


async def test_a_locked_log_is_busy_and_the_others_are_not(
    database: TestDatabase, stores: Stores
) -> None:
    locked, free = await make_log(stores), await make_log(stores)
    async with database.connection() as superuser, superuser.transaction():
        await superuser.execute(
            "SELECT 1 FROM ringline.logs WHERE workspace_id = $1 FOR UPDATE", locked.workspace_id
        )
        with pytest.raises(LogBusy):
            await stores.log.commit([first_entry(free), first_entry(locked)])
        assert await stores.log.commit([first_entry(free)]) == [(1,)]
    assert await stores.log.commit([first_entry(locked)]) == [(1,)]


async def test_a_call_is_written_by_its_process_alone(
    database: TestDatabase, stores: Stores
) -> None:
    scope = await make_log(stores)
    call = a_call()
    await stores.log.commit([first_entry(scope, call)])
    answered = replace(call, status=CallStatus.ANSWERED, answered_at=NOW)
    async with database.stores(OTHER, claim=False) as others:
        with refused_for(Violation.NOT_OURS):
            await others.log.commit([Entry(scope, (created(call),), (answered,), call.id)])
    await stores.log.commit([Entry(scope, (created(call),), (answered,), call.id)])
    assert await stores.calls.get_call(scope, call.id) == answered


async def test_an_ended_call_stays_as_it_ended(stores: Stores) -> None:
    scope = await make_log(stores)
    call = a_call()
    await stores.log.commit([first_entry(scope, call), last_entry(scope, call)])
    with refused_for(Violation.NOT_OURS):
        await stores.log.commit([last_entry(scope, call)])
    assert [event.event.type for event in (await stores.log.page(scope, 0, limit=9)).events] == [
        "call.created",
        "call.ended",
    ]


async def test_of_several_states_in_one_batch_the_last_counts(stores: Stores) -> None:
    scope = await make_log(stores)
    call = a_call()
    ringing = replace(call, status=CallStatus.RINGING)
    answered = replace(
        call, status=CallStatus.ANSWERED, answered_at=NOW - timedelta(seconds=90, milliseconds=1)
    )
    who = a_participant(call)
    left = replace(who, left_at=NOW)
    rows = (call, who, ringing, answered, left)
    await stores.log.commit([Entry(scope, (created(call),), rows, call.id)])
    assert await stores.calls.get_call(scope, call.id) == answered
    await stores.log.commit([last_entry(scope, answered)])
    ended = await stores.calls.get_call(scope, call.id)
    assert ended is not None
    assert ended.status is CallStatus.COMPLETED


async def test_workspaces_begin_with_their_logs(stores: Stores) -> None:
    workspace = a_workspace()
    await stores.workspaces.create_workspace(workspace)
    for environment, epoch in workspace.epochs.items():
        scope = Scope(workspace.id, environment)
        assert (await stores.log.heads([scope]))[scope].epoch == epoch
