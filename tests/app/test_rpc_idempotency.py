"""Idempotency keys: what is sent again is answered, not carried out again (contract, 9)."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from ringline.bus.memory import MemoryBus
from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment, Scope
from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import LogBusy, StoreUnavailable
from ringline.rpc.action import Action
from ringline.rpc.actions import ACTIONS
from ringline.services.callers import Caller, Operator
from ringline.services.id_generator import new_id
from ringline.services.idempotency import (
    MAX_KEPT,
    SWEEP_EVERY,
    Claim,
    Conflict,
    Idempotency,
    IdempotencyConflict,
    WaitLimits,
)
from ringline.services.repo import Repo
from ringline.storage.stores import Stores
from ringline.wire.rpc import refuse
from tests.database import TestDatabase, make_log
from tests.expecting import unavailable_for
from tests.rpc_calls import Rpc
from tests.serving import Service

CREATE = {"action": "create_contact", "input": {"fullName": "Ada"}, "fields": ["id"]}


@pytest.fixture
def rpc(service: Service) -> Rpc:
    return Rpc(service)


def post(
    rpc: Rpc, key: str, body: object = CREATE
) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    return rpc.post(body, headers={"idempotency-key": key})


async def ask(rpc: Rpc, key: str, body: object = CREATE) -> Any:
    return await rpc.ask(body, headers={"idempotency-key": key})


async def conflict(answer: aiohttp.ClientResponse, reason: str) -> None:
    body = await answer.json()
    assert answer.status == 409, body
    (error,) = body["errors"]
    assert (error["type"], error["shortMessage"]) == (
        "idempotency_conflict",
        "Idempotency conflict",
    )
    assert error["details"] == {"reason": reason}


async def contacts(rpc: Rpc) -> int:
    return len(await rpc.run("list_contacts", fields=["id"]))


# -- over HTTP ----------------------------------------------------------------------------


async def test_the_same_request_is_answered_alike_and_done_once(rpc: Rpc) -> None:
    first = await ask(rpc, "k")
    assert first["success"]
    for _ in range(3):
        assert await ask(rpc, "k") == first
    assert await contacts(rpc) == 1
    assert await ask(rpc, "other") != first
    assert await contacts(rpc) == 2


async def test_raw_bodies_are_compared(rpc: Rpc) -> None:
    assert (await ask(rpc, "k"))["success"]
    for body in (json.dumps(CREATE) + " ", json.dumps(CREATE, sort_keys=True)):
        async with post(rpc, "k", body) as answer:
            await conflict(answer, "other_body")
    assert await contacts(rpc) == 1


async def test_what_was_refused_is_not_remembered(rpc: Rpc) -> None:
    bad = {**CREATE, "input": {"fullName": None}}
    for _ in range(2):
        assert (await ask(rpc, "k", bad))["errors"][0]["type"] == "required"
    assert (await ask(rpc, "k"))["success"]
    taken = {**CREATE, "input": {"fullName": "Ada", "phoneE164": "+15551234"}}
    await rpc.run("create_contact", input=taken["input"])
    assert (await ask(rpc, "t", taken))["errors"][0]["type"] == "invalid_attribute"
    (record,) = await rpc.run("list_contacts", fields=["id"], filter={"phoneE164": "+15551234"})
    await rpc.run("delete_contact", identity=record["id"])
    assert (await ask(rpc, "t", taken))["success"]


async def test_keys_belong_to_an_api_key(service: Service, rpc: Rpc) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    _, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="another")
    answers = [
        await ask(Rpc(service, key), "k")
        for key in (service.keys.secret_key, service.keys.test_key, text)
    ]
    assert len({answer["data"]["id"] for answer in answers}) == 3


async def test_the_header_counts_for_create_and_generic_actions_alone(rpc: Rpc) -> None:
    made = await rpc.run("create_contact", input={"fullName": "Ada"}, fields=["id"])
    update = {"action": "update_contact", "identity": made["id"], "fields": ["fullName"]}
    for name in ("Bea", "Cis"):
        answer = await ask(rpc, "k", {**update, "input": {"fullName": name}})
        assert answer["data"] == {"fullName": name}
    for body in ({"action": "list_contacts", "fields": ["id"]}, {"action": "nope"}, [], 7):
        await ask(rpc, "x" * 1000, body)
    validated = await rpc.ask(CREATE, "validate", headers={"idempotency-key": ""})
    assert validated == {"success": True}


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel", "a\tb"])
async def test_a_key_is_short_printable_text(rpc: Rpc, key: str) -> None:
    async with post(rpc, key) as answer:
        assert answer.status == 400
        assert (await answer.json())["errors"][0]["type"] == "bad_request"
    assert await contacts(rpc) == 0


async def test_concurrent_duplicates_run_once(rpc: Rpc) -> None:
    answers = await asyncio.gather(*(ask(rpc, "k") for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert await contacts(rpc) == 1


async def test_whoever_gives_up_finds_their_answer_later(rpc: Rpc) -> None:
    # Before, between and after the claim and the work.
    moments = [0.0005 * number for number in range(1, 20)]
    for moment in moments:
        with suppress(TimeoutError):
            async with asyncio.timeout(moment), post(rpc, f"k{moment}") as answer:
                await answer.read()
        assert (await ask(rpc, f"k{moment}"))["success"]
    assert await contacts(rpc) == len(moments)


async def test_a_claim_whose_process_died_runs_out(database: TestDatabase, rpc: Rpc) -> None:
    assert (await ask(rpc, "k"))["success"]
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE ringline.idempotency_keys SET done_at = NULL, answer = NULL,"
            " leased_until = now() + interval '1 second'"
        )
    assert (await ask(rpc, "k"))["success"], "it waits for the claim, then takes it over"
    assert await contacts(rpc) == 2
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE ringline.idempotency_keys SET done_at = NULL, answer = NULL,"
            " leased_until = now() - interval '1 second'"
        )
    async with post(rpc, "k", {**CREATE, "fields": []}) as answer:
        await conflict(answer, "other_body")


async def test_after_a_day_a_key_is_new(database: TestDatabase, rpc: Rpc) -> None:
    first = await ask(rpc, "k")
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE ringline.idempotency_keys SET inserted_at = now() - interval '25 hours'"
        )
    assert await ask(rpc, "k", {**CREATE, "fields": ["id", "fullName"]}) != first


# -- what no request of today does --------------------------------------------------------


class House:
    """The idempotency of two processes over one database."""

    def __init__(self, stores: Stores, scope: Scope, key_id: UUID) -> None:
        self.repo = Repo(stores.records, MemoryBus())
        self.wait(WaitLimits())
        self.caller = Caller(scope, key_id)
        self.done = 0
        self.started, self.go_on = asyncio.Event(), asyncio.Event()

    def wait(self, limits: WaitLimits) -> None:
        """Begin with processes whose requests wait for each other so long."""
        self.here, self.there = (Idempotency(self.repo, new_id, limits=limits) for _ in range(2))

    async def work(self, claim: Claim) -> bytes:
        self.started.set()
        await self.go_on.wait()
        self.done += 1
        return b"answer %d" % self.done

    def ask(
        self,
        where: Idempotency | None = None,
        action: Action = ACTIONS["end_call"],
        caller: Caller | None = None,
        body: bytes = b"body",
        work: Any = None,
    ) -> asyncio.Task[bytes]:
        asked = (where or self.here).once(
            caller or self.caller,
            "k",
            body=body,
            work=work or self.work,
            secret=action.secret,
            had_no_effect=action.had_no_effect,
        )
        return asyncio.create_task(asked)


@pytest.fixture
async def house(stores: Stores, database: TestDatabase) -> House:
    scope = await make_log(stores)
    async with database.connection() as connection:
        key_id = await connection.fetchval(
            "SELECT id FROM ringline.keys WHERE workspace_id = $1 AND environment = 'live'",
            scope.workspace_id,
        )
    return House(stores, scope, key_id)


async def test_processes_wait_for_each_other(house: House) -> None:
    house.go_on.set()
    first = house.ask()
    assert await first == b"answer 1"
    house.go_on.clear()
    assert await house.ask(house.there) == b"answer 1"
    assert house.done == 1


async def test_a_duplicate_elsewhere_gets_the_answer_of_the_first(house: House) -> None:
    first = house.ask()
    await house.started.wait()
    second, third = house.ask(house.there), house.ask(house.here)
    done, _ = await asyncio.wait([second, third], timeout=0.3)
    assert not done
    house.go_on.set()
    assert {await first, await second, await third} == {b"answer 1"}


async def test_nobody_waits_for_ever(house: House) -> None:
    house.wait(WaitLimits(wait_s=0.2))
    first = house.ask()
    await house.started.wait()
    for where in (house.here, house.there):
        with pytest.raises(IdempotencyConflict) as raised:
            await house.ask(where)
        assert raised.value.reason is Conflict.IN_PROGRESS
    house.go_on.set()
    assert await first == b"answer 1"


async def test_so_many_wait_and_no_more(house: House) -> None:
    house.wait(WaitLimits(waiting=1))
    first = house.ask()
    await house.started.wait()
    second = house.ask()
    done, _ = await asyncio.wait([second], timeout=0.3)
    assert not done
    with pytest.raises(IdempotencyConflict) as raised:
        await house.ask()
    assert raised.value.reason is Conflict.IN_PROGRESS
    house.go_on.set()
    assert await first == await second == b"answer 1"


async def test_an_answer_with_a_credential_is_not_kept(house: House) -> None:
    house.go_on.set()
    secret = replace(ACTIONS["end_call"], secret=True)
    assert await house.ask(action=secret) == b"answer 1"
    with pytest.raises(IdempotencyConflict) as raised:
        await house.ask(action=secret)
    assert raised.value.reason is Conflict.ANSWER_NOT_KEPT
    assert house.done == 1


async def test_an_answer_that_is_too_long_is_not_kept(house: House) -> None:
    async def work(claim: Claim) -> bytes:
        return b"x" * (MAX_KEPT + 1)

    assert len(await house.ask(work=work)) == MAX_KEPT + 1
    with pytest.raises(IdempotencyConflict) as raised:
        await house.ask(work=work)
    assert raised.value.reason is Conflict.ANSWER_NOT_KEPT


async def test_an_operators_keys_are_their_own(house: House) -> None:
    house.go_on.set()
    callers = [house.caller] + [
        replace(house.caller, operator=Operator(new_id(), "op@example.com")) for _ in range(2)
    ]
    answers = [await house.ask(caller=caller) for caller in (*callers, *callers)]
    assert answers == [b"answer 1", b"answer 2", b"answer 3"] * 2


@pytest.mark.parametrize(
    ("action", "error", "again"),
    [
        ("end_call", refuse("not_found"), True),
        ("end_call", LogBusy(), True),
        ("end_call", StoreUnavailable(), False),
        ("end_call", Unavailable(UnavailableReason.TOO_MANY_ORDERS), True),
        ("end_call", Unavailable(UnavailableReason.ORDER_UNCONFIRMED), False),
        ("end_call", Unavailable(UnavailableReason.PROCESS_GONE), False),
        ("end_call", ValueError(), False),
        ("create_contact", StoreUnavailable(), True),
        ("create_contact", ValueError(), True),
    ],
)
async def test_a_claim_is_given_up_where_nothing_was_done(
    house: House,
    action: str,
    error: Exception,
    again: bool,
) -> None:
    house.wait(WaitLimits(wait_s=0.1))
    house.go_on.set()

    async def fail(claim: Claim) -> bytes:
        raise error

    with pytest.raises(type(error)):
        await house.ask(action=ACTIONS[action], work=fail)
    if again:
        assert await house.ask(action=ACTIONS[action]) == b"answer 1"
    else:
        with pytest.raises(IdempotencyConflict):
            await house.ask(action=ACTIONS[action])


async def test_a_create_and_its_answer_are_one_transaction(
    house: House, database: TestDatabase
) -> None:
    """Whoever lost their claim to another cannot create any more."""
    create = ACTIONS["create_contact"]

    async def work(claim: Claim) -> bytes:
        async with database.connection() as connection:
            await connection.execute("UPDATE ringline.idempotency_keys SET claim = $1", new_id())

        async def write(transaction: Any) -> None:
            await transaction.fetch("SELECT set_config('a.b', 'c', true)", ())
            await claim.keep(transaction, b"answer")

        await house.repo.write(house.caller.scope, write)
        return b"answer"

    with pytest.raises(IdempotencyConflict) as raised:
        await house.ask(action=create, work=work)
    assert raised.value.reason is Conflict.IN_PROGRESS


@pytest.mark.parametrize("keeps", [True, False])
async def test_an_answer_is_kept_once_by_the_work_or_after_it(
    house: House, monkeypatch: pytest.MonkeyPatch, keeps: bool
) -> None:
    house.go_on.set()
    kept: list[bytes] = []
    keep = Claim.keep

    async def noting(claim: Claim, transaction: Any, answer: bytes) -> None:
        kept.append(answer)
        await keep(claim, transaction, answer)

    monkeypatch.setattr(Claim, "keep", noting)

    async def work(claim: Claim) -> bytes:
        answer = await house.work(claim)
        if keeps:
            await house.repo.write(house.caller.scope, lambda rows: claim.keep(rows, answer))
        return answer

    for _ in range(2):
        assert await house.ask(work=work) == b"answer 1"
    assert kept == [b"answer 1"]


async def test_old_keys_are_swept(house: House, database: TestDatabase) -> None:
    house.go_on.set()
    await house.ask()
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE ringline.idempotency_keys SET idempotency_key = 'old',"
            " inserted_at = now() - interval '25 hours'"
        )
        for number in range(SWEEP_EVERY):
            await house.here.once(
                house.caller,
                f"new {number}",
                body=b"",
                work=house.work,
                secret=False,
                had_no_effect=lambda error: False,
            )
        names = await connection.fetch("SELECT idempotency_key FROM ringline.idempotency_keys")
    assert sorted(row[0] for row in names) == sorted(f"new {n}" for n in range(SWEEP_EVERY))


async def test_a_closed_ledger_begins_nothing(house: House) -> None:
    house.go_on.set()
    await house.repo.close()
    with unavailable_for(UnavailableReason.STOPPING):
        await house.ask()
    assert house.done == 0


async def test_closing_waits_for_what_is_carried_out(house: House) -> None:
    asked = house.ask()
    await house.started.wait()
    asked.cancel()
    closing = asyncio.create_task(house.here.close())
    done, _ = await asyncio.wait([closing], timeout=0.1)
    assert not done
    house.go_on.set()
    await closing
    assert house.done == 1
