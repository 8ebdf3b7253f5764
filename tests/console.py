"""A person at the console: a browser's cookies and headers, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import aiohttp

from ringline.domain.console_limits import LINK_S
from ringline.web.console_routes import API
from tests.database import TestDatabase, add_member
from tests.serving import Service

LIFE = timedelta(seconds=LINK_S.most)


@dataclass(frozen=True)
class Told:
    """An answer of the console's routes."""

    status: int
    headers: Mapping[str, str]
    body: Any
    cookies: tuple[str, ...] = ()

    @property
    def problem(self) -> str:
        """Return the type of the only error."""
        assert self.body["success"] is False
        (error,) = self.body["errors"]
        assert {"type", "message", "shortMessage", "vars", "fields", "path"} <= set(error)
        return error["type"]


@dataclass
class Browser:
    """A browser with a cookie jar, at one address of a server."""

    base_url: str
    http: aiohttp.ClientSession
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def own(self) -> dict[str, str]:
        """Return the headers that the console's page sends."""
        return {"x-ringline-console": "1", "Origin": self.base_url}

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Told:
        """Send a request as the console's page does, unless `headers` say otherwise."""
        sent = dict(self.own if headers is None else headers) | self.headers
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self.http.request(
            method,
            self.base_url + API + path,
            data=None if data is None else BytesIO(data),
            headers=sent,
        ) as answer:
            text = await answer.read()
            is_json = answer.content_type == "application/json"
            return Told(
                answer.status,
                {name.lower(): value for name, value in answer.headers.items()},
                json.loads(text) if is_json else text,
                tuple(answer.headers.getall("Set-Cookie", ())),
            )

    async def follow(self, token: str) -> Told:
        """Follow a one-time link."""
        return await self.ask("POST", "/sign-in/link", {"token": token})

    async def until(self, holds: Callable[[Told], bool]) -> None:
        """Ask who is signed in until the answer is as it should be."""
        async with asyncio.timeout(20):
            told = await self.ask("GET", "/me", headers={})
            while not holds(told):
                await asyncio.sleep(0.02)
                told = await self.ask("GET", "/me", headers={})

    async def run(self, action: str, environment: str = "live", **request: Any) -> Any:
        """Run an action of RPC; return the answer's body."""
        asked = await self.ask(
            "POST", f"/{environment}/rpc/public/run", {"action": action, **request}
        )
        assert asked.status == 200, asked
        return asked.body

    async def data(self, action: str, environment: str = "live", **request: Any) -> Any:
        """Run an action that succeeds; return its data."""
        answer = await self.run(action, environment, **request)
        assert answer["success"] is True, answer
        return answer["data"]

    def cookie(self) -> str:
        """Return the secret of the sign-in."""
        (cookie,) = (each for each in self.http.cookie_jar if each.key.endswith("ringline-console"))
        return cookie.value


@asynccontextmanager
async def browsing(service: Service) -> AsyncIterator[Browser]:
    """Open a browser that nobody has signed in with."""
    jar = aiohttp.CookieJar(unsafe=True)  # of an address without a name
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Browser(service.base_url, http)


async def link_for(
    service: Service, email: str | None = None, *, workspace_id: UUID | None = None
) -> str:
    """Make a one-time link; return its token."""
    place = workspace_id or service.keys.workspace_id
    return (await service.admin.console_links.make(place, email, life=LIFE)).token


async def join_team(
    database: TestDatabase,
    service: Service,
    email: str,
    role: str,
    *,
    workspace_id: UUID | None = None,
) -> UUID:
    """Add a member to the team of the service's workspace."""
    async with database.connection() as superuser:
        place = workspace_id or service.keys.workspace_id
        return await add_member(superuser, place, email, role)


@asynccontextmanager
async def signed_in(service: Service, email: str | None = None) -> AsyncIterator[Browser]:
    """Open a browser in which a member is signed in, by default the owner."""
    async with browsing(service) as browser:
        told = await browser.follow(await link_for(service, email))
        assert told.status == 200, told
        yield browser
