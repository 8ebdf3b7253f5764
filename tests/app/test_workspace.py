"""The workspace over `/v1`: its settings, its switch for recordings, its tier (6.10, 1.6)."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID

import aiohttp
import asyncpg
import pytest

from ringline.domain.ids import Prefix, format_id
from ringline.services.workspace_deletion import LINGERS
from tests.app.test_keys import open_everything
from tests.callers import LIMIT_S, calling
from tests.contract.test_isolation import TABLES
from tests.database import TestDatabase
from tests.recorded import agent_that_records, call_of, noted, path_of, recorded_session, say
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.v1 import V1


@pytest.fixture
async def service(database: TestDatabase, tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(database, dev=True, data_dir=tmp_path) as service:
        yield service


async def set_tier(database: TestDatabase, workspace_id: UUID, tier: str) -> None:
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.workspaces SET tier = $2 WHERE id = $1", workspace_id, tier
        )


# -- settings -------------------------------------------------------------------------------


async def test_a_new_workspace(service: Service) -> None:
    found = await V1(service).get("/workspace")
    assert found.status == 200
    body = found.body
    for name in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body.pop(name))
    assert body == {
        "id": format_id(Prefix.WORKSPACE, service.keys.workspace_id),
        "name": "Test",
        "tier": "scale",
        "webhook_url": None,
        "retention_days": 30,
        "allowed_origins": [],
    }
    assert (await V1(service, service.keys.test_key).get("/workspace")).body["name"] == "Test"


async def test_settings_change_for_both_environments(service: Service) -> None:
    v1, url = V1(service), "https://hooks.example.com/ringline"
    given = {"name": " Ada's ", "webhook_url": url, "retention_days": 3650, "more": 1}
    changed = await v1.patch("/workspace", given)
    assert changed.status == 200
    assert changed.body["name"] == "Ada's"
    assert (changed.body["webhook_url"], changed.body["retention_days"]) == (url, 3650)
    for key in (None, service.keys.test_key):
        assert (await V1(service, key).get("/workspace")).body == changed.body
    app = "https://app.example.com"
    bound = await v1.patch("/workspace", {"allowed_origins": [app, app]})
    assert bound.body["allowed_origins"] == [app]
    cleared = await v1.patch("/workspace", {"webhook_url": None, "allowed_origins": []})
    assert cleared.body["webhook_url"] is None
    assert cleared.body["allowed_origins"] == []
    assert cleared.body["name"] == "Ada's"
    assert (await v1.patch("/workspace", {})).body == cleared.body


async def test_rpc_shows_the_same_row(service: Service) -> None:
    await V1(service).patch("/workspace", {"name": "Ada's", "retention_days": 7})
    await V1(service).patch("/workspace/recording", {"enabled": True})
    fields = ["name", "tier", "webhookUrl", "retentionDays", "recordingEnabled"]
    found = await Rpc(service).run("list_queues", fields=[{"organisation": fields}])
    assert found[0]["organisation"] == {
        "name": "Ada's",
        "tier": "scale",
        "webhookUrl": None,
        "retentionDays": 7,
        "recordingEnabled": True,
    }


@pytest.mark.parametrize(
    "body",
    [
        {"tier": "builder"},
        {"tier": None},
        {"signing_secret": "rlsec_x"},
        {"name": "new", "signing_secret": None},
        {"name": ""},
        {"name": " "},
        {"name": "x" * 256},
        {"name": 7},
        {"retention_days": 0},
        {"retention_days": 3651},
        {"retention_days": 1.5},
        {"retention_days": True},
        {"webhook_url": "http://hooks.example.com"},
        {"webhook_url": "https://127.0.0.1/a"},
        {"webhook_url": 7},
        {"allowed_origins": "https://app.example.com"},
        {"allowed_origins": ["https://app.example.com/page"]},
        {"allowed_origins": ["https://app.example.com", 7]},
    ],
)
async def test_settings_that_are_refused(service: Service, body: dict[str, object]) -> None:
    v1 = V1(service)
    before = (await v1.get("/workspace")).body
    answer = await v1.patch("/workspace", body)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert list(body)[-1] in answer.message
    assert (await v1.get("/workspace")).body == before


async def test_an_origin_with_a_nul_is_refused_with_the_body(service: Service) -> None:
    """U+0000 is refused before any member is read (contract, 11)."""
    v1 = V1(service)
    before = (await v1.get("/workspace")).body
    answer = await v1.patch("/workspace", {"allowed_origins": ["https://app.example.com\0"]})
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert "U+0000" in answer.message
    assert (await v1.get("/workspace")).body == before


async def test_a_test_key_reads_only(service: Service) -> None:
    test = V1(service, service.keys.test_key)
    for path, body in (("/workspace", {"name": "x"}), ("/workspace/recording", {"enabled": True})):
        assert (await test.get(path)).status == 200
        refused = await test.patch(path, body)
        assert (refused.status, refused.code) == (403, "PERMISSION_DENIED")


# -- recordings -----------------------------------------------------------------------------


async def test_recordings_need_the_switch_and_the_agent(service: Service, tmp_path: Path) -> None:
    v1 = V1(service)
    assert (await v1.get("/workspace/recording")).body == {"enabled": False}
    agent = await agent_that_records(service)  # it turns the switch
    assert (await v1.get("/workspace/recording")).body == {"enabled": True}
    for enabled in (False, True):
        switched = await v1.patch("/workspace/recording", {"enabled": enabled})
        assert (switched.status, switched.body) == (200, {"enabled": enabled})
        async with recorded_session(service, agent) as (client, call_id):
            await say(client, "hello")
            await client.until("response.completed")
        call = await (noted if enabled else call_of)(service, call_id)
        assert (call["recordingMs"] is not None) is enabled
        assert path_of(tmp_path, call_id).exists() is enabled


@pytest.mark.parametrize("body", [{}, {"enabled": None}, {"enabled": 1}, {"enabled": "yes"}])
async def test_what_is_no_switch(service: Service, body: dict[str, object]) -> None:
    answer = await V1(service).patch("/workspace/recording", body)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")


async def test_the_tier_starter_does_not_record(service: Service, database: TestDatabase) -> None:
    v1 = V1(service)
    await v1.patch("/workspace/recording", {"enabled": True})
    await set_tier(database, service.keys.workspace_id, "starter")
    refused = await v1.patch("/workspace/recording", {"enabled": True})
    assert (refused.status, refused.code) == (400, "RESOURCE_NOT_AVAILABLE_ON_TIER")
    off = await v1.patch("/workspace/recording", {"enabled": False})
    assert (off.status, off.body) == (200, {"enabled": False})


# -- the tier's rate ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tier", "limit"),
    [("starter", 1_000), ("builder", 5_000), ("scale", 20_000), ("payg", 5_000)],
)
async def test_the_tier_sets_the_rate(
    service: Service, database: TestDatabase, tier: str, limit: int
) -> None:
    await set_tier(database, service.keys.workspace_id, tier)
    answer = await V1(service).get("/workspace")
    assert answer.headers["X-RateLimit-Limit"] == str(limit)


async def test_an_unknown_tier_cannot_be_stored(database: TestDatabase, service: Service) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await set_tier(database, service.keys.workspace_id, "gold")


# -- deleting it ----------------------------------------------------------------------------


@pytest.mark.parametrize("confirm", [None, "", "x", "ws_" + "0" * 22])
async def test_deleting_needs_the_workspaces_id(service: Service, confirm: str | None) -> None:
    v1 = V1(service)
    query = {} if confirm is None else {"confirm": confirm}
    answer = await v1.ask("DELETE", "/workspace", params=query)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert "confirm" in answer.message
    assert (await v1.get("/workspace")).status == 200


async def test_a_test_key_deletes_nothing(service: Service) -> None:
    test = V1(service, service.keys.test_key)
    query = {"confirm": str(service.keys.workspace_id)}
    refused = await test.ask("DELETE", "/workspace", params=query)
    assert (refused.status, refused.code) == (403, "PERMISSION_DENIED")


async def test_a_deleted_workspace_ends_for_everybody(
    service: Service, database: TestDatabase, tmp_path: Path
) -> None:
    v1, id_ = V1(service), service.keys.workspace_id
    other = await service.admin.workspaces.create("Other")
    agent = await agent_that_records(service)
    async with recorded_session(service, agent) as (client, recorded):
        await say(client, "hello")
        await client.until("response.completed")
    await noted(service, recorded)
    unused = (await service.mint())["client_secret"]
    async with AsyncExitStack() as exits, calling(service) as caller:
        text = service.keys.secret_key
        watched = await open_everything(service, exits, caller.call_id, text)
        shown = format_id(Prefix.WORKSPACE, id_)
        deleted = await v1.ask("DELETE", "/workspace", params={"confirm": shown})
        assert (deleted.status, deleted.body) == (204, None)
        for key in (text, service.keys.test_key, service.keys.management_key):
            assert (await V1(service, key).get("/keys")).status == 401
        await watched.all_closed()
        async with asyncio.timeout(LIMIT_S):
            while not caller.heard or caller.heard[-1]["type"] != "session.terminating":
                caller.news.clear()
                await caller.news.wait()
        assert caller.heard[-1]["error"]["code"] == "revoked"
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await service.http.ws_connect(f"{service.ws_url}/v3/realtime?ticket={unused}")
    async with database.connection() as superuser:
        await superuser.execute(
            "UPDATE ringline.workspaces SET deleted_at = deleted_at - $2::interval WHERE id = $1",
            id_,
            LINGERS,
        )
        await superuser.execute("UPDATE ringline.timers SET due_at = now()")
        async with asyncio.timeout(LIMIT_S):
            while await superuser.fetchval(  # noqa: ASYNC110
                "SELECT count(*) FROM ringline.workspaces WHERE id = $1", id_
            ):
                await asyncio.sleep(0.05)
        left = {
            name: rows
            for name in TABLES
            if name != "workspaces"
            and (
                rows := await superuser.fetchval(
                    f"SELECT count(*) FROM ringline.{name} WHERE workspace_id = $1", id_
                )
            )
        }
    assert left == {}
    assert not path_of(tmp_path, recorded).exists()
    assert (await V1(service, other.secret_key).get("/workspace")).body["name"] == "Other"
