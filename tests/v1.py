"""A client of `/v1` for a running server, over HTTP."""

from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.serving import Service

ENVELOPE = {"error_code", "message", "request_id", "documentation_url"}


@dataclass(frozen=True)
class Answer:
    """An answer: its status, its headers, and its JSON or a file, None if it is empty."""

    status: int
    headers: Any
    body: Any

    @property
    def code(self) -> str:
        """Return the code of a refusal, after checking its envelope."""
        assert set(self.body) == ENVELOPE, self.body
        assert self.body["request_id"] == self.headers["X-Request-Id"]
        assert self.body["documentation_url"].endswith(self.body["error_code"])
        return self.body["error_code"]

    @property
    def message(self) -> str:
        return self.body["message"]


class V1:
    """Sends requests with one key of a service, by default its `sk_live_` key."""

    def __init__(self, service: Service, key: str | None = None) -> None:
        self.service = service
        self.key = key or service.keys.secret_key

    async def ask(self, method: str, path: str, body: object = None, **more: Any) -> Answer:
        """Send a request; `body` is sent as JSON."""
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        sent: dict[str, Any] = {} if body is None else {"json": body}
        async with self.service.http.request(
            method, f"{self.service.base_url}/v1{path}", headers=headers, **sent, **more
        ) as answer:
            return await read_answer(answer)

    async def get(self, path: str, **query: str | int) -> Answer:
        return await self.ask("GET", path, params=query)

    async def post(self, path: str, body: object = None) -> Answer:
        return await self.ask("POST", path, body)

    async def patch(self, path: str, body: object) -> Answer:
        return await self.ask("PATCH", path, body)

    async def delete(self, path: str) -> Answer:
        return await self.ask("DELETE", path)

    async def endpoint(self, url: str = "https://hooks.example.com/a", **given: object) -> Any:
        """Create an endpoint; return it with its secret."""
        created = await self.post("/webhook-endpoints", {"url": url, **given})
        assert created.status == 201, created.body
        return created.body

    async def new_number(self, e164: str = "+2348000001234", **given: object) -> Any:
        """Add a number; return it."""
        created = await self.post("/numbers", {"e164": e164, **given})
        assert created.status == 201, created.body
        return created.body

    async def new_rule(self, number_id: str, target: str, **given: object) -> Any:
        """Create a routing rule, by default the `default` of a number; return it."""
        body = {"priority": 9, "match_type": "default", "target_agent_id": target, **given}
        created = await self.post("/routing-rules", {"number_id": number_id, **body})
        assert created.status == 201, created.body
        return created.body

    async def new_key(self, label: str, mode: str | None = None) -> Any:
        """Create a key, of this one's environment by default; return it with its secret."""
        mode = mode or ("live" if self.key.startswith("sk_live_") else "test")
        created = await self.post("/keys", {"label": label, "mode": mode})
        assert created.status == 201, created.body
        return created.body


async def read_answer(answer: aiohttp.ClientResponse) -> Answer:
    raw = await answer.read()
    assert b"Traceback" not in raw
    if raw:
        if answer.headers["Content-Type"] == "audio/wav":
            return Answer(answer.status, answer.headers, raw)
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    return Answer(answer.status, answer.headers, await answer.json() if raw else None)
