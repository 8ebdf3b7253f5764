"""What an agent says, does and may do on the phone, over RPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.serving import serving

FIELDS = [
    "language",
    "preCallAnnouncement",
    "shareable",
    "callWindowStart",
    "callWindowEnd",
    "idleTimeoutSeconds",
    "builtinTools",
]
NEW = {"model": "local/attendant"}


@pytest.fixture
async def rpc(database: TestDatabase) -> AsyncIterator[Rpc]:
    async with serving(database) as service:
        yield Rpc(service)


async def test_a_new_agent_has_the_defaults(rpc: Rpc) -> None:
    made = await rpc.run("create_ai_agent", input={"name": "Plain", **NEW}, fields=FIELDS)
    assert made == {
        "language": "auto",
        "preCallAnnouncement": "",
        "shareable": False,
        "callWindowStart": None,
        "callWindowEnd": None,
        "idleTimeoutSeconds": None,
        "builtinTools": [],
    }


async def test_settings_are_kept_and_changed(rpc: Rpc) -> None:
    given: dict[str, Any] = {
        "language": "pcm",
        "preCallAnnouncement": "This call is recorded.",
        "shareable": True,
        "callWindowStart": "08:00",
        "callWindowEnd": "20:00",
        "idleTimeoutSeconds": 10,
        "builtinTools": ["hang_up", "transfer_call"],
    }
    made = await rpc.run(
        "create_ai_agent", input={"name": "Full", **NEW, **given}, fields=["id", *FIELDS]
    )
    assert made == {"id": made["id"], **given}
    cleared: dict[str, Any] = {
        "preCallAnnouncement": "",
        "callWindowStart": None,
        "callWindowEnd": None,
        "idleTimeoutSeconds": None,
        "builtinTools": [],
    }
    changed = await rpc.run("update_ai_agent", identity=made["id"], input=cleared, fields=FIELDS)
    assert changed == {"language": "pcm", "shareable": True, **cleared}


BAD: list[tuple[dict[str, Any], list[str]]] = [
    ({"language": "xx"}, ["language"]),
    ({"callWindowStart": "24:00", "callWindowEnd": "20:00"}, ["callWindowStart"]),
    ({"callWindowStart": "8:00", "callWindowEnd": "20:00"}, ["callWindowStart"]),
    ({"callWindowStart": "08:00"}, ["callWindowStart", "callWindowEnd"]),
    (
        {"callWindowStart": "08:00", "callWindowEnd": None},
        ["callWindowStart", "callWindowEnd"],
    ),
    ({"idleTimeoutSeconds": 2}, ["idleTimeoutSeconds"]),
    ({"idleTimeoutSeconds": 121}, ["idleTimeoutSeconds"]),
    ({"builtinTools": ["fly_away"]}, ["builtinTools"]),
    ({"builtinTools": "hang_up"}, ["builtinTools"]),
    ({"builtinTools": [None]}, ["builtinTools"]),
]


async def test_what_is_no_setting(rpc: Rpc) -> None:
    for bad, fields in BAD:
        given = {"name": "Bad", **NEW, **bad}
        problem = await rpc.problem("create_ai_agent", input=given, fields=["id"])
        assert (problem["type"], problem["fields"]) == ("invalid_attribute", fields)


async def test_an_agent_always_has_a_language(rpc: Rpc) -> None:
    given = {"name": "Bad", **NEW, "language": None}
    problem = await rpc.problem("create_ai_agent", input=given, fields=["id"])
    assert (problem["type"], problem["fields"]) == ("required", ["language"])
