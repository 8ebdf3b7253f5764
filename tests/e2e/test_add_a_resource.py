"""The page "Add a resource", applied to a copy of the code."""

from pathlib import Path
from typing import Any

import aiohttp

from tests.database import TestDatabase
from tests.e2e.carried_out import served
from tests.howto import ROOT

PAGE = ROOT / "docs" / "howto" / "add-a-resource.md"


async def test_a_newcomer_adds_a_resource_by_the_page(
    empty_database: TestDatabase, tmp_path: Path
) -> None:
    with served(PAGE, 10, empty_database, tmp_path) as (base_url, key):
        async with aiohttp.ClientSession(base_url, headers={"x-api-key": key}) as http:
            await use_offices(http)


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
