"""The talk page's server side: what it serves, and to whom it gives tickets."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.web.talk import FILES
from tests.database import TestDatabase
from tests.realtime_session import MODEL, connected
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.voice_desk import quiet


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, dev=True) as service:
        yield service


def own(service: Service, **more: str) -> dict[str, str]:
    """Return the headers of a request that the page sends."""
    return {"Origin": service.base_url, "Sec-Fetch-Site": "same-origin", **more}


async def mint(
    service: Service, body: object, headers: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    async with service.http.post(
        f"{service.base_url}/talk/ticket", json=body, headers=headers
    ) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
        return answer.status, await answer.json()


async def test_the_page_and_its_files_are_served(service: Service) -> None:
    url = f"{service.base_url}/talk"
    async with service.http.get(url) as answer:
        assert (answer.status, answer.content_type, answer.charset) == (200, "text/html", "utf-8")
        page, headers = await answer.text(), answer.headers
    loaded = re.findall(r'(?:src|href)="(talk/[^"]+)"', page)
    assert set(loaded) == {"talk/talk.css", "talk/talk.js"}
    for name, kind in FILES.items():
        async with service.http.get(f"{url}/{name}") as answer:
            assert (answer.status, answer.content_type) == (200, kind)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            text, etag = await answer.text(), answer.headers["ETag"]
        imported = re.findall(r"""^import .* from "(.+)";""", text, re.MULTILINE)
        assert {one.removeprefix("./") for one in imported} <= set(FILES)
        async with service.http.get(f"{url}/{name}", headers={"If-None-Match": etag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "://" not in policy
    assert service.keys.secret_key not in page
    for name in ("talk.html", "../app.py", "%2e%2e%2fapp.py", "docs.js"):
        async with service.http.get(f"{url}/{name}") as answer:
            assert answer.status == 404


async def test_the_page_has_a_place_for_everything(service: Service) -> None:
    async with service.http.get(f"{service.base_url}/talk") as answer:
        page = await answer.text()
    assert not re.search(r"""\son\w+=|\sstyle=|<script(?![^>]*src=)""", page), "the policy forbids"
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    ids = set(re.findall(r'id="(\w+)"', page))
    for script in ("talk.js", "leash.js"):
        async with service.http.get(f"{service.base_url}/talk/{script}") as answer:
            used = set(re.findall(r'find\("(\w+)"\)', await answer.text()))
        assert used
        assert used <= ids


async def test_the_home_page_leads_to_it(service: Service) -> None:
    async with service.http.get(f"{service.base_url}/") as answer:
        assert 'href="talk"' in await answer.text()


async def test_elsewhere_there_is_none(database: TestDatabase) -> None:
    async with serving(database) as service:
        for path in ("talk", "talk/", "talk/agents", "talk/talk.js", "talk/voice.js"):
            async with service.http.get(f"{service.base_url}/{path}") as answer:
                assert answer.status == 404
        status, _ = await mint(service, {}, own(service))
        assert status == 404
        async with service.http.get(f"{service.base_url}/") as answer:
            assert "talk" not in await answer.text()


async def test_the_page_gets_a_ticket_for_an_agent_or_a_model(service: Service) -> None:
    for body in ({"agent_id": service.agent_id}, {"config": {"model": MODEL}}):
        status, minted = await mint(service, body, own(service))
        assert status == 200
        async with connected(service, minted["client_secret"]) as client:
            started = await client.start(config={})
        assert started["session_id"] == minted["id"]
        call_id = parse_id(Prefix.CALL, started["call_id"])
        (call,) = await Rpc(service).run("list_calls", fields=["id"], filter={"id": str(call_id)})
        assert call["id"] == str(call_id), "it is a call of the key's workspace"
    status, refused = await mint(service, {"config": {"model": "x/y"}}, own(service))
    assert (status, refused["error"]["code"]) == (400, "model_not_found")


async def test_the_page_may_put_its_ticket_on_a_leash(service: Service) -> None:
    budget = {"audio_seconds": 0.5, "usd": 1.5}
    body = {"config": {"model": MODEL}, "max_duration_seconds": 60, "budget": budget}
    status, minted = await mint(service, body, own(service))
    assert status == 200
    async with connected(service, minted["client_secret"]) as client:
        started = await client.start(config={})
        for _ in range(5):
            await client.hear(quiet(100, started["input_sample_rate"]))
        assert await client.closed() == 1000
    warning, end = client.events[-2:]
    assert (warning["type"], warning["reason"]) == ("session.warning", "budget_exhausted")
    assert end["error"]["code"] == "budget_exhausted"
    for member, value in (
        ("max_duration_seconds", 0),
        ("max_duration_seconds", 86_401),
        ("budget", {"usd": 0}),
        ("budget", {}),
    ):
        status, refused = await mint(service, body | {member: value}, own(service))
        assert (status, refused["error"]["code"]) == (400, "invalid_request")
        assert refused["error"]["message"].startswith(member)


async def test_nobody_else_gets_a_ticket(service: Service) -> None:
    port = service.base_url.rpartition(":")[2]
    rebound = f"evil.example:{port}"
    strangers: list[dict[str, str]] = [
        {},
        service.bearer(),
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        own(service, Origin=f"http://localhost:{port}"),
        own(service, Host=rebound),
        {"Host": rebound, "Origin": f"http://{rebound}", "Sec-Fetch-Site": "same-origin"},
        own(service, **{"Sec-Fetch-Site": "cross-site"}),
        own(service, **{"Sec-Fetch-Site": "same-site"}),
    ]
    for headers in strangers:
        status, answer = await mint(service, {"agent_id": service.agent_id}, headers)
        assert (status, answer["error"]["code"]) == (403, "forbidden"), headers
        assert f"{service.base_url}/talk" in answer["error"]["message"]
    async with service.http.options(
        f"{service.base_url}/talk/ticket",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    ) as answer:
        assert answer.status == 405
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_the_page_lists_the_agents(service: Service) -> None:
    rpc = Rpc(service)
    made = await rpc.run("create_ai_agent", input={"name": "Bakery", "model": MODEL}, fields=["id"])
    url = f"{service.base_url}/talk/agents"
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, own(service)):
        async with service.http.get(url, headers=headers) as answer:
            assert answer.status == 200
            assert answer.headers["Cache-Control"] == "no-store"
            listed = (await answer.json())["data"]["results"]
        assert [agent["name"] for agent in listed] == ["Attendant", "Bakery"]
        assert listed[1] == {"id": made["id"], "name": "Bakery", "model": MODEL, "enabled": True}
    status, minted = await mint(service, {"agent_id": made["id"]}, own(service))
    assert status == 200, minted
    for headers in (
        {"Origin": "https://evil.example"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        async with service.http.get(url, headers=headers) as answer:
            assert answer.status == 403
            assert "Bakery" not in await answer.text()


async def test_a_key_that_was_revoked_mints_nothing(service: Service) -> None:
    (key,) = (
        key
        for key in await service.admin.rows.list_keys(service.keys.workspace_id)
        if key.last_four == service.keys.secret_key[-4:]
    )
    await service.admin.rows.revoke_key(key.id, datetime.now(UTC), end_calls=False)
    status, answer = await mint(service, {"agent_id": service.agent_id}, own(service))
    assert (status, answer["error"]["code"]) == (503, "unavailable")
    assert "start it again" in answer["error"]["message"]
    async with service.http.get(f"{service.base_url}/talk/agents") as listed:
        assert listed.status == 503


async def test_an_agent_of_another_workspace_is_none(service: Service) -> None:
    other = await service.admin.workspaces.create("Other")
    body = {"agent_id": format_id(Prefix.AGENT, other.agent_id)}
    status, answer = await mint(service, body, own(service))
    assert (status, answer["error"]["code"]) == (400, "agent_not_found")
