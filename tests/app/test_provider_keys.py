"""A workspace's own keys of providers: kept by RPC, used by its sessions, shown to nobody."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from ringline.domain import limits
from ringline.rpc.actions import ACTIONS
from ringline.schema.tables import metadata
from tests.app.test_provider_voices import ask
from tests.database import TestDatabase
from tests.fake_openai import FakeProvider, fake_provider
from tests.realtime_session import Client, connected, until
from tests.rpc_calls import Rpc
from tests.serving import Service, serving

MODEL = "openai/gpt-realtime-2.1"
GROK = "xai/grok-voice-latest"
OWN, NEXT, SERVERS = "sk-own-of-this-workspace-ab12", "sk-the-next-one-cd34", "sk-the-servers-ef56"
FIELDS = ["id", "provider", "lastFour", "insertedAt", "updatedAt"]


@asynccontextmanager
async def reaching(
    database: TestDatabase, servers: str | None = None, **chosen: Any
) -> AsyncIterator[tuple[Service, FakeProvider, Rpc]]:
    """Run a server that reaches a provider on this machine, mostly without a key of its own."""
    if servers is not None:
        chosen["openai_api_key"] = SecretStr(servers)
    async with (
        fake_provider() as fake,
        serving(database, openai_url=fake.url, **chosen) as service,
    ):
        yield service, fake, Rpc(service)


async def bring(rpc: Rpc, key: str = OWN, provider: str = "openai") -> str:
    """Give a workspace a key of its own; return its record's id."""
    given = {"provider": provider, "apiKey": key}
    return (await rpc.run("create_provider_credential", input=given, fields=["id"]))["id"]


async def listed(service: Service, key: str | None = None) -> set[str]:
    """Return the providers of the listed models: everybody's, or those of a key's workspace."""
    headers = {} if key is None else service.bearer(key)
    url = f"{service.base_url}/v3/models?type=realtime&deprecated=true"
    async with service.http.get(url, headers=headers) as answer:
        assert answer.status == 200
        return {model["provider"] for model in (await answer.json())["models"]}


async def mint(service: Service, body: object, key: str | None = None) -> tuple[int, Any]:
    async with service.http.post(
        f"{service.base_url}/v3/realtime-sessions", json=body, headers=service.bearer(key)
    ) as answer:
        return answer.status, await answer.json()


@asynccontextmanager
async def talking(service: Service, key: str | None = None) -> AsyncIterator[Client]:
    async with connected(service, headers=service.bearer(key)) as client:
        await client.start(config={"model": MODEL, "output_transcription": True})
        yield client


def sent_keys(fake: FakeProvider) -> list[str]:
    """Return the keys with which the provider was reached, in order."""
    return [request.headers["Authorization"].removeprefix("Bearer ") for request in fake.requests]


# -- by RPC -------------------------------------------------------------------------------


async def test_a_key_is_kept_and_only_its_end_is_shown(database: TestDatabase) -> None:
    async with reaching(database) as (_, _fake, rpc):
        given = {"provider": "openai", "apiKey": f"  {OWN}\n"}
        made = await rpc.run("create_provider_credential", input=given, fields=FIELDS)
        assert (made["provider"], made["lastFour"]) == ("openai", "ab12")
        assert set(made) == set(FIELDS)
        assert await rpc.run("list_provider_credentials", fields=FIELDS) == [made]
        changed = await rpc.run(
            "update_provider_credential",
            identity=made["id"],
            input={"apiKey": NEXT},
            fields=FIELDS,
        )
        assert changed["lastFour"] == "cd34"
        assert changed["updatedAt"] > made["updatedAt"]
        await rpc.run("delete_provider_credential", identity=made["id"])
        assert await rpc.run("list_provider_credentials", fields=FIELDS) == []


async def test_a_provider_has_one_key_in_each_environment(database: TestDatabase) -> None:
    async with reaching(database) as (service, _, rpc):
        await bring(rpc)
        problem = await rpc.problem(
            "create_provider_credential",
            input={"provider": "openai", "apiKey": NEXT},
            fields=["id"],
        )
        assert (problem["type"], problem["fields"]) == ("invalid_attribute", ["provider"])
        await bring(rpc, NEXT, "gemini")
        await bring(Rpc(service, service.keys.test_key), NEXT)
        shown = await rpc.run("list_provider_credentials", fields=["provider", "lastFour"])
        assert {(one["provider"], one["lastFour"]) for one in shown} == {
            ("openai", "ab12"),
            ("gemini", "cd34"),
        }


MOST = limits.PROVIDER_KEY_CHARACTERS.most
BAD_KEYS: list[tuple[object, str]] = [
    ("seven77", "invalid_attribute"),
    (" seven77 ", "invalid_attribute"),
    ("x" * (MOST + 1), "invalid_attribute"),
    ("sk-with\nnewline", "invalid_attribute"),
    ("sk-with-ü-inside", "invalid_attribute"),
    ("sk-with\x7fdelete", "invalid_attribute"),
    ("", "required"),
    ("   ", "required"),
    (None, "required"),
    (7, "invalid_attribute"),
    (["sk-in-a-list"], "invalid_attribute"),
]


@pytest.mark.parametrize(("key", "type_"), BAD_KEYS, ids=[repr(k)[:20] for k, _ in BAD_KEYS])
async def test_a_bad_key_is_refused_and_not_quoted(service: Service, key: Any, type_: str) -> None:
    rpc = Rpc(service)
    row = await bring(rpc)
    created = {"provider": "xai", "apiKey": key}
    for action, asked in (
        ("create_provider_credential", {"input": created}),
        ("update_provider_credential", {"input": {"apiKey": key}, "identity": row}),
    ):
        (problem,) = await rpc.problems(action, fields=["id"], **asked)
        assert (problem["type"], problem["fields"]) == (type_, ["apiKey"])
        assert not isinstance(key, str) or not key.strip() or key.strip() not in str(problem)
        assert await rpc.validate(action, **asked)
    assert (await rpc.run("list_provider_credentials", fields=["lastFour"])) == [
        {"lastFour": "ab12"}
    ]


async def test_the_shortest_and_the_longest_key(service: Service) -> None:
    rpc = Rpc(service)
    await bring(rpc, "eight888")
    await bring(rpc, "~" * MOST, "xai")
    shown = await rpc.run("list_provider_credentials", fields=["lastFour"])
    assert sorted(one["lastFour"] for one in shown) == ["t888", "~~~~"]


async def test_a_provider_that_does_not_exist_is_refused(service: Service) -> None:
    problem = await Rpc(service).problem(
        "create_provider_credential", input={"provider": "opnai", "apiKey": OWN}, fields=["id"]
    )
    assert (problem["type"], problem["fields"]) == ("invalid_attribute", ["provider"])
    assert OWN not in str(problem)


@pytest.mark.parametrize("asked", ["apiKey", "api_key"])
async def test_a_key_is_no_field(service: Service, asked: str) -> None:
    rpc = Rpc(service)
    await bring(rpc)
    for request in (
        {"fields": ["id", asked]},
        {"fields": ["id"], "sort": asked},
        {"fields": ["id"], "filter": {asked: {"eq": OWN}}},
    ):
        answer = await rpc.ask({"action": "list_provider_credentials", **request})
        assert answer["success"] is False, request


@pytest.mark.parametrize("name", [name for name in ACTIONS if "provider_credential" in name])
async def test_only_a_secret_key_may(service: Service, name: str) -> None:
    for key in (service.keys.publishable_key, service.keys.management_key):
        async with Rpc(service, key).post({"action": name}) as answer:
            assert answer.status == 403
    async with Rpc(service, "sk_live_" + "x" * 43).post({"action": name}) as answer:
        assert answer.status == 401


# -- which models there are ---------------------------------------------------------------


async def test_a_key_brings_the_models_of_its_provider_to_its_environment_alone(
    database: TestDatabase,
) -> None:
    async with reaching(database) as (service, _, rpc):
        other = (await service.admin.workspaces.create("Theirs")).secret_key
        ours, test = service.keys.secret_key, service.keys.test_key
        assert await listed(service, ours) == {"byom", "local"}
        row = await bring(rpc)
        assert await listed(service, ours) == {"byom", "local", "openai"}
        assert await listed(service) == await listed(service, other) == {"byom", "local"}
        assert "openai" not in await listed(service, test)
        await bring(Rpc(service, other), NEXT, "xai")
        assert await listed(service, other) == {"byom", "local", "xai"}
        assert await listed(service, ours) == {"byom", "local", "openai"}
        await rpc.run("delete_provider_credential", identity=row)
        assert await listed(service, ours) == {"byom", "local"}


async def test_a_model_without_a_key_is_not_found_and_the_provider_is_named(
    database: TestDatabase,
) -> None:
    async with reaching(database) as (service, fake, rpc):
        agent = {"name": "Grok", "model": "xai/grok-voice-latest"}
        made = await rpc.run("create_ai_agent", input=agent, fields=["id"])
        await bring(rpc)
        for body, provider, key in (
            ({"config": {"model": "xai/grok-voice-latest"}}, "xai", None),
            ({"config": {"model": "gemini/gemini-3.8-live"}}, "gemini", None),
            ({"agent_id": made["id"]}, "xai", None),
            ({"config": {"model": MODEL}}, "openai", service.keys.test_key),
        ):
            status, answer = await mint(service, body, key)
            assert (status, answer["error"]["code"]) == (400, "model_not_found")
            assert f'a key of the provider "{provider}"' in answer["error"]["message"]
        assert (await mint(service, {"config": {"model": MODEL}}))[0] == 200
        async with connected(service, headers=service.bearer(service.keys.test_key)) as client:
            await client.send("session.start", config={"model": MODEL})
            assert await client.closed() == 1008
            error = client.events[-1]["error"]
            assert (error["code"], '"openai"' in error["message"]) == ("model_not_found", True)
        await bring(rpc, NEXT, "xai")
        assert (await mint(service, {"agent_id": made["id"]}))[0] == 200
        assert fake.requests == []


async def test_openais_clients_are_refused_the_same_model(database: TestDatabase) -> None:
    async with reaching(database) as (service, _, rpc):
        body = {"session": {"type": "realtime", "model": "gpt-realtime-2.1"}}

        async def ask_secret() -> tuple[int, Any]:
            url = f"{service.base_url}/v1/realtime/client_secrets"
            async with service.http.post(url, json=body, headers=service.bearer()) as answer:
                return answer.status, await answer.json()

        status, answer = await ask_secret()
        assert (status, answer["error"]["code"]) == (400, "model_not_found")
        assert '"openai"' in answer["error"]["message"]
        await bring(rpc)
        assert (await ask_secret())[0] == 200


# -- sessions -----------------------------------------------------------------------------


async def test_the_workspaces_key_is_used_then_the_servers(database: TestDatabase) -> None:
    async with reaching(database, SERVERS) as (service, fake, rpc):
        other = (await service.admin.workspaces.create("Theirs")).secret_key
        row = await bring(rpc)
        for key in (None, other, service.keys.test_key):
            async with talking(service, key):
                pass
        assert sent_keys(fake) == [OWN, SERVERS, SERVERS]
        await rpc.run("update_provider_credential", identity=row, input={"apiKey": NEXT})
        async with talking(service):
            pass
        await rpc.run("delete_provider_credential", identity=row)
        async with talking(service):
            pass
        assert sent_keys(fake)[3:] == [NEXT, SERVERS]


async def test_a_key_that_is_removed_counts_from_the_next_connection_on(
    database: TestDatabase,
) -> None:
    async with reaching(database) as (service, fake, rpc):
        row = await bring(rpc)
        async with talking(service) as client:
            ticket = await service.mint({"config": {"model": MODEL}})
            await rpc.run("delete_provider_credential", identity=row)
            assert await ask(client, "still there?") == "echo: still there?"
            async with connected(service, ticket["client_secret"]) as late:
                await late.send("session.start")
                assert await late.closed() == 1008
                assert late.events[-1]["error"]["code"] == "model_not_found"
            assert await ask(client, "and now?") == "echo: and now?"
        assert sent_keys(fake) == [OWN]


async def test_a_key_of_another_encryption_key_opens_nothing(database: TestDatabase) -> None:
    async with reaching(database) as (service, _, rpc):
        row, key = await bring(rpc), service.keys.secret_key
    another = SecretStr("yet another secret of the tests: thirty-two")
    with structlog.testing.capture_logs() as log:
        async with reaching(database, SERVERS, encryption_key=another) as (service, fake, _):
            rpc = Rpc(service, key)
            assert "openai" not in await listed(service, key)
            assert "openai" in await listed(service)
            await rpc.run("update_provider_credential", identity=row, input={"apiKey": NEXT})
            async with talking(service, key):
                pass
            assert sent_keys(fake) == [NEXT]
    assert [line["event"] for line in log].count("provider_key_unreadable") == 1


# -- a key that the provider refuses ------------------------------------------------------


async def refusals(rpc: Rpc) -> list[dict[str, Any]]:
    """Return what the workspace's log says of refused keys."""
    events = await rpc.run("list_events", input={"type": "call.audit"})
    return [event["data"]["data"] for event in events["events"]]


@pytest.mark.parametrize(
    ("status", "welcome", "cause"),
    [(401, "", "http_401"), (403, "", "http_403"), (0, "invalid_api_key", "invalid_api_key")],
)
async def test_the_workspaces_log_says_which_key_was_refused(
    database: TestDatabase, status: int, welcome: str, cause: str
) -> None:
    async with reaching(database) as (service, fake, rpc):
        await bring(rpc)
        fake.refuses, fake.welcome = status, welcome
        async with connected(service, headers=service.bearer()) as client:
            await client.send("session.start", config={"model": MODEL})
            assert await client.closed() == 1011
            details = {"model": MODEL, "cause": cause}
            assert client.events[-1]["error"]["details"] == details
        told = {"code": "provider_key_refused", "lastFour": "ab12", **details}

        async def said() -> bool:
            return await refusals(rpc) == [told]

        await until(said)


def falling_back(tmp_path: Path, *models: str) -> Path:
    """Write a file of voices in which these models take over."""
    path = tmp_path / "voices.toml"
    path.write_text(f'[fallback]\n"{MODEL}" = {json.dumps(models)}\n', "utf-8")
    return path


async def test_a_fallback_without_a_key_is_skipped_and_not_to_blame(
    database: TestDatabase, tmp_path: Path
) -> None:
    file = falling_back(tmp_path, "gemini/gemini-3.8-live", GROK)
    async with reaching(database, voices_file=file) as (service, fake, rpc):
        await bring(rpc)
        fake.refuses = 401
        async with connected(service, headers=service.bearer()) as client:
            await client.send("session.start", config={"model": MODEL})
            assert await client.closed() == 1011
            assert client.events[-1]["error"]["details"] == {"model": MODEL, "cause": "http_401"}


async def test_the_end_of_the_servers_key_is_told_to_nobody(database: TestDatabase) -> None:
    with structlog.testing.capture_logs() as log:
        async with reaching(database, SERVERS) as (service, fake, rpc):
            fake.refuses = 401
            async with connected(service, headers=service.bearer()) as client:
                await client.send("session.start", config={"model": MODEL})
                assert await client.closed() == 1011
            assert await refusals(rpc) == []
    assert "ef56" not in repr(log)


async def test_another_failure_blames_no_key(database: TestDatabase) -> None:
    async with reaching(database) as (service, fake, rpc):
        await bring(rpc)
        async with talking(service) as client:
            await fake.session.connection.close(1008, "no")
            await client.closed()
        assert await refusals(rpc) == []


# -- nothing leaks ------------------------------------------------------------------------


async def test_a_key_is_in_no_log_answer_frame_or_row(database: TestDatabase) -> None:
    headers = {"idempotency-key": "once"}
    seen: list[object] = []
    with structlog.testing.capture_logs() as log:
        async with reaching(database) as (service, fake, rpc):
            body: dict[str, Any] = {"action": "create_provider_credential", "fields": FIELDS}
            body["input"] = {"provider": "openai", "apiKey": OWN}
            first = await rpc.ask(body, headers=headers)
            assert await rpc.ask(body, headers=headers) == first, "it was made once"
            seen += [first, await rpc.ask(body), await rpc.ask(body, "validate")]
            wrong = {"provider": "openai", "apiKey": OWN, "apikey": OWN, "key": OWN + "\x00"}
            async with rpc.post(body | {"input": wrong}) as refused:
                seen.append(await refused.text())
            seen.append(await rpc.ask(body | {"input": {"provider": "xai", "apiKey": OWN + "ü"}}))
            async with talking(service) as client:
                await ask(client, "hello")
                await client.send("text.input", text="/fail invalid_api_key")
                await client.send("response.create")
                await client.closed()
                seen.append(client.events)
            fake.refuses = 401
            async with connected(service, headers=service.bearer()) as client:
                await client.send("session.start", config={"model": MODEL})
                await client.closed()
                seen.append(client.events)
            seen.append(await rpc.run("list_events", input={}))
            async with database.connection() as superuser:
                for table in metadata.sorted_tables:
                    rows = await superuser.fetch(f"SELECT t::text AS row FROM {table.fullname} t")
                    seen += [row["row"] for row in rows]
                sealed = await superuser.fetchval(
                    "SELECT api_key FROM ringline.provider_credentials"
                )
            assert OWN.encode() not in sealed
            assert sent_keys(fake) == [OWN, OWN]
    seen += log
    text = repr(seen)
    assert not re.search(re.escape(OWN) + "|" + OWN.encode().hex(), text)
