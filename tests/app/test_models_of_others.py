"""A model that a workspace has no key for does not exist there, whichever way it is asked for.

One workspace has a key of the provider, its own test environment and another workspace have
none. Each way is tried by all three, so a way that refuses everybody proves nothing here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.app.test_provider_keys import MODEL, OWN, bring, mint, reaching
from tests.database import TestDatabase
from tests.fake_openai import FakeProvider
from tests.openai_session import PATH as OPENAI
from tests.openai_session import connected as connected_openai
from tests.openai_session import mint as mint_openai
from tests.realtime_session import UPGRADE, connected
from tests.rpc_calls import Rpc
from tests.serving import Service

SHORT = MODEL.partition("/")[2]  # as OpenAI's clients write it
AGENT = {"name": "Of the provider", "model": MODEL}


@dataclass(frozen=True)
class Somebody:
    """A workspace's key, and an agent of it that has the model."""

    service: Service
    key: str
    agent_id: str

    @property
    def bearer(self) -> dict[str, str]:
        return self.service.bearer(self.key)


#: What somebody is told who is refused; None if they are not.
Refusal = dict[str, Any] | None
Way = Callable[[Somebody], Awaitable[Refusal]]


async def in_the_list(who: Somebody) -> Refusal:
    url = f"{who.service.base_url}/v3/models"
    async with who.service.http.get(url, headers=who.bearer) as answer:
        names = [model["id"] for model in (await answer.json())["models"]]
    return None if MODEL in names else {"code": "model_not_found", "message": '"openai"'}


async def at_the_mint(who: Somebody) -> Refusal:
    status, answer = await mint(who.service, {"config": {"model": MODEL}}, who.key)
    return None if status == 200 else answer["error"]


async def at_the_mint_by_its_agent(who: Somebody) -> Refusal:
    status, answer = await mint(who.service, {"agent_id": who.agent_id}, who.key)
    return None if status == 200 else answer["error"]


async def at_the_mint_of_openai(who: Somebody) -> Refusal:
    body = {"session": {"type": "realtime", "model": SHORT}}
    status, answer = await mint_openai(who.service, body, headers=who.bearer)
    return None if status == 200 else answer["error"]


async def at_the_mint_of_openai_by_its_agent(who: Somebody) -> Refusal:
    body = {"session": {"type": "realtime"}, "agent_id": who.agent_id}
    status, answer = await mint_openai(who.service, body, headers=who.bearer)
    return None if status == 200 else answer["error"]


async def _starts(who: Somebody, **members: object) -> Refusal:
    async with connected(who.service, headers=who.bearer) as client:
        await client.send("session.start", **members)
        event = await client.next()
        assert event is not None
        if event["type"] == "session.started":
            return None
        assert event["type"] == "session.terminating"
        assert await client.closed() == 1008
        return event["error"]


async def at_the_start(who: Somebody) -> Refusal:
    return await _starts(who, config={"model": MODEL})


async def at_the_start_by_its_agent(who: Somebody) -> Refusal:
    return await _starts(who, agent_id=who.agent_id)


async def at_openais_door(who: Somebody) -> Refusal:
    url = f"{who.service.base_url}{OPENAI}?model={SHORT}"
    async with who.service.http.get(url, headers=UPGRADE | who.bearer) as answer:
        if answer.status == 101:
            return None
        assert answer.status == 400
        return (await answer.json())["error"]


WAYS: dict[str, Way] = {
    way.__name__: way
    for way in (
        in_the_list,
        at_the_mint,
        at_the_mint_by_its_agent,
        at_the_mint_of_openai,
        at_the_mint_of_openai_by_its_agent,
        at_the_start,
        at_the_start_by_its_agent,
        at_openais_door,
    )
}


@asynccontextmanager
async def three(database: TestDatabase) -> AsyncIterator[tuple[list[Somebody], FakeProvider]]:
    """Run a server for somebody with a key of the provider, and two without."""
    async with reaching(database) as (service, fake, rpc):
        other = await service.admin.workspaces.create("Theirs")
        people: list[Somebody] = []
        for key in (service.keys.secret_key, service.keys.test_key, other.secret_key):
            made = await Rpc(service, key).run("create_ai_agent", input=AGENT, fields=["id"])
            people.append(Somebody(service, key, made["id"]))
        await bring(rpc, OWN)
        yield people, fake


async def test_every_way_to_a_model_is_its_owners_alone(database: TestDatabase) -> None:
    async with three(database) as (people, fake):
        owner, *others = people
        for name, way in WAYS.items():
            assert await way(owner) is None, name
            before = len(fake.requests)
            for stranger in others:
                refusal = await way(stranger)
                assert refusal is not None, name
                assert refusal["code"] == "model_not_found", (name, refusal)
                assert '"openai"' in refusal["message"], (name, refusal)
            assert len(fake.requests) == before, name


@pytest.mark.parametrize("by_agent", [False, True], ids=["model", "agent"])
async def test_a_client_secret_opens_no_model_that_is_gone(
    database: TestDatabase, by_agent: bool
) -> None:
    async with three(database) as (people, fake):
        owner = people[0]
        session: dict[str, Any] = {"type": "realtime"} | ({} if by_agent else {"model": SHORT})
        body = {"session": session} | ({"agent_id": owner.agent_id} if by_agent else {})
        secrets = [
            (await mint_openai(owner.service, body, headers=owner.bearer))[1]["value"]
            for _ in range(2)
        ]
        async with connected_openai(owner.service, secrets[0], model=None) as client:
            await client.until("session.created")
            await client.update()
        rpc = Rpc(owner.service, owner.key)
        (row,) = await rpc.run("list_provider_credentials", fields=["id"])
        await rpc.run("delete_provider_credential", identity=row["id"])
        before = len(fake.requests)
        if by_agent:  # the model is its agent's, which is known once the session begins
            async with connected_openai(owner.service, secrets[1], model=None) as client:
                assert await client.closed() == 1008
                error = client.events[-1]["error"]
        else:
            offer = f"realtime, openai-insecure-api-key.{secrets[1]}"
            headers = UPGRADE | {"Sec-WebSocket-Protocol": offer}
            url = owner.service.base_url + OPENAI
            async with owner.service.http.get(url, headers=headers) as answer:
                assert answer.status == 400
                error = (await answer.json())["error"]
        assert error["code"] == "model_not_found"
        assert len(fake.requests) == before
