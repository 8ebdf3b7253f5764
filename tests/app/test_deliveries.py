"""The worker that delivers webhooks, with real receivers on loopback."""

import asyncio
import hmac
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.domain.records import Entry
from ringline.domain.retry_schedule import ATTEMPTS, OFFSETS_S
from ringline.domain.webhooks import SendResult
from ringline.services.deliveries import DeliveryLimits
from ringline.storage.stores import Stores
from tests.callers import LIMIT_S
from tests.clock import HandClock
from tests.database import OTHER, TestDatabase, a_call, a_turn, first_entry, make_log, said
from tests.delivering import (
    SEALER,
    Ledger,
    add_receiver,
    delivering,
    publish,
    settled,
)
from tests.hook_receivers import Received, receiver
from tests.rpc_calls import Rpc
from tests.serving import serving

SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(datetime(2026, 11, 30, 12, tzinfo=UTC))


@pytest.fixture
async def stores(database: TestDatabase, clock: HandClock) -> AsyncIterator[Stores]:
    async with database.stores(now=clock) as stores:
        yield stores


@pytest.fixture
def ledger(database: TestDatabase) -> Ledger:
    return Ledger(database)


def ids(events: list[UUID]) -> set[str]:
    return {format_id(Prefix.EVENT, event) for event in events}


def event_ids(received: list[Received]) -> set[str]:
    return {one.event_id for one in received}


async def test_a_server_delivers_to_endpoints_what_requests_change(
    database: TestDatabase,
) -> None:
    async with serving(database, webhook_allow_private=True) as service, receiver() as hook:
        rpc, scope = Rpc(service), Scope(service.keys.workspace_id, Environment.LIVE)
        async with database.stores(OTHER, claim=False) as stores:
            endpoint = await add_receiver(stores, scope, hook.url, "contact.*")
        made = await rpc.run("create_contact", input={"fullName": "Ada"}, fields=["id"])
        await rpc.run("update_contact", identity=made["id"], input={"notes": "x"})
        first, second = await hook.until_accepted(2)
    assert {first.body["type"], second.body["type"]} == {"contact.created", "contact.updated"}
    secret = await secret_of(database, endpoint)
    for one in (first, second):
        assert one.body["organisation_id"] == str(service.keys.workspace_id)
        assert one.body["environment"] == "live"
        assert one.headers["webhook-id"] == one.body["id"]
        signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode()
        digest = hmac.digest(b64decode(secret.removeprefix("whsec_")), signed + one.raw, "sha256")
        version, _, signature = one.headers["webhook-signature"].partition(",")
        assert (version, b64decode(signature)) == ("v1", digest)
        assert one.headers["X-Ringline-Position"].partition(":")[2] in ("1", "2")


async def secret_of(database: TestDatabase, endpoint: UUID) -> str:
    async with database.connection() as superuser:
        return SEALER.open_sealed(
            await superuser.fetchval(
                "SELECT secret FROM ringline.webhook_endpoints WHERE id = $1", endpoint
            )
        )


async def test_an_agents_webhook_gets_signed_envelopes_of_its_own_calls(
    database: TestDatabase, stores: Stores, clock: HandClock, ledger: Ledger
) -> None:
    scope = await make_log(stores)
    async with receiver() as hook, delivering(stores, clock):
        async with stores.database.transaction(scope) as connection:
            agent = await connection.fetchval(
                "UPDATE ringline.agents SET webhook_url = $1 RETURNING id", hook.url
            )
        async with database.connection() as superuser:  # a workspace from before webhooks
            await superuser.execute("UPDATE ringline.workspaces SET signing_secret = NULL")
        call = a_call(agent_id=agent)
        await stores.log.commit([first_entry(scope, call)])
        await stores.log.commit([Entry(scope, (said(call, a_turn(call)),), (), call.id)])
        (turn,) = await hook.until_accepted(1)
        (row,) = await ledger.until(settled)
    async with database.connection() as superuser:
        secret = SEALER.open_sealed(
            await superuser.fetchval("SELECT signing_secret FROM ringline.workspaces")
        )
    assert secret.startswith("rlsec_")
    assert turn.body["event_type"] == "call.transcription"
    headers = turn.headers
    signed = f"{headers['X-Voicebip-Timestamp']}.".encode() + turn.raw
    expected = hmac.digest(secret.encode(), signed, "sha256").hex()
    assert headers["X-Voicebip-Signature"] == f"sha256={expected}"
    assert headers["X-Voicebip-Event-ID"] == turn.body["event_id"]
    assert headers["X-Voicebip-Delivery-ID"] == format_id(Prefix.DELIVERY, row["id"])
    assert headers["X-Voicebip-Attempt"] == "1"
    assert headers["X-Voicebip-Timestamp"] == str(int(clock().timestamp()))
    assert headers["X-Ringline-Position"] == "aaaaaaaa:2"


async def test_a_receiver_that_was_down_for_23_hours_has_every_event_exactly_once(
    stores: Stores, clock: HandClock, ledger: Ledger
) -> None:
    scope = await make_log(stores)
    began, sent = clock(), 30
    async with receiver() as reserved:
        url = reserved.url  # nobody listens there from here on
    endpoint = await add_receiver(stores, scope, url)
    async with delivering(stores, clock) as deliveries:
        events = await publish(stores, scope, sent)
        for attempt, offset in enumerate(OFFSETS_S[:-1], start=1):
            clock.now = began + timedelta(seconds=offset)
            deliveries.look()
            await ledger.until(lambda rows, n=attempt: all(row["attempts"] == n for row in rows))
        assert await ledger.due_at() == began + timedelta(hours=24)
        clock.now = began + timedelta(hours=23)
        port = int(url.rsplit(":", 1)[1].partition("/")[0])
        async with receiver(port=port) as hook:
            clock.now = await ledger.due_at()
            deliveries.look()
            await hook.until_accepted(sent)
            rows = await ledger.until(settled)
            assert event_ids(hook.accepted) == ids(events)
            assert set(hook.events().values()) == {1}
    assert {row["endpoint_id"] for row in rows} == {endpoint}
    assert {row["status"] for row in rows} == {"delivered"}
    assert {row["attempts"] for row in rows} == {ATTEMPTS}
    assert {tuple(row["errors"]) for row in rows} == {("refused",) * (ATTEMPTS - 1) + (None,)}


async def test_bodies_stay_and_signatures_are_new_at_each_attempt(
    stores: Stores, clock: HandClock, ledger: Ledger
) -> None:
    answers = iter([web.Response(status=500), web.Response(status=503), None])

    async def respond(_: Received) -> web.StreamResponse | None:
        return next(answers)

    scope = await make_log(stores)
    async with receiver(respond) as hook, delivering(stores, clock) as deliveries:
        await add_receiver(stores, scope, hook.url)
        await publish(stores, scope, 1)
        for attempts in (1, 2):
            await ledger.until(lambda rows, n=attempts: rows[0]["attempts"] == n)
            clock.now = await ledger.due_at()
            deliveries.look()
        await ledger.until(settled)
    assert len({one.raw for one in hook.received}) == 1
    assert len({one.headers["webhook-timestamp"] for one in hook.received}) == 3
    assert len({one.headers["webhook-signature"] for one in hook.received}) == 3


async def test_what_a_receiver_asks_for_is_honoured(
    stores: Stores, clock: HandClock, ledger: Ledger
) -> None:
    answers = {
        1: web.Response(status=410),
        2: web.Response(status=429, headers={"Retry-After": "25"}),
        3: web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}),
        4: web.Response(status=204),
    }

    async def respond(received: Received) -> web.StreamResponse | None:
        return answers[int(received.headers["X-Ringline-Position"].partition(":")[2])]

    scope = await make_log(stores)
    async with receiver(respond) as hook, delivering(stores, clock):
        await add_receiver(stores, scope, hook.url)
        await publish(stores, scope, 4)
        rows = await ledger.until(lambda rows: all(row["attempts"] == 1 for row in rows))
    shown = [
        (row["status"], row["last_response_code"], row["errors"], row["next_attempt_at"])
        for row in rows
    ]
    assert shown == [
        ("dead", 410, [None], None),
        ("pending", 429, [None], clock() + 25 * SECOND),
        ("pending", 302, ["redirect"], clock() + 10 * SECOND),
        ("delivered", 204, [None], None),
    ]


async def test_a_slow_receiver_has_32_under_way_and_delays_no_other(
    stores: Stores, clock: HandClock, ledger: Ledger
) -> None:
    release, hanging = asyncio.Event(), 0
    most = 0

    async def hang(_: Received) -> None:
        nonlocal hanging, most
        hanging += 1
        most = max(most, hanging)
        await release.wait()
        hanging -= 1

    scope = await make_log(stores)
    async with receiver(hang) as slow, receiver() as quick, delivering(stores, clock):
        await add_receiver(stores, scope, slow.url)
        await publish(stores, scope, 100)
        await slow.until(lambda one: len(one.received) == 32)
        await add_receiver(stores, scope, quick.url)
        events = await publish(stores, scope, 300)
        await quick.until_accepted(300)
        assert (hanging, len(slow.received)) == (32, 32)
        assert set(quick.events().values()) == {1}
        assert event_ids(quick.accepted) == ids(events)
        release.set()
        await slow.until_accepted(400)
        rows = await ledger.until(settled)
    assert most == 32
    assert set(slow.events().values()) == {1}
    assert {row["status"] for row in rows} == {"delivered"}


async def test_deliveries_of_a_call_start_in_the_order_of_its_log(
    stores: Stores, clock: HandClock
) -> None:
    scope = await make_log(stores)
    started: list[str] = []
    done = asyncio.Event()

    async def send(_: str, headers: Any, body: bytes) -> SendResult:
        started.append(headers["X-Ringline-Position"])
        if len(started) == 305:
            done.set()
        await asyncio.sleep(0)
        return SendResult(200, None, "", 1)

    endpoint = await add_receiver(stores, scope, "https://example.com", paused=True)
    calls = [a_call() for _ in range(5)]
    await stores.log.commit([first_entry(scope, call) for call in calls])
    for _ in range(60):
        turns = tuple(said(call, a_turn(call)) for call in calls)
        await stores.log.commit([Entry(scope, turns, (), None)])
    async with delivering(stores, clock, send=send):
        async with stores.database.transaction(scope) as connection:
            await connection.execute(
                "UPDATE ringline.webhook_endpoints SET paused = false WHERE id = $1", endpoint
            )
        async with asyncio.timeout(LIMIT_S):
            await done.wait()
    assert started == [f"aaaaaaaa:{offset}" for offset in range(1, 306)]


async def test_a_paused_endpoint_waits_and_gets_the_oldest_first(
    stores: Stores, clock: HandClock, ledger: Ledger
) -> None:
    scope = await make_log(stores)
    async with receiver() as hook, delivering(stores, clock):
        endpoint = await add_receiver(stores, scope, hook.url, paused=True)
        events = await publish(stores, scope, 5)
        clock.advance(timedelta(hours=30))
        async with receiver() as other:
            await add_receiver(stores, scope, other.url)
            await publish(stores, scope, 1)
            await other.until_accepted(1)
        assert hook.received == []
        async with stores.database.transaction(scope) as connection:
            await connection.execute(
                "UPDATE ringline.webhook_endpoints SET paused = false WHERE id = $1", endpoint
            )
        await hook.until_accepted(6)
        rows = await ledger.until(settled)
    assert [one.event_id for one in hook.received][:5] == [
        format_id(Prefix.EVENT, event) for event in events
    ]
    assert {row["schedule_from"] for row in rows} == {clock()}


@pytest.mark.parametrize("jump", [timedelta(days=1), -timedelta(days=1)])
async def test_a_clock_that_jumps_neither_stops_deliveries_nor_spends_their_attempts(
    stores: Stores, clock: HandClock, ledger: Ledger, jump: timedelta
) -> None:
    async def refuse(received: Received) -> web.StreamResponse | None:
        first = received.headers["X-Ringline-Position"] == "aaaaaaaa:1"
        return web.Response(status=500) if first else None

    scope = await make_log(stores)
    async with receiver(refuse) as hook, delivering(stores, clock) as deliveries:
        await add_receiver(stores, scope, hook.url)
        await publish(stores, scope, 1)
        await ledger.until(lambda rows: rows[0]["attempts"] == 1)
        clock.advance(jump)
        deliveries.look()
        await publish(stores, scope, 1)
        rows = await ledger.until(lambda rows: rows[-1]["status"] == "delivered")
        if jump > timedelta(0):
            rows = await ledger.until(lambda rows: rows[0]["attempts"] == 2)
        assert rows[0]["status"] == "pending"
        assert rows[0]["attempts"] == 1 + (jump > timedelta(0))
        assert abs(rows[0]["next_attempt_at"] - clock()) <= abs(jump) + timedelta(minutes=1)


async def test_a_failing_webhook_gets_one_attempt_of_each_event(
    stores: Stores, clock: HandClock, ledger: Ledger
) -> None:
    down = True

    async def respond(_: Received) -> web.StreamResponse | None:
        return web.Response(status=500) if down else None

    scope = await make_log(stores)
    async with receiver(respond) as hook, delivering(stores, clock) as deliveries:
        await add_receiver(stores, scope, hook.url)
        await publish(stores, scope, 20)
        await ledger.until(lambda rows: all(row["attempts"] == 1 for row in rows))
        clock.advance(timedelta(hours=25))
        deliveries.look()
        await ledger.until(lambda rows: all(row["attempts"] == 2 for row in rows))
        await publish(stores, scope, 1)
        rows = await ledger.until(lambda rows: rows[-1]["status"] != "pending")
        assert (rows[-1]["status"], rows[-1]["attempts"]) == ("dead", 1)
        down = False
        await publish(stores, scope, 1)
        await ledger.until(lambda rows: rows[-1]["status"] == "delivered")
        down = True
        await publish(stores, scope, 1)
        rows = await ledger.until(lambda rows: rows[-1]["attempts"] == 1)
        assert rows[-1]["status"] == "pending"


async def test_a_worker_that_ends_gives_back_what_it_did_not_finish(
    database: TestDatabase, stores: Stores, clock: HandClock, ledger: Ledger
) -> None:
    async def hang(_: Received) -> None:
        await asyncio.Event().wait()

    scope = await make_log(stores)
    short = DeliveryLimits(grace_s=0.1)
    async with receiver(hang) as hook:
        await add_receiver(stores, scope, hook.url)
        async with delivering(stores, clock, limits=short):
            events = await publish(stores, scope, 40)
            await hook.until(lambda one: len(one.received) == 32)
        rows = await ledger.rows()
        assert {(row["status"], row["claimed_by"], row["attempts"]) for row in rows} == {
            ("pending", None, 0)
        }
        hook.respond = accepting
        async with (
            database.stores(OTHER, claim=False, now=clock) as others,
            delivering(others, clock),
        ):
            accepted = await hook.until_accepted(40)
            await ledger.until(settled)
    assert event_ids(accepted) == ids(events)


async def accepting(_: Received) -> web.StreamResponse | None:
    return None


async def test_two_workers_share_a_database_and_lose_nothing(
    database: TestDatabase, stores: Stores, clock: HandClock, ledger: Ledger
) -> None:
    scope = await make_log(stores)
    async with AsyncExitStack() as stack:
        hook = await stack.enter_async_context(receiver())
        others = await stack.enter_async_context(database.stores(OTHER, claim=False, now=clock))
        await stack.enter_async_context(delivering(stores, clock))
        await stack.enter_async_context(delivering(others, clock))
        await add_receiver(stores, scope, hook.url)
        call = a_call()
        await stores.log.commit([first_entry(scope, call)])
        for _ in range(40):
            turns = tuple(said(call, a_turn(call)) for _ in range(5))
            await stores.log.commit([Entry(scope, turns, (), call.id)])
        await hook.until_accepted(201)
        rows = await ledger.until(settled)
    assert {row["status"] for row in rows} == {"delivered"}
    assert set(hook.events().values()) == {1}


async def test_a_hundred_thousand_pending_obligations_stay_in_the_database(
    database: TestDatabase, stores: Stores, clock: HandClock
) -> None:
    """A dead endpoint has in memory what a claim brings, and the others do not notice."""
    scope = await make_log(stores)
    under_way: dict[str, int] = {"dead": 0, "most": 0}

    async def dead(_: Received) -> None:
        under_way["dead"] += 1
        under_way["most"] = max(under_way.values())
        await asyncio.Event().wait()

    async with receiver(dead) as hook, receiver() as quick:
        endpoint = await add_receiver(stores, scope, hook.url)
        async with database.connection() as superuser:
            await superuser.execute(
                "INSERT INTO ringline.webhook_deliveries (workspace_id, environment, id,"
                ' event_id, "offset", event_type, endpoint_id, target_id, next_attempt_at)'
                " SELECT $1, $2, gen_random_uuid(), gen_random_uuid(), 1, 'contact.created',"
                " $3, $3, $4 FROM generate_series(1, 100000) n",
                scope.workspace_id,
                scope.environment.value,
                endpoint,
                clock(),
            )
        await publish(stores, scope, 1)
        short = DeliveryLimits(grace_s=0.1)
        async with delivering(stores, clock, limits=short) as deliveries:
            await hook.until(lambda one: len(one.received) == 32)
            await add_receiver(stores, scope, quick.url)
            await publish(stores, scope, 50)
            await quick.until_accepted(50)
            assert deliveries.held <= 32 + 50
        assert under_way["most"] == 32
        plan = await explained(database, endpoint)
    assert "webhook_deliveries_due_idx" in plan
    assert "Seq Scan" not in plan


async def explained(database: TestDatabase, target: UUID) -> str:
    """Return how the database finds what is due to a target."""
    async with database.connection() as superuser:
        rows = await superuser.fetch(
            "EXPLAIN SELECT id FROM ringline.webhook_deliveries WHERE target_id = $1"
            " AND status = 'pending' AND next_attempt_at <= now()"
            ' ORDER BY next_attempt_at, "offset" LIMIT 32',
            target,
        )
    return "\n".join(row[0] for row in rows)


async def test_a_crowd_of_bad_receivers_is_explained_and_harms_nobody(
    stores: Stores, clock: HandClock, ledger: Ledger
) -> None:
    async def hang(_: Received) -> None:
        await asyncio.Event().wait()

    async def shout(_: Received) -> web.StreamResponse:
        return web.Response(body=b"x" * 10_000_000)

    scope = await make_log(stores)
    async with AsyncExitStack() as stack:
        hanging = await stack.enter_async_context(receiver(hang))
        shouting = await stack.enter_async_context(receiver(shout))
        good = await stack.enter_async_context(receiver())
        targets = {
            await add_receiver(stores, scope, hanging.url): ["timeout"],
            await add_receiver(stores, scope, "http://127.0.0.1:1/"): ["refused"],
            await add_receiver(stores, scope, "http://nobody.invalid/"): ["dns"],
            await add_receiver(stores, scope, "ftp://nonsense"): ["address_not_allowed"],
            await add_receiver(stores, scope, shouting.url): [None],
            await add_receiver(stores, scope, good.url): [None],
        }
        await stack.enter_async_context(delivering(stores, clock, attempt_s=0.5))
        await publish(stores, scope, 1)
        rows = await ledger.until(lambda rows: all(row["attempts"] == 1 for row in rows))
        assert {row["target_id"]: row["errors"] for row in rows} == targets
        delivered = {row["target_id"] for row in rows if row["status"] == "delivered"}
        assert delivered == {target for target, errors in targets.items() if errors == [None]}


async def test_a_secret_that_nobody_can_open_makes_its_deliveries_wait(
    stores: Stores, clock: HandClock, ledger: Ledger
) -> None:
    scope = await make_log(stores)
    async with receiver() as hook, delivering(stores, clock):
        await add_receiver(stores, scope, hook.url)
        async with stores.database.transaction(scope) as connection:
            await connection.execute("UPDATE ringline.webhook_endpoints SET secret = 'other'")
        await publish(stores, scope, 1)
        (row,) = await ledger.until(lambda rows: rows[0]["next_attempt_at"] > clock() + SECOND * 60)
    assert (row["status"], row["attempts"], row["step"]) == ("pending", 0, 0)
    assert hook.received == []
