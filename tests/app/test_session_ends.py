"""`DELETE /v3/realtime-sessions/{id}`: tickets and sessions revoked by their id (2.7)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from ringline.domain.credentials import KeyKind
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.log import Environment, Scope
from tests.database import TestDatabase
from tests.realtime_session import BARE, PATH, Client, calls_of, connected, refused, until
from tests.serving import Service

SESSIONS = "/v3/realtime-sessions"


async def delete(
    service: Service, session_id: str, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any] | None]:
    headers = service.bearer() if headers is None else headers
    url = f"{service.base_url}{SESSIONS}/{session_id}"
    async with service.http.delete(url, headers=headers) as answer:
        return answer.status, None if answer.status == 204 else (await answer.json())["error"]


def uuid_of(session_id: str) -> str:
    return str(parse_id(Prefix.SESSION, session_id))


async def is_revoked(client: Client) -> None:
    """Hold that a session ends cleanly, because it was revoked."""
    async with asyncio.timeout(10):
        assert await client.closed() == 1000
    last = client.events[-1]
    assert (last["type"], last["error"]["code"]) == ("session.terminating", "revoked")


@pytest.mark.parametrize("spelling", [str, uuid_of])
async def test_an_unused_ticket_opens_nothing_any_more(service: Service, spelling: Any) -> None:
    minted = await service.mint(BARE)
    assert await delete(service, spelling(minted["id"])) == (204, None)
    status, error = await refused(service, f"{PATH}?ticket={minted['client_secret']}")
    assert (status, error["code"]) == (401, "unauthorized")
    status, told = await delete(service, minted["id"])  # it is revoked already
    assert (status, told and told["code"]) == (404, "not_found")


@pytest.mark.parametrize("spelling", [str, uuid_of])
async def test_a_live_session_ends_and_stays_ended(
    service: Service, database: TestDatabase, spelling: Any
) -> None:
    minted, other = await service.mint(BARE), await service.mint(BARE)
    async with (
        connected(service, minted["client_secret"]) as client,
        connected(service, other["client_secret"]) as neighbour,
    ):
        started = await client.start()
        assert started["session_id"] == minted["id"]
        await neighbour.start()
        assert await delete(service, spelling(minted["id"])) == (204, None)
        await is_revoked(client)

        async def is_written() -> bool:
            rows = {row["id"]: row for row in await calls_of(service, database)}
            return rows[UUID(uuid_of(minted["id"]))]["hangup_cause"] is not None

        await until(is_written)
        before = await calls_of(service, database)
        assert await delete(service, minted["id"]) == (204, None)
        assert await calls_of(service, database) == before
        (row,) = [row for row in before if row["ended_at"]]
        assert (row["status"], row["hangup_cause"]) == ("completed", "revoked")
        await neighbour.send("session.update", config={})
        await neighbour.until("session.updated")


async def test_a_session_that_has_not_started_ends_too(service: Service) -> None:
    minted = await service.mint(BARE)
    async with connected(service, minted["client_secret"]) as client:
        assert await delete(service, minted["id"]) == (204, None)
        await is_revoked(client)
    status, _ = await delete(service, minted["id"])  # it left no call
    assert status == 404


async def test_a_session_that_a_key_opened_ends_by_its_id(service: Service) -> None:
    async with connected(service, headers=service.bearer()) as client:
        started = await client.start(config=BARE["config"])
        assert await delete(service, started["session_id"]) == (204, None)
        await is_revoked(client)


async def test_another_key_of_the_same_log_may(service: Service) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    _, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="other")
    minted = await service.mint(BARE)
    assert await delete(service, minted["id"], service.bearer(text)) == (204, None)


async def test_who_may_not(service: Service) -> None:
    minted = await service.mint(BARE)
    keys = service.keys
    stranger = await service.admin.workspaces.create("Somebody else")
    for headers, status in (
        ({}, 401),
        (service.bearer("sk_live_" + "A" * 43), 401),
        (service.bearer(keys.publishable_key), 401),
        (service.bearer(keys.management_key), 401),
        (service.bearer(minted["client_secret"]), 401),
        (service.bearer(keys.test_key), 404),
        (service.bearer(stranger.secret_key), 404),
    ):
        told, error = await delete(service, minted["id"], headers)
        assert told == status, headers
        assert error is not None
        assert error["code"] == ("unauthorized" if status == 401 else "not_found")
    async with connected(service, minted["client_secret"]) as client:
        await client.start()
        for key in (keys.test_key, stranger.secret_key):
            assert (await delete(service, minted["id"], service.bearer(key)))[0] == 404
        await client.send("session.update", config={})
        await client.until("session.updated")


UNKNOWN = UUID(int=7)


@pytest.mark.parametrize(
    "session_id",
    [
        str(UNKNOWN),
        format_id(Prefix.SESSION, UNKNOWN),
        "sess_",
        "sess_" + "z" * 22,
        "x" * 1_000,
        "%00",
        "%F0%9F%98%80",
        "sess_%2e%2e",
    ],
)
async def test_what_is_no_session_is_not_found(service: Service, session_id: str) -> None:
    status, error = await delete(service, session_id)
    assert (status, error and error["code"]) == (404, "not_found")


async def test_another_prefix_and_another_kind_of_call_are_no_session(service: Service) -> None:
    made = {"action": "create_call", "fields": ["id"]} | {
        "input": {"direction": "inbound", "fromNumber": "+491", "toNumber": "+492"}
    }
    url = f"{service.base_url}/rpc/public/run"
    async with service.http.post(url, json=made, headers=service.bearer()) as answer:
        call_id = (await answer.json())["data"]["id"]
    assert (await delete(service, call_id))[0] == 404
    minted = await service.mint(BARE)
    as_call = format_id(Prefix.CALL, UUID(uuid_of(minted["id"])))
    assert (await delete(service, as_call))[0] == 404


async def test_a_ticket_that_opens_nothing_already_is_not_found(
    service: Service, database: TestDatabase
) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    row, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="spare")
    expired, orphaned = await service.mint(BARE), await service.mint(BARE, text)
    await service.admin.rows.revoke_key(row.id, datetime.now(UTC), end_calls=False)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE ringline.tickets SET expires_at = $1 WHERE call_id = $2",
            datetime.now(UTC) - timedelta(seconds=1),
            UUID(uuid_of(expired["id"])),
        )
    for minted in (expired, orphaned):
        assert (await delete(service, minted["id"]))[0] == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH"])
async def test_nothing_else_is_done_there(service: Service, method: str) -> None:
    url = f"{service.base_url}{SESSIONS}/sess_x"
    async with service.http.request(method, url, headers=service.bearer()) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "DELETE")
        assert (await answer.json())["error"]["code"] == "method_not_allowed"


async def test_against_the_upgrade_that_redeems_the_ticket_one_wins(service: Service) -> None:
    """Whoever is first, no session survives a 204."""

    async def enter(ticket: str) -> aiohttp.ClientWebSocketResponse | int:
        try:
            return await service.http.ws_connect(
                service.ws_url + PATH, protocols=[f"opper-ticket.{ticket}"]
            )
        except aiohttp.WSServerHandshakeError as refusal:
            return refusal.status

    for turn in range(40):
        minted = await service.mint(BARE)
        racers = [enter(minted["client_secret"]), enter(minted["client_secret"])]

        async def end(session_id: str, late: int) -> int:
            for _ in range(late):
                await asyncio.sleep(0)
            return (await delete(service, session_id))[0]

        *sockets, status = await asyncio.gather(*racers, end(minted["id"], 20 * (turn % 10)))
        assert status == 204
        for socket in sockets:
            if isinstance(socket, aiohttp.ClientWebSocketResponse):
                client = Client(socket)
                await client.send("session.start")
                await is_revoked(client)
            else:
                assert socket == 401
