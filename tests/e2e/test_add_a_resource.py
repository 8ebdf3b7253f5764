"""The page "Add a resource", carried out as it stands on a copy of the code."""

import json
from pathlib import Path
from typing import Any

import aiohttp

from tests.database import TestDatabase
from tests.e2e.program import end, is_ready, ringline, start, until
from tests.howto import ROOT, carry_out

PAGE = ROOT / "docs" / "howto" / "add-a-resource.md"


async def test_a_newcomer_adds_a_resource_by_the_page(
    empty_database: TestDatabase, tmp_path: Path
) -> None:
    assert carry_out(PAGE, tmp_path) == 8
    variables = {
        "PYTHONPATH": str(tmp_path / "src"),
        "RINGLINE_DATABASE_URL": empty_database.app_dsn,
        "RINGLINE_MIGRATE_DATABASE_URL": empty_database.dsn("postgres"),
        "RINGLINE_SIGNING_SECRET": "a secret of the tests alone: thirty-two",
        "RINGLINE_ENCRYPTION_KEY": "another secret of the tests: thirty-two",
    }
    migrated = ringline("migrate", **variables)
    assert migrated.returncode == 0, migrated.stderr
    made = ringline("workspace", "create", "--name", "First", "--json", **variables)
    ready_file, output = tmp_path / "ready.json", tmp_path / "serve.log"
    process = start(output, "serve", "--port", 0, "--ready-file", ready_file, **variables)
    try:
        until(lambda: is_ready(ready_file) or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        base_url = json.loads(ready_file.read_text())["base_url"]
        headers = {"x-api-key": json.loads(made.stdout)["secret_key"]}
        async with aiohttp.ClientSession(base_url, headers=headers) as http:
            await use_offices(http)
    finally:
        end(process)


async def run(http: aiohttp.ClientSession, action: str, **request: Any) -> Any:
    async with http.post("/rpc/public/run", json={"action": action, **request}) as answer:
        assert answer.status == 200
        return await answer.json()


async def use_offices(http: aiohttp.ClientSession) -> None:
    number = await run(http, "create_phone_number", input={"phoneE164": "+49401234"}, fields=["id"])
    office = {"name": "North", "city": "Hamburg", "phoneNumberId": number["data"]["id"]}
    made = await run(http, "create_office", input=office, fields=["id"])
    again = await run(http, "create_office", input=office)
    assert again["errors"][0]["fields"] == ["name"]
    changed = await run(
        http, "update_office", identity=made["data"]["id"], input={"city": None}, fields=["city"]
    )
    assert changed["data"] == {"city": None}
    listed = await run(
        http,
        "list_offices",
        fields=["name", {"phoneNumber": ["phoneE164"]}],
        filter={"phoneNumber": {"phoneE164": {"contains": "1234"}}},
        sort="-name",
        page={"limit": 1, "count": True},
    )
    assert listed["data"]["count"] == 1
    assert listed["data"]["results"] == [
        {"name": "North", "phoneNumber": {"phoneE164": "+49401234"}}
    ]
    async with http.get("/openapi.json") as answer:
        assert "create_office" in await answer.text()
    gone = await run(http, "delete_office", identity=made["data"]["id"])
    assert gone == {"success": True, "data": {}}
