"""The channels `call:…` of a whole server: by which names a call is found (contract, 11)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from ringline.domain.ids import Prefix, format_id, parse_id
from tests.callers import calling, make_call
from tests.database import TestDatabase
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.watchers import EventsClient, events_client

NOT_FOUND = {"status": "error", "response": {"reason": "not_found"}}
#: What an integrator may call their call.
NAMES = ["a", "a:b::c", "call:events", "tab\tand\nline", "\U0001f4de" * 255, "call_" + "0" * 22]


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database) as service:
        yield service


async def refused(client: EventsClient, topic: str, **payload: object) -> None:
    await client.send("9", "9", topic, "phx_join", payload)
    assert await client.reply("9") == ["9", "9", topic, "phx_reply", NOT_FOUND]


async def test_the_events_of_a_call_by_its_id_in_both_forms(service: Service) -> None:
    async with calling(service) as caller, events_client(service) as client:
        call_id = parse_id(Prefix.CALL, caller.call_id)
        assert call_id is not None
        names = [f"call:{caller.uuid}", f"call:{caller.call_id}", f"call:{str(call_id).upper()}"]
        for number, name in enumerate(names):
            assert set(await client.join(name, str(number))) == {"position"}
        for name in names[:-1]:
            closed = await client.push()
            assert closed[2:4] == [name, "phx_close"]
        async with events_client(service) as everything:
            await everything.join()
            await make_call(service, "another")
            await caller.say("mine")
            await caller.hang_up()
            told = await everything.until("call_ended", caller.uuid)
        mine = [frame for frame in told if frame[4]["callUuid"] == caller.uuid]
        seen = await client.until("phx_close")
        assert [frame[3:] for frame in seen[:-1]] == [frame[3:] for frame in mine]
        assert {frame[2] for frame in seen} == {names[-1]}
        await refused(client, names[0])
        # With a position the past can be had, and then it is over.
        position = mine[0][4]["position"]
        assert (await client.join(names[1], "7", since=position))["recovered"] is True
        again = await client.until("phx_close")
        assert [frame[4] for frame in again[:-1]] == [frame[4] for frame in mine[1:]]
        await refused(client, names[1], since=mine[-1][4]["position"])


async def test_a_call_by_the_integrators_own_name(service: Service) -> None:
    async with events_client(service) as client:
        for number, name in enumerate(NAMES):
            created = await Rpc(service).run(
                "create_call",
                input={
                    "callUuid": name,
                    "direction": "inbound",
                    "fromNumber": "+1",
                    "toNumber": "+2",
                },
                fields=["id"],
            )
            ref = str(number)
            await client.join(f"call:{name}", ref, since="0")
            told = await client.until("incoming_call")
            assert (told[-1][2], told[-1][4]["callUuid"]) == (f"call:{name}", name)
            assert told[-1][4]["callId"] == created["id"]
            await Rpc(service).run("end_call", input={"callUuid": name})
            assert (await client.until("phx_close"))[-1] == [
                ref,
                ref,
                f"call:{name}",
                "phx_close",
                {},
            ]


async def test_unknown_foreign_and_of_another_environment(service: Service) -> None:
    stranger = await service.admin.workspaces.create("Stranger")
    async with AsyncExitStack() as held:
        caller = await held.enter_async_context(calling(service))
        for key in (service.keys.test_key, stranger.secret_key):
            client = await held.enter_async_context(events_client(service, key))
            for name in (caller.uuid, caller.call_id):
                await refused(client, f"call:{name}")
        client = await held.enter_async_context(events_client(service))
        workspace_id = format_id(Prefix.WORKSPACE, service.keys.workspace_id)
        for name in ("", "nobody", "call_" + "1" * 22, workspace_id, "x" * 256):
            await refused(client, f"call:{name}")
        await client.join(f"call:{caller.uuid}")


async def test_a_name_that_is_no_text_ends_its_own_socket_alone(service: Service) -> None:
    async with events_client(service) as other:
        for topic, code in (("call:\\ud800", {1007, 1011}), ("call:\\u0000", {1011})):
            async with events_client(service) as client:
                await client.socket.send(f'["1","1","{topic}","phx_join",{{}}]')
                assert await client.closed() in code
        await other.join()
