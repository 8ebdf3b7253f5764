"""The page "Use OpenAI's client with any voice", carried out in a terminal."""

import sys
from pathlib import Path

from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.pages import DOCS, blocks_of

PAGE = DOCS / "howto" / "use-openais-client.md"


def test_openais_clients_talk_as_the_page_says() -> None:
    talk, agent = (block.code for block in blocks_of(PAGE, "python"))
    start, speak, browser, framework = (block.code for block in blocks_of(PAGE, "sh"))
    with reachable_directory() as place:
        (place / "talk.py").write_text(talk, "utf-8")
        (place / "agent.py").write_text(agent, "utf-8")
        variables = {
            **environment(),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "RINGLINE_DATA_DIR": str(place / "data"),
            "RINGLINE_PORT": "0",
        }
        with Shell(place, variables) as shell:
            shell.run(start)
            assert shell.run(speak).strip() == "echo: Good morning"
            assert shell.run(browser).strip() == "echo: Hello from a browser"
            assert shell.run(framework).strip() == "on Friday from 9 to 5"
        assert "Traceback" not in (place / "ringline.log").read_text("utf-8")
