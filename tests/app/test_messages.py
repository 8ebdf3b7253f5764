"""Messages of threads over a real database: sending, receipts, what comes in, the window."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ringline.domain.conversations import (
    AiMode,
    ConversationChannel,
    MessageSender,
    MessageStatus,
    MessageType,
    ReceiptStatus,
    SendFailure,
)
from ringline.domain.events import (
    MessageFailed,
    MessageReceipt,
    MessageReceived,
    MessageSendFailed,
    MessageSent,
    WindowClosing,
)
from ringline.domain.ids import uuid7
from ringline.domain.log import Environment
from ringline.domain.messages import Report
from ringline.domain.timers import TimerKind
from ringline.ports import MessageRefused, ProviderAway, Transaction
from ringline.services.inbound_messages import Arrival, InboundMessages, NobodyTakes
from ringline.services.message_sending import GIVE_UP
from ringline.services.messages import (
    NoProvider,
    NoSuchMessage,
    NotOurNumber,
    OptedOut,
    ProviderReport,
    WindowClosed,
)
from ringline.services.threads import find_thread, lock_thread, set_mode
from ringline.storage.stores import Stores
from tests.clock import HandClock
from tests.database import TestDatabase, new_id
from tests.threads import OURS, THEIRS, WHATSAPP, Desk, OneProvider

SEND, RECEIPT = TimerKind.MESSAGE_SEND, TimerKind.MESSAGE_RECEIPT


@pytest.fixture
def clock() -> HandClock:
    return HandClock(datetime(2026, 11, 30, 12, tzinfo=UTC))


@pytest.fixture
async def stores(database: TestDatabase, clock: HandClock) -> AsyncIterator[Stores]:
    async with database.stores(now=clock) as stores:
        yield stores


async def hand_over(desk: Desk, conversation_id: UUID, mode: AiMode) -> None:
    async def work(transaction: Transaction) -> None:
        thread = await lock_thread(transaction, conversation_id)
        await set_mode(
            transaction, thread, mode=mode, actor_user_id=None, now=desk.clock(), new_id=new_id
        )

    await desk.repo.write(desk.scope, work)


async def test_a_message_in_the_sandbox_is_sent_and_delivered(
    stores: Stores, clock: HandClock
) -> None:
    desk = await Desk.opened(stores, clock)
    message = await desk.send("Your order is ready. 😀")
    assert (message.status, message.segments) == (MessageStatus.QUEUED, 1)
    assert message.sender is MessageSender.AI
    assert await desk.types() == ["conversation.created"]
    assert await desk.serve_due() == [SEND]
    assert await desk.serve_due() == []
    clock.advance(timedelta(seconds=1))
    assert await desk.serve_due() == [RECEIPT]
    events = [stored.event.data for stored in await desk.events()]
    assert [data.type for data in events] == [
        "conversation.created",
        "message.sent",
        "message.dlr",
        "message.delivered",
    ]
    sent, receipt = events[1], events[2]
    assert isinstance(sent, MessageSent)
    assert isinstance(receipt, MessageReceipt)
    assert (sent.status, sent.segments, sent.text) == ("sent", 1, message.text)
    assert (sent.our_number, sent.remote_number) == (OURS, THEIRS)
    assert (receipt.receipt, receipt.error_code) == (ReceiptStatus.DELIVERED, "000")
    assert (receipt.submitted, receipt.delivered) == (1, 1)
    assert (await desk.messages.find(desk.scope, message.id)).status is MessageStatus.DELIVERED
    assert await stores.timers.next_at() is None


async def test_messages_of_a_thread_leave_in_order_whatever_the_provider_does(
    stores: Stores, clock: HandClock
) -> None:
    provider = OneProvider([ProviderAway(), ProviderAway(), "a", MessageRefused("27", "absent")])
    desk = await Desk.opened(stores, clock, providers=provider)
    for text in ("one", "two", "three"):
        await desk.send(text)
    await desk.serve_due()
    assert [message.text for message in provider.handed] == ["one"]
    clock.advance(timedelta(seconds=5))
    await desk.serve_due()
    clock.advance(timedelta(seconds=5))
    await desk.serve_due()
    assert [message.text for message in provider.handed] == ["one", "one", "one", "two", "three"]
    events = [stored.event.data for stored in await desk.events()]
    assert [data.type for data in events[1:]] == [
        "message.sent",
        "message.failed",
        "message.sent",
    ]
    failed = events[2]
    assert isinstance(failed, MessageFailed)
    assert (failed.error_code, failed.reason, failed.text) == ("27", "absent", "two")


async def test_a_provider_that_stays_away_fails_the_message_after_a_day(
    stores: Stores, clock: HandClock
) -> None:
    provider = OneProvider([ProviderAway()] * 1000)
    desk = await Desk.opened(stores, clock, providers=provider)
    message = await desk.send("one")
    waits: list[timedelta] = []
    while (due_at := await stores.timers.next_at()) is not None:
        waits.append(due_at - clock())
        clock.now = due_at
        await desk.serve_due()
    assert sum(waits, timedelta()) >= GIVE_UP
    assert waits[:5] == [timedelta(seconds=seconds) for seconds in (0, 5, 5, 10, 20)]
    assert max(waits) == timedelta(minutes=5)
    failed = (await desk.events())[-1].event.data
    assert isinstance(failed, MessageSendFailed)
    assert failed.error_code is SendFailure.SMPP_UNAVAILABLE
    found = await desk.messages.find(desk.scope, message.id)
    assert (found.status, found.error_code) == (MessageStatus.FAILED, "SMPP_UNAVAILABLE")


@pytest.mark.parametrize(
    ("reports", "types"),
    [
        ((Report.DELIVERED, Report.DELIVERED), ["message.delivered"]),
        ((Report.READ, Report.DELIVERED), ["message.read"]),
        ((Report.DELIVERED, Report.READ, Report.FAILED), ["message.delivered", "message.read"]),
        ((Report.FAILED, Report.DELIVERED), ["message.failed"]),
    ],
)
async def test_reports_that_come_twice_late_or_out_of_order_are_told_once(
    stores: Stores, clock: HandClock, reports: tuple[Report, ...], types: list[str]
) -> None:
    desk = await Desk.opened(stores, clock, providers=OneProvider())
    message = await desk.send("one")
    await desk.serve_due()
    for report in reports:
        await desk.messages.report(desk.scope, message.id, reported=ProviderReport(report))
    assert (await desk.types())[2:] == types


async def test_a_receipt_may_come_before_the_provider_has_answered(
    stores: Stores, clock: HandClock
) -> None:
    desk = await Desk.opened(stores, clock, providers=OneProvider())
    message = await desk.send("one")
    delivered = ProviderReport(Report.DELIVERED)
    await desk.messages.report(desk.scope, message.id, reported=delivered)
    await desk.serve_due()
    assert (await desk.types())[1:] == ["message.delivered"]


async def test_a_report_of_what_is_no_message_of_ours_is_refused(
    stores: Stores, clock: HandClock
) -> None:
    desk = await Desk.opened(stores, clock)
    received = await desk.receive("hello")
    for message_id in (new_id(), received.id):
        with pytest.raises(NoSuchMessage):
            await desk.messages.report(
                desk.scope, message_id, reported=ProviderReport(Report.DELIVERED)
            )


async def test_a_message_that_its_provider_sends_twice_is_taken_in_once(
    stores: Stores, clock: HandClock
) -> None:
    desk = await Desk.opened(stores, clock)
    taken = await asyncio.gather(
        *(desk.receive("hello", provider_message_id="p1") for _ in range(5))
    )
    assert len({message.id for message in taken}) == 1
    assert await desk.types() == ["conversation.created", "message.received"]
    other = await desk.receive("hello", provider_message_id="p2")
    assert other.id != taken[0].id
    assert other.conversation_id == taken[0].conversation_id


async def test_many_at_once_are_one_thread_in_the_order_of_their_commits(
    stores: Stores, clock: HandClock
) -> None:
    desk = await Desk.opened(stores, clock)
    taken = await asyncio.gather(*(desk.receive(f"{place}") for place in range(30)))
    assert len({message.conversation_id for message in taken}) == 1
    assert (await desk.types()) == ["conversation.created", *["message.received"] * 30]


async def test_stop_ends_messages_and_start_lets_them_through_again(
    stores: Stores, clock: HandClock
) -> None:
    desk = await Desk.opened(stores, clock)
    queued = await desk.send("on its way")
    stop = await desk.receive(" stop ")
    await desk.receive("Stop")
    with pytest.raises(OptedOut):
        await desk.send("but wait")
    await desk.serve_due()
    found = await desk.messages.find(desk.scope, queued.id)
    assert (found.status, found.error_code) == (MessageStatus.FAILED, "OPT_OUT_ENFORCED")
    assert await desk.types() == [
        "conversation.created",
        "message.received",
        "message.opt_out",
        "message.received",
        "message.opt_out",
        "message.send_failed",
    ]
    async with desk.repo.read(desk.scope) as rows:
        assert (await find_thread(rows, stop.conversation_id)).opted_out
    await desk.receive("START")
    assert (await desk.send("welcome back")).status is MessageStatus.QUEUED


async def test_free_form_messages_of_whatsapp_need_an_open_window(
    stores: Stores, clock: HandClock
) -> None:
    desk = await Desk.opened(stores, clock)
    with pytest.raises(WindowClosed):
        await desk.send("hello", channel=WHATSAPP)
    assert await desk.types() == [], "what was refused has left nothing"
    await desk.send("hello_world", channel=WHATSAPP, message_type=MessageType.TEMPLATE)
    received = await desk.receive("hi", channel=WHATSAPP)
    await desk.send("hello", channel=WHATSAPP)
    clock.advance(timedelta(hours=23) - timedelta(seconds=1))
    await desk.serve_due()
    assert "window.closing" not in await desk.types()
    clock.advance(timedelta(seconds=1))
    await desk.serve_due()
    (closing,) = await desk.told(WindowClosing)
    assert closing.window_expires_at == received.created_at + timedelta(hours=24)
    clock.advance(timedelta(hours=1))
    with pytest.raises(WindowClosed):
        await desk.send("hello", channel=WHATSAPP)


async def test_a_window_that_is_opened_anew_closes_later(stores: Stores, clock: HandClock) -> None:
    desk = await Desk.opened(stores, clock)
    await desk.receive("hi", channel=WHATSAPP)
    clock.advance(timedelta(hours=20))
    await desk.receive("still there?", channel=WHATSAPP)
    clock.advance(timedelta(hours=4))
    await desk.serve_due()
    assert "window.closing" not in await desk.types()
    clock.advance(timedelta(hours=19))
    await desk.serve_due()
    assert (await desk.types()).count("window.closing") == 1


async def test_what_comes_in_reopens_a_closed_thread(stores: Stores, clock: HandClock) -> None:
    desk = await Desk.opened(stores, clock)
    received = await desk.receive("hello")
    await hand_over(desk, received.conversation_id, AiMode.HUMAN)
    assert (await desk.send("A person here.")).sender is MessageSender.HUMAN
    await hand_over(desk, received.conversation_id, AiMode.HUMAN)  # changes nothing
    await hand_over(desk, received.conversation_id, AiMode.CLOSED)
    await desk.receive("one more thing")
    assert await desk.types() == [
        "conversation.created",
        "message.received",
        "conversation.updated",
        "conversation.mode_changed",
        "conversation.updated",
        "conversation.mode_changed",
        "conversation.updated",
        "conversation.mode_changed",
        "message.received",
    ]
    async with desk.repo.read(desk.scope) as rows:
        assert (await find_thread(rows, received.conversation_id)).ai_mode is AiMode.AI


async def test_live_messages_need_a_number_of_ours_and_a_provider(
    stores: Stores, clock: HandClock
) -> None:
    desk = await Desk.opened(stores, clock, environment=Environment.LIVE)
    with pytest.raises(NotOurNumber):
        await desk.send("hello")
    async with stores.database.transaction(desk.scope) as connection:
        await connection.execute(
            "INSERT INTO ringline.phone_numbers (workspace_id, environment, id, phone_e164)"
            " VALUES ($1, 'live', $2, $3)",
            desk.scope.workspace_id,
            uuid7(0, 0),
            OURS,
        )
    with pytest.raises(NoProvider):
        await desk.send("hello")
    assert await desk.types() == []


async def test_threads_are_apart_by_channel(stores: Stores, clock: HandClock) -> None:
    desk = await Desk.opened(stores, clock)
    sms = await desk.receive("hello")
    whatsapp = await desk.receive("hello", channel=ConversationChannel.WHATSAPP)
    assert sms.conversation_id != whatsapp.conversation_id
    received = [
        data
        for stored in await desk.events()
        if isinstance(data := stored.event.data, MessageReceived)
    ]
    assert [data.encoding for data in received] == ["GSM-7", None]


async def test_what_a_provider_repeats_stays_where_it_came_in_first(
    stores: Stores, clock: HandClock
) -> None:
    """Even if its thread is closed by then, and the number has another agent."""
    desk = await Desk.opened(stores, clock)
    inbound = InboundMessages(desk.repo, desk.messages)
    arrival = Arrival("carrier", "a-1", WHATSAPP, OURS, THEIRS, MessageType.TEXT, "hello")
    first = await inbound.receive(desk.scope, arrival)
    assert await inbound.receive(desk.scope, arrival) == first
    await hand_over(desk, first.conversation_id, AiMode.CLOSED)
    before = await desk.types()
    async with stores.database.transaction(desk.scope) as connection:
        await connection.execute(
            "INSERT INTO ringline.phone_numbers (workspace_id, environment, id, phone_e164)"
            " VALUES ($1, 'test', $2, $3)",
            desk.scope.workspace_id,
            new_id(),
            OURS,
        )
    assert await inbound.receive(desk.scope, arrival) == first
    assert await desk.types() == before
    with pytest.raises(NobodyTakes):
        await inbound.receive(desk.scope, replace(arrival, provider_message_id="a-2"))
    assert await desk.types() == before
