"""`POST /v3/realtime-sessions` over HTTP (realtime voice, 2; contract, 5 and 6)."""

import gzip
import json
import re
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest

from ringline.domain import limits
from ringline.domain.credentials import KeyKind
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from tests.callers import LIMIT_S
from tests.database import TestDatabase
from tests.realtime_session import BARE, connected
from tests.rpc_calls import Rpc
from tests.serving import Service, serving

PATH = "/v3/realtime-sessions"


async def post(service: Service, **options: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Mint as the options of aiohttp say; by default with the first key."""
    options.setdefault("headers", service.bearer())
    async with service.http.post(service.base_url + PATH, **options) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status, await answer.json(), headers


async def test_the_answer_of_a_mint(service: Service) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    status, body, headers = await post(service, json={})
    after = datetime.now(UTC)
    assert status == 200
    assert set(body) == {"id", "client_secret", "expires_at"}
    # In a subprotocol and in a query as it is: an HTTP token without percent-encoding.
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", body["client_secret"])
    assert re.fullmatch(r"sess_[0-9A-Za-z]{22}", body["id"])
    assert body["expires_at"].endswith("Z")
    expires_at = datetime.fromisoformat(body["expires_at"])
    assert (expires_at - after).total_seconds() <= 60 <= (expires_at - before).total_seconds() + 1
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"].startswith("application/json")
    assert int(headers["content-length"]) > 0
    assert headers["x-request-id"].startswith("req_")


async def test_lifetimes(service: Service, database: TestDatabase) -> None:
    for asked, ttl_s in [(None, 60), (0, 60), (-5, 1), (1, 1), (300, 300), (301, 300), (3600, 300)]:
        before = datetime.now(UTC)
        status, _, _ = await post(service, json={"ttl_seconds": asked})
        after = datetime.now(UTC)
        assert status == 200
        async with database.connection() as connection:
            expires_at = await connection.fetchval(
                "DELETE FROM ringline.tickets RETURNING expires_at"
            )
        left_s = (expires_at - after).total_seconds()
        assert left_s <= ttl_s <= (expires_at - before).total_seconds(), asked


LEGAL: list[Any] = [
    {"config": None, "locked_fields": None},
    {"locked_fields": []},
    {"locked_fields": ["output_transcription", "output_transcription"]},
    {"config": {"model": "local/attendant", "a_later_member": {"a": [1]}}, "also_later": 1},
    {"config": {"model": ""}},
    {"agent_id": None},
]


async def test_legal_bodies(service: Service) -> None:
    for body in LEGAL:
        status, answer, _ = await post(service, json=body)
        assert status == 200, (body, answer)


REFUSED: list[tuple[bytes, str, str]] = [
    (b"", "invalid_json", ""),
    (b"{", "invalid_json", ""),
    (b'{"config": {"instructions": "\\u0000"}}', "invalid_json", "U+0000"),
    (b"\xff", "invalid_json", "UTF-8"),
    (b'{"x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "invalid_json", ""),
    (b'{"config": {"x": [' + b"[]," * 10_000 + b"1]}}", "invalid_json", "too many"),
    (b"[]", "invalid_request", "object"),
    (b'{"config": []}', "invalid_request", "config"),
    (b'{"locked_fields": "model"}', "invalid_request", "locked_fields"),
    (b'{"locked_fields": [1]}', "invalid_request", "locked_fields"),
    (b'{"ttl_seconds": "60"}', "invalid_request", "ttl_seconds"),
    (b'{"ttl_seconds": 1.5}', "invalid_request", "ttl_seconds"),
    (b'{"ttl_seconds": true}', "invalid_request", "ttl_seconds"),
    (b'{"agent_id": 7}', "invalid_request", "agent_id"),
    (b'{"agent_id": "agt_"}', "agent_not_found", "agent"),
    (b'{"locked_fields": ["Model"]}', "unknown_locked_field", '"Model"'),
    (b'{"config": {"model": "nobody/knows"}}', "model_not_found", "nobody/knows"),
    (b'{"config": {"input_transcription": "yes"}}', "invalid_config", "input_transcription"),
]


async def test_bad_bodies(service: Service) -> None:
    for body, code, part in REFUSED:
        status, answer, headers = await post(service, data=body)
        assert status == 400, body
        assert headers["content-type"].startswith("application/json")
        assert set(answer) == {"error"}
        assert answer["error"]["code"] == code, (body, answer)
        assert part in answer["error"]["message"]


async def test_an_encoded_body_is_not_taken(service: Service) -> None:
    headers = service.bearer() | {"Content-Encoding": "gzip"}
    for body in (b"no gzip", gzip.compress(b"{}")):
        status, answer, _ = await post(service, data=BytesIO(body), headers=headers)
        error = {"code": "invalid_request", "message": "the body must not be encoded"}
        assert (status, answer) == (400, {"error": error})


async def test_a_mebibyte_is_taken_and_too_much_is_not(service: Service) -> None:
    long = {"config": {"instructions": ""}}
    long["config"]["instructions"] = "x" * (limits.MINT_BYTES.most - len(json.dumps(long)))
    assert len(json.dumps(long)) == 1 << 20
    status, _, _ = await post(service, data=BytesIO(json.dumps(long).encode()))
    assert status == 200
    status, answer, _ = await post(service, data=BytesIO(b" " * (limits.MINT_BYTES.most + 1)))
    assert (status, answer["error"]["code"]) == (413, "payload_too_large")

    async def pieces() -> Any:
        for _ in range(limits.MINT_BYTES.most // (1 << 16) + 1):
            yield b" " * (1 << 16)

    status, answer, _ = await post(service, data=pieces())  # chunked: no length is told
    assert (status, answer["error"]["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_other_methods(service: Service, method: str) -> None:
    async with service.http.request(
        method, service.base_url + PATH, headers=service.bearer()
    ) as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "POST"
        assert (await answer.json())["error"]["code"] == "method_not_allowed"


async def test_who_may_mint(service: Service) -> None:
    keys = service.keys
    lost = await service.admin.workspaces.create_key(
        Scope(keys.workspace_id, Environment.LIVE), KeyKind.SECRET, label="lost"
    )
    await service.admin.rows.revoke_key(lost[0].id, datetime.now(UTC), end_calls=False)
    expired = await service.admin.workspaces.create_key(
        Scope(keys.workspace_id, Environment.LIVE),
        KeyKind.SECRET,
        label="old",
        expires_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    unauthorized: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {keys.secret_key}"},
        {"Authorization": f"Basic {keys.secret_key}", "x-api-key": lost[1]},
        {"Authorization": keys.secret_key},
        service.bearer("sk_live_" + "A" * 43),
        service.bearer("x" * 5_000),
        service.bearer(keys.publishable_key),
        service.bearer(keys.management_key),
        service.bearer(lost[1]),
        service.bearer(expired[1]),
        service.bearer() | {"x-api-key": keys.test_key},
    ]
    for headers in unauthorized:
        status, answer, told = await post(service, json={}, headers=headers)
        assert (status, answer["error"]["code"]) == (401, "unauthorized"), headers
        assert told["www-authenticate"] == "Bearer"
    for headers in (
        {"Authorization": f"bEARER   {keys.secret_key} "},
        {"x-api-key": keys.secret_key},
        service.bearer() | {"x-api-key": keys.secret_key},
        service.bearer(keys.test_key),
    ):
        status, answer, _ = await post(service, json={}, headers=headers)
        assert status == 200, answer


async def test_the_rate_of_mints_is_per_key(database: TestDatabase) -> None:
    async with serving(database, rate_mint_per_second=0.5) as service:
        statuses = [(await post(service, json={}))[0] for _ in range(2)]
        assert statuses == [200, 429]
        status, answer, headers = await post(service, json={})
        assert (status, answer["error"]["code"]) == (429, "rate_limited")
        assert headers["retry-after"] in {"1", "2"}
        assert (await post(service, json={}, headers=service.bearer(service.keys.test_key)))[
            0
        ] == 200


async def test_an_agent_is_named_in_either_spelling_within_its_environment(
    service: Service,
) -> None:
    stranger = await service.admin.workspaces.create("Somebody else")
    agent_id = service.keys.agent_id
    for spelling in (str(agent_id), format_id(Prefix.AGENT, agent_id)):
        assert (await post(service, json={"agent_id": spelling}))[0] == 200
        status, answer, _ = await post(
            service, json={"agent_id": spelling}, headers=service.bearer(service.keys.test_key)
        )
        assert (status, answer["error"]["code"]) == (400, "agent_not_found")
    for foreign in (str(stranger.agent_id), str(UUID(int=7))):
        status, answer, _ = await post(service, json={"agent_id": foreign})
        assert (status, answer["error"]["code"]) == (400, "agent_not_found")


async def test_an_agent_that_can_begin_no_session_is_refused(
    service: Service, database: TestDatabase
) -> None:
    """Its model counts as if it stood in `config`; what is not enabled is not there."""
    rpc = Rpc(service)
    made = await rpc.run(
        "create_ai_agent", input={"name": "Far away", "model": "local/attendant"}, fields=["id"]
    )
    async with database.connection() as superuser:  # its model was there once
        statement = "UPDATE ringline.agents SET model = 'nobody/knows' WHERE id = $1"
        await superuser.execute(statement, UUID(made["id"]))
    status, answer, _ = await post(service, json={"agent_id": made["id"]})
    assert (status, answer["error"]["code"]) == (400, "model_not_found")
    assert '"nobody/knows"' in answer["error"]["message"]
    named = {"agent_id": made["id"], "config": {"model": "local/attendant"}}
    assert (await post(service, json=named))[0] == 200

    ticket = await service.mint({"agent_id": service.agent_id})
    asleep = {"identity": service.agent_id, "input": {"enabled": False}}
    await rpc.run("update_ai_agent", **asleep)
    status, answer, _ = await post(service, json={"agent_id": service.agent_id})
    assert (status, answer["error"]["code"]) == (400, "agent_not_found")
    assert answer["error"]["message"] == "the agent is not enabled"
    async with connected(service, ticket["client_secret"]) as client:
        await client.send("session.start")
        ended = await client.until("session.terminating")
        assert ended["error"]["code"] == "agent_not_found"
        assert await client.closed() == 1008


async def test_only_a_hash_of_the_ticket_is_stored(
    service: Service, database: TestDatabase
) -> None:
    minted = await service.mint(BARE)
    async with database.connection() as connection:
        row = dict(await connection.fetchrow("SELECT * FROM ringline.tickets") or {})
    assert len(row["ticket_hash"]) == 32
    assert minted["client_secret"] not in repr(row)
    assert format_id(Prefix.SESSION, row["call_id"]) == minted["id"]


async def test_an_address_that_is_asked_for_opens_a_session(service: Service) -> None:
    minted = await service.mint({"agent_id": service.agent_id, "ws_url": True})
    assert minted["ws_url"] == f"{service.ws_url}/v3/realtime?ticket={minted['client_secret']}"
    async with service.http.ws_connect(minted["ws_url"]) as socket:
        await socket.send_json({"type": "session.start"})
        assert (await socket.receive_json(timeout=LIMIT_S))["type"] == "session.started"
