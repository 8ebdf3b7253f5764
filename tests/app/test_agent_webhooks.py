"""An agent's webhook: which URLs RPC takes, and the secret that signs what is sent there."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from ringline.cli.dev_keys import keep_dev_keys
from ringline.cli.files import read_key_ring
from tests.database import TestDatabase, until_waiting
from tests.rpc_calls import Rpc
from tests.serving import Service, serving

URL = "https://hooks.example.com/voice?tenant=7"
NEW = {"name": "Ada", "model": "local/attendant"}


@pytest.fixture
def rpc(service: Service) -> Rpc:
    return Rpc(service)


@pytest.fixture
async def free(database: TestDatabase) -> AsyncIterator[Rpc]:
    async with serving(database, webhook_allow_private=True) as service:
        yield Rpc(service)


async def test_an_agent_has_a_webhook_until_it_is_cleared(rpc: Rpc) -> None:
    made = await rpc.run(
        "create_ai_agent", input={**NEW, "webhookUrl": URL}, fields=["id", "webhookUrl"]
    )
    assert made["webhookUrl"] == URL
    fields = ["webhookUrl"]
    for given, kept in ((None, None), (f" {URL} ", URL), ("", None)):
        changed = await rpc.run(
            "update_ai_agent", identity=made["id"], input={"webhookUrl": given}, fields=fields
        )
        assert changed == {"webhookUrl": kept}
    plain = await rpc.run("create_ai_agent", input={**NEW, "name": "Grace"}, fields=fields)
    assert plain == {"webhookUrl": None}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example.com", "RINGLINE_WEBHOOK_ALLOW_PRIVATE"),
        ("https://127.0.0.1/", "RINGLINE_WEBHOOK_ALLOW_PRIVATE"),
        ("https://example.com:22/", "RINGLINE_WEBHOOK_ALLOW_PRIVATE"),
        ("https://ada:secret@example.com/", ""),
        ("ftp://example.com", "https://"),
        ("example.com", "https://"),
    ],
)
async def test_a_url_that_may_not_be_called_is_refused_wherever_it_is_written(
    rpc: Rpc, url: str, why: str
) -> None:
    given = {**NEW, "name": "Grace", "webhookUrl": url}
    agent = await rpc.run("create_ai_agent", input=NEW, fields=["id"])
    change = {"identity": agent["id"], "input": {"webhookUrl": url}, "fields": ["id"]}
    for problem in (
        await rpc.problem("create_ai_agent", input=given, fields=["id"]),
        await rpc.problem("update_ai_agent", **change),
    ):
        assert (problem["type"], problem["fields"]) == ("invalid_attribute", ["webhookUrl"])
        assert why in problem["message"]
        assert "secret" not in json.dumps(problem)


async def test_the_setting_allows_a_receiver_beside_the_server(free: Rpc) -> None:
    url = "http://127.0.0.1:3000/hook"
    made = await free.run(
        "create_ai_agent", input={**NEW, "webhookUrl": url}, fields=["webhookUrl"]
    )
    assert made == {"webhookUrl": url}


async def test_a_validation_says_where_the_bad_url_is(rpc: Rpc) -> None:
    given = {**NEW, "webhookUrl": "http://localhost/"}
    (problem,) = await rpc.validate("create_ai_agent", input=given)
    assert problem["path"] == ["webhookUrl"]


async def test_a_first_secret_that_is_made_by_several_at_once_is_one(
    service: Service, database: TestDatabase
) -> None:
    keys, secrets = service.keys, service.admin.signing_secrets
    async with database.connection() as superuser, database.connection() as watcher:
        await superuser.execute("UPDATE ringline.workspaces SET signing_secret = NULL")
        async with superuser.transaction():
            await superuser.execute("SELECT FROM ringline.workspaces FOR UPDATE")
            making = [asyncio.create_task(secrets.current(keys.workspace_id)) for _ in range(3)]
            await until_waiting(watcher, len(making))
        made = await asyncio.gather(*making)
    assert len(set(made)) == 1
    assert made[0] == await secrets.current(keys.workspace_id) != keys.signing_secret


async def test_the_signing_secret_is_the_workspaces_and_is_kept(
    service: Service, database: TestDatabase, tmp_path: Path
) -> None:
    keys, secrets = service.keys, service.admin.signing_secrets
    assert await secrets.current(keys.workspace_id) == keys.signing_secret
    assert await secrets.current(UUID(int=1)) is None
    async with database.connection() as superuser:
        await superuser.execute("UPDATE ringline.workspaces SET signing_secret = NULL")
    made = await secrets.current(keys.workspace_id)
    assert made != keys.signing_secret
    assert await secrets.current(keys.workspace_id) == made

    # Whoever signs reads it, so that must not write.
    async with database.connection() as superuser:
        before = await superuser.fetchval("SELECT xmin FROM ringline.workspaces")
        assert await secrets.current(keys.workspace_id) == made
        assert await superuser.fetchval("SELECT xmin FROM ringline.workspaces") == before

    path = tmp_path / "dev-keys.json"
    for _ in range(2):  # a new file, and one that exists
        await keep_dev_keys(service.admin, path, base_url=service.base_url)
        ring = read_key_ring(path)
        assert ring is not None
        assert ring.signing_secret == made
