"""The page about numbers and routing, as its readers run it."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.pages import DOCS, blocks_of

PAGE = DOCS / "howto" / "numbers-and-routing.md"


@pytest.fixture
def directory() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


def objects_of(text: str) -> list[Any]:
    """Return the JSON objects of a text, one after another."""
    decoder, found, place = json.JSONDecoder(), [], 0
    while (place := text.find("{", place)) >= 0:
        value, place = decoder.raw_decode(text, place)
        found.append(value)
    return found


def blurred(text: str) -> str:
    """Return a text without what differs from one run to the next."""
    return re.sub(r"\b([a-z]+)_[0-9A-Za-z]{22}\b|20[0-9T:-]+Z", lambda m: f"{m[1]}_…", text)


def test_the_page(directory: Path) -> None:
    variables = {
        **environment(),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "RINGLINE_PORT": "0",
        "RINGLINE_DATA_DIR": str(directory / "data"),
    }
    shown: dict[str, str] = {}
    with Shell(directory, variables) as shell:
        for block in blocks_of(PAGE, "sh"):
            shown[block.heading] = shell.run(block.code)
        (command,) = re.findall(r"`(ringline rpc explain_route [^`]+)`", PAGE.read_text("utf-8"))
        explained = json.loads(shell.run(command))
    for block in blocks_of(PAGE, "json"):
        printed, documented = objects_of(shown[block.heading]), objects_of(block.code)
        assert blurred(json.dumps(printed)) == blurred(json.dumps(documented, ensure_ascii=False))
    *made, listed = objects_of(shown["Give it rules"])
    assert listed == {"routing_rules": made}
    assert [one["match_value"] for one in made] == ["buy", r"(?i)\b(bill|invoice)"]
    _, caught = objects_of(shown["Catch the rest"])
    assert (caught["outcome"], caught["why"]) == ("agent", "default")
    assert (explained["outcome"], explained["why"]) == ("wait", "listening")
