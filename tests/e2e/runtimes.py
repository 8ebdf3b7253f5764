"""The runtimes that the SDK is tested on: the Node of these tests, others, and Bun.

They are npm packages, whose versions the lock file in `runtimes/` pins: the oldest supported
Node, the one whose WebSocket reports an error without a close, and the newest.
"""

import platform
import subprocess
import sys

import pytest

from tests.e2e.node import RUNTIMES, install

NAMES = ("this node", "node18", "node22", "node26", "bun")

#: How Node's and Bun's packages call a processor.
_PROCESSORS = {
    "x86_64": ("x64", "x64"),
    "aarch64": ("arm64", "aarch64"),
    "arm64": ("arm64", "aarch64"),
}


def find_runtime(name: str) -> str:
    """Return the executable of a runtime; skips the test where npm has none that runs here."""
    if name == "this node":
        return install().node
    of_node, of_bun = _PROCESSORS.get(platform.machine(), ("", ""))
    bun = f"@oven/bun-{sys.platform}-{of_bun}/bin/bun"
    node = f"{name}-{sys.platform}-{of_node}/bin/node"
    try:
        install(RUNTIMES)
    except RuntimeError as error:
        pytest.skip(str(error))
    found = RUNTIMES / "node_modules" / (bun if name == "bun" else node)
    if not found.exists() or subprocess.run([found, "--version"], capture_output=True).returncode:
        pytest.skip(f"npm has no {name} that runs on {sys.platform}, {platform.machine()}")
    return str(found)
