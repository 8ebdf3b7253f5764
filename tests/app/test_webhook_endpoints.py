"""The routes of webhook endpoints (contract, 3; live streams, 3.8)."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from ringline.domain import webhook_limits
from ringline.domain.ids import Prefix, parse_id
from tests.database import TestDatabase
from tests.serving import Service, serving
from tests.v1 import V1

URL = "https://hooks.example.com/a"
PATH = "/webhook-endpoints"
SHOWN = {"endpoint_id", "url", "events", "enabled", "description", "status", "created_at"}


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database) as service:
        yield service


@pytest.fixture
def v1(service: Service) -> V1:
    return V1(service)


async def get(v1: V1, endpoint: Any) -> Any:
    answer = await v1.get(f"{PATH}/{endpoint['endpoint_id']}")
    assert answer.status == 200
    return answer.body


async def test_from_its_creation_to_its_end(v1: V1) -> None:
    created = await v1.post(PATH, {"url": URL, "nope": 1})
    assert created.status == 201
    endpoint = dict(created.body)
    secret = endpoint.pop("secret")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert set(endpoint) == SHOWN
    assert re.fullmatch(r"whe_[0-9A-Za-z]{22}", endpoint["endpoint_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", endpoint["created_at"])
    assert endpoint["events"] == ["*"]
    assert (endpoint["enabled"], endpoint["status"]) == (True, "active")
    assert endpoint["description"] is None
    assert await get(v1, endpoint) == endpoint
    assert (await v1.get(PATH)).body == {"webhook_endpoints": [endpoint]}
    path = f"{PATH}/{endpoint['endpoint_id']}"
    changed = await v1.patch(path, {"events": ["contact.*", "call.ended"], "description": "CRM"})
    assert changed.status == 200
    expected = endpoint | {"events": ["contact.*", "call.ended"], "description": "CRM"}
    assert changed.body == expected == await get(v1, endpoint)
    assert (await v1.patch(path, {"description": None})).body["description"] is None
    assert (await v1.patch(path, {})).body["events"] == expected["events"]
    deleted = await v1.delete(path)
    assert (deleted.status, deleted.body) == (204, None)
    for answer in (await v1.get(path), await v1.delete(path), await v1.patch(path, {})):
        assert (answer.status, answer.code) == (404, "NOT_FOUND")
    assert (await v1.get(PATH)).body == {"webhook_endpoints": []}


async def test_both_forms_of_an_id(v1: V1) -> None:
    endpoint = await v1.endpoint()
    plain = parse_id(Prefix.WEBHOOK_ENDPOINT, endpoint["endpoint_id"])
    assert isinstance(plain, UUID)
    found = await v1.get(f"{PATH}/{plain}")
    assert found.body["endpoint_id"] == endpoint["endpoint_id"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "url is required"),
        ({"url": None}, "url is required"),
        ({"url": 7}, "url must be a string"),
        ({"url": "hooks.example.com"}, "https://"),
        ({"url": "http://hooks.example.com/a"}, "RINGLINE_WEBHOOK_ALLOW_PRIVATE"),
        ({"url": "https://127.0.0.1/a"}, "RINGLINE_WEBHOOK_ALLOW_PRIVATE"),
        ({"url": "https://[::1]/a"}, "RINGLINE_WEBHOOK_ALLOW_PRIVATE"),
        ({"url": "https://10.0.0.1/a"}, "RINGLINE_WEBHOOK_ALLOW_PRIVATE"),
        ({"url": "https://localhost/a"}, "RINGLINE_WEBHOOK_ALLOW_PRIVATE"),
        ({"url": "https://hooks.example.com:22/a"}, "RINGLINE_WEBHOOK_ALLOW_PRIVATE"),
        ({"url": "https://me:secret@hooks.example.com/a"}, "a user"),
        ({"url": URL + "a" * 2_048}, "2048"),
        ({"url": URL, "events": []}, "at least one"),
        ({"url": URL, "events": ["call.nope"]}, "call.nope"),
        ({"url": URL, "events": ["nope.*"]}, "nope.*"),
        ({"url": URL, "events": ["*", ""]}, "events"),
        ({"url": URL, "events": "*"}, "must be a list"),
        ({"url": URL, "events": [7]}, "must be a string"),
        ({"url": URL, "events": ["*"] * 101}, "at most 100"),
        ({"url": URL, "enabled": "maybe"}, "true or false"),
        ({"url": URL, "description": "x" * 256}, "description"),
    ],
)
async def test_what_is_refused_is_named(v1: V1, given: object, says: str) -> None:
    answer = await v1.post(PATH, given)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert says in answer.message
    assert "secret@" not in answer.message
    endpoint = await v1.endpoint()
    if given:
        changed = await v1.patch(f"{PATH}/{endpoint['endpoint_id']}", given)
        assert changed.status == (200 if given == {"url": None} else 400)
    assert (await get(v1, endpoint))["url"] == URL


async def test_a_type_of_a_later_version_may_be_asked_for(v1: V1) -> None:
    events = ["communication.message.*", "communication.message.received", "call.created"]
    assert (await v1.endpoint(events=events))["events"] == events
    assert (await v1.endpoint(events=["*", "*"]))["events"] == ["*"]


async def test_private_addresses_may_be_allowed(database: TestDatabase) -> None:
    async with serving(database, webhook_allow_private=True) as service:
        endpoint = await V1(service).endpoint("http://127.0.0.1:9000/hook")
        assert endpoint["url"] == "http://127.0.0.1:9000/hook"


async def test_there_may_be_so_many(v1: V1) -> None:
    most = webhook_limits.ENDPOINTS.most
    made = [await v1.endpoint(f"https://hooks.example.com/{n}") for n in range(most)]
    one_more = await v1.post(PATH, {"url": URL})
    assert (one_more.status, one_more.code) == (400, "INVALID_ARGUMENT")
    assert str(most) in one_more.message
    await V1(v1.service, v1.service.keys.test_key).endpoint()  # an environment has its own
    await v1.delete(f"{PATH}/{made[0]['endpoint_id']}")
    await v1.endpoint()


async def test_pausing_and_resuming(v1: V1) -> None:
    endpoint = await v1.endpoint()
    path = f"{PATH}/{endpoint['endpoint_id']}"
    for verb, status in (("pause", "paused"), ("pause", "paused"), ("resume", "active")):
        answer = await v1.post(f"{path}/{verb}")
        assert (answer.status, answer.body["status"]) == (200, status)
        assert (await get(v1, endpoint))["status"] == status
    assert (await v1.post(f"{path}/resume")).body["status"] == "active"


async def test_secrets_are_shown_at_creation_and_rotation_alone(
    v1: V1, database: TestDatabase
) -> None:
    endpoint = await v1.endpoint()
    path = f"{PATH}/{endpoint['endpoint_id']}"
    rotated = await v1.post(f"{path}/rotate-secret")
    assert rotated.status == 200
    assert set(rotated.body) == SHOWN | {"secret", "previous_expires_at"}
    assert rotated.body["secret"] != endpoint["secret"]
    for answer in (
        await v1.get(path),
        await v1.get(PATH),
        await v1.patch(path, {"enabled": False}),
        await v1.post(f"{path}/pause"),
        await v1.post(f"{path}/resume"),
    ):
        assert "secret" not in str(answer.body)
    async with database.connection() as superuser:
        (stored,) = await superuser.fetch("SELECT * FROM ringline.webhook_endpoints")
    for column in ("secret", "previous_secret"):
        assert b"whsec_" not in stored[column], "it is sealed"
    assert stored["secret"] != stored["previous_secret"]


async def test_what_is_somebody_elses(service: Service, v1: V1) -> None:
    """Another workspace's endpoints, and those of the other environment, do not exist."""
    endpoint = await v1.endpoint()
    other = await service.admin.workspaces.create("Other")
    for key in (other.secret_key, service.keys.test_key):
        stranger = V1(service, key)
        assert (await stranger.get(PATH)).body == {"webhook_endpoints": []}
        path = f"{PATH}/{endpoint['endpoint_id']}"
        answers = [
            await stranger.get(path),
            await stranger.patch(path, {"enabled": False}),
            await stranger.delete(path),
            await stranger.post(f"{path}/rotate-secret"),
            await stranger.post(f"{path}/pause"),
            await stranger.post(f"{path}/resume"),
            await stranger.post(f"{path}/recover", {"since": "0"}),
        ]
        assert [answer.status for answer in answers] == [404] * 7
        nobodys = await stranger.get(f"{PATH}/whe_{'0' * 22}")
        assert answers[0].message == nobodys.message
    assert (await get(v1, endpoint))["enabled"] is True


async def test_the_signing_secret_is_rotated_with_a_live_key(service: Service, v1: V1) -> None:
    path = "/workspace/signing-secret/rotate"
    one, two = await v1.post(path), await v1.post(path)
    assert set(one.body) == {"signing_secret", "previous_expires_at"}
    assert re.fullmatch(r"rlsec_[A-Za-z0-9_-]{43}", one.body["signing_secret"])
    assert one.body["signing_secret"] != two.body["signing_secret"]
    refused = await V1(service, service.keys.test_key).post(path)
    assert (refused.status, refused.code) == (403, "PERMISSION_DENIED")
    assert "sk_live_" in refused.message
