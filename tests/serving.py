"""A server in the test's own process, with a real database and a workspace."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from pydantic import SecretStr

from ringline.app import Admin, running
from ringline.config import Settings
from ringline.domain.credentials import FirstKeys
from ringline.domain.ids import Prefix, format_id
from ringline.web.limits import WebLimits
from tests.database import TestDatabase

#: Marks a test on a server that its module shares, which leaves nothing behind there. A server
#: of its own takes most tests longer than what they do with it.
on_shared_server = pytest.mark.asyncio(loop_scope="module")

ENCRYPTION_KEY = "another secret of the tests: thirty-two"


@dataclass(frozen=True)
class Service:
    """A running server, an HTTP session, and the first keys of a workspace."""

    base_url: str
    http: aiohttp.ClientSession
    keys: FirstKeys
    admin: Admin

    @property
    def ws_url(self) -> str:
        return self.base_url.replace("http", "ws", 1)

    @property
    def agent_id(self) -> str:
        return format_id(Prefix.AGENT, self.keys.agent_id)

    def bearer(self, key: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key or self.keys.secret_key}"}

    async def mint(self, body: object = None, key: str | None = None) -> dict[str, str]:
        """Mint a ticket, by default for the agent `Attendant`."""
        asked = {"agent_id": self.agent_id} if body is None else body
        async with self.http.post(
            f"{self.base_url}/v3/realtime-sessions", json=asked, headers=self.bearer(key)
        ) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def session_token(self, key: str | None = None) -> str:
        async with self.http.post(
            f"{self.base_url}/api/realtime/session",
            headers={"x-api-key": key or self.keys.secret_key},
        ) as answer:
            assert answer.status == 200, await answer.text()
            return (await answer.json())["token"]


def settings_for(database: TestDatabase, **chosen: object) -> Settings:
    """Return settings for a server on a test's database and any free port."""
    values: dict[str, object] = {
        "database_url": SecretStr(database.app_dsn),
        "signing_secret": SecretStr("a secret of the tests alone: thirty-two"),
        "encryption_key": SecretStr(ENCRYPTION_KEY),
        "port": 0,
        **chosen,
    }
    return Settings.model_validate(values)


@asynccontextmanager
async def serving(
    database: TestDatabase,
    *,
    warm: bool = False,
    dev: bool = False,
    limits: WebLimits | None = None,
    **chosen: object,
) -> AsyncIterator[Service]:
    """Run a server with one workspace; `chosen` are settings, `dev` is as in `ringline dev`."""
    if dev:
        chosen.setdefault("migrate_database_url", SecretStr(database.dsn("postgres")))
    settings = settings_for(database, **chosen)
    async with (
        running(settings, dev=dev, warm=warm, limits=limits) as server,
        aiohttp.ClientSession() as http,
    ):
        keys = await server.admin.workspaces.create("Test")
        if server.page_key is not None:
            server.page_key.use(keys.secret_key)
        yield Service(server.base_url, http, keys, server.admin)
