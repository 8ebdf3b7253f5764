"""The documentation's curl examples, run unchanged."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.programs import find_program
from tests.serving import Service

DOCS = Path(__file__).parents[2] / "docs"

#: An indented or fenced command, to the end of its last line.
_COMMAND = re.compile(r"^ *(curl (?:[^\n]*\\\n)*[^\n]*(?:\n(?! *$|```)[^\n]*)*)", re.MULTILINE)

#: The examples of the published surface (events socket, 4.1 and 5.3).
PUBLISHED = [
    """curl -s $URL/rpc/public/run -H "x-api-key: $SECRET_KEY" -H 'content-type: application/json'
       -d '{"action": "list_contacts", "fields": ["id", "fullName"], "page": {"limit": 20}}'""",
    """curl -s $URL/rpc/public/run -H "x-api-key: $SECRET_KEY" -H 'content-type: application/json'
       -d '{"action": "create_contact", "fields": ["id", "fullName", "phoneE164"],
            "input": {"fullName": "Ada Lovelace", "phoneE164": "+15551234567"}}'""",
    """curl -s $URL/rpc/public/validate -H "x-api-key: $SECRET_KEY"
       -H 'content-type: application/json'
       -d '{"action": "create_contact", "input": {"fullName": "Ada Lovelace"}}'""",
]


def documented() -> list[str]:
    pages = ("reference/rpc.md", "howto/add-a-resource.md")  # the quickstart has its own test
    commands = [
        match[1] for page in pages for match in _COMMAND.finditer((DOCS / page).read_text("utf-8"))
    ]
    return [one for one in commands if "/rpc/public/" in one and "create_office" not in one]


def test_there_are_examples() -> None:
    assert len(documented()) == 1


@pytest.mark.parametrize("command", [*documented(), *(" ".join(p.split("\n")) for p in PUBLISHED)])
async def test_an_example_works_as_it_stands(service: Service, command: str) -> None:
    find_program("curl")
    answer = await run(command, service)
    assert answer["success"] is True, answer


async def run(command: str, service: Service) -> Any:
    variables = {
        "URL": service.base_url,
        "SECRET_KEY": service.keys.secret_key,
        "RINGLINE_URL": service.base_url,
        "RINGLINE_KEY": service.keys.secret_key,
    }
    process = await asyncio.create_subprocess_shell(
        command, stdout=asyncio.subprocess.PIPE, env={**os.environ, **variables}
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(output)
