"""What becomes of a session whose provider key is refused, replaced or removed while it talks.

Whoever comes in by our own protocol and by OpenAI's is told the same, each in its way.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from structlog.testing import capture_logs

from tests import openai_session, realtime_session
from tests.app.test_provider_keys import (
    GROK,
    MODEL,
    NEXT,
    OWN,
    SERVERS,
    bring,
    falling_back,
    reaching,
    refusals,
    sent_keys,
)
from tests.app.test_provider_voices import ask
from tests.database import TestDatabase
from tests.fake_openai import XAI, FakeProvider, fake_provider
from tests.realtime_session import until
from tests.rpc_calls import Rpc
from tests.serving import Service

BAD_KEY = (3000, "invalid_request_error.invalid_api_key")
TRY_AGAIN = (1012, "")


class Caller(Protocol):
    """A client that talks in one of the protocols."""

    async def ask(self, text: str) -> str:
        """Type a text; return what is said to it."""
        ...

    async def ended(self) -> dict[str, Any]:
        """Wait until the server has closed the socket with 1011; return the last error."""
        ...

    @property
    def told(self) -> str:
        """Return all that the client was told."""
        ...


class OfRinglines:
    def __init__(self, client: realtime_session.Client) -> None:
        self.client = client

    async def ask(self, text: str) -> str:
        return await ask(self.client, text)

    async def ended(self) -> dict[str, Any]:
        assert await self.client.closed() == 1011
        assert self.client.events[-1]["type"] == "session.terminating"
        return self.client.events[-1]["error"]

    @property
    def told(self) -> str:
        return json.dumps(self.client.events)


class OfOpenAIs:
    def __init__(self, client: openai_session.Client) -> None:
        self.client = client

    async def ask(self, text: str) -> str:
        before = len(self.client.text())
        await self.client.say(text)
        await self.client.until("response.done")
        return self.client.text()[before:]

    async def ended(self) -> dict[str, Any]:
        assert await self.client.closed() == 1011
        assert self.client.events[-1]["type"] == "error"
        return self.client.events[-1]["error"]

    @property
    def told(self) -> str:
        return json.dumps(self.client.events)


@asynccontextmanager
async def by_ringlines(service: Service) -> AsyncIterator[Caller]:
    async with realtime_session.connected(service, headers=service.bearer()) as client:
        await client.start(config={"model": MODEL, "output_transcription": True})
        yield OfRinglines(client)


@asynccontextmanager
async def by_openais(service: Service) -> AsyncIterator[Caller]:
    model = MODEL.partition("/")[2]
    async with openai_session.connected(service, model=model, headers=service.bearer()) as client:
        await client.update()
        yield OfOpenAIs(client)


Protocols = Callable[[Service], AbstractAsyncContextManager[Caller]]
each = pytest.mark.parametrize("calling", [by_ringlines, by_openais])


async def remove(rpc: Rpc, row: str) -> None:
    await rpc.run("delete_provider_credential", identity=row)


async def hang_up(fake: FakeProvider, close: tuple[int, str]) -> None:
    """Close the provider's side of the last connection."""
    code, reason = close
    await fake.session.connection.close(code, reason)


async def audit_of(rpc: Rpc) -> dict[str, Any]:
    """Wait for what the workspace's log says of refused keys: one line."""

    async def said() -> bool:
        return bool(await refusals(rpc))

    await until(said)
    (refusal,) = await refusals(rpc)
    return refusal


# -- the provider refuses it ---------------------------------------------------------------


@each
async def test_a_refused_key_hands_over_to_the_next_fallback(
    database: TestDatabase, tmp_path: Path, calling: Protocols
) -> None:
    file = falling_back(tmp_path, "gemini/gemini-3.8-live", GROK)
    async with (
        fake_provider(XAI) as grok,
        reaching(database, voices_file=file, xai_url=grok.url) as (service, fake, rpc),
    ):
        await bring(rpc)
        await bring(rpc, NEXT, "xai")
        async with calling(service) as caller:
            assert await caller.ask("hello") == "echo: hello"
            await hang_up(fake, BAD_KEY)
            assert await caller.ask("still there?") == "echo: still there?"
            assert await caller.ask("and now?") == "echo: and now?"
        assert (sent_keys(fake), sent_keys(grok)) == ([OWN], [NEXT])
        refusal = await audit_of(rpc)
        assert (refusal["model"], refusal["cause"]) == (MODEL, "close_3000")
        assert refusal["lastFour"] == "ab12"
        assert "ab12" not in caller.told
        assert "cd34" not in caller.told


@each
async def test_a_refused_key_without_a_fallback_ends_the_session(
    database: TestDatabase, calling: Protocols
) -> None:
    async with reaching(database) as (service, fake, rpc):
        await bring(rpc)
        async with calling(service) as caller:
            assert await caller.ask("hello") == "echo: hello"
            await hang_up(fake, BAD_KEY)
            assert (await caller.ended())["code"] == "upstream_closed"
        assert (await audit_of(rpc))["lastFour"] == "ab12"
        assert "ab12" not in caller.told
        assert sent_keys(fake) == [OWN]


@each
async def test_a_key_that_is_refused_at_the_next_connection_is_told_too(
    database: TestDatabase, calling: Protocols
) -> None:
    """The connection breaks, the key was replaced meanwhile, and the new one is bad."""
    async with reaching(database) as (service, fake, rpc):
        row = await bring(rpc)
        async with calling(service) as caller:
            assert await caller.ask("hello") == "echo: hello"
            await rpc.run("update_provider_credential", identity=row, input={"apiKey": NEXT})
            fake.refuses = 401
            await hang_up(fake, TRY_AGAIN)
            assert (await caller.ended())["code"] == "upstream_closed"
        refusal = await audit_of(rpc)
        assert (refusal["cause"], refusal["lastFour"]) == ("http_401", "cd34")
        assert sent_keys(fake) == [OWN, NEXT]


# -- it is removed or replaced -------------------------------------------------------------


@each
async def test_a_removed_key_is_missed_at_the_next_connection_which_ends_the_session(
    database: TestDatabase, calling: Protocols
) -> None:
    async with reaching(database) as (service, fake, rpc):
        row = await bring(rpc)
        async with calling(service) as caller:
            assert await caller.ask("hello") == "echo: hello"
            await remove(rpc, row)
            assert await caller.ask("still there?") == "echo: still there?"
            await hang_up(fake, TRY_AGAIN)
            error = await caller.ended()
            assert error["code"] == "upstream_closed"
            if calling is by_ringlines:
                assert error["details"] == {"model": MODEL, "cause": "no_key"}
        assert sent_keys(fake) == [OWN]
        assert await refusals(rpc) == [], "nobody refused it"


@each
async def test_a_removed_key_hands_over_to_the_next_fallback_that_has_one(
    database: TestDatabase, tmp_path: Path, calling: Protocols
) -> None:
    file = falling_back(tmp_path, "gemini/gemini-3.8-live", GROK)
    async with (
        fake_provider(XAI) as grok,
        reaching(database, voices_file=file, xai_url=grok.url) as (service, fake, rpc),
    ):
        row = await bring(rpc)
        await bring(rpc, NEXT, "xai")
        async with calling(service) as caller:
            assert await caller.ask("hello") == "echo: hello"
            await remove(rpc, row)
            await hang_up(fake, TRY_AGAIN)
            assert await caller.ask("still there?") == "echo: still there?"
        assert (sent_keys(fake), sent_keys(grok)) == ([OWN], [NEXT])


@each
async def test_a_removed_key_leaves_the_next_connection_to_the_servers(
    database: TestDatabase, calling: Protocols
) -> None:
    async with reaching(database, SERVERS) as (service, fake, rpc):
        row = await bring(rpc)
        async with calling(service) as caller:
            assert await caller.ask("hello") == "echo: hello"
            await remove(rpc, row)
            await hang_up(fake, TRY_AGAIN)
            assert await caller.ask("still there?") == "echo: still there?"
        assert sent_keys(fake) == [OWN, SERVERS]


ROLLOVER = """
[rollover."openai/"]
after_seconds = 0.3
latest_seconds = 30
"""


@each
async def test_a_replaced_key_is_used_from_the_next_rollover_on(
    database: TestDatabase, tmp_path: Path, calling: Protocols
) -> None:
    file = tmp_path / "voices.toml"
    file.write_text(ROLLOVER, "utf-8")
    async with reaching(database, voices_file=file) as (service, fake, rpc):
        row = await bring(rpc)
        async with calling(service) as caller:
            assert await caller.ask("hello") == "echo: hello"
            before = len(fake.requests)
            await rpc.run("update_provider_credential", identity=row, input={"apiKey": NEXT})

            async def rolled() -> bool:
                return len(fake.requests) > before + 1

            await until(rolled)
            assert await caller.ask("still there?") == "echo: still there?"
        assert set(sent_keys(fake)[:before]) == {OWN}
        assert sent_keys(fake)[-1] == NEXT


@each
async def test_a_session_keeps_its_connection_if_there_is_no_key_for_a_rollover(
    database: TestDatabase, tmp_path: Path, calling: Protocols
) -> None:
    file = tmp_path / "voices.toml"
    file.write_text(ROLLOVER.replace("0.3", "0.6"), "utf-8")
    async with reaching(database, voices_file=file) as (service, fake, rpc):
        row = await bring(rpc)
        with capture_logs() as log:
            async with calling(service) as caller:
                await remove(rpc, row)

                async def tried() -> bool:
                    return any(line.get("cause") == "no_key" for line in log)

                await until(tried)
                assert await caller.ask("still there?") == "echo: still there?"
                await hang_up(fake, TRY_AGAIN)
                assert (await caller.ended())["code"] == "upstream_closed"
        assert set(sent_keys(fake)) == {OWN}
