"""The how-to about signing in to the console, carried out beside a server."""

import json
import sys
from pathlib import Path

from ringline.config import Settings
from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.pages import DOCS, blocks_of

PAGE = DOCS / "howto" / "console.md"


def test_people_sign_in_as_the_page_says() -> None:
    with reachable_directory() as directory:
        variables = {
            **environment(),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "RINGLINE_PORT": "0",
            "RINGLINE_DATA_DIR": str(directory / "data"),
        }
        with Shell(directory, variables) as shell:
            shown: dict[str, str] = {}
            for block in blocks_of(PAGE, "sh"):
                shown[block.heading] = shown.get(block.heading, "") + shell.run(block.code)
            ready = json.loads((directory / "ring.json").read_text("utf-8"))
            kept = (directory / "data" / "dev-keys.json").read_text("utf-8")
            log = (directory / "ringline.log").read_text("utf-8")
            told = dict(
                line.split("=", 1)
                for line in (directory / "console.env").read_text("utf-8").splitlines()
            )
        expected: dict[str, str] = {}
        for block in blocks_of(PAGE, "text"):
            expected[block.heading] = expected.get(block.heading, "") + block.code
        assert {heading: shown[heading].split() for heading in expected} == {
            heading: text.split() for heading, text in expected.items()
        }
        assert ready["console_url"].startswith(f"{ready['base_url']}/console/sign-in#")
        for file in (log, kept):
            assert "/console/sign-in#" not in file, "it would keep the link"
        settings = {name.removeprefix("RINGLINE_").lower() for name in told}
        assert settings <= set(Settings.model_fields)
