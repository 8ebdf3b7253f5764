"""A client that runs under Node and reports what it receives, line by line."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.node import JS, install

LIMIT_S = 40.0


@dataclass
class NodeClient:
    """A script of `js/` that runs."""

    process: Process
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def tells(self) -> dict[str, Any]:
        """Return the next thing it tells."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            line = await self.process.stdout.readline()
        assert line, "the client has ended"
        told = json.loads(line)
        self.seen.append(told)
        return told

    async def until(self, what: str, **wanted: Any) -> dict[str, Any]:
        """Return the payload of the next such thing, with these members."""
        while True:
            told = await self.tells()
            if _is(told, what, wanted):
                return told["payload"]

    async def ever(self, what: str, **wanted: Any) -> dict[str, Any]:
        """Return the payload of the first such thing, which an earlier wait may have passed over.

        For what is told by two channels, and so in either order.
        """
        for told in self.seen:
            if _is(told, what, wanted):
                return told["payload"]
        return await self.until(what, **wanted)

    def all(self, what: str) -> list[dict[str, Any]]:
        return [told["payload"] for told in self.seen if told["what"] == what]

    def do(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())


def _is(told: dict[str, Any], what: str, wanted: dict[str, Any]) -> bool:
    return told["what"] == what and wanted.items() <= told["payload"].items()


@asynccontextmanager
async def node_client(
    script: str, *arguments: str, runtime: str | None = None
) -> AsyncGenerator[NodeClient]:
    """Run a script, on the Node of these tests or another runtime; it is ended with the block."""
    node = await asyncio.to_thread(install)
    process = await asyncio.create_subprocess_exec(
        runtime or node.node, script, *arguments, cwd=JS, stdin=PIPE, stdout=PIPE
    )
    try:
        yield NodeClient(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
