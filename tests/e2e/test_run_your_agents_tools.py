"""The page "Run your agent's tools": a receiver of a few lines runs the tools of an agent."""

import json
import re
import socket
import sys
from pathlib import Path

import pytest

from ringline.domain import webhook_limits as limits
from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.pages import DOCS, blocks_of

PAGE = DOCS / "howto" / "run-your-agents-tools.md"
PORT = "8000"  # the page's receiver listens there
FILES = ("shop.py", "ask.py")
LINES = 40


def carry_out(place: Path) -> dict[str, str]:
    """Carry the page out, and do what it does not; return what was shown, by heading."""
    for name, block in zip(FILES, blocks_of(PAGE, "python"), strict=True):
        (place / name).write_text(block.code, "utf-8")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    variables = {
        **environment(),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "RINGLINE_PORT": "0",
        "RINGLINE_DATA_DIR": str(place / "data"),
    }
    shown: dict[str, str] = {}
    with Shell(place, variables) as shell:
        for block in blocks_of(PAGE, "sh"):
            shown[block.heading] = shell.run(re.sub(rf"\b{PORT}\b", port, block.code))
        shown["bad arguments"] = shell.run("python3 ask.py '/tool lookup_order {\"no\": 1}'")
        post = "curl -s -o /dev/null -w '%{http_code}\\n' -d '{}'"
        shown["unsigned"] = shell.run(f"{post} http://127.0.0.1:{port}/")
        shell.run("kill %2; wait %2 || true")
        shown["nobody"] = shell.run("python3 ask.py '/tool lookup_order {}'")
        shown["log"] = shell.run("cat ringline.log")
    return shown


@pytest.fixture(scope="module")
def shown() -> dict[str, str]:
    with reachable_directory() as place:
        return carry_out(place)


def result_in(shown: str) -> object:
    return json.loads(shown.strip().removeprefix("tool lookup_order returned "))


def test_the_tool_is_run_and_its_result_told(shown: dict[str, str]) -> None:
    (told,) = blocks_of(PAGE, "text")
    assert shown[told.heading].strip() == told.code.strip()
    assert result_in(shown["bad arguments"]) == {"error": "bad_arguments"}


def test_what_was_asked_can_be_seen(shown: dict[str, str]) -> None:
    invoked, returned = shown["5. See what was asked"].splitlines()
    assert invoked.startswith("tool_invocation {'name': 'lookup_order'")
    assert "'order_no': 'A-19'" in invoked
    assert returned.startswith("tool_result")
    assert "'result': {'status': 'shipped'}" in returned


def test_a_receiver_that_is_away_is_an_error_for_the_model(shown: dict[str, str]) -> None:
    assert result_in(shown["nobody"]) == {"error": "tool_failed", "reason": "refused"}
    (line,) = [line for line in shown["log"].splitlines() if "tool_failed" in line]
    assert "refused" in line
    assert "A-19" not in shown["log"]


def test_the_receiver_is_short_and_refuses_what_is_not_signed(shown: dict[str, str]) -> None:
    assert len(blocks_of(PAGE, "python")[0].code.splitlines()) <= LINES
    assert shown["unsigned"].strip() == "401"


def test_what_the_pages_say_of_bounds_is_true() -> None:
    page = " ".join(PAGE.read_text("utf-8").split())
    assert f"You have {limits.TOOL_S.most} seconds" in page
    reference = " ".join((DOCS / "reference" / "tools.md").read_text("utf-8").split())
    assert f"Answer within {limits.TOOL_S.most} seconds" in reference
    assert f"up to {limits.TOOL_ROUNDS.most} rounds" in reference
