"""Idempotency keys under `/v1` (live streams, 1.8).

The routes here stand in for those that create something: one keeps its answer in its
transaction, one does its work outside of any, and one answers with a secret.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ringline.domain.credentials import KeyKind
from ringline.domain.ids import Prefix
from ringline.domain.log import Environment, Scope
from ringline.domain.members import Member, Shape
from ringline.ports import StoreUnavailable, Transaction
from ringline.rest.route import Input, PathId, Refused, Request, Route
from ringline.rest.routes import ROUTES
from ringline.rpc.kinds import Text
from ringline.services.id_generator import new_id
from ringline.web import server
from ringline.web.limits import RestLimits, WebLimits
from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.v1 import V1, Answer, read_answer

_INSERT = """
    INSERT INTO ringline.contacts (workspace_id, environment, id, full_name)
    VALUES ($1, $2, $3, $4)
"""


class Work:
    """What the routes do, and what the test makes of it."""

    def __init__(self) -> None:
        self.done = 0
        self.started, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()
        self.raises: Exception | None = None

    async def insert(self, request: Request) -> Mapping[str, object]:
        """Create a contact, and keep the answer in the same transaction."""
        scope, name = request.caller.scope, request.given["name"]
        row = [scope.workspace_id, scope.environment.value, new_id(), name]

        async def write(transaction: Transaction) -> Mapping[str, object]:
            await transaction.fetch(_INSERT, row)
            answer = {"id": str(row[2])}
            await request.keep(transaction, answer)
            return answer

        answer = await request.services.repo.write(scope, write)
        if self.raises is not None:
            raise self.raises
        return answer

    async def do(self, request: Request) -> Mapping[str, object]:
        """Do something that is no transaction."""
        self.started.set()
        await self.go_on.wait()
        if self.raises is not None:
            raise self.raises
        self.done += 1
        return {"id": str(self.done)}


def routes_of(work: Work) -> tuple[Route, ...]:
    insert = Route(
        "POST",
        "/v1/things",
        "createThing",
        "Things",
        "Create a thing",
        work.insert,
        "The thing",
        status=201,
        body=(Input(Member("name", Shape.TEXT, "its name"), Text()),),
        answers=(Member("id", Shape.TEXT, "its id"),),
        idempotent=True,
    )
    do = replace(insert, path="/v1/deeds", act=work.do, status=200)
    ids = (PathId("call_id", Prefix.CALL, "a call"),)
    return (
        insert,
        do,
        replace(do, path="/v1/secrets", secret=True),
        replace(do, path="/v1/plain", idempotent=False),
        replace(do, path="/v1/calls/{call_id}/deeds", ids=ids),
    )


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work()
    monkeypatch.setattr(server, "ROUTES", (*ROUTES, *routes_of(work)))
    return work


@pytest.fixture
async def service(database: TestDatabase, work: Work) -> AsyncIterator[Service]:
    async with serving(database, limits=WebLimits(rest=RestLimits(deadline_s=3))) as service:
        yield service


async def post(v1: V1, path: str, key: str | None, body: Any = None) -> Answer:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await v1.ask("POST", path, body or {"name": "Ada"}, headers=headers)


async def contacts(service: Service) -> int:
    return len(await Rpc(service).run("list_contacts", fields=["id"]))


def conflict(answer: Answer) -> str:
    assert (answer.status, answer.code) == (409, "IDEMPOTENCY_CONFLICT")
    assert "Idempotent-Replayed" not in answer.headers
    return answer.message


async def test_a_repeat_gets_the_first_answer_and_nothing_is_done_again(service: Service) -> None:
    first = await post(V1(service), "/things", "k")
    assert (first.status, "Idempotent-Replayed" in first.headers) == (201, False)
    for _ in range(3):
        again = await post(V1(service), "/things", "k")
        assert (again.status, again.body) == (first.status, first.body)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
        assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert await contacts(service) == 1
    assert (await post(V1(service), "/things", None)).body != first.body
    assert await contacts(service) == 2


async def test_a_key_is_the_workspaces_on_one_route_and_in_one_environment(
    service: Service, work: Work
) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    _, another = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="another")
    other = await service.admin.workspaces.create("Other")
    first = await post(V1(service), "/deeds", "k")
    assert (await post(V1(service, another), "/deeds", "k")).body == first.body
    elsewhere = [
        await post(V1(service, service.keys.test_key), "/deeds", "k"),
        await post(V1(service, other.secret_key), "/deeds", "k"),
        await post(V1(service), "/deeds", "another"),
        await post(V1(service), "/things", "k"),
        await post(V1(service), f"/calls/call_{'0' * 22}/deeds", "k"),
        await post(V1(service), f"/calls/call_{'0' * 21}1/deeds", "k"),
    ]
    assert len({answer.body["id"] for answer in (first, *elsewhere)}) == 7
    rpc = {"action": "create_contact", "input": {"fullName": "Ada"}, "fields": ["id"]}
    made = await Rpc(service).ask(rpc, headers={"idempotency-key": "k"})
    assert made["success"], "RPC's keys are others"


async def test_another_body_is_refused(service: Service) -> None:
    await post(V1(service), "/things", "k")
    message = conflict(await post(V1(service), "/things", "k", {"name": "Bea"}))
    assert "another body" in message
    assert await contacts(service) == 1


async def test_concurrent_duplicates_run_once(service: Service) -> None:
    answers = await asyncio.gather(*(post(V1(service), "/things", "k") for _ in range(10)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 9
    assert await contacts(service) == 1


async def test_a_duplicate_waits_for_the_first_but_not_for_ever(
    service: Service, work: Work
) -> None:
    work.go_on.clear()
    first = asyncio.create_task(post(V1(service), "/deeds", "k"))
    await work.started.wait()
    second = await post(V1(service), "/deeds", "k")
    assert "under way" in conflict(second)
    third = asyncio.create_task(post(V1(service), "/deeds", "k"))
    work.go_on.set()
    assert (await first).body == (await third).body == {"id": "1"}
    assert work.done == 1


async def test_what_takes_too_long_is_finished_and_its_answer_found_later(
    service: Service, work: Work
) -> None:
    work.go_on.clear()
    late = await post(V1(service), "/deeds", "k")
    assert (late.status, late.code) == (504, "DEADLINE_EXCEEDED")
    work.go_on.set()
    found = await post(V1(service), "/deeds", "k")
    assert (found.status, found.body, work.done) == (200, {"id": "1"}, 1)
    assert found.headers["Idempotent-Replayed"] == "true"


async def test_what_was_refused_is_not_remembered(service: Service, work: Work) -> None:
    assert (await post(V1(service), "/things", "k", {"name": 7})).status == 400
    assert (await post(V1(service), "/things", "k")).status == 201
    work.raises = Refused("CALL_FAILED")
    refused = await post(V1(service), "/deeds", "d")
    assert (refused.status, refused.code) == (502, "CALL_FAILED")
    work.raises = None
    assert (await post(V1(service), "/deeds", "d", {"name": "Bea"})).status == 200


async def test_an_answer_that_was_lost_on_its_way_is_there(service: Service, work: Work) -> None:
    """The process finds no way to answer after the commit, as if it had died there."""
    work.raises = StoreUnavailable()
    lost = await post(V1(service), "/things", "k")
    assert (lost.status, lost.code) == (503, "UNAVAILABLE")
    work.raises = None
    found = await post(V1(service), "/things", "k")
    assert (found.status, found.headers["Idempotent-Replayed"]) == (201, "true")
    assert await contacts(service) == 1


async def test_a_claim_whose_process_died_runs_out(
    service: Service, work: Work, database: TestDatabase
) -> None:
    await post(V1(service), "/deeds", "k")
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.idempotency_keys SET done_at = NULL, answer = NULL,"
            " leased_until = now() - interval '1 second'"
        )
    assert (await post(V1(service), "/deeds", "k")).body == {"id": "2"}


async def test_after_a_day_a_key_is_new(
    service: Service, work: Work, database: TestDatabase
) -> None:
    await post(V1(service), "/deeds", "k")
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.idempotency_keys SET inserted_at = now() - interval '25 hours'"
        )
    assert (await post(V1(service), "/deeds", "k", {"name": "Bea"})).body == {"id": "2"}


async def test_an_answer_with_a_secret_is_not_kept(
    service: Service, work: Work, database: TestDatabase
) -> None:
    assert (await post(V1(service), "/secrets", "k")).body == {"id": "1"}
    assert "not kept" in conflict(await post(V1(service), "/secrets", "k"))
    endpoint = {"url": "https://hooks.example.com/a"}
    created = await post(V1(service), "/webhook-endpoints", "k", endpoint)
    assert created.status == 201
    conflict(await post(V1(service), "/webhook-endpoints", "k", endpoint))
    assert len((await V1(service).get("/webhook-endpoints")).body["webhook_endpoints"]) == 1
    async with database.connection() as superuser:
        kept = await superuser.fetch("SELECT answer FROM ringline.idempotency_keys")
    assert [row["answer"] for row in kept] == [None, None]


async def test_an_agent_is_created_once(service: Service) -> None:
    """Its name is unique, so a repeat without a key is refused."""
    agent = {"display_name": "Ada", "webhook_url": "https://hooks.example.com/a"}
    answers = await asyncio.gather(*(post(V1(service), "/agents", "k", agent) for _ in range(5)))
    assert {answer.status for answer in answers} == {201}, answers[0].body
    assert all(answer.body == answers[0].body for answer in answers)
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 4
    shown = await V1(service).get(f"/agents/{answers[0].body['agent_id']}")
    assert shown.body == answers[0].body
    without = await post(V1(service), "/agents", None, agent)
    assert (without.status, without.code) == (409, "ALREADY_EXISTS")


@pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "x" * 256, "schlüssel"])
async def test_keys_that_are_refused(service: Service, key: str) -> None:
    answer = await post(V1(service), "/things", key)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert answer.message.startswith("Idempotency-Key")
    assert await contacts(service) == 0


async def test_keys_that_are_accepted(service: Service, work: Work) -> None:
    for key in ("!", "~" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"'):
        assert (await post(V1(service), "/deeds", key)).status == 200
        assert "Idempotent-Replayed" in (await post(V1(service), "/deeds", key)).headers
    assert work.done == 3


async def test_two_keys_are_refused(service: Service) -> None:
    headers = [*service.bearer().items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    async with service.http.post(
        f"{service.base_url}/v1/things", data=io.BytesIO(b'{"name": "Ada"}'), headers=headers
    ) as refused:
        assert (await read_answer(refused)).code == "INVALID_ARGUMENT"


async def test_other_routes_ignore_a_key(service: Service, work: Work) -> None:
    for _ in range(2):
        assert (await post(V1(service), "/plain", "x" * 999)).status == 200
    assert work.done == 2


async def test_a_revoked_key_gets_no_stored_answer(service: Service, work: Work) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    key, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="short")
    assert (await post(V1(service, text), "/deeds", "k")).status == 200
    await service.admin.rows.revoke_key(key.id, key.created_at, end_calls=False)
    async with asyncio.timeout(20):
        while (await post(V1(service, text), "/deeds", "k")).status == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert (await post(V1(service, text), "/deeds", "k")).status == 401
