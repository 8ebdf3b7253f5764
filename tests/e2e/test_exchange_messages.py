"""The page about messages, as its readers run it."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import environment, reachable_directory
from tests.e2e.shell import Shell
from tests.e2e.test_numbers_and_routing import blurred, objects_of
from tests.pages import DOCS, blocks_of

PAGE = DOCS / "howto" / "exchange-messages.md"
STATES = re.compile(r'"status": "(sent|delivered)"')


@pytest.fixture
def directory() -> Iterator[Path]:
    with reachable_directory() as path:
        yield path


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
            shown[block.heading] = shown.get(block.heading, "") + shell.run(block.code)

    (documented,) = objects_of(_block("json", "Let a contact write"))
    (conversation,) = objects_of(shown["Let a contact write"])
    assert _blurred(conversation) == _blurred(documented)

    taken_over = shown["Take it over"].splitlines()
    assert (taken_over[0], taken_over[-1]) == ("human", "Yes, until six.")

    log, _, stream = shown["Watch it"].partition(": ok")
    told = _block("text", "Watch it").splitlines()
    assert sorted(log.strip().splitlines()[: len(told)]) == sorted(told)
    frames = [
        json.loads(line.removeprefix("data: "))
        for line in stream.splitlines()
        if line.startswith("data: ")
    ]
    kinds = [frame["event_type"] for frame in frames]
    assert kinds.count("message.received") == 3
    assert kinds.count("conversation.mode_changed") == 2

    _, *printed = objects_of(shown["Respect STOP"])
    on_page = objects_of(_block("json", "Respect STOP"))
    assert list(map(_blurred, printed)) == list(map(_blurred, on_page))

    (template,) = objects_of(shown["WhatsApp"])
    assert (template["channel"], template["status"]) == ("whatsapp", "queued")


def _block(language: str, heading: str) -> str:
    (block,) = [one for one in blocks_of(PAGE, language) if one.heading == heading]
    return block.code


def _blurred(value: object) -> str:
    """Return JSON without what differs from one run to the next."""
    text = re.sub(r"req_[\w…]+|:\d+/docs", "…", json.dumps(value, ensure_ascii=False))
    return STATES.sub('"status": "sent"', blurred(text))
