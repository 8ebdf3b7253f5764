"""Pages of the log: `list_events`, on a real database (contract, 10)."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from ringline.domain import limits
from ringline.domain.call_vocabulary import AuditType, CallStatus, HangupCause, TurnRole
from ringline.domain.conversations import AiMode
from ringline.domain.events import (
    CallAudit,
    CallCreated,
    CallEnded,
    ConversationModeChanged,
    Event,
    KnownCaller,
    TranscriptLine,
    TurnCompleted,
)
from ringline.domain.ids import Prefix, format_id
from ringline.domain.records import Entry
from ringline.services.event_pages import PageLimits
from ringline.storage.stores import Stores
from ringline.wire.listed_events import translate
from ringline.wire.strict_json import encode
from tests.action_runner import ActionRunner, action_runner, refused
from tests.database import (
    NOW,
    TestDatabase,
    a_call,
    created,
    first_entry,
    last_entry,
    new_id,
    ref_of,
)


@pytest.fixture
async def here(stores: Stores) -> AsyncIterator[ActionRunner]:
    async with action_runner(stores) as open_:
        yield open_


async def write(here: ActionRunner, count: int) -> None:
    """Append so many notes to the log."""
    call = a_call()
    notes = [
        Event(new_id(), NOW, CallAudit(audit_type=AuditType.NOTE, code=str(number)), ref_of(call))
        for number in range(count - 1)
    ]
    await here.stores.log.commit([Entry(here.scope, (created(call), *notes), (call,), call.id)])


def within(here: ActionRunner, bounds: PageLimits) -> ActionRunner:
    """Return a runner whose pages have other limits."""
    return replace(here, services=replace(here.services, pages=bounds))


def offsets(page: Any) -> list[int]:
    return [event["offset"] for event in page["events"]]


def place(page: Any) -> tuple[str, bool, bool]:
    return page["position"], page["hasMore"], page["recovered"]


async def test_an_empty_log_has_a_page(here: ActionRunner) -> None:
    assert await here.run("list_events") == {
        "events": [],
        "position": "aaaaaaaa:0",
        "hasMore": False,
        "recovered": True,
    }


async def test_an_event_is_listed_with_its_place(here: ActionRunner) -> None:
    await here.create(
        "create_call",
        callUuid="order-7",
        direction="inbound",
        fromNumber="+4930111",
        toNumber="+4930222",
        status="ringing",
    )
    page = await here.run("list_events", limit=1)
    event, _ = await here.events()
    assert event.call is not None
    assert json.loads(encode(page)) == {
        "events": [
            {
                "position": "aaaaaaaa:1",
                "offset": 1,
                "eventId": format_id(Prefix.EVENT, event.id),
                "type": "call.created",
                "callUuid": "order-7",
                "occurredAt": "2026-03-01T12:00:00.000000Z",
                "data": {
                    "callId": str(event.call.id),
                    "callUuid": "order-7",
                    "direction": "inbound",
                    "fromNumber": "+4930111",
                    "toNumber": "+4930222",
                    "transport": "external",
                    "model": None,
                    "aiAgentId": None,
                    "status": "initiated",
                    "source": "api",
                    "callSource": "api",
                    "startedAt": "2026-03-01T12:00:00.000000Z",
                    "conversationId": None,
                    "queueEntryId": None,
                    "queueName": None,
                    "sipUsername": None,
                    "contact": None,
                },
            }
        ],
        "position": "aaaaaaaa:1",
        "hasMore": True,
        "recovered": True,
    }


async def test_pages_go_on_from_every_spelling_of_a_place(here: ActionRunner) -> None:
    await write(here, 7)
    first = await here.run("list_events", limit=3)
    assert offsets(first) == [1, 2, 3]
    spellings: list[object] = [
        first["position"],
        first["events"][-1]["eventId"],
        str((await here.events())[2].id),
        3,
        "3",
    ]
    for after in spellings:
        page = await here.run("list_events", after=after, limit=3)
        assert (offsets(page), *place(page)) == ([4, 5, 6], "aaaaaaaa:6", True, True)
    for after in (None, 0, "0"):
        page = await here.run("list_events", after=after, limit=None)
        assert (offsets(page), *place(page)) == ([*range(1, 8)], "aaaaaaaa:7", False, True)
    end = await here.run("list_events", after=7)
    assert (offsets(end), *place(end)) == ([], "aaaaaaaa:7", False, True)


@pytest.mark.parametrize("after", ["bbbbbbbb:2", "aaaaaaaa:8", 8, str(UUID(int=5)), 10**17])
async def test_a_place_that_is_not_kept_is_answered_with_the_oldest(
    here: ActionRunner, after: object
) -> None:
    await write(here, 7)
    page = await here.run("list_events", after=after, limit=2)
    assert (offsets(page), *place(page)) == ([1, 2], "aaaaaaaa:2", True, False)


async def test_what_retention_has_removed_is_not_recovered(
    here: ActionRunner, database: TestDatabase
) -> None:
    await write(here, 7)
    async with database.connection() as superuser:
        await superuser.execute('DELETE FROM ringline.events WHERE "offset" < 4')
        await superuser.execute("UPDATE ringline.logs SET oldest = 4 WHERE environment = 'live'")
    for after in (None, 2):
        page = await here.run("list_events", after=after, limit=2)
        assert (offsets(page), *place(page)) == ([4, 5], "aaaaaaaa:5", True, False)
    page = await here.run("list_events", after=3, limit=2)
    assert (offsets(page), page["recovered"]) == ([4, 5], True)


@pytest.mark.parametrize(
    "given",
    [
        {"after": after}
        for after in ("", "x", "-1", -1, 1.5, True, [], "aaaaaaaa:", "aaaaaaaa:-1", "1" * 19)
    ]
    + [{"limit": 0}, {"limit": -1}, {"limit": "many"}]
    + [{"type": of} for of in ("call.begun", [], ["call.ended", "x"], 3, [3], {})],
)
async def test_what_cannot_be_read_is_a_bad_value(
    here: ActionRunner, given: dict[str, object]
) -> None:
    with refused("invalid_argument", *given):
        await here.run("list_events", **given)


async def test_events_of_a_call_and_of_types_are_picked(here: ActionRunner) -> None:
    await write(here, 5)
    call = a_call(uuid="order-7")
    await here.stores.log.commit([first_entry(here.scope, call), last_entry(here.scope, call)])
    await write(here, 2)
    for text in ("order-7", str(call.id), format_id(Prefix.CALL, call.id)):
        page = await here.run("list_events", callUuid=text)
        assert (offsets(page), *place(page)) == ([6, 7], "aaaaaaaa:9", False, True)
    page = await here.run("list_events", callUuid="order-7", limit=1)
    assert (offsets(page), *place(page)) == ([6], "aaaaaaaa:6", True, True)
    page = await here.run("list_events", callUuid="order-7", type="call.ended")
    assert offsets(page) == [7]
    page = await here.run("list_events", type="call.created")
    assert (offsets(page), *place(page)) == ([1, 6, 8], "aaaaaaaa:9", False, True)
    page = await here.run("list_events", type=["call.ended", "call.created"], after=1)
    assert offsets(page) == [6, 7, 8]
    page = await here.run("list_events", type="call.transcript_delta")
    assert (offsets(page), *place(page)) == ([], "aaaaaaaa:9", False, True)


async def test_a_call_that_is_unknown_or_anothers_has_no_events(
    here: ActionRunner, stores: Stores
) -> None:
    await write(here, 3)
    async with action_runner(stores) as there:
        call = a_call(uuid="order-7")
        await stores.log.commit([first_entry(there.scope, call)])
        for text in ("order-7", str(call.id), "nobody"):
            page = await here.run("list_events", callUuid=text)
            assert (offsets(page), *place(page)) == ([], "aaaaaaaa:3", False, True)


async def test_a_limit_is_clamped(here: ActionRunner) -> None:
    await write(here, 1005)
    for limit in (5000, 2**40, "5000000000"):
        page = await here.run("list_events", limit=limit)
        assert (len(page["events"]), *place(page)) == (1000, "aaaaaaaa:1000", True, True)
    assert len((await here.run("list_events"))["events"]) == 100


async def test_a_page_looks_at_so_much_of_the_log_and_says_how_far(here: ActionRunner) -> None:
    here = within(here, PageLimits(most_scanned=4))
    await write(here, 9)
    call = a_call()
    await here.stores.log.commit([first_entry(here.scope, call), last_entry(here.scope, call)])
    walked: list[tuple[list[int], str, bool]] = []
    after = "0"
    while not walked or walked[-1][2]:
        page = await here.run("list_events", type="call.ended", after=after)
        after = page["position"]
        walked.append((offsets(page), after, page["hasMore"]))
    assert walked == [
        ([], "aaaaaaaa:4", True),
        ([], "aaaaaaaa:8", True),
        ([11], "aaaaaaaa:11", False),
    ]
    page = await here.run("list_events", type="call.ended", callUuid=call.uuid)
    assert offsets(page) == [11]


async def test_a_page_ends_where_it_is_large_enough(here: ActionRunner) -> None:
    await write(here, 10)
    async with here.stores.records.read(here.scope) as rows:
        text = "SELECT call, type, data::text FROM ringline.events WHERE offset_ = 2"
        (two,) = await rows.fetch(text.replace("offset_", '"offset"'), [])
    most = 2 * sum(len(value) for value in two) - 1
    here = within(here, PageLimits(most_bytes=most, batch=4))
    seen: list[int] = []
    after: object = 1
    while True:
        page = await here.run("list_events", after=after)
        after = page["position"]
        seen += offsets(page)
        if not page["hasMore"]:
            break
        assert len(page["events"]) == 2
    assert seen == [*range(2, 11)]


def test_words_are_spelt_as_the_socket_spells_them() -> None:
    turn = {"turn_id": new_id(), "item_id": "i", "transcript_id": new_id()}
    held = CallCreated(status=CallStatus.HELD, source="api", started_at=NOW)
    assert translate(held)["status"] == "answered"
    contact = KnownCaller(id=new_id(), full_name="Ada", phone_e164="+49")
    known = CallCreated(status=CallStatus.INITIATED, source="api", started_at=NOW, contact=contact)
    named = {"id": contact.id, "fullName": "Ada", "phoneE164": "+49"}
    assert translate(known)["contact"] == named
    assert translate(TurnCompleted(role=TurnRole.CALLER, text="Hi", **turn))["role"] == "user"
    assert translate(TurnCompleted(role=TurnRole.AGENT, text="Hi", **turn))["role"] == "assistant"
    line = TranscriptLine(turn_id=new_id(), role=TurnRole.AGENT, text="Hi", at=NOW)
    ended = CallEnded(
        status=CallStatus.NO_ANSWER,
        hangup_cause=HangupCause.NO_ANSWER,
        started_at=NOW,
        answered_at=None,
        ended_at=NOW,
        duration_seconds=0,
        transcript=(line,),
    )
    said = {"turnId": line.turn_id, "role": "assistant", "text": "Hi"}
    how = {"at": "2026-03-01T12:00:00.000000Z", "interrupted": False, "recognized": True}
    assert translate(ended)["transcript"] == [said | how | {"spokenText": None}]


def test_what_is_the_clients_own_keeps_its_names() -> None:
    audit = CallAudit(audit_type=AuditType.TOOL_CALL, code="x", detail={"some_key": {"a_b": 1}})
    assert translate(audit) == {
        "auditType": "tool_call",
        "code": "x",
        "detail": {"some_key": {"a_b": 1}},
    }
    changed = ConversationModeChanged(
        conversation_id=new_id(), from_mode=AiMode.AI, to_mode=AiMode.HUMAN
    )
    assert translate(changed)["actorUserId"] is None


async def test_a_page_of_large_events_stays_within_an_answer(here: ActionRunner) -> None:
    call = a_call()
    sizes = (3_000_000, 7_000_000, 1_000_000, 2_000_000, 2_000_000, 10)
    notes = [
        Event(
            new_id(), NOW, CallAudit(audit_type=AuditType.NOTE, code="n", detail={"x": "x" * size})
        )
        for size in sizes
    ]
    await here.stores.log.commit([Entry(here.scope, tuple(notes), (), call.id)])
    pages: list[list[int]] = []
    after, more = "0", True
    while more:
        page = await here.run("list_events", after=after, limit=1000)
        assert len(encode(page)) <= limits.ANSWER_BYTES.most
        after, more = page["position"], page["hasMore"]
        pages.append(offsets(page))
    # A page ends with the event that fills it.
    assert pages == [[1], [2], [3, 4], [5], [6]]
