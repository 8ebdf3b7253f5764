"""Client secrets and refusals, as OpenAI's own client, unmodified, sees them.

What it says to each voice, and what it is told, is in `tests/contract/door`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import AsyncOpenAI, AuthenticationError, BadRequestError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import InvalidStatus

from tests.openai_session import MODEL
from tests.serving import Service


@asynccontextmanager
async def client_of(service: Service, key: str | None = None) -> AsyncIterator[AsyncOpenAI]:
    """Give OpenAI's client; the base URL and the key are all that it is told."""
    async with AsyncOpenAI(
        api_key=key or service.keys.test_key, base_url=f"{service.base_url}/v1", max_retries=0
    ) as client:
        yield client


@asynccontextmanager
async def connected(
    service: Service, key: str | None = None
) -> AsyncIterator[AsyncRealtimeConnection]:
    async with (
        client_of(service, key) as client,
        client.realtime.connect(model=MODEL) as connection,
    ):
        yield connection


async def until(connection: AsyncRealtimeConnection, kind: str) -> list[Any]:
    """Return the events up to the first one of a type; none may be an error."""
    events: list[Any] = []
    while not events or events[-1].type != kind:
        events.append(await connection.recv())
        assert events[-1].type != "error", events[-1]
    return events


def session(**members: object) -> Any:
    return {"type": "realtime", "model": MODEL, **members}


async def test_a_minted_secret_opens_a_session(service: Service) -> None:
    async with client_of(service) as client:
        minted = await client.realtime.client_secrets.create(
            session=session(instructions="Bound."),
            expires_after={"anchor": "created_at", "seconds": 60},
            extra_body={"subject": "ada"},
        )
    async with connected(service, minted.value) as connection:
        (created,) = await until(connection, "session.created")
        assert created.session.instructions == "Bound."
    with pytest.raises(InvalidStatus) as refused:
        async with connected(service, minted.value):
            pass
    assert refused.value.response.status_code == 401


async def test_errors_are_the_clients_own(service: Service) -> None:
    async with client_of(service) as client:
        with pytest.raises(BadRequestError) as unknown:
            await client.realtime.client_secrets.create(session=session(model="no/such"))
        assert (unknown.value.code, unknown.value.param) == ("model_not_found", "session.model")
    async with client_of(service, "sk_test_nobody") as client:
        with pytest.raises(AuthenticationError) as stranger:
            await client.realtime.client_secrets.create()
        assert stranger.value.code == "invalid_api_key"
