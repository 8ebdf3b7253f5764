"""The routes of `/v1` over HTTP: what is common to all of them (live streams, 1)."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator

import pytest

from ringline.domain.credentials import ALLOWED_KINDS, KeyKind
from ringline.domain.log import Environment, Scope
from ringline.rest.route import Route
from ringline.rest.routes import ROUTES
from ringline.web.limits import RestLimits, WebLimits
from tests.database import TestDatabase
from tests.serving import Service, on_shared_server, serving
from tests.v1 import V1, read_answer

LIST = "/webhook-endpoints"
#: What stands in a path besides ids.
PARTS = {"e164": "+2348031234567"}


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database) as service:
        yield service


def path_of(route: Route) -> str:
    """Return a route's path with ids that nobody has."""
    named = {one.name: f"{one.prefix}_{'0' * 22}" for one in route.ids}
    named |= {one.name: PARTS[one.name] for one in route.parts}
    return re.sub(r"\{(\w+)\}", lambda name: named[name[1]], route.path).removeprefix("/v1")


# -- who may ask ----------------------------------------------------------------------------


@on_shared_server
@pytest.mark.parametrize(
    "route", [route for route in ROUTES if not route.key_in], ids=lambda route: route.operation
)
async def test_who_may_ask(shared_service: Service, route: Route) -> None:
    keys = shared_service.keys
    token = await shared_service.session_token()
    for credential, code in (
        ("sk_live_" + "x" * 43, "UNAUTHENTICATED"),
        (keys.publishable_key, "PERMISSION_DENIED"),
        (keys.management_key, "PERMISSION_DENIED"),
        (token, "PERMISSION_DENIED"),
    ):
        answer = await V1(shared_service, credential).ask(route.method, path_of(route))
        accepted = KeyKind.MANAGEMENT in ALLOWED_KINDS[route.surface]
        if credential == keys.management_key and accepted:
            assert answer.status in {200, 400, 404}  # it may ask; nothing was named
        else:
            assert answer.code == code, credential
    async with shared_service.http.request(
        route.method, f"{shared_service.base_url}/v1{path_of(route)}"
    ) as nobody:
        assert (await read_answer(nobody)).code == "UNAUTHENTICATED"
    test = await V1(shared_service, keys.test_key).ask(route.method, path_of(route))
    assert (test.status == 403) is route.live_only


async def test_two_different_credentials_are_none(service: Service) -> None:
    one = V1(service)
    answer = await one.ask("GET", LIST, headers={"x-api-key": service.keys.test_key})
    assert (answer.status, answer.code) == (401, "UNAUTHENTICATED")
    same = await one.ask("GET", LIST, headers={"x-api-key": service.keys.secret_key})
    assert same.status == 200


async def test_a_key_in_the_query_is_none(service: Service) -> None:
    url = f"{service.base_url}/v1{LIST}?token={service.keys.secret_key}"
    async with service.http.get(url) as answer:
        assert (await read_answer(answer)).code == "UNAUTHENTICATED"


async def test_a_key_that_is_revoked_while_the_body_arrives_is_refused(service: Service) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    key, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="short")
    revoked = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"url": "https://hooks.example.com'
        await service.admin.rows.revoke_key(key.id, key.created_at, end_calls=False)
        revoked.set()
        await asyncio.sleep(1)  # longer than a credential is remembered
        yield b'/a"}'

    async with service.http.post(
        f"{service.base_url}/v1{LIST}", data=slowly(), headers=service.bearer(text)
    ) as answer:
        assert (await read_answer(answer)).code == "UNAUTHENTICATED"
    assert revoked.is_set()
    assert (await V1(service).get(LIST)).body == {"webhook_endpoints": []}


# -- what is refused ------------------------------------------------------------------------


async def test_addresses_and_methods_that_do_not_exist(service: Service) -> None:
    v1 = V1(service)
    nowhere = await v1.get("/nowhere")
    assert (nowhere.status, nowhere.code) == (404, "NOT_FOUND")
    put = await v1.ask("PUT", LIST)
    assert (put.status, put.code) == (405, "METHOD_NOT_ALLOWED")
    assert put.headers["Allow"] == "GET,HEAD,POST"


async def test_a_head_is_answered_like_a_get(service: Service) -> None:
    answer = await V1(service).ask("HEAD", LIST)
    assert (answer.status, answer.body) == (200, None)


@on_shared_server
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"url": "https://hooks.example.com/' + b"a" * 1024 * 1024 + b'"}', 413),
        (b"{", 400),
        (b"[]", 400),
        (b'"x"', 400),
        (b"\xff", 400),
        (b'{"x":' + b"[" * 100 + b"]" * 100 + b"}", 400),
        (b'{"x":[' + b"0," * 20_001 + b"0]}", 400),
    ],
    ids=range(7),
)
async def test_bodies_that_are_refused(shared_service: Service, body: bytes, status: int) -> None:
    async with shared_service.http.post(
        f"{shared_service.base_url}/v1{LIST}",
        data=io.BytesIO(body),
        headers=shared_service.bearer(),
    ) as refused:
        answer = await read_answer(refused)
    assert (answer.status, answer.code) == (status, "INVALID_ARGUMENT")
    assert (await V1(shared_service).get(LIST)).status == 200


async def test_an_encoded_body_is_refused(service: Service) -> None:
    headers = {**service.bearer(), "Content-Encoding": "gzip"}
    async with service.http.post(
        f"{service.base_url}/v1{LIST}", data=b"x", headers=headers
    ) as refused:
        answer = await read_answer(refused)
    assert (answer.status, answer.code) == (415, "INVALID_ARGUMENT")


async def test_a_request_that_takes_too_long(database: TestDatabase) -> None:
    limits = WebLimits(rest=RestLimits(deadline_s=0.2))
    async with serving(database, limits=limits) as service, database.connection() as superuser:
        endpoint = await V1(service).endpoint()
        async with superuser.transaction():
            await superuser.execute("LOCK ringline.webhook_endpoints IN ACCESS EXCLUSIVE MODE")
            late = await V1(service).get(f"{LIST}/{endpoint['endpoint_id']}")
        assert (late.status, late.code) == (504, "DEADLINE_EXCEEDED")
        assert (await V1(service).get(LIST)).status == 200


async def test_every_answer_has_a_request_id(service: Service) -> None:
    v1 = V1(service)
    answers = [await v1.get(LIST), await v1.get("/nowhere"), await v1.post(LIST, {})]
    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 3
    assert all(re.fullmatch(r"req_[0-9A-Za-z]{22}", one) for one in ids)
    assert "request_id" not in answers[0].body
    assert "Access-Control-Allow-Origin" not in answers[0].headers


# -- the rate -------------------------------------------------------------------------------


async def test_a_workspace_has_so_many_requests_a_minute(database: TestDatabase) -> None:
    async with serving(database, rate_v1_per_minute=3) as service:
        live, test = V1(service), V1(service, service.keys.test_key)
        first = await live.get(LIST)
        assert first.headers["X-RateLimit-Limit"] == "3"
        assert first.headers["X-RateLimit-Remaining"] == "2"
        assert 1 <= int(first.headers["X-RateLimit-Reset"]) <= 60
        await test.get(LIST)  # both environments together
        last = await live.get("/webhooks/deliveries/del_x")
        assert (last.status, last.headers["X-RateLimit-Remaining"]) == (404, "0")
        refused = await test.post(LIST, {"url": "https://hooks.example.com/a"})
        assert (refused.status, refused.code) == (429, "RATE_LIMITED")
        assert refused.headers["Retry-After"] == refused.headers["X-RateLimit-Reset"]
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        path = "/calls/call_0000000000000000000000/transcript/stream"
        stream = await live.get(path)  # opening a stream counts as a request
        assert (stream.status, stream.code) == (429, "RATE_LIMITED")
        assert 1 <= int(stream.headers["Retry-After"]) <= 60
        other = await service.admin.workspaces.create("Other")
        assert (await V1(service, other.secret_key).get(LIST)).status == 200


async def test_opening_a_stream_counts(database: TestDatabase) -> None:
    async with serving(database, rate_v1_per_minute=1) as service:
        await V1(service).get("/calls/call_0000000000000000000000/transcript/stream")
        assert (await V1(service).get(LIST)).status == 429


async def test_no_rate(database: TestDatabase) -> None:
    async with serving(database, rate_v1_per_minute=0) as service:
        answers = [await V1(service).get(LIST) for _ in range(5)]
        assert all(answer.status == 200 for answer in answers)
        assert "X-RateLimit-Limit" not in answers[0].headers


async def test_refused_credentials_do_not_use_up_anybodys_rate(database: TestDatabase) -> None:
    async with serving(database, rate_v1_per_minute=1) as service:
        await V1(service, service.keys.publishable_key).get(LIST)
        await V1(service, "sk_live_" + "x" * 43).get(LIST)
        assert (await V1(service).get(LIST)).status == 200


# -- pages ----------------------------------------------------------------------------------


async def test_pages_hold_every_row_once_newest_first(service: Service) -> None:
    v1 = V1(service)
    made = [(await v1.endpoint(f"https://hooks.example.com/{n}"))["endpoint_id"] for n in range(7)]
    found: list[str] = []
    query: dict[str, str | int] = {"page_size": 3}
    sizes = []
    while True:
        page = (await v1.get(LIST, **query)).body
        sizes.append(len(page["webhook_endpoints"]))
        found += [one["endpoint_id"] for one in page["webhook_endpoints"]]
        if "next_page_token" not in page:
            break
        query["page_token"] = page["next_page_token"]
    assert found == made[::-1]
    assert sizes == [3, 3, 1]
    exact = (await v1.get(LIST, page_size=7)).body
    assert "next_page_token" not in exact


async def test_a_token_of_another_query_or_workspace(service: Service) -> None:
    v1 = V1(service)
    for n in range(3):
        await v1.endpoint(f"https://hooks.example.com/{n}")
    token = (await v1.get(LIST, page_size=2)).body["next_page_token"]
    other_size = await v1.get(LIST, page_size=1, page_token=token)
    other_list = await v1.get("/webhooks/deliveries", page_size=2, page_token=token)
    for answer in (other_size, other_list, await v1.get(LIST, page_token="x")):
        assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
        assert "page_token" in answer.message
    theirs = V1(service, service.keys.test_key)  # it is bound to rows that they cannot see
    answer = await theirs.get(LIST, page_size=2, page_token=token)
    assert answer.body == {"webhook_endpoints": []}


@on_shared_server
@pytest.mark.parametrize("size", ["0", "101", "-1", "x", "1.5", "9" * 30])
async def test_sizes_of_pages_that_are_refused(shared_service: Service, size: str) -> None:
    answer = await V1(shared_service).get(LIST, page_size=size)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert "page_size" in answer.message


# -- ids ------------------------------------------------------------------------------------


WITH_IDS = [route for route in ROUTES if route.ids]
GIVEN = {
    "since": "0",
    "url": "https://hooks.example.com/a",
    "event_type": "call.created",
    "digits": "1",
    "destination": "+2348000001234",
}


@on_shared_server
@pytest.mark.parametrize("route", WITH_IDS, ids=lambda route: route.operation)
@pytest.mark.parametrize("text", ["x", "call_" + "0" * 22, "%00", "é", "a" * 500])
async def test_what_is_no_id_is_not_found(shared_service: Service, route: Route, text: str) -> None:
    path = re.sub(r"\{\w+\}", text, route.path).removeprefix("/v1")
    answer = await V1(shared_service).ask(route.method, path, GIVEN if route.body else None)
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


def test_every_route_answers_what_its_row_says() -> None:
    """A row is complete: what is created has 201, what is deleted 204 and no members."""
    for route in ROUTES:
        assert route.path.startswith("/v1/")
        assert (route.status == 204) is (not route.answers and route.file is None)
        assert {name[1] for name in re.finditer(r"\{(\w+)\}", route.path)} == {
            *(one.name for one in route.ids),
            *(one.name for one in route.parts),
        }
        assert json.dumps(route.summary)
