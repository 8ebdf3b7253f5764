"""Test sends over `/v1` (live streams, 3.8): to a URL, an agent and an endpoint."""

import asyncio
import base64
import hmac
import json
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web

from ringline.bus.memory import MemoryBus
from ringline.domain import webhook_limits
from ringline.domain.ids import Prefix, format_id
from ringline.domain.webhooks import AttemptError, SendResult
from ringline.services.clock import now
from ringline.services.id_generator import new_id
from ringline.services.repo import Repo
from ringline.services.slots import NoSlot
from ringline.services.trial_sends import AGENT_TYPES, ENDPOINT_TYPES, TrialSends
from ringline.services.webhook_secrets import WebhookSecrets
from tests.database import TestDatabase
from tests.hook_receivers import Received, Receiver, receiver
from tests.rpc_calls import Rpc
from tests.serving import Service, serving
from tests.v1 import V1
from tests.webhook_rows import live

TEST, ENDPOINTS = "/webhooks/test", "/webhook-endpoints"
RESULT = {
    "delivery_id",
    "status",
    "event_type",
    "response_code",
    "response_time_ms",
    "error",
}


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database, webhook_allow_private=True) as service:
        yield service


@pytest.fixture
def v1(service: Service) -> V1:
    return V1(service)


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    async with receiver() as hook:
        yield hook


async def set_url(service: Service, url: str) -> None:
    """Give the workspace's agent a webhook."""
    await Rpc(service).run(
        "update_ai_agent", identity=service.agent_id, input={"webhookUrl": url}, fields=["id"]
    )


def signature(secret: str, received: Received) -> str:
    """Sign a request as the specification says (3.4)."""
    signed = received.headers["X-Voicebip-Timestamp"].encode() + b"." + received.raw
    return "sha256=" + hmac.new(secret.encode(), signed, sha256).hexdigest()


@pytest.mark.parametrize("event_type", AGENT_TYPES)
async def test_a_test_is_a_signed_event(
    service: Service, v1: V1, hook: Receiver, event_type: str
) -> None:
    answer = await v1.post(TEST, {"webhook_url": hook.url, "event_type": event_type})
    assert answer.status == 200
    assert set(answer.body) == RESULT
    assert re.fullmatch(r"del_test_[0-9A-Za-z]{22}", answer.body["delivery_id"])
    assert answer.body["response_time_ms"] >= 0
    assert answer.body | {"delivery_id": "", "response_time_ms": 0} == {
        "delivery_id": "",
        "status": "delivered",
        "event_type": event_type,
        "response_code": 200,
        "response_time_ms": 0,
        "error": None,
    }
    (received,) = hook.received
    assert received.body["event_type"] == event_type
    headers = received.headers
    assert headers["X-Voicebip-Event-ID"] == received.body["event_id"]
    assert headers["X-Voicebip-Delivery-ID"] == answer.body["delivery_id"]
    assert headers["X-Voicebip-Attempt"] == "1"
    assert headers["X-Voicebip-Signature"] == signature(service.keys.signing_secret, received)
    assert "X-Voicebip-Signature-Previous" not in headers
    assert "X-Ringline-Position" not in headers
    assert (await v1.get("/webhooks/deliveries")).body == {"deliveries": []}


async def test_a_test_of_an_agents_url(service: Service, v1: V1, hook: Receiver) -> None:
    asked = {"agent_id": service.agent_id, "event_type": "call.completed"}
    without = await v1.post(TEST, asked)
    assert (without.status, without.code) == (400, "INVALID_ARGUMENT")
    await set_url(service, hook.url)
    assert (await v1.post(TEST, asked)).body["status"] == "delivered"
    assert hook.received[0].body["agent_id"] == service.agent_id
    async with receiver() as other:
        elsewhere = asked | {"webhook_url": other.url}
        assert (await v1.post(TEST, elsewhere)).body["status"] == "delivered"
        assert other.received[0].body["agent_id"] == service.agent_id
    nobodys = asked | {"agent_id": f"agt_{'0' * 22}"}
    unknown = await v1.post(TEST, nobodys)
    assert (unknown.status, unknown.code) == (404, "NOT_FOUND")
    foreign = await v1.post(
        TEST, asked | {"agent_id": format_id(Prefix.AGENT, service.keys.test_agent_id)}
    )
    assert (foreign.status, foreign.message) == (404, unknown.message)


async def test_both_secrets_sign_while_one_is_rotated(
    service: Service, v1: V1, hook: Receiver
) -> None:
    rotated = (await v1.post("/workspace/signing-secret/rotate")).body["signing_secret"]
    await v1.post(TEST, {"webhook_url": hook.url, "event_type": "call.initiated"})
    (received,) = hook.received
    assert received.headers["X-Voicebip-Signature"] == signature(rotated, received)
    previous = received.headers["X-Voicebip-Signature-Previous"]
    assert previous == signature(service.keys.signing_secret, received)
    test = V1(service, service.keys.test_key)
    await test.post(TEST, {"webhook_url": hook.url, "event_type": "call.initiated"})
    assert hook.received[1].headers["X-Voicebip-Signature"] == signature(
        rotated, hook.received[1]
    ), "one secret for both environments"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"event_type": "call.completed"}, "webhook_url or agent_id"),
        ({"webhook_url": "https://hooks.example.com"}, "event_type is required"),
        (
            {"webhook_url": "https://hooks.example.com", "event_type": "call.barge_in"},
            "call.initiated",
        ),
        ({"webhook_url": "hooks.example.com", "event_type": "call.completed"}, "webhook_url"),
        ({"agent_id": "x", "event_type": "call.completed"}, "agent_id"),
        ({"webhook_url": 7, "event_type": "call.completed"}, "webhook_url"),
    ],
)
async def test_what_is_refused(v1: V1, given: object, says: str) -> None:
    answer = await v1.post(TEST, given)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert says in answer.message


async def test_a_private_address_is_refused_unless_allowed(database: TestDatabase) -> None:
    async with serving(database) as service:
        asked = {"webhook_url": "https://127.0.0.1/", "event_type": "call.completed"}
        answer = await V1(service).post(TEST, asked)
        assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
        assert "RINGLINE_WEBHOOK_ALLOW_PRIVATE" in answer.message


async def test_a_receiver_that_refuses_or_is_not_there(v1: V1) -> None:
    async def refuse(_: Received) -> web.StreamResponse:
        return web.Response(status=500, text="broken")

    async with receiver(refuse) as hook:
        asked = {"webhook_url": hook.url, "event_type": "call.completed"}
        broken = (await v1.post(TEST, asked)).body
        assert (broken["status"], broken["response_code"]) == ("failed", 500)
        assert broken["error"] is None
    away = (await v1.post(TEST, asked)).body
    assert (away["status"], away["response_code"]) == ("failed", None)
    assert away["error"] == "refused"
    assert len(hook.received) == 1, "it is not attempted again"


# -- endpoints ------------------------------------------------------------------------------


def signatures(secrets: list[str], received: Received) -> str:
    """Sign a request by Standard Webhooks 1.0."""
    headers = received.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + received.raw
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    return " ".join(
        "v1," + base64.b64encode(hmac.new(key, signed, sha256).digest()).decode() for key in keys
    )


@pytest.mark.parametrize("event_type", ENDPOINT_TYPES)
async def test_a_test_of_an_endpoint(
    service: Service, v1: V1, hook: Receiver, event_type: str
) -> None:
    endpoint = await v1.endpoint(hook.url, events=["contact.deleted"])
    path = f"{ENDPOINTS}/{endpoint['endpoint_id']}"
    answer = await v1.post(f"{path}/test", {"event_type": event_type})
    assert answer.status == 200
    assert set(answer.body) == RESULT
    assert (answer.body["status"], answer.body["event_type"]) == ("delivered", event_type)
    (received,) = hook.received
    body: dict[str, Any] = json.loads(received.raw)
    assert (body["type"], body["id"]) == (event_type, received.headers["webhook-id"])
    assert body["organisation_id"] == str(service.keys.workspace_id)
    assert body["environment"] == "live"
    assert received.headers["webhook-signature"] == signatures([endpoint["secret"]], received)


async def test_an_endpoint_in_rotation_and_one_that_is_paused(v1: V1, hook: Receiver) -> None:
    endpoint = await v1.endpoint(hook.url)
    path = f"{ENDPOINTS}/{endpoint['endpoint_id']}"
    rotated = (await v1.post(f"{path}/rotate-secret")).body
    await v1.post(f"{path}/pause")
    answer = await v1.post(f"{path}/test", {"event_type": "call.ended"})
    assert answer.body["status"] == "delivered"
    secrets = [rotated["secret"], endpoint["secret"]]
    assert hook.received[0].headers["webhook-signature"] == signatures(secrets, hook.received[0])


@pytest.mark.parametrize("event_type", [None, "*", "call.*", "call.completed", "nope", 7])
async def test_types_that_an_endpoint_is_not_sent(
    v1: V1, hook: Receiver, event_type: object
) -> None:
    endpoint = await v1.endpoint(hook.url)
    path = f"{ENDPOINTS}/{endpoint['endpoint_id']}/test"
    answer = await v1.post(path, {"event_type": event_type})
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert "event_type" in answer.message
    assert hook.received == []


# -- what a test may take -------------------------------------------------------------------


async def test_a_receiver_that_hangs_and_too_many_tests(
    service: Service, database: TestDatabase
) -> None:
    released = asyncio.Event()

    async def hang(*_: object) -> SendResult:
        await released.wait()
        return SendResult(200, None, "", 1)

    scope = live(service.keys.workspace_id)
    url = "https://hooks.example.com"
    async with database.stores(claim=False) as stores:
        repo = Repo(stores.records, MemoryBus())
        secrets = WebhookSecrets(
            repo,
            seal=str.encode,
            open_sealed=lambda _: "secret",
            now=now,
            random_bytes=bytes,
        )

        def trials(trial_s: float) -> TrialSends:
            return TrialSends(repo, hang, secrets=secrets, now=now, new_id=new_id, trial_s=trial_s)

        late = await trials(0.05).to_agent(scope, "call.completed", agent_id=None, url=url)
        assert (late.delivered, late.error) == (False, AttemptError.TIMEOUT)
        busy = trials(60)
        running = [
            asyncio.create_task(busy.to_agent(scope, "call.completed", agent_id=None, url=url))
            for _ in range(webhook_limits.TRIALS.most)
        ]
        await asyncio.sleep(0)
        with pytest.raises(NoSlot):
            await busy.with_repo(repo).to_agent(scope, "call.completed", agent_id=None, url=url)
        released.set()
        assert all(result.delivered for result in await asyncio.gather(*running))
        again = await busy.to_agent(scope, "call.completed", agent_id=None, url=url)
        assert again.delivered
        await repo.close()
