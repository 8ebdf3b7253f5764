"""The page "Test your app", carried out in a terminal; its sessions have a test of their own."""

import re
import sys
from pathlib import Path

from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.pages import DOCS, ROOT, blocks_of

PAGE = DOCS / "howto" / "test-your-app.md"
EXAMPLE = ROOT / "examples" / "check_with_mock_echo.py"


def test_an_app_is_tested_as_the_page_says() -> None:
    with reachable_directory() as place:
        (place / "examples").symlink_to(ROOT / "examples")
        variables = {
            **environment(),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "RINGLINE_DATA_DIR": str(place / "data"),
            "RINGLINE_PORT": "0",
        }
        with Shell(place, variables) as shell:
            shown = "".join(shell.run(block.code) for block in blocks_of(PAGE, "sh"))
    checks = re.findall(r"^async def (check_\w+)", EXAMPLE.read_text("utf-8"), re.MULTILINE)
    assert len(checks) == 4
    assert re.findall(r"^passed: (\w+)$", shown, re.MULTILINE) == checks
