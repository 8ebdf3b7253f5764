"""The how-to about watching live: its commands, and its page's code on the npm client."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.callers import LIMIT_S, make_call
from tests.e2e.line import line_to
from tests.e2e.node import JS, install
from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.pages import DOCS, blocks_of
from tests.serving import Service

PAGE = DOCS / "howto" / "watch-live.md"

#: Two viewers on the page's own function.
VIEWERS = """
import { watch } from "./watch.mjs";
const [url, ...tokens] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));
tokens.forEach((token, number) => {
  watch(url, () => token, {
    onEvent: (name, { position }) => tell({ number, name, position }),
    onViewers: (viewers) => tell({ number, viewers: viewers.sort() }),
  });
});
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


def test_the_commands(directory: Path) -> None:
    variables = {
        **environment(),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "RINGLINE_PORT": "0",
        "RINGLINE_DATA_DIR": str(directory / "data"),
    }
    with Shell(directory, variables) as shell:
        shown: dict[str, str] = {}
        for block in blocks_of(PAGE, "sh"):
            shown[block.heading] = shown.get(block.heading, "") + shell.run(block.code)
    for block in blocks_of(PAGE, "text"):
        assert shown[block.heading].split() == block.code.split()


async def test_the_code(service: Service, directory: Path) -> None:
    node = await asyncio.to_thread(install)
    (code,) = blocks_of(PAGE, "js")
    (directory / "watch.mjs").write_text(code.code, "utf-8")
    (directory / "viewers.mjs").write_text(VIEWERS, "utf-8")
    (directory / "node_modules").symlink_to(JS / "node_modules")
    tokens = [await mint(service, name) for name in ("ada", "ben")]
    seen: list[dict[str, Any]] = []
    async with line_to(service) as (line, base):
        process = await asyncio.create_subprocess_exec(
            node.node, "viewers.mjs", base, *tokens, cwd=directory, stdout=PIPE
        )

        async def until(told: Callable[[dict[str, Any]], bool], times: int = 1) -> None:
            """Read until each viewer has told something so many times."""
            assert process.stdout is not None
            async with asyncio.timeout(LIMIT_S):
                while any(
                    sum(told(line) for line in seen if line["number"] == number) < times
                    for number in (0, 1)
                ):
                    seen.append(json.loads(await process.stdout.readline()))

        try:
            await until(lambda line: line.get("viewers") == ["ada", "ben"])
            await make_call(service)
            await until(lambda line: line.get("name") == "call_ended")
            line.cut()
            await make_call(service)
            line.up = True
            await until(lambda line: line.get("name") == "call_ended", times=2)
        finally:
            process.kill()
            await process.wait()
    for viewer in (0, 1):
        told = [line for line in seen if line["number"] == viewer and line.get("position")]
        offsets = [int(line["position"].partition(":")[2]) for line in told]
        assert offsets == sorted(set(offsets)), "in order, once"
        assert [line["name"] for line in told].count("incoming_call") == 2


async def mint(service: Service, user: str) -> str:
    async with service.http.post(
        f"{service.base_url}/api/realtime/session",
        json={"user_id": user},
        headers=service.bearer(),
    ) as answer:
        return (await answer.json())["token"]
