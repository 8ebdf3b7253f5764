"""Build hook of the wheel: it refuses a browser console that is missing or not current."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConsoleHook(BuildHookInterface[Any]):
    """Checks the package data that `make console` builds."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """End the build unless the wheel would hold the console of these sources."""
        root = Path(self.root)
        if version != "editable" and not _is_whole(root):
            self.app.abort("The console is not built from these sources; run `make dist`.")


def _is_whole(root: Path) -> bool:
    sys.path.insert(0, str(root / "src"))
    from ringline.cli.console_build import digest_built, is_current  # noqa: PLC0415 - see above

    if (root / "console").is_dir():
        return is_current(root)
    return digest_built(root) is not None  # a source distribution, which holds the build alone
