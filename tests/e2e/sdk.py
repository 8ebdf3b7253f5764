"""The TypeScript SDK, compiled once for the tests of this process."""

import subprocess
from functools import cache
from pathlib import Path

from tests.e2e.node import SDK, install


def compile_project(config: str) -> None:
    """Run the SDK's own TypeScript compiler. Raises RuntimeError with its words."""
    node = install(SDK)
    done = subprocess.run(
        [node.node, "node_modules/typescript/bin/tsc", "--project", config],
        cwd=SDK,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{config} does not compile:\n{done.stdout}{done.stderr}")


@cache
def build() -> Path:
    """Build the SDK and return the folder of its modules."""
    compile_project("tsconfig.json")
    return SDK / "dist"
