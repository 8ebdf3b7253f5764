"""RPC on the wire: every outcome that is not the engine's (events socket, 1 and 4.1)."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from ringline.domain import limits
from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment, Scope
from tests.database import TestDatabase, add_member
from tests.rpc_calls import Rpc
from tests.serving import Service, on_shared_server, serving

LIST = {"action": "list_contacts", "fields": ["id", "fullName"]}
WAYS = ["run", "validate"]


@pytest.fixture
def service(shared_service: Service) -> Service:
    return shared_service


@pytest.fixture
def rpc(service: Service) -> Rpc:
    return Rpc(service)


async def refused(
    answer: aiohttp.ClientResponse, status: int, type_: str, short: str
) -> dict[str, Any]:
    """Check what every refusal has (1 and 4.6); return its one error."""
    body = await answer.json()
    assert answer.status == status, body
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert body["success"] is False
    (error,) = body["errors"]
    assert (error["type"], error["shortMessage"]) == (type_, short)
    assert (error["vars"], error["fields"], error["path"]) == ({}, [], [])
    assert error["message"]
    return error


@on_shared_server
@pytest.mark.parametrize("way", WAYS)
async def test_success_and_problems_alike_are_200(rpc: Rpc, way: str) -> None:
    for body, success in ((LIST, True), ({"action": "nope"}, False), ([LIST], False), ("7", False)):
        async with rpc.post(body, way) as answer:
            assert answer.status == 200
            assert answer.headers["content-type"] == "application/json; charset=utf-8"
            assert answer.headers["x-request-id"].startswith("req_")
            assert answer.headers["access-control-allow-origin"] == "*"
            exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
            assert set(exposed) == {"retry-after", "x-request-id"}
            assert (await answer.json())["success"] is success


@on_shared_server
async def test_validation_answers_no_data(rpc: Rpc) -> None:
    assert await rpc.ask(LIST, "validate") == {"success": True}


@on_shared_server
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"{]", b"nope", b'{"action": "x"} y', b"\xff", b"[" * 100 + b"]" * 100, b"NaN"],
)
async def test_what_is_not_json_is_400(rpc: Rpc, way: str, body: bytes) -> None:
    async with rpc.post(body, way) as answer:
        await refused(answer, 400, "bad_request", "Bad request")


@on_shared_server
@pytest.mark.parametrize(
    "bad",
    [
        '"\\u0000"',
        '"a\\u0000b"',
        '"\\ud800"',
        '{"\\udfff": 1}',
        "1e400",
        "1" * 5000,
        "[" * 100 + "]" * 100,
        '{"a":' * 100 + "1" + "}" * 100,
        "[" * 100_000,
    ],
)
async def test_what_no_program_can_hold_is_400(rpc: Rpc, bad: str) -> None:
    body = f'{{"action": "create_contact", "input": {{"fullName": {bad}}}}}'
    async with rpc.post(body) as answer:
        await refused(answer, 400, "bad_request", "Bad request")


@on_shared_server
@pytest.mark.parametrize("number", [str(2**63), str(2**64), str(-(2**63) - 1), "1" * 400, "1e300"])
async def test_a_huge_number_is_a_bad_value(rpc: Rpc, number: str) -> None:
    item = '"conversationId": "0190b5a0-0000-7000-8000-00000000000a", "content": "x"'
    body = (
        '{"action": "create_conversation_item", "input": '
        f'{{{item}, "role": "user", "contentIndex": {number}}}}}'
    )
    (error,) = (await rpc.ask(body))["errors"]
    assert (error["type"], error["fields"]) == ("invalid_attribute", ["contentIndex"])
    await rpc.problem("list_calls", fields=["id"], filter={"durationSeconds": {"gt": 2**70}})


@on_shared_server
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "json"]
)
async def test_another_content_type_is_415(rpc: Rpc, kind: str) -> None:
    async with rpc.post(LIST, headers={"content-type": kind}) as answer:
        await refused(answer, 415, "unsupported_media_type", "Unsupported media type")


@on_shared_server
@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"]
)
async def test_json_by_any_of_its_names(rpc: Rpc, kind: str) -> None:
    assert (await rpc.ask(LIST, headers={"content-type": kind}))["success"]


@on_shared_server
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "identity", "nobody's"])
async def test_an_encoded_body_is_415(rpc: Rpc, encoding: str) -> None:
    whole = json.dumps(LIST).encode()
    for body in (gzip.compress(whole), whole, b""):
        async with rpc.post(body, headers={"content-encoding": encoding}) as answer:
            error = await refused(answer, 415, "unsupported_media_type", "Unsupported media type")
            assert error["message"] == "the body must not be encoded"


@on_shared_server
async def test_a_body_that_is_too_large_is_413(rpc: Rpc) -> None:
    note = "x" * (limits.RPC_BODY_BYTES.most - len(json.dumps(LIST)) - len(', "x": ""'))
    body = json.dumps({**LIST, "x": note})
    assert len(body) == limits.RPC_BODY_BYTES.most
    assert (await rpc.ask(body))["success"]
    async with rpc.post(body + " ") as answer:
        await refused(answer, 413, "payload_too_large", "Payload too large")

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * 1_000_000

    headers = {"content-type": "application/json", "x-api-key": rpc.key}
    async with rpc.service.http.post(rpc.url(), data=pieces(), headers=headers) as answer:
        await refused(answer, 413, "payload_too_large", "Payload too large")


@on_shared_server
async def test_too_many_members_are_400_before_they_are_read(rpc: Rpc) -> None:
    for one in ("1", "[]", '{"a":1}'):
        count = limits.RPC_BODY_MARKS.most // (2 if one == "1" else 3)
        most = f"{one}," * count
        (error,) = (await rpc.ask(f'{{"action": "nope", "x": [{most}1]}}'))["errors"]
        assert error["type"] == "action_not_found"
        for tail in ("}", ""):  # broken or not, nothing parses it
            async with rpc.post(f'{{"action": "nope", "x": [{most * 3}1]{tail}') as answer:
                error = await refused(answer, 400, "bad_request", "Bad request")
                assert "too many" in error["message"]


@on_shared_server
@pytest.mark.parametrize("way", WAYS)
async def test_only_posts_are_allowed(rpc: Rpc, way: str) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "PROPFIND"):
        async with rpc.service.http.request(method, rpc.url(way)) as answer:
            assert answer.status == 405
            assert answer.headers["allow"] == "POST, OPTIONS"
            if method != "HEAD":
                await refused(answer, 405, "method_not_allowed", "Method not allowed")


@on_shared_server
async def test_elsewhere_is_nothing(rpc: Rpc) -> None:
    for method in ("GET", "POST", "PUT"):
        async with rpc.service.http.request(method, rpc.url("nowhere")) as answer:
            await refused(answer, 404, "not_found", "Not found")


@on_shared_server
@pytest.mark.parametrize("way", WAYS)
async def test_browsers_may_ask_first(rpc: Rpc, way: str) -> None:
    asking = {
        "origin": "https://operator.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    async with rpc.service.http.options(rpc.url(way), headers=asking) as answer:
        assert answer.status == 204
        assert await answer.read() == b""
        assert answer.headers["access-control-allow-origin"] == "*"
        allowed = answer.headers["access-control-allow-headers"].split(", ")
        assert set(allowed) == {"authorization", "content-type", "x-api-key", "idempotency-key"}
        assert "POST" in answer.headers["access-control-allow-methods"]


@on_shared_server
@pytest.mark.parametrize("way", WAYS)
async def test_who_is_nobody_is_401(service: Service, rpc: Rpc, way: str) -> None:
    url, body = rpc.url(way), json.dumps(LIST)
    key = service.keys.secret_key
    for headers in (
        {},
        {"x-api-key": "sk_live_" + "x" * 43},
        {"x-api-key": key, "authorization": f"Bearer {key}x"},
        {"authorization": f"Basic {key}"},
        {"authorization": f"Bearer {await service.session_token()}"},
    ):
        sent = {"content-type": "application/json", **headers}
        async with service.http.post(url, data=body, headers=sent) as answer:
            await refused(answer, 401, "unauthorized", "Unauthorized")


@on_shared_server
@pytest.mark.parametrize("way", WAYS)
async def test_other_kinds_of_keys_are_403(service: Service, rpc: Rpc, way: str) -> None:
    for key in (service.keys.publishable_key, service.keys.management_key):
        async with rpc.post(LIST, way, headers={"x-api-key": key}) as answer:
            await refused(answer, 403, "forbidden", "Forbidden")


@on_shared_server
async def test_both_headers_carry_a_key(service: Service, rpc: Rpc) -> None:
    for headers in (service.bearer(), {"x-api-key": service.keys.test_key}):
        sent = {"content-type": "application/json", **headers}
        async with service.http.post(rpc.url(), json=LIST, headers=sent) as answer:
            assert (await answer.json())["success"]


@on_shared_server
async def test_a_revoked_or_expired_key_is_401(service: Service, rpc: Rpc) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    key, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="a key")
    assert (await rpc.ask(LIST, headers={"x-api-key": text}))["success"]
    await service.admin.rows.revoke_key(key.id, datetime.now(UTC), end_calls=False)
    async with asyncio.timeout(2):
        while True:
            async with rpc.post(LIST, headers={"x-api-key": text}) as answer:
                if answer.status != 200:
                    await refused(answer, 401, "unauthorized", "Unauthorized")
                    break


@on_shared_server
async def test_who_asks_is_judged_before_the_body(service: Service, rpc: Rpc) -> None:
    async with rpc.post(b"{", headers={"x-api-key": "nobody", "content-type": "x/y"}) as answer:
        await refused(answer, 401, "unauthorized", "Unauthorized")


async def test_a_rate_limit_is_429_and_comes_before_the_body(database: TestDatabase) -> None:
    async with serving(database, rate_rpc_per_second=0.001, rate_rpc_burst=2) as service:
        rpc = Rpc(service)
        for _ in range(2):
            assert (await rpc.ask(LIST))["success"]
        for way in WAYS:
            async with rpc.post(b"{", way) as answer:
                await refused(answer, 429, "rate_limited", "Rate limited")
                assert 900 <= int(answer.headers["retry-after"]) <= 1000
        assert (await Rpc(service, service.keys.test_key).ask(LIST))["success"]


async def test_an_operator_has_a_rate_of_their_own(database: TestDatabase) -> None:
    async with serving(database, rate_rpc_per_second=0.001, rate_rpc_burst=3) as service:
        backend = Rpc(service)
        async with database.connection() as connection:
            for name in ("ada", "bob"):
                await add_member(connection, service.keys.workspace_id, f"{name}@example.com")
        tokens = [
            (await backend.run("issue_operator_access_token", input={"email": email}))["token"]
            for email in ("ada@example.com", "bob@example.com")
        ]
        ada, bob = (Rpc(service, token) for token in tokens)
        for _ in range(3):
            await ada.ask(LIST)
        async with ada.post(LIST) as answer:
            await refused(answer, 429, "rate_limited", "Rate limited")
        assert (await bob.ask(LIST))["success"]
        assert (await backend.ask(LIST))["success"]  # the third of its own
        async with backend.post(LIST) as answer:
            await refused(answer, 429, "rate_limited", "Rate limited")
        assert (await bob.ask(LIST))["success"]
