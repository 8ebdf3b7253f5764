"""What the browser console is built from, and whether a build of it is current.

The build itself is `tools/console.py`, which needs Node. This module needs the standard library
alone, because the build hook of the wheel (`hatch_build.py`) imports it too.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

#: Where a build goes: package data that Git ignores.
BUILT = Path("src/ringline/web/console_dist")
#: Written last, so a build without it is unfinished.
STAMP = "build.json"
_DIGITS_OF_NAME = 16
#: What a build depends on: lock, configuration, sources and the SDK.
_INPUTS = (
    "console/.npmrc",
    "console/index.html",
    "console/package-lock.json",
    "console/package.json",
    "console/src",
    "console/tsconfig.json",
    "console/vite.config.ts",
    "sdk/js/src",
)


def digest_of(checkout: Path) -> str:
    """Return the SHA-256 over the names and bytes of everything a build depends on."""
    digest = sha256()
    for path in sorted(_files(checkout)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(checkout).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def name_of(digest: str) -> str:
    """Return the name of a build, which the server and the page compare."""
    return digest[:_DIGITS_OF_NAME]


def digest_built(checkout: Path) -> str | None:
    """Return the digest that a checkout's build was made from; None without a whole build."""
    try:
        return str(json.loads((checkout / BUILT / STAMP).read_bytes())["sources"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_current(checkout: Path) -> bool:
    """Return whether a checkout's build was made from what the checkout holds now."""
    return digest_built(checkout) == digest_of(checkout)


def _files(checkout: Path) -> Iterator[Path]:
    for name in _INPUTS:
        place = checkout / name
        found = place.rglob("*") if place.is_dir() else (place,)
        yield from (path for path in found if path.is_file())
