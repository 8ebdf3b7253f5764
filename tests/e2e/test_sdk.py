"""The TypeScript SDK: it compiles, infers, and works against a running server."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.callers import calling, make_call
from tests.e2e.node import install
from tests.e2e.node_client import NodeClient, node_client
from tests.e2e.sdk import build, compile_project
from tests.realtime_session import connected
from tests.rpc_calls import Rpc
from tests.serving import Service


@pytest.fixture(scope="module")
def sdk() -> Path:
    return build()


def test_what_the_types_infer(sdk: Path) -> None:
    compile_project("test/tsconfig.json")


def test_its_types_need_no_other_package(sdk: Path) -> None:
    """`phoenix` has no types of its own, so none may be asked of who uses the SDK."""
    asking = [path.name for path in sdk.glob("*.d.ts") if 'from "phoenix"' in path.read_text()]
    assert asking == []


async def test_it_works(sdk: Path, service: Service) -> None:
    caller = await make_call(service, "Hello.")
    await asyncio.to_thread(install)
    arguments = (service.base_url, service.keys.secret_key, service.agent_id)
    async with node_client("sdk_client.js", *arguments) as told:
        await check_actions(told, caller.uuid)
        await check_errors(told)
        await check_transport(told, service)
        await check_events(told, service)


async def check_actions(told: NodeClient, call_uuid: str) -> None:
    created = await told.until("created", success=True)
    ada = created["data"]
    assert ada == {"id": ada["id"], "fullName": "Ada Lovelace", "email": "ada@example.com"}
    assert await told.until("bare") == {"success": True, "data": {}}
    assert (await told.until("updated"))["data"] == {**ada, "email": None}
    listed = [{"fullName": "Grace Hopper"}, {"fullName": "Ada Lovelace"}]
    assert (await told.until("listed"))["data"] == listed
    page = (await told.until("page"))["data"]
    assert (page["type"], page["results"], page["count"]) == ("keyset", listed[:1], 2)
    assert page["hasMore"] is True
    assert (await told.until("deleted"))["success"] is True
    (call,) = (await told.until("calls"))["data"]
    assert call["callUuid"] == call_uuid
    assert sorted(one["role"] for one in call["participants"]) == ["ai_agent", "caller"]
    assert await told.until("validated") == {"success": True}


async def check_errors(told: NodeClient) -> None:
    (error,) = (await told.until("refused", success=False))["errors"]
    assert (error["type"], error["fields"], error["path"]) == ("required", ["fullName"], [])
    (error,) = (await told.until("invalid", success=False))["errors"]
    assert (error["type"], error["path"]) == ("invalid_attribute", ["fullName"])
    unknown = await told.until("unknown field")
    assert unknown["text"] == "Contact has no field nope"
    (error,) = (await told.until("unauthorized", success=False))["errors"]
    assert error["type"] == "unauthorized"


async def check_transport(told: NodeClient, service: Service) -> None:
    assert await told.until("by operator") == {"success": [True, True], "minted": 2}
    (error,) = (await told.until("no operator", success=False))["errors"]
    assert (error["type"], error["vars"]["statusText"]) == (
        "network_error",
        "operatorToken failed: away",
    )
    proxied = await told.until("proxy")
    assert proxied == {
        "success": False,
        "errors": [
            {
                "type": "network_error",
                "message": "the request failed: %{statusCode} %{statusText}",
                "shortMessage": "Network error",
                "vars": {"statusCode": 502, "statusText": "Bad Gateway"},
                "fields": [],
                "path": [],
                "details": {"statusCode": 502},
            }
        ],
    }
    (error,) = (await told.until("nobody", success=False))["errors"]
    assert (error["type"], error["vars"]["statusCode"]) == ("network_error", 0)
    custom = await told.until("customFetch", same=True)
    assert custom["seen"] == {
        "url": f"{service.base_url}/rpc/public/run",
        "method": "POST",
        "headers": {
            "content-type": "application/json",
            "idempotency-key": "once",
            "x-api-key": service.keys.secret_key,
        },
        "body": {"action": "create_contact", "input": {"fullName": "Once"}, "fields": ["id"]},
    }
    assert await told.until("aborted") == {"name": "AbortError"}


async def check_events(told: NodeClient, service: Service) -> None:
    minted = (await told.until("minted", success=True))["data"]
    assert minted["ttl_seconds"] == 60
    (error,) = (await told.until("not minted", success=False))["errors"]
    assert error["type"] == "unauthorized"
    await check_ticket((await told.until("ticket", success=True))["data"], service)
    (error,) = (await told.until("no ticket", success=False))["errors"]
    assert (error["type"], error["message"]) == ("model_not_found", 'there is no model "no/model"')
    (error,) = (await told.until("no leash", success=False))["errors"]
    assert error["type"] == "invalid_request"
    assert error["message"].startswith("budget")
    contacts = (await told.until("by server", success=True))["data"]
    assert contacts == [{"fullName": "Grace Hopper"}, {"fullName": "Once"}]
    joined = await told.until("joined")
    assert set(joined) == {"position"}
    async with calling(service) as caller:
        await told.until("incoming_call", callUuid=caller.uuid)
    ended = await told.until("call_ended", callUuid=caller.uuid)
    told.do("reconnect")
    again = await told.until("joined")
    assert again["recovered"] is True
    assert int(again["position"].split(":")[1]) >= int(ended["position"].split(":")[1])
    told.do("leave")
    await told.until("left")


async def check_ticket(ticket: dict[str, str], service: Service) -> None:
    """The ticket opens a session of the agent, which greets, and captions cannot be put off."""
    assert set(ticket) == {"id", "client_secret", "expires_at"}
    left = datetime.fromisoformat(ticket["expires_at"]) - datetime.now(UTC)
    assert left < timedelta(seconds=10)
    async with connected(service, ticket["client_secret"]) as client:
        started = await client.start(config={"output_transcription": False})
        assert started["session_id"] == ticket["id"]
        calls = await Rpc(service).run("list_calls", fields=["fromNumber"])
        assert {"fromNumber": "web:ada"} in calls
        assert (await client.until("text.delta"))["delta"]
