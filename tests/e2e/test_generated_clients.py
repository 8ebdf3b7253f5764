"""Clients that others' generators make of the server's document: they compile, and they work."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.database import TestDatabase
from tests.e2e.node import JS, install
from tests.serving import Service, serving

CALLED = {"status": "completed", "agent": True}
STRICT = {
    "compilerOptions": {
        "strict": True,
        "exactOptionalPropertyTypes": True,
        "noUncheckedIndexedAccess": True,
        "target": "ES2022",
        "module": "NodeNext",
        "moduleResolution": "NodeNext",
        "types": [],
        "lib": ["ES2022", "DOM"],
        "skipLibCheck": False,
    },
    "files": ["client.ts", "ambient.d.ts"],
}
#: What the program uses of Node, so that no package of types is needed.
AMBIENT = "declare const process: { argv: string[] };\n"


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, sandbox_clock_scale=0.02) as service:
        yield service


async def document(service: Service) -> str:
    async with service.http.get(f"{service.base_url}/openapi.json") as answer:
        return await answer.text()


def run(command: list[str], place: Path) -> str:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


async def test_a_client_made_by_openapi_typescript(service: Service, tmp_path: Path) -> None:
    node = (await asyncio.to_thread(install)).node
    modules = JS / "node_modules"
    (tmp_path / "openapi.json").write_text(await document(service), "utf-8")
    (tmp_path / "package.json").write_text('{"type": "module"}', "utf-8")
    (tmp_path / "tsconfig.json").write_text(json.dumps(STRICT), "utf-8")
    (tmp_path / "ambient.d.ts").write_text(AMBIENT, "utf-8")
    (tmp_path / "client.ts").write_bytes((JS / "generated_client.ts").read_bytes())
    (tmp_path / "node_modules").symlink_to(modules)
    generator = str(modules / "openapi-typescript" / "bin" / "cli.js")
    compiler = str(modules / "typescript" / "bin" / "tsc")
    for command in (
        [node, generator, "openapi.json", "--output", "schema.d.ts"],
        [node, compiler, "--project", "tsconfig.json"],
    ):
        await asyncio.to_thread(run, command, tmp_path)
    program = [node, "client.js", service.base_url, service.keys.test_key]
    shown = await asyncio.to_thread(run, program, tmp_path)
    told: dict[str, Any] = {}
    for line in shown.splitlines():
        told |= {(step := json.loads(line))["what"]: step["payload"]}
    assert told.pop("ended").items() >= CALLED.items()
    assert told == {
        "agent": {"name": "Generated", "language": "en"},
        "refused": {"status": 409, "code": "ALREADY_EXISTS"},
        "placed": {"status": "initiated", "direction": "outbound"},
        "transcript": {"roles": ["user", "agent"]},
        "listed": {"ids": [True]},
        "deleted": {"status": 204, "then": "NOT_FOUND"},
    }
