"""Clients of RPC: over HTTP, and what all of them do."""

import json
from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from io import BytesIO
from typing import Any

import aiohttp

from tests.serving import Service


class Asking(ABC):
    """Runs actions, however their requests travel."""

    @abstractmethod
    async def ask(
        self, body: object, way: str = "run", headers: dict[str, str] | None = None
    ) -> Any:
        """Send a body; return the answer."""

    async def run(self, action: str, /, **request: Any) -> Any:
        """Run an action that succeeds; return its `data`."""
        answer = await self.ask({"action": action, **request})
        assert answer["success"] is True, answer
        return answer["data"]

    async def problems(self, action: str, /, **request: Any) -> list[dict[str, Any]]:
        """Run an action that is refused; return its `errors`."""
        answer = await self.ask({"action": action, **request})
        assert answer["success"] is False, answer
        return answer["errors"]

    async def problem(self, action: str, /, **request: Any) -> dict[str, Any]:
        """Run an action that is refused with one error; return that error."""
        (problem,) = await self.problems(action, **request)
        return problem

    async def validate(self, action: str, /, **request: Any) -> list[dict[str, Any]]:
        """Validate an action; return the errors, none if it is valid."""
        answer = await self.ask({"action": action, **request}, "validate")
        assert answer["success"] is not bool(answer.get("errors")), answer
        return answer.get("errors", [])


class Rpc(Asking):
    """Runs actions with one key of a service, by default its `sk_live_` key."""

    def __init__(self, service: Service, key: str | None = None) -> None:
        self.service = service
        self.key = key or service.keys.secret_key

    def url(self, way: str = "run") -> str:
        return f"{self.service.base_url}/rpc/public/{way}"

    def post(
        self, body: object, way: str = "run", headers: dict[str, str] | None = None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send a body: bytes or text as they are, anything else as JSON."""
        text = body if isinstance(body, bytes | str) else json.dumps(body)
        raw = BytesIO(text.encode() if isinstance(text, str) else text)
        sent = {"content-type": "application/json", "x-api-key": self.key, **(headers or {})}
        return self.service.http.post(self.url(way), data=raw, headers=sent)

    async def ask(
        self, body: object, way: str = "run", headers: dict[str, str] | None = None
    ) -> Any:
        """Send a body; return the answer, which is HTTP 200."""
        async with self.post(body, way, headers) as answer:
            text = await answer.text()
            assert answer.status == 200, (answer.status, text)
            assert answer.headers["content-type"] == "application/json; charset=utf-8"
            return json.loads(text)
