"""What holds for the server as a whole."""

from tests.serving import Service


async def test_healthy_and_ready(service: Service) -> None:
    for path in ("/healthz", "/readyz"):
        async with service.http.get(service.base_url + path) as answer:
            assert answer.status == 200


async def test_every_answer_names_its_request(service: Service) -> None:
    async with service.http.get(f"{service.base_url}/v1/nowhere") as answer:
        body = await answer.json()
        assert answer.status == 404
        assert body["error_code"] == "NOT_FOUND"
        assert answer.headers["X-Request-Id"] == body["request_id"]
