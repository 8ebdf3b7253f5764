"""Asking an agent's receiver: signed, once, in time, and whatever it does (live streams, 4, 5)."""

import asyncio
import gzip
import hmac
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.domain.receivers import (
    ReceiverFailed,
    ReceiverFailure,
    TurnAnswer,
)
from ringline.services.agent_receivers import AgentReceivers, AskLimits
from ringline.storage.stores import Stores
from tests.asking import a_call_of, a_tool, a_turn, asking, facts, make_workspace, set_secrets
from tests.clock import HandClock
from tests.database import TestDatabase
from tests.hook_receivers import Received, receiver
from tests.receivers import MANY_BYTES, Connection, answering, pouring, receiving

YES = b'{"text":"Yes."}'


@pytest.fixture
def clock() -> HandClock:
    return HandClock(datetime(2026, 11, 30, 12, tzinfo=UTC))


@pytest.fixture
async def stores(database: TestDatabase, clock: HandClock) -> AsyncIterator[Stores]:
    async with database.stores(now=clock) as stores:
        yield stores


@pytest.fixture
async def receivers(stores: Stores, clock: HandClock) -> AsyncIterator[AgentReceivers]:
    async with asking(stores, clock) as receivers:
        yield receivers


def http(body: bytes, status: int = 200, head: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def failure_of(receivers: AgentReceivers, call: Any) -> tuple[ReceiverFailure, int | None]:
    with pytest.raises(ReceiverFailed) as failed:
        await receivers.answer_turn(a_turn(call))
    return failed.value.failure, failed.value.status


def signed(received: Received, secret: str, header: str) -> bool:
    text = f"{received.headers['X-Voicebip-Timestamp']}.".encode() + received.raw
    expected = "sha256=" + hmac.digest(secret.encode(), text, "sha256").hex()
    return received.headers[header] == expected


async def test_a_turn_is_signed_as_deliveries_are(
    database: TestDatabase, stores: Stores, clock: HandClock, receivers: AgentReceivers
) -> None:
    async def respond(_: Received) -> web.Response:
        return web.json_response({"text": "Yes, until five.", "end_call": True})

    scope = await make_workspace(database, stores)
    current, previous = await set_secrets(database, clock)
    async with receiver(respond) as hook:
        call = await a_call_of(stores, scope, hook.url)
        turn = a_turn(call)
        answer = await receivers.answer_turn(turn)
        clock.advance(timedelta(hours=2))  # the rotation is over
        await receivers.answer_turn(turn)
    assert (answer.text, answer.action) == ("Yes, until five.", "end_call")
    first, second = hook.received
    assert first.body["turn_id"] == format_id(Prefix.TURN, turn.turn_id)
    assert "event_type" not in first.body
    assert "X-Voicebip-Event-ID" not in first.headers
    assert signed(first, current, "X-Voicebip-Signature")
    assert signed(first, previous, "X-Voicebip-Signature-Previous")
    assert signed(second, current, "X-Voicebip-Signature")
    assert "X-Voicebip-Signature-Previous" not in second.headers
    assert first.headers["X-Voicebip-Timestamp"] == str(
        int((clock() - timedelta(hours=2)).timestamp())
    )


async def test_a_tool_has_an_event_id_and_its_result_is_the_answer(
    database: TestDatabase, stores: Stores, receivers: AgentReceivers
) -> None:
    async def respond(_: Received) -> web.Response:
        return web.json_response({"status": "shipped"})

    scope = await make_workspace(database, stores)
    async with receiver(respond) as hook:
        call = await a_call_of(stores, scope, hook.url)
        question = a_tool(call, "lookup_order", {"order_no": "A-19"})
        assert json.loads(await receivers.run_tool(question)) == {"status": "shipped"}
    (first,) = hook.received
    assert first.headers["X-Voicebip-Event-ID"] == first.body["event_id"]
    assert first.body["event_id"] == format_id(Prefix.EVENT, question.id)
    assert first.body["tool"] == {
        "name": "lookup_order",
        "arguments": {"order_no": "A-19"},
        "tool_call_id": format_id(Prefix.TOOL_CALL, question.id),
    }


async def test_the_url_in_force_is_asked(
    database: TestDatabase, stores: Stores, receivers: AgentReceivers
) -> None:
    scope = await make_workspace(database, stores)
    async with receiving(answering(http(YES))) as old, receiving(answering(http(YES))) as new:
        call = await a_call_of(stores, scope, old.url)
        assert await receivers.answer_turn(a_turn(call)) == TurnAnswer("Yes.")
        await a_call_of(stores, scope, new.url)
        assert await receivers.answer_turn(a_turn(call)) == TurnAnswer("Yes.")
        assert (len(old.posts), len(new.posts)) == (1, 1)
        await a_call_of(stores, scope, None)
        assert await failure_of(receivers, call) == (ReceiverFailure.NO_WEBHOOK, None)
        elsewhere = Scope(scope.workspace_id, Environment.TEST)
        foreign = facts(elsewhere, call.agent_id)
        assert await failure_of(receivers, foreign) == (ReceiverFailure.NO_WEBHOOK, None)
        assert await failure_of(receivers, facts(scope)) == (ReceiverFailure.NO_WEBHOOK, None)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (http(b"", 204), (ReceiverFailure.NOT_JSON, 204)),
        (http(b"nope", 500), (ReceiverFailure.STATUS, 500)),
        (http(YES, 404), (ReceiverFailure.STATUS, 404)),
        (http(YES, 302, "Location: /x\r\n"), (ReceiverFailure.REDIRECT, None)),
        (http(b"<html>"), (ReceiverFailure.NOT_JSON, 200)),
        (http(b'{"text":"\xff"}'), (ReceiverFailure.NOT_JSON, 200)),
        (http(b'{"say":"Yes."}'), (ReceiverFailure.INVALID_ANSWER, 200)),
        (http(b"[" * 30_000), (ReceiverFailure.NOT_JSON, 200)),
        (http(b'{"text":"' + b"x" * 65_536 + b'"}'), (ReceiverFailure.TOO_LARGE, 200)),
        (
            http(gzip.compress(YES, mtime=0), 200, "Content-Encoding: gzip\r\n"),
            (ReceiverFailure.NOT_JSON, 200),
        ),
        (
            http(b"\x1f\x8bbroken", 200, "Content-Encoding: gzip\r\n"),
            (ReceiverFailure.NOT_JSON, 200),
        ),
        (b"SMTP ready\r\n\r\n", (ReceiverFailure.CLOSED, None)),
    ],
)
async def test_an_answer_that_is_none(
    database: TestDatabase,
    stores: Stores,
    receivers: AgentReceivers,
    answer: bytes,
    failure: tuple[ReceiverFailure, int | None],
) -> None:
    scope = await make_workspace(database, stores)
    async with receiving(answering(answer)) as bad, receiving(answering(http(YES))) as good:
        call = await a_call_of(stores, scope, bad.url)
        assert await failure_of(receivers, call) == failure
        await a_call_of(stores, scope, good.url)
        assert await receivers.answer_turn(a_turn(call)) == TurnAnswer("Yes.")


async def test_ten_megabytes_are_too_large_and_not_read(
    database: TestDatabase, stores: Stores, receivers: AgentReceivers
) -> None:
    left: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    scope = await make_workspace(database, stores)
    async with receiving(pouring(left)) as hook:
        call = await a_call_of(stores, scope, hook.url)
        assert await failure_of(receivers, call) == (ReceiverFailure.TOO_LARGE, 200)
        assert await left < MANY_BYTES


async def test_a_receiver_that_hangs_is_asked_once(
    database: TestDatabase, stores: Stores, clock: HandClock
) -> None:
    async def hang(connection: Connection) -> None:
        await connection.read()
        await connection.reader.read()

    scope = await make_workspace(database, stores)
    hasty = AskLimits(turn_s=0.3, turn_retry_s=0.0, tool_s=0.3)
    async with asking(stores, clock, limits=hasty) as receivers, receiving(hang) as hook:
        call = await a_call_of(stores, scope, hook.url)
        assert await failure_of(receivers, call) == (ReceiverFailure.TIMEOUT, None)
        result = await receivers.run_tool(a_tool(call))
        assert json.loads(result) == {"error": "tool_timeout"}
        assert len(hook.posts) == 2


@pytest.mark.parametrize(("turn_s", "asked"), [(20.0, 2), (1.9, 1)])
async def test_a_reset_turn_is_asked_once_more_while_there_is_time(
    database: TestDatabase, stores: Stores, clock: HandClock, turn_s: float, asked: int
) -> None:
    async def reset_first(connection: Connection) -> None:
        await connection.read()
        if len(hook.connections) == 1:
            connection.reset()
        else:
            await connection.answer(http(YES))

    scope = await make_workspace(database, stores)
    limits = AskLimits(turn_s=turn_s)
    async with asking(stores, clock, limits=limits) as receivers, receiving(reset_first) as hook:
        call = await a_call_of(stores, scope, hook.url)
        if asked == 2:
            assert await receivers.answer_turn(a_turn(call)) == TurnAnswer("Yes.")
        else:
            assert await failure_of(receivers, call) == (ReceiverFailure.RESET, None)
        assert len(hook.connections) == asked


async def test_nobody_listens_and_a_tool_is_never_asked_twice(
    database: TestDatabase, stores: Stores, receivers: AgentReceivers
) -> None:
    scope = await make_workspace(database, stores)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        call = await a_call_of(stores, scope, f"http://127.0.0.1:{unused.getsockname()[1]}/")
        assert await failure_of(receivers, call) == (ReceiverFailure.REFUSED, None)

    async def reset(connection: Connection) -> None:
        await connection.read()
        connection.reset()

    async with receiving(reset) as hook:
        call = await a_call_of(stores, scope, hook.url)
        result = await receivers.run_tool(a_tool(call))
        assert json.loads(result) == {"error": "tool_failed", "reason": "reset"}
        assert len(hook.posts) == 1


async def test_a_private_address_is_not_asked(
    database: TestDatabase, stores: Stores, clock: HandClock
) -> None:
    scope = await make_workspace(database, stores)
    async with (
        asking(stores, clock, allow_private=False) as receivers,
        receiving(answering(http(YES))) as hook,
    ):
        call = await a_call_of(stores, scope, hook.url)
        assert await failure_of(receivers, call) == (ReceiverFailure.ADDRESS_NOT_ALLOWED, None)
        told = json.loads(await receivers.run_tool(a_tool(call)))
        assert told == {"error": "tool_failed", "reason": "address_not_allowed"}
        assert not hook.connections


async def test_who_gives_up_closes_the_connection(
    database: TestDatabase, stores: Stores, receivers: AgentReceivers
) -> None:
    came, gone = asyncio.Event(), asyncio.Event()

    async def hang(connection: Connection) -> None:
        await connection.read()
        came.set()
        assert await connection.reader.read() == b""
        gone.set()

    scope = await make_workspace(database, stores)
    async with receiving(hang) as hook:
        call = await a_call_of(stores, scope, hook.url)
        waiting = asyncio.create_task(receivers.answer_turn(a_turn(call)))
        await came.wait()
        waiting.cancel()
        await asyncio.wait_for(gone.wait(), 10)
        assert waiting.cancelled()


async def test_a_workspace_that_waits_delays_no_other(
    database: TestDatabase, stores: Stores, clock: HandClock
) -> None:
    released = asyncio.Event()

    async def hold(_: Received) -> web.Response:
        await released.wait()
        return web.json_response({"text": "Late."})

    slow, quick = await make_workspace(database, stores), await make_workspace(database, stores)
    limits = AskLimits(turn_s=20, of_workspace=2, in_all=3)
    async with (
        asking(stores, clock, limits=limits) as receivers,
        receiver(hold) as hook,
        receiving(answering(http(YES))) as other,
    ):
        call = await a_call_of(stores, slow, hook.url)
        waiting = [asyncio.create_task(receivers.answer_turn(a_turn(call))) for _ in range(4)]
        await hook.until(lambda one: len(one.received) == 2)
        other_call = await a_call_of(stores, quick, other.url)
        assert await receivers.answer_turn(a_turn(other_call)) == TurnAnswer("Yes.")
        assert len(hook.received) == 2
        released.set()
        assert await asyncio.gather(*waiting) == [TurnAnswer("Late.")] * 4


async def test_beyond_the_bound_of_all_nothing_is_asked(
    database: TestDatabase, stores: Stores, clock: HandClock
) -> None:
    scope = await make_workspace(database, stores)
    async with (
        asking(stores, clock, limits=AskLimits(turn_s=20, in_all=0)) as receivers,
        receiving(answering(http(YES))) as hook,
    ):
        call = await a_call_of(stores, scope, hook.url)
        assert await failure_of(receivers, call) == (ReceiverFailure.OVERLOADED, None)
        assert not hook.connections


async def test_without_the_database_the_last_known_receiver_is_asked(
    database: TestDatabase,
    stores: Stores,
    receivers: AgentReceivers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scope, unknown = await make_workspace(database, stores), await make_workspace(database, stores)
    async with receiving(answering(http(YES))) as hook:
        call = await a_call_of(stores, scope, hook.url)
        stranger = await a_call_of(stores, unknown, hook.url)
        assert await receivers.answer_turn(a_turn(call)) == TurnAnswer("Yes.")
        await stores.close()
        assert await receivers.answer_turn(a_turn(call)) == TurnAnswer("Yes.")
        assert await failure_of(receivers, stranger) == (ReceiverFailure.UNAVAILABLE, None)


async def test_a_secret_that_cannot_be_read_asks_nobody(
    database: TestDatabase, stores: Stores, receivers: AgentReceivers
) -> None:
    scope = await make_workspace(database, stores)
    async with receiving(answering(http(YES))) as hook:
        call = await a_call_of(stores, scope, hook.url)
        async with database.connection() as superuser:
            await superuser.execute("UPDATE ringline.workspaces SET signing_secret = 'nonsense'")
        assert await failure_of(receivers, call) == (ReceiverFailure.NOT_SIGNED, None)
        assert not hook.connections
