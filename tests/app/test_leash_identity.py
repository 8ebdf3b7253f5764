"""Who talks, by the word of a ticket: the call's `from`, and metadata that only RPC shows."""

import json
from typing import Any

from tests.realtime_session import BARE, connected
from tests.rpc_calls import Rpc
from tests.serving import Service

METADATA = {"plan": "free", "nested": {"A b": [1, None, 2.5, "é"]}}


async def call_of(service: Service, call_id: str) -> dict[str, Any]:
    fields = ["id", "fromNumber", "metadata"]
    (call,) = await Rpc(service).run("list_calls", filter={"id": {"eq": call_id}}, fields=fields)
    return call


async def test_a_call_is_from_the_subject_of_its_ticket(service: Service) -> None:
    identity = {"subject": "user-42", "metadata": METADATA, "recording_consent": True}
    minted = await service.mint(BARE | identity)
    async with connected(service, minted["client_secret"]) as client:
        started = await client.start()
        call = await call_of(service, started["call_id"])
        await client.send("session.update", config={"instructions": "Be brief."})
        await client.until("session.updated")
    assert call["fromNumber"] == "web:user-42"
    assert call["metadata"] == METADATA
    told = json.dumps(client.events)
    assert "user-42" not in told
    assert "plan" not in told


async def test_a_ticket_that_names_nobody_is_anonymous(service: Service) -> None:
    minted = await service.mint(BARE)
    async with connected(service, minted["client_secret"]) as client:
        started = await client.start()
        call = await call_of(service, started["call_id"])
    assert (call["fromNumber"], call["metadata"]) == ("web:anonymous", None)


async def test_a_client_cannot_say_who_it_is(service: Service) -> None:
    """In its frames the members of a leash are unknown ones; those of a config are named."""
    minted = await service.mint(BARE | {"subject": "ann", "metadata": {"a": 1}})
    forged: dict[str, Any] = {"subject": "eve", "metadata": {"a": 2}, "recording_consent": True}
    async with connected(service, minted["client_secret"]) as client:
        started = await client.start(config=forged, **forged)
        assert len(started["warnings"]) == len(forged)
        await client.send("session.update", config=forged, **forged)
        updated = await client.until("session.updated")
        assert len(updated["warnings"]) == len(forged)
        call = await call_of(service, started["call_id"])
    assert (call["fromNumber"], call["metadata"]) == ("web:ann", {"a": 1})


async def test_calls_are_found_by_who_talked(service: Service) -> None:
    for subject in ("ann", "ben"):
        minted = await service.mint(BARE | {"subject": subject})
        async with connected(service, minted["client_secret"]) as client:
            await client.start()
    found = await Rpc(service).run(
        "list_calls", filter={"fromNumber": {"eq": "web:ann"}}, fields=["fromNumber"]
    )
    assert [call["fromNumber"] for call in found] == ["web:ann"]
