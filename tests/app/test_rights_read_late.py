"""Rights are looked at when a request has arrived whole, and again where it has waited."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from aiohttp import web

from ringline.domain.credentials import KeyKind
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.rest.routes import ROUTES
from ringline.web.carrier_doors import INBOUND, RECEIPTS
from ringline.web.console_routes import API
from ringline.web.console_routes import ROUTES as CONSOLE_ROUTES
from tests.database import TestDatabase, add_member
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.slow_rows import LIST, make_slow, until_sleeping, wake

LIMIT_S = 30
NOBODY = UUID(int=7)
EMAIL = "ada@example.com"
CREATE = {"action": "create_contact", "input": {"fullName": "late"}, "fields": ["id"]}

#: A good body for each door; a new door is sent an empty object.
BODIES: dict[str, object] = {
    "/rpc/public/run": CREATE,
    "/rpc/public/validate": CREATE,
    "/api/operator/access": {"email": EMAIL},
    "/v1/agents": {"display_name": "late", "ai_provider": "local"},
    "/v1/agents/{agent_id}/playground": {"message": "late"},
    "/v1/keys": {"label": "late", "mode": "live"},
    "/v1/calls": {
        "agent_id": format_id(Prefix.AGENT, NOBODY),
        "to_number": "+2348031234567",
        "from_number": "+2348000001234",
    },
    "/v1/numbers": {"e164": "+2348031234567"},
    "/v1/routing-rules": {
        "number_id": format_id(Prefix.PHONE_NUMBER, NOBODY),
        "priority": 1,
        "match_type": "default",
        "target_agent_id": format_id(Prefix.AGENT, NOBODY),
    },
    "/v1/messages": {
        "agent_id": format_id(Prefix.AGENT, NOBODY),
        "channel": "sms",
        "to_number": "+2348031234567",
        "from_number": "+2348000001234",
        "body": "late",
    },
    "/v1/messages/template": {
        "agent_id": format_id(Prefix.AGENT, NOBODY),
        "to_number": "+2348031234567",
        "from_number": "+2348000001234",
        "template_name": "late",
        "language_code": "en",
    },
    "/v1/sandbox/messages": {
        "channel": "sms",
        "to_number": "+2348000001234",
        "from_number": "+2348031234567",
        "body": "late",
    },
    "/v1/opt-outs": {
        "agent_id": format_id(Prefix.AGENT, NOBODY),
        "number": "+2348031234567",
        "channel": "sms",
    },
    "/v1/webhook-endpoints": {"url": "https://example.com/hook"},
    "/v1/webhook-endpoints/{endpoint_id}/test": {"event_type": "call.ended"},
    "/v1/webhook-endpoints/{endpoint_id}/recover": {"since": "0"},
    "/v1/calls/{call_id}/dtmf": {"digits": "12#"},
    "/v1/calls/{call_id}/transfer": {"destination": "+2348000001234"},
    "/v1/webhooks/test": {
        "event_type": "call.completed",
        "agent_id": format_id(Prefix.AGENT, NOBODY),
    },
}
#: Doors of the test environment, which refuse a live key. They come last: what they set off goes on
#: for seconds, and must not look like another door's deed.
SANDBOX = {"/v1/sandbox/messages"}
#: Doors where the key itself is in the body, and so is looked at when the body is there.
KEY_IN_BODY = {route.path for route in ROUTES if route.key_in}
#: Doors whose credential is a signature, which is read off the body.
SIGNED = {INBOUND, RECEIPTS}
#: A door whose sessions end with their key (test_long_poll.py); its statuses are in its JSON.
SESSION = {"/socket/longpoll"}
#: Doors that take no key but a person's sign-in (test_console_calls.py).
CONSOLE = {API + route.path for route in CONSOLE_ROUTES}
#: What a door answers to a key that it lets in: things that a path or a body names are unknown.
LET_IN = frozenset({200, 201, 202, 404})
#: What a door may have written.
_WRITTEN = """
    SELECT (SELECT count(*) FROM ringline.contacts) AS contacts,
        (SELECT count(*) FROM ringline.tickets) AS tickets,
        (SELECT count(*) FROM ringline.idempotency_keys) AS idempotency_keys,
        (SELECT array_agg(type ORDER BY "offset") FROM ringline.events) AS events,
        (SELECT count(*) FROM ringline.webhook_endpoints) AS webhook_endpoints,
        (SELECT count(*) FROM ringline.agents) AS agents,
        (SELECT count(*) FROM ringline.conversation_items) AS conversation_items,
        (SELECT count(*) FROM ringline.opt_outs) AS opt_outs,
        (SELECT count(*) FROM ringline.phone_numbers) AS phone_numbers,
        (SELECT count(*) FROM ringline.keys WHERE label = 'late') AS keys,
        (SELECT count(*) FROM ringline.workspaces WHERE previous_signing_secret IS NOT NULL)
            AS rotated
"""
#: Readers and writers of credentials that wait for the test's lock.
_LOOKING_UP = """
    SELECT count(*) FROM pg_locks
    WHERE NOT granted AND relation IN ('ringline.keys'::regclass, 'ringline.users'::regclass)
"""


class House:
    """A server, its database, and keys and members that can be ended."""

    def __init__(self, service: Service, superuser: asyncpg.Connection[Any]) -> None:
        self.service = service
        self.superuser = superuser
        self.scope = Scope(service.keys.workspace_id, Environment.LIVE)

    async def key(self, environment: Environment = Environment.LIVE) -> tuple[UUID, str]:
        scope = Scope(self.scope.workspace_id, environment)
        key, text = await self.service.admin.workspaces.create_key(
            scope, KeyKind.SECRET, label="new"
        )
        return key.id, text

    @asynccontextmanager
    async def looking_up(self) -> AsyncIterator[None]:
        """Go on when a credential that comes in meanwhile is being read."""
        async with self.superuser.transaction():
            await self.superuser.execute("LOCK ringline.keys, ringline.users")
            yield
            await self._until(lambda: self.superuser.fetchval(_LOOKING_UP))

    async def revoke(self, key_id: UUID, text: str) -> None:
        """Revoke a key and wait until the server knows."""
        statement = "UPDATE ringline.keys SET revoked_at = now() WHERE id = $1"
        await self.superuser.execute(statement, key_id)
        await self._until(lambda: self._is_refused(text))

    async def dismiss(self, user_id: UUID, text: str) -> None:
        """Remove a member and wait until the server knows."""
        await self.superuser.execute("DELETE FROM ringline.users WHERE id = $1", user_id)
        await self._until(lambda: self._is_refused(text))

    async def written(self) -> dict[str, Any]:
        row = await self.superuser.fetchrow(_WRITTEN)
        assert row is not None
        return dict(row)

    async def _is_refused(self, text: str) -> bool:
        async with Rpc(self.service, text).post({}) as answer:
            return answer.status == 401

    async def _until(self, condition: Callable[[], Awaitable[Any]]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def dripping(
        self, path: str, body: object, text: str, **headers: str
    ) -> AsyncIterator[Callable[[], Awaitable[int]]]:
        """Send a request but for its last byte; what is given sends that, returns the status."""
        raw = json.dumps(body).encode()
        place = urlsplit(self.service.base_url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {text}",
            "Content-Type: application/json",
            f"Content-Length: {len(raw)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        async with self.looking_up():
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + raw[:-1])

        async def end() -> int:
            writer.write(raw[-1:])
            return int((await reader.readline()).split()[1])

        try:
            yield end
        finally:
            writer.close()
            await writer.wait_closed()


@pytest.fixture
async def house(service: Service, database: TestDatabase) -> AsyncIterator[House]:
    async with database.connection() as superuser:
        yield House(service, superuser)


async def test_no_door_carries_out_what_arrives_after_the_key_has_died(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    apps: list[web.Application] = []

    class Runner(web.AppRunner):
        def __init__(self, app: web.Application, **options: Any) -> None:
            apps.append(app)
            super().__init__(app, **options)

    monkeypatch.setattr(web, "AppRunner", Runner)
    async with serving(database) as service, database.connection() as superuser:
        house = House(service, superuser)
        await add_member(superuser, house.scope.workspace_id, EMAIL)
        doors = {
            route.resource.canonical
            for route in apps[0].router.routes()
            if route.method == "POST" and route.resource is not None
        }
        assert doors >= BODIES.keys()
        tried = doors - KEY_IN_BODY - SIGNED - SESSION - CONSOLE
        for door in sorted(tried, key=lambda door: (door in SANDBOX, door)):
            path, body = re.sub(r"\{\w+\}", str(NOBODY), door), BODIES.get(door, {})
            environment = Environment.TEST if door in SANDBOX else Environment.LIVE
            key_id, text = await house.key(environment)
            async with house.dripping(path, body, text) as end:
                await house.revoke(key_id, text)
                before = await house.written()
                assert await end() == 401, door
                assert await house.written() == before, door
            _, living = await house.key(environment)
            async with house.dripping(path, body, living) as end:
                assert await end() in LET_IN, f"{door}: the test's own body is no good"


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "once"}])
async def test_a_removed_operator_carries_nothing_out(
    house: House, headers: dict[str, str]
) -> None:
    user_id = await add_member(house.superuser, house.scope.workspace_id, EMAIL)
    minted = await Rpc(house.service).run("issue_operator_access_token", input={"email": EMAIL})
    token = minted["token"]
    body = {"action": "set_operator_status", "input": {"status": "available"}}
    async with house.dripping("/rpc/public/run", body, token, **headers) as end:
        await house.dismiss(user_id, token)
        before = await house.written()
        assert await end() == 401
        assert await house.written() == before


async def test_a_write_that_waited_for_a_row_is_not_committed(
    house: House, database: TestDatabase
) -> None:
    rpc = Rpc(house.service)
    contact = await rpc.run("create_contact", input={"fullName": "before"}, fields=["id"])
    update = {
        "action": "update_contact",
        "identity": contact["id"],
        "input": {"fullName": "after"},
        "fields": ["id"],
    }
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    status = 503
    while status == 503:  # the wait for its lock ended before this test went on
        key_id, text = await house.key()
        async with database.connection() as other, other.transaction():
            await other.execute("SELECT FROM ringline.contacts FOR UPDATE")
            asked = asyncio.create_task(_status(Rpc(house.service, text), update))
            while not (asked.done() or await house.superuser.fetchval(waits)):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            await house.revoke(key_id, text)
        status = await asked
    assert status == 401
    assert await house.superuser.fetchval("SELECT full_name FROM ringline.contacts") == "before"


@pytest.mark.parametrize("headers", [{}, {"idempotency-key": "once"}])
@pytest.mark.parametrize("body", [{"action": "list_queues", "fields": ["id"]}, CREATE])
async def test_what_waited_for_a_connection_is_neither_answered_nor_written(
    house: House, body: dict[str, object], headers: dict[str, str]
) -> None:
    hostile = Rpc(house.service)
    await make_slow(house.superuser, hostile)
    key_id, text = await house.key()
    slow = [asyncio.create_task(hostile.ask(LIST)) for _ in range(3)]
    await until_sleeping(house.superuser, 3)
    # Beside another workspace, three are all that this one gets.
    others = await house.service.admin.workspaces.create("Others")
    await Rpc(house.service, others.secret_key).run("list_queues", fields=["id"])
    async with house.looking_up():
        asked = asyncio.create_task(_status(Rpc(house.service, text), body, headers))
    await house.revoke(key_id, text)
    before = await house.written()
    assert not asked.done()
    await wake(house.superuser)
    assert await asked == 401
    assert await house.written() == before
    for one in slow:
        one.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def _status(rpc: Rpc, body: object, headers: dict[str, str] | None = None) -> int:
    async with rpc.post(body, headers=headers) as answer:
        return answer.status
