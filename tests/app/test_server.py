"""What holds for the server as a whole."""

import aiohttp

from ringline.app import Running, running
from tests.database import TestDatabase
from tests.serving import Service, settings_for


async def test_healthy_and_ready(service: Service) -> None:
    for path in ("/healthz", "/readyz"):
        async with service.http.get(service.base_url + path) as answer:
            assert answer.status == 200


async def test_it_is_ready_once_what_must_be_there_before_is(database: TestDatabase) -> None:
    told: list[int] = []

    async def ask(server: Running) -> None:
        async with aiohttp.request("GET", f"{server.base_url}/readyz") as answer:
            told.append(answer.status)

    async with running(settings_for(database), dev=False, warm=False, ready=ask) as server:
        await ask(server)
    assert told == [503, 200]


async def test_every_answer_names_its_request(service: Service) -> None:
    async with service.http.get(f"{service.base_url}/v1/nowhere") as answer:
        body = await answer.json()
        assert answer.status == 404
        assert body["error_code"] == "NOT_FOUND"
        assert answer.headers["X-Request-Id"] == body["request_id"]
