"""The SDK in a browser, where a refused token looks like a dead network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.callers import calling
from tests.e2e.browser import Page, browsing
from tests.e2e.node import JS, install
from tests.e2e.sdk import build
from tests.followed import written_thread
from tests.serving import Service
from tests.texting import Texting


@asynccontextmanager
async def backend(service: Service, thread: str) -> AsyncIterator[str]:
    """Run an application's backend: it serves the page, and mints tokens, the third one well."""
    mints = 0

    async def session_token(_: web.Request) -> web.Response:
        nonlocal mints
        mints += 1
        match mints:
            case 1:
                return web.json_response("nonsense")
            case 2:
                raise web.HTTPServiceUnavailable
            case _:
                return await other_token(_)

    async def other_token(_: web.Request) -> web.Response:
        return web.json_response({"token": await service.session_token(), "ttl_seconds": 300})

    async def token_of_test(_: web.Request) -> web.Response:
        token = await service.session_token(service.keys.test_key)
        return web.json_response({"token": token, "ttl_seconds": 300})

    async def page(_: web.Request) -> web.FileResponse:
        return web.FileResponse(JS / "sdk_page.html")

    phoenix = JS / "node_modules" / "phoenix" / "priv" / "static"
    app = web.Application()
    app.router.add_post("/session-token", session_token)
    app.router.add_get("/other-token", other_token)
    app.router.add_get("/test-token", token_of_test)
    app.router.add_get("/", page)
    app.router.add_static("/sdk", build())
    app.router.add_static("/phoenix", phoenix)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/").with_query(server=service.base_url, thread=thread))


@pytest.fixture(autouse=True)
async def _clients() -> None:
    await asyncio.to_thread(build)
    await asyncio.to_thread(install)


async def seen(page: Page, what: str) -> list[dict[str, object]]:
    """Wait until the page has seen something of a kind; return all of that kind."""
    ones = f"(window.seen ?? []).filter((one) => one.what === {what!r})"
    await page.until(f"{ones}.length")
    return await page.evaluate(ones)


async def test_it_works_in_a_browser(service: Service) -> None:
    thread = await written_thread(Texting(service))
    async with backend(service, thread.id) as url, browsing(url) as page:
        await seen(page, "joined")
        assert [one["code"] for one in await seen(page, "close")] == [1006, 1006]
        _refused, failed = await seen(page, "error")
        assert failed["message"] == "sessionToken failed: the backend answered 503"
        (listed,) = await seen(page, "listed")
        assert listed["type"] == "unauthorized"  # a session token runs no actions
        async with calling(service) as caller:
            (incoming,) = await seen(page, "incoming_call")
        assert incoming["callUuid"] == caller.uuid
        await seen(page, "open")  # a stream of another origin, with a token in its header
        await thread.say("Are you open?")
        assert await seen(page, "received") == [{"what": "received", "text": "Are you open?"}]
        (refused,) = await seen(page, "refused")
        assert (refused["reason"], refused["code"]) == ("refused", "NOT_FOUND")
