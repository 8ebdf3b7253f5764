"""The console's routes in an environment: RPC, tokens, tickets and recordings, by role."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from aiohttp import WSServerHandshakeError
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from ringline.domain import console_limits, limits
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment
from ringline.domain.operators import TeamRole
from ringline.domain.permissions import deeds_of, may_do
from ringline.domain.recording import RATE_HZ
from ringline.rpc.actions import ACTIONS
from ringline.web.console_routes import API, ROUTES, ConsoleRoute
from ringline.wire.peaks import peaks_of
from ringline.wire.wav import HEADER_BYTES
from tests.call_rows import live
from tests.console import Browser, browsing, join_team, link_for, signed_in
from tests.database import TestDatabase
from tests.realtime_session import connected
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.stored_recordings import Stored, store_recording
from tests.watchers import EventsClient, socket_url

ENVIRONMENTS = [environment.value for environment in Environment]
SIGNED_IN = [route for route in ROUTES if not route.anyone]


@pytest.fixture
async def service(database: TestDatabase, tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(database, dev=True, data_dir=tmp_path) as service:
        yield service


@pytest.fixture
async def stored(service: Service, database: TestDatabase, tmp_path: Path) -> Stored:
    return await store_recording(database, live(service), tmp_path)


def path_of(route: ConsoleRoute, environment: str, call_id: str = "1") -> str:
    return route.path.format(environment=environment, id=call_id)


@pytest.mark.parametrize("route", SIGNED_IN, ids=lambda route: route.path)
async def test_a_route_lets_in_who_is_signed_in_and_may(
    service: Service, database: TestDatabase, stored: Stored, route: ConsoleRoute
) -> None:
    async with browsing(service) as stranger:
        told = await stranger.ask(route.method, path_of(route, "live"))
        assert (told.status, told.problem) == (401, "unauthorized")
    for role in TeamRole:
        await join_team(database, service, f"{role}@example.com", role)
        for environment in ENVIRONMENTS:
            async with signed_in(service, f"{role}@example.com") as browser:
                path = path_of(route, environment, stored.id)
                told = await browser.ask(route.method, path, {})
                deed = route.deed.format(environment=environment)
                if deed and not may_do(role, deed):
                    assert (told.status, told.problem) == (403, "forbidden"), (role, environment)
                else:
                    assert told.status not in (401, 403), (role, environment, told)


@pytest.mark.parametrize("role", TeamRole)
async def test_what_a_person_can_do_is_what_they_are_allowed(
    service: Service, database: TestDatabase, role: TeamRole
) -> None:
    await join_team(database, service, "ann@example.com", role)
    async with signed_in(service, "ann@example.com") as browser:
        can = (await browser.ask("GET", "/me", headers={})).body["can"]
        assert can == deeds_of(role)
        for environment, action in product(ENVIRONMENTS, ACTIONS.values()):
            answer = await browser.run(
                action.name, environment, fields=["id"] if action.is_read else None, input={"x": 1}
            )
            types = {error["type"] for error in answer.get("errors", ())}
            assert ("forbidden" in types) is (action.name not in can), (action.name, answer)


async def test_rpc_is_the_persons_own_in_each_environment(service: Service) -> None:
    async with signed_in(service) as browser:
        fields = {"fields": ["id", "fullName"]}
        for environment in ENVIRONMENTS:
            made = await browser.data(
                "create_contact", environment, input={"fullName": environment}, **fields
            )
            listed = await browser.data("list_contacts", environment, **fields)
            assert listed == [made]
        body = {"action": "create_contact", "input": {"fullName": "Ada"}}
        told = await browser.ask("POST", "/live/rpc/public/validate", body)
        assert told.body == {"success": True}
        assert told.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in told.headers
        told = await browser.ask("POST", "/sandbox/rpc/public/run", body)
        assert told.status == 404


async def test_an_idempotency_key_belongs_to_a_sign_in(service: Service) -> None:
    async with signed_in(service) as browser:
        sent = {**browser.own, "Idempotency-Key": "once"}
        body = {"action": "create_contact", "input": {"fullName": "Ada"}, "fields": ["id"]}
        first, second = [
            await browser.ask("POST", "/live/rpc/public/run", body, headers=sent) for _ in range(2)
        ]
        assert first.body["success"] is True
        assert first.body == second.body
        assert len(await browser.data("list_contacts", fields=["id"])) == 1


async def test_two_workspaces_never_meet(service: Service, database: TestDatabase) -> None:
    other = await service.admin.workspaces.create("Other")
    token = await link_for(service, workspace_id=other.workspace_id)
    async with signed_in(service) as ours, browsing(service) as theirs:
        assert (await theirs.follow(token)).body["workspace"]["name"] == "Other"
        made = await ours.data("create_contact", input={"fullName": "Ada"}, fields=["id"])
        assert await theirs.data("list_contacts", fields=["id"]) == []
        answer = await theirs.run("update_contact", identity=made["id"], input={"fullName": "Eve"})
        assert answer["errors"][0]["type"] == "not_found"
        ours_listed = await ours.data("list_users", fields=["email"])
        assert ours_listed == [{"email": "owner@localhost"}]


async def test_nobody_below_an_admin_acts_under_another_name(
    service: Service, database: TestDatabase
) -> None:
    rpc = Rpc(service)
    lines: dict[str, str] = {}
    for name in ("ann", "bob"):
        role = "admin" if name == "bob" else "operator"
        user = await join_team(database, service, f"{name}@example.com", role)
        asked = {"sipUsername": name, "sipPassword": "x", "userId": str(user)}
        lines[name] = (await rpc.run("create_sip_user", input=asked, fields=["id"]))["id"]
    fields: dict[str, Any] = {"fields": ["source", {"changedByUser": ["email"]}]}
    for person, line, allowed in (
        ("ann", "ann", True),
        ("ann", "bob", False),
        ("bob", "ann", True),
    ):
        async with signed_in(service, f"{person}@example.com") as browser:
            answer = await browser.run(
                "set_operator_status",
                input={"sipUserId": lines[line], "status": "available"},
                **fields,
            )
            if allowed:
                by = {"email": f"{person}@example.com"}
                assert answer["data"] == {"source": "console", "changedByUser": by}
            else:
                assert answer["errors"][0]["type"] == "forbidden"


# -- tokens and tickets -------------------------------------------------------------------


@asynccontextmanager
async def watching(service: Service, token: str) -> AsyncIterator[EventsClient]:
    async with connect(socket_url(service, token)) as socket:
        yield EventsClient(socket)


async def token_of(browser: Browser, environment: str = "live") -> str:
    told = await browser.ask("POST", f"/{environment}/token")
    assert told.status == 200
    assert told.body["ttl_seconds"] == 300
    return told.body["token"]


async def test_a_token_watches_and_presence_lists_its_person(service: Service) -> None:
    async with signed_in(service) as browser:
        me = (await browser.ask("GET", "/me", headers={})).body["user"]["id"]
        token = await token_of(browser)
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims["op"], claims["env"]) == (me, "live")
        async with watching(service, token) as client:
            await client.join()
            frame = await client.present()
            assert set(frame[4]) == {me}


@pytest.mark.parametrize("end", ["sign-out", "removal", "revocation"])
async def test_what_a_sign_in_opened_ends_with_it(
    service: Service, database: TestDatabase, end: str
) -> None:
    ann = await join_team(database, service, "ann@example.com", "operator")
    async with signed_in(service, "ann@example.com") as browser:
        token = await token_of(browser)
        ticket = (await browser.ask("POST", "/live/tickets", {"agent_id": service.agent_id})).body
        async with watching(service, token) as client:
            await client.join()
            if end == "sign-out":
                assert (await browser.ask("POST", "/sign-out")).status == 204
            else:
                statement = (
                    "DELETE FROM ringline.users WHERE id = $1"
                    if end == "removal"
                    else "UPDATE ringline.keys SET revoked_at = now() WHERE user_id = $1"
                )
                async with database.connection() as superuser:
                    await superuser.execute(statement, ann)
            async with asyncio.timeout(20):
                await client.socket.wait_closed()
        await browser.until(lambda told: told.status == 401)
        with pytest.raises(WSServerHandshakeError) as refused:
            async with connected(service, ticket["client_secret"]):
                pass
        assert refused.value.status == 401
        with pytest.raises(InvalidStatus) as closed:
            await connect(socket_url(service, token))
        assert closed.value.response.status_code == 403


async def test_the_caller_of_a_ticket_is_the_person(service: Service) -> None:
    async with signed_in(service) as browser:
        me = (await browser.ask("GET", "/me", headers={})).body["user"]["id"]
        asked = {"agent_id": service.agent_id, "subject": "somebody else"}
        told = await browser.ask("POST", "/live/tickets", asked)
        assert told.status == 200
        assert told.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in told.headers
        async with connected(service, told.body["client_secret"]) as client:
            await client.start()
            (call,) = await browser.data("list_calls", fields=["fromNumber"])
            assert call == {"fromNumber": f"web:{me}"}


async def test_a_mint_that_is_wrong_is_refused_as_on_its_own_surface(service: Service) -> None:
    async with signed_in(service) as browser:
        for body in ({"agent_id": format_id(Prefix.AGENT, uuid4())}, {"ttl_seconds": "x"}):
            told = await browser.ask("POST", "/live/tickets", body)
            assert told.status == 400
            assert set(told.body) == {"error"}


# -- recordings ---------------------------------------------------------------------------


async def test_a_recording_is_sent_whole_and_in_parts(service: Service, stored: Stored) -> None:
    async with signed_in(service) as browser:
        path = f"/live/calls/{stored.id}/recording"
        told = await browser.ask("GET", path, headers={})
        assert (told.status, told.body) == (200, stored.file)
        assert told.headers["content-type"] == "audio/wav"
        assert told.headers["cache-control"] == "no-store"
        told = await browser.ask("GET", path, headers={"Range": "bytes=10-19"})
        assert (told.status, told.body) == (206, stored.file[10:20])
        told = await browser.ask("GET", path, headers={"Range": "bytes=999999999-"})
        assert (told.status, told.problem) == (416, "range_not_satisfiable")
        assert told.headers["content-range"] == f"bytes */{len(stored.file)}"
        by_uuid = f"/live/calls/{stored.call.id}/recording"
        assert (await browser.ask("GET", by_uuid, headers={})).status == 200


async def test_peaks_are_those_of_the_file(service: Service, stored: Stored) -> None:
    async with signed_in(service) as browser:
        told = await browser.ask("GET", f"/live/calls/{stored.id}/peaks", headers={})
        assert (told.status, told.headers["content-type"]) == (200, "application/octet-stream")
        assert told.body == peaks_of(stored.file[HEADER_BYTES:], rate_hz=RATE_HZ, channels=2)
        assert len(told.body) == 4 * -(-(len(stored.file) - HEADER_BYTES) // 3_200)
        unknown = f"/live/calls/{format_id(Prefix.CALL, uuid4())}/peaks"
        assert (await browser.ask("GET", unknown, headers={})).status == 404


async def test_who_heard_a_recording_is_audited_once(
    service: Service, database: TestDatabase, stored: Stored
) -> None:
    async with signed_in(service) as one, signed_in(service) as other:
        for browser in (one, one, other):
            for part in ("recording", "peaks"):
                path = f"/live/calls/{stored.id}/{part}"
                assert (await browser.ask("GET", path, headers={})).status == 200
    async with database.connection() as superuser:
        heard = await superuser.fetch(
            "SELECT * FROM ringline.audit_entries WHERE action = 'hear_recording'"
        )
    assert [(row["actor_name"], row["target_id"]) for row in heard] == [
        ("owner@localhost", stored.call.id)
    ] * 2


async def test_a_foreign_or_unknown_recording_is_not_found(
    service: Service, stored: Stored
) -> None:
    other = await service.admin.workspaces.create("Other")
    token = await link_for(service, workspace_id=other.workspace_id)
    async with signed_in(service) as ours, browsing(service) as theirs:
        assert (await theirs.follow(token)).status == 200
        for browser, path in (
            (theirs, f"/live/calls/{stored.id}/recording"),
            (ours, f"/test/calls/{stored.id}/recording"),
            (ours, f"/live/calls/{format_id(Prefix.CALL, uuid4())}/recording"),
            (ours, "/live/calls/x/recording"),
        ):
            told = await browser.ask("GET", path, headers={})
            assert (told.status, told.problem) == (404, "not_found")


# -- bounds -------------------------------------------------------------------------------

#: What a body to each route may hold at most.
BODIES = {
    "/live/rpc/public/run": limits.RPC_BODY_BYTES.most,
    "/live/tickets": limits.MINT_BYTES.most,
    "/me": console_limits.CONSOLE_BODY_BYTES.most,
    "/sign-in/link": console_limits.CONSOLE_BODY_BYTES.most,
}


@pytest.mark.parametrize("path", BODIES)
async def test_a_body_that_is_too_large_is_refused(service: Service, path: str) -> None:
    method = "PATCH" if path == "/me" else "POST"
    async with signed_in(service) as browser:
        raw = b'{"token": "' + b"x" * BODIES[path] + b'"}'
        told = await browser.ask(method, path, raw=raw)
        assert told.status == 413
        for bad in (b"{", b'"\xff"', b"[" * 1000):
            told = await browser.ask(method, path, raw=bad)
            assert told.status == 400, bad[:10]
        plain = {**browser.own, "Content-Type": "text/plain"}
        told = await browser.ask(method, path, headers=plain, raw=b"{}")
        assert told.status in (200, 415)
        assert told.status == 415 or path == "/live/tickets"


async def test_strangers_of_one_network_wait_and_others_do_not(database: TestDatabase) -> None:
    async with (
        serving(database, trusted_proxies=["127.0.0.1"], console_allow_plain=True) as service,
        browsing(service) as browser,
    ):

        async def knock(number: int) -> int:
            address = "203.0.113.7" if number % 2 else "203.0.113.200"
            sent = {**browser.own, "X-Forwarded-For": address}
            told = await browser.ask("GET", "/hello", headers=sent)
            assert told.status == 200 or int(told.headers["retry-after"]) >= 1
            return told.status

        statuses = await asyncio.gather(*map(knock, range(3 * console_limits.DOOR_BURST.most)))
        assert set(statuses[0::2]) | set(statuses[1::2]) == {200, 429}
        browser.headers = {"X-Forwarded-For": "198.51.100.1"}
        assert (await browser.follow(await link_for(service))).status == 200


async def test_a_mints_rate_is_the_sign_ins(database: TestDatabase) -> None:
    async with (
        serving(database, rate_mint_per_second=0.01) as service,
        signed_in(service) as one,
        signed_in(service) as other,
    ):
        statuses = [(await one.ask("POST", "/live/token")).status for _ in range(3)]
        assert statuses == [200, 429, 429]
        assert (await other.ask("POST", "/live/token")).status == 200


#: What arrives too late at each route that takes a body.
LATE: dict[str, object] = {
    "/live/rpc/public/run": {"action": "create_contact", "input": {"fullName": "Late"}},
    "/live/tickets": {"model": "mock/echo"},
    "/me": {"fullName": "Late"},
}


@pytest.mark.parametrize("path", LATE)
async def test_what_arrives_after_the_sign_in_has_ended_is_not_done(
    service: Service, database: TestDatabase, path: str
) -> None:
    async with signed_in(service) as browser, signed_in(service) as other:
        body = json.dumps(LATE[path]).encode()
        begun, arrives = asyncio.Event(), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield body[:1]
            begun.set()
            await arrives.wait()
            yield body[1:]

        asked = asyncio.create_task(
            browser.http.request(
                "PATCH" if path == "/me" else "POST",
                f"{service.base_url}{API}{path}",
                data=slowly(),
                headers={**browser.own, "Content-Type": "application/json"},
            ).__aenter__()
        )
        await begun.wait()
        assert (await other.ask("DELETE", "/me/sign-ins")).body == {"ended": 1}
        arrives.set()
        async with await asked as answer:
            assert answer.status == 401
        async with database.connection() as superuser:
            for written in (
                "SELECT 1 FROM ringline.contacts",
                "SELECT 1 FROM ringline.tickets",
                "SELECT 1 FROM ringline.users WHERE full_name = 'Late'",
            ):
                assert await superuser.fetch(written) == []
