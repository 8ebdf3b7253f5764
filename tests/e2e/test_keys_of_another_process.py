"""A provider's key that another process changes counts in the server, from the next connection on.

The documented bound is a second. It is a promise about a machine that is not overloaded, so
what it took is printed (`pytest -rP`) and not asserted on.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.app.test_provider_keys import (
    MODEL,
    NEXT,
    OWN,
    listed,
    mint,
    reaching,
    sent_keys,
    talking,
)
from tests.app.test_provider_voices import ask
from tests.database import TestDatabase
from tests.e2e.program import environment
from tests.realtime_session import until
from tests.serving import Service

WAIT_S = 30.0  # a bound on waiting, not the documented one


class OtherProcess:
    """The process that changes keys (`key_changer.py`)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._asks, self._answers = process.stdin, process.stdout

    async def change(self, provider: str, key: str | None) -> float:
        """Set a provider's key, or remove it; return when that was committed."""
        self._asks.write(json.dumps([provider, key]).encode() + b"\n")
        async with asyncio.timeout(WAIT_S):
            return float(await self._answers.readline())


@asynccontextmanager
async def another_process(database: TestDatabase, service: Service) -> AsyncIterator[OtherProcess]:
    words = ("-m", "tests.e2e.key_changer", database.app_dsn, str(service.keys.workspace_id))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment(),
    )
    try:
        yield OtherProcess(process)
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(WAIT_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_server_follows_what_another_process_changes(database: TestDatabase) -> None:
    async with reaching(database) as (service, fake, _):
        key = service.keys.secret_key

        async def follows(change: str, committed_at: float, *, offered: bool) -> None:
            async def known() -> bool:
                return ("openai" in await listed(service, key)) is offered

            await until(known)
            print(f"{change}: known after {(time.monotonic() - committed_at) * 1000:.0f} ms")

        async with another_process(database, service) as other:
            assert "openai" not in await listed(service, key)
            await follows("set", await other.change("openai", OWN), offered=True)
            async with talking(service) as client:
                assert await ask(client, "hello") == "echo: hello"
                committed_at = await other.change("openai", NEXT)

                async def replaced() -> bool:
                    async with talking(service) as another:
                        await ask(another, "hello")
                    return sent_keys(fake)[-1] == NEXT

                await until(replaced)
                print(f"replaced: used after {(time.monotonic() - committed_at) * 1000:.0f} ms")
                await follows("removed", await other.change("openai", None), offered=False)
                assert await ask(client, "still there?") == "echo: still there?"
            status, refusal = await mint(service, {"config": {"model": MODEL}})
            assert (status, refusal["error"]["code"]) == (400, "model_not_found")
            await follows("set again", await other.change("openai", OWN), offered=True)
            assert (await mint(service, {"config": {"model": MODEL}}))[0] == 200
        assert set(sent_keys(fake)) == {OWN, NEXT}
