"""The Python SDK `opperai`, unmodified, mints tickets and lists models here.

Realtime voice, 2.4, 2.5 and 7.1.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import pytest
import websockets
from opperai import Opper
from opperai.types import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ModelsResponse,
    RateLimitError,
    RealtimeSession,
)

from tests.database import TestDatabase
from tests.realtime_session import MODEL
from tests.serving import Service, serving

Mint = Callable[..., Awaitable[RealtimeSession]]
Lists = Callable[..., Awaitable[ModelsResponse]]


@asynccontextmanager
async def client_of(service: Service, key: str | None = None) -> AsyncIterator[Opper]:
    """Give a client of the SDK, and close its connections."""
    client = Opper(api_key=key or service.keys.secret_key, base_url=service.base_url)
    yield client
    inner = client._client
    if inner._sync_client is not None:
        inner._sync_client.close()
    if inner._async_client is not None:
        await inner._async_client.aclose()


@asynccontextmanager
async def sdk(service: Service, flavour: str, key: str | None = None) -> AsyncIterator[Mint]:
    """Give the SDK's mint in one of its flavours."""
    async with client_of(service, key) as client:

        async def in_thread(**members: Any) -> RealtimeSession:
            return await asyncio.to_thread(client.realtime.create_session, **members)

        yield in_thread if flavour == "sync" else client.realtime.create_session_async


@asynccontextmanager
async def listing(service: Service, flavour: str, key: str | None = None) -> AsyncIterator[Lists]:
    """Give the SDK's list of models in one of its flavours."""
    async with client_of(service, key) as client:

        async def in_thread(**query: Any) -> ModelsResponse:
            return await asyncio.to_thread(client.models.list, **query)

        yield in_thread if flavour == "sync" else client.models.list_async


def code_of(refusal: ApiError) -> str:
    """Return the code that the SDK read, which it does only beside a message."""
    assert refusal.error is not None
    return refusal.error.get("code", "")


both = pytest.mark.parametrize("flavour", ["sync", "async"])


def test_it_is_the_version_that_the_surface_was_read_from() -> None:
    assert version("opperai") == "2.1.1"


@both
async def test_a_ticket_that_it_mints_opens_a_session(service: Service, flavour: str) -> None:
    async with sdk(service, flavour) as mint:
        for members in (
            {"config": {"model": MODEL}},
            {"config": {"model": MODEL}, "locked_fields": ["output_transcription"]},
            {"config": {"model": MODEL}, "ttl_seconds": 300},
        ):
            session = await mint(**members)
            assert session.expires_at.endswith("Z")
            assert not session.ws_url
            offer = websockets.Subprotocol(f"opper-ticket.{session.client_secret}")
            url = Opper(api_key="none", base_url=service.base_url).realtime.url()
            async with websockets.connect(url, subprotocols=[offer]) as socket:
                await socket.send('{"type": "session.start", "config": {}}')
                assert '"session.started"' in str(await socket.recv())
        session = await mint()  # nothing at all is bound
        opper = Opper(api_key="none", base_url=service.base_url)
        async with websockets.connect(opper.realtime.url(ticket=session.client_secret)) as socket:
            await socket.send('{"type": "session.start", "config": {"model": "local/attendant"}}')
            assert '"session.started"' in str(await socket.recv())


@both
async def test_its_errors_say_what_is_wrong(service: Service, flavour: str) -> None:
    async with sdk(service, flavour) as mint:
        refusals: list[tuple[dict[str, Any], str, str]] = [
            ({"locked_fields": ["modle"]}, "unknown_locked_field", "modle"),
            ({"config": {"model": "nobody/knows"}}, "model_not_found", "nobody/knows"),
            ({"config": {"tools": 5}}, "invalid_config", "tools"),
        ]
        for members, code, part in refusals:
            with pytest.raises(BadRequestError) as refused:
                await mint(**members)
            assert code_of(refused.value) == code
            assert str(refused.value).startswith("400 Bad Request: ")
            assert part in str(refused.value)
        with pytest.raises(ApiError) as too_large:
            await mint(config={"instructions": "x" * (3 << 20)})
        assert too_large.value.status == 413
        assert code_of(too_large.value) == "payload_too_large"
    async with sdk(service, flavour, service.keys.management_key) as mint:
        with pytest.raises(AuthenticationError) as unknown:
            await mint()
        assert code_of(unknown.value) == "unauthorized"


@both
async def test_it_lists_the_models(service: Service, flavour: str) -> None:
    async with listing(service, flavour) as models:
        answer = await models(
            type="realtime",
            provider="local",
            q="attendant",
            capability="audio",
            deprecated=False,
            sort="name",
            order="desc",
            limit=500,
            offset=0,
        )
        (model,) = answer.models
        assert (model.id, model.type, model.model_id) == (MODEL, "realtime", "attendant")
        assert (model.name, model.provider, model.provider_display_name) == (
            "Attendant",
            "local",
            "This server",
        )
        assert "audio" in model.capabilities
        assert (model.speed, model.quality, model.cost, model.pricing) == ("high", "low", 0, {})
        params = model.params["realtime"]
        assert params["default_voice"] in params["voices"]
        assert params["sample_rate"] == params["input_sample_rate"]
        assert (await models(type="llm", provider="local")).models == []
        assert MODEL in {model.id for model in (await models()).models}
        with pytest.raises(BadRequestError) as refused:
            await models(limit=0)
        assert code_of(refused.value) == "invalid_request"
        assert "limit" in str(refused.value)
    async with listing(service, flavour, "none") as models:
        with pytest.raises(AuthenticationError) as unknown:
            await models()
        assert code_of(unknown.value) == "unauthorized"


@both
async def test_it_knows_the_rate_limit(database: TestDatabase, flavour: str) -> None:
    async with (
        serving(database, rate_mint_per_second=0.01) as service,
        sdk(service, flavour) as mint,
    ):
        await mint()
        with pytest.raises(RateLimitError) as limited:
            await mint()
        assert code_of(limited.value) == "rate_limited"


async def test_a_session_that_it_mints_tells_what_it_uses(service: Service) -> None:
    async with sdk(service, "async", service.keys.test_key) as mint:
        session = await mint(config={"model": "mock/echo", "modalities": ["text"]})
    url = Opper(api_key="none", base_url=service.base_url).realtime.url()
    offer = websockets.Subprotocol(f"opper-ticket.{session.client_secret}")
    told: list[dict[str, Any]] = []
    async with websockets.connect(url, subprotocols=[offer]) as socket:
        await socket.send('{"type": "session.start", "config": {}, "usage_events": true}')
        for text in ("Hello", "Hello again"):
            await socket.send(json.dumps({"type": "text.input", "text": text}))
            await socket.send('{"type": "response.create"}')
            while not told or told[-1]["type"] != "session.usage":
                told.append(json.loads(await socket.recv()))
            told.append({"type": "next"})
    used = [event for event in told if event["type"] == "session.usage"]
    assert [event["text_in_tokens"] for event in used] == [2, 3]
    assert all(event["kind"] == "response" and event["usd"] > 0 for event in used)
    url, headers = f"{service.base_url}/rpc/public/run", service.bearer(service.keys.test_key)
    fields = ["textInTokens", "textOutTokens", "usd"]
    asked = {"action": "list_usage", "fields": fields, "sort": "occurredAt"}
    async with service.http.post(url, json=asked, headers=headers) as answer:
        rows = (await answer.json())["data"]
    assert [tuple(row.values()) for row in rows] == [
        (event["text_in_tokens"], event["text_out_tokens"], event["usd"]) for event in used
    ]
