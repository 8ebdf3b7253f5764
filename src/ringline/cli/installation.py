"""How this Ringline is installed, and the shell commands that fit.

Nothing is published yet (docs/install.md), so a command that names a package index would
mislead people: a checkout is installed by its own tools, and a wheel's extra by the names of
its packages in the metadata (PEP 566, `Requires-Dist`).
"""

import re
import shlex
import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path

#: The root of the checkout that holds this module; for a wheel, some other directory.
REPOSITORY = Path(__file__).resolve().parents[3]

_OF_AN_EXTRA = re.compile(r"""\bextra\s*==\s*['"](?P<extra>[^'"]+)['"]$""")


def checkout() -> Path | None:
    """Return the checkout that this program runs from; None if it was installed."""
    return REPOSITORY if (REPOSITORY / "tools" / "install").is_file() else None


def program() -> list[str]:
    """Return the command that runs this `ringline`, whatever PATH says."""
    executable = Path(sys.executable).with_name("ringline")
    return [str(executable)] if executable.is_file() else [sys.executable, "-m", "ringline"]


def line_that_finds_program() -> str:
    """Return the command that puts this installation on the path; "" if it is there."""
    executable = Path(sys.executable).with_name("ringline")
    found = shutil.which("ringline")
    if not executable.is_file() or (found and Path(found).resolve() == executable.resolve()):
        return ""
    return f'export PATH={shlex.quote(str(executable.parent))}:"$PATH"'


def line_that_installs(extra: str) -> str:
    """Return the command that installs an extra of this package."""
    if root := checkout():
        return shlex.join([str(root / "tools" / "install"), "runtime"])
    return shlex.join([*_installer(), *packages_of(extra)])


def packages_of(extra: str) -> list[str]:
    """Return what an extra requires beyond the package itself, as requirements."""
    try:
        required = requires("ringline") or []
    except PackageNotFoundError:
        return []
    found = [(_OF_AN_EXTRA.search(requirement), requirement) for requirement in required]
    return [
        requirement.partition(";")[0].rstrip()
        for match, requirement in found
        if match and match["extra"] == extra
    ]


def _installer() -> list[str]:
    """Choose the installer: environments made by uv have no pip."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install"]
    return ["uv", "pip", "install", "--python", sys.executable]
