"""Calls of another system, which a test registers and ends."""

from typing import Any

from tests.rpc_calls import Rpc
from tests.serving import Service


async def register(service: Service, **more: Any) -> str:
    """Register a call of another system; return its id."""
    call = {"direction": "inbound", "toNumber": "+442079460200", "status": "ringing", **more}
    made = await Rpc(service).run("create_call", input=call, fields=["callUuid"])
    return made["callUuid"]


async def finish(service: Service, *uuids: str) -> None:
    """End calls, so that the next test begins with an empty board."""
    for uuid in uuids:
        await Rpc(service).run("end_call", input={"callUuid": uuid})
