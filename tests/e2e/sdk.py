"""The TypeScript SDK, compiled once for the tests of this process."""

import subprocess
from functools import cache
from pathlib import Path

from tests.e2e.node import SDK, install


def compile_project(config: str) -> None:
    """Run the SDK's own TypeScript compiler. Raises RuntimeError with its words."""
    _run("node_modules/typescript/bin/tsc", "--project", config)


@cache
def build() -> Path:
    """Build the SDK, as `npm run build` does, and return the folder of its modules."""
    compile_project("tsconfig.json")
    _run("join.js")
    return SDK / "dist"


def _run(script: str, *arguments: str) -> None:
    command = (install(SDK).node, script, *arguments)
    done = subprocess.run(command, cwd=SDK, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{script} failed:\n{done.stdout}{done.stderr}")
