"""Who may open a session in OpenAI's protocol, and who may mint a secret for it."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from openai.types.realtime import ClientSecretCreateResponse

from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment, Scope
from tests.database import TestDatabase
from tests.openai_session import MODEL, PATH, SECRETS, connected, mint
from tests.outside_types import extras
from tests.realtime_session import UPGRADE, Event
from tests.serving import Service, serving

REALTIME = {"type": "realtime", "model": MODEL}


async def refused(service: Service, path: str, **headers: str) -> tuple[int, Event]:
    """Attempt an upgrade that must be refused; return the status and the error."""
    url = service.base_url + path
    async with service.http.get(url, headers=UPGRADE | headers) as answer:
        error = (await answer.json())["error"]
        assert set(error) == {"message", "type", "code", "param"}
        return answer.status, error


async def secret_of(service: Service, **session: object) -> str:
    status, minted = await mint(service, {"session": REALTIME | session})
    assert status == 200, minted
    return minted["value"]


def offering(credential: str) -> dict[str, str]:
    return {"Sec-WebSocket-Protocol": f"realtime, openai-insecure-api-key.{credential}"}


# -- who may ------------------------------------------------------------------------------


async def test_a_secret_key_opens_a_session(service: Service) -> None:
    async with connected(service) as client:
        assert client.socket.protocol is None
        await client.until("session.created")


async def test_a_client_secret_opens_one_session(service: Service) -> None:
    secret = await secret_of(service)
    async with connected(service, secret, model=None) as client:
        assert client.socket.protocol == "realtime"
        created = await client.until("session.created")
    assert created["session"]["model"] == MODEL
    status, error = await refused(service, f"{PATH}?model={MODEL}", **offering(secret))
    assert (status, error["code"]) == (401, "invalid_api_key")


async def test_a_client_secret_may_come_as_a_header(service: Service) -> None:
    secret = await secret_of(service)
    async with connected(service, headers=service.bearer(secret)) as client:
        await client.until("session.created")


async def test_a_trailing_slash_and_a_beta_header_change_nothing(service: Service) -> None:
    headers = service.bearer(service.keys.test_key) | {"OpenAI-Beta": "realtime=v1"}
    url = f"{service.ws_url}{PATH}/?model={MODEL}"
    async with service.http.ws_connect(url, headers=headers, protocols=["realtime"]) as socket:
        assert socket.protocol == "realtime"
        assert (await socket.receive_json())["type"] == "session.created"


async def test_what_is_no_credential_here(service: Service) -> None:
    keys = service.keys
    ticket = (await service.mint({"config": {"model": MODEL}}, keys.test_key))["client_secret"]
    path = f"{PATH}?model={MODEL}"
    for headers in (
        {},
        service.bearer(keys.publishable_key),
        service.bearer(keys.management_key),
        service.bearer("sk_test_" + "x" * 43),
        service.bearer(ticket),
        offering(keys.test_key),
        offering(keys.publishable_key),
        offering(ticket),
        offering("ek_" + "x" * 43),
        offering(""),
        {**offering("ek_" + "x" * 43), **service.bearer(keys.test_key)},
        {**service.bearer(keys.test_key), "x-api-key": keys.secret_key},
    ):
        status, error = await refused(service, path, **headers)
        assert (status, error["type"], error["code"]) == (
            401,
            "authentication_error",
            "invalid_api_key",
        ), headers


async def test_a_model_must_exist_and_be_realtime(service: Service) -> None:
    key = service.bearer(service.keys.test_key)
    for query, code in (
        ("", "invalid_request"),
        ("?model=", "invalid_request"),
        ("?model=no/such", "model_not_found"),
        ("?model=gpt-realtime-2.1", "model_not_found"),  # no key of OpenAI's is set
        ("?model=mock/chat", "model_not_realtime"),
    ):
        status, error = await refused(service, PATH + query, **key)
        assert (status, error["code"], error["param"]) == (400, code, "model")


async def test_a_name_without_a_prefix_is_openais(database: TestDatabase) -> None:
    key = "a key that is never used"
    async with (
        serving(database, openai_api_key=key, openai_url="http://127.0.0.1:9/v1") as service,
        connected(service, model="gpt-realtime-2.1") as client,
    ):
        created = await client.until("session.created")
        assert created["session"]["model"] == "openai/gpt-realtime-2.1"
        assert created["session"]["audio"]["output"]["voice"] == "marin"


async def test_a_refusal_for_another_reason_burns_no_secret(service: Service) -> None:
    status, minted = await mint(
        service, {"session": {"type": "realtime"}, "allowed_origins": ["https://app.example.com"]}
    )
    assert status == 200
    secret, origin = offering(minted["value"]), {"Origin": "https://app.example.com"}
    for path, headers, expected in (
        (f"{PATH}?model={MODEL}", secret, 403),
        (f"{PATH}?model=no/such", secret | origin, 400),
        (PATH, secret | origin, 400),
        (f"{PATH}?model={MODEL}", secret | origin | {"Sec-WebSocket-Version": "8"}, 400),
    ):
        assert (await refused(service, path, **headers))[0] == expected
    async with connected(service, minted["value"], headers=origin) as client:
        await client.until("session.created")


async def test_a_workspace_has_so_many_sessions(database: TestDatabase) -> None:
    async with (
        serving(database, max_sessions_per_workspace=1) as service,
        connected(service) as client,
    ):
        await client.until("session.created")
        headers = service.bearer(service.keys.test_key)
        status, error = await refused(service, f"{PATH}?model={MODEL}", **headers)
        assert (status, error["type"]) == (429, "rate_limit_error")
        assert error["code"] == "concurrency_limit"


async def test_a_revoked_key_ends_the_session(service: Service) -> None:
    scope = Scope(service.keys.workspace_id, Environment.TEST)
    key, text = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="spare")
    async with connected(service, headers=service.bearer(text)) as client:
        await client.update()
        now = datetime.now(UTC)
        assert await service.admin.rows.revoke_key(key.id, now, end_calls=False)
        assert await client.closed() == 1008
    assert client.events[-1]["error"]["code"] == "revoked"


async def test_http_itself_answers_in_the_same_envelope(service: Service) -> None:
    for method, path, status in (("PUT", SECRETS, 405), ("GET", f"{PATH}/none", 404)):
        async with service.http.request(method, service.base_url + path) as answer:
            assert answer.status == status
            assert set((await answer.json())["error"]) == {"message", "type", "code", "param"}


# -- the mint -----------------------------------------------------------------------------


async def test_a_minted_secret_is_what_the_vendor_types_say(service: Service) -> None:
    before = int(datetime.now(UTC).timestamp())
    status, minted = await mint(service, {"session": {**REALTIME, "instructions": "Be brief."}})
    assert status == 200
    read = ClientSecretCreateResponse.model_validate(minted, strict=True)
    assert list(extras(read)) == []
    assert minted["value"].startswith("ek_")
    assert 600 <= minted["expires_at"] - before <= 605
    assert minted["session"]["id"].startswith("sess_")
    assert minted["session"]["instructions"] == "Be brief."


async def test_what_a_secret_binds_wins_silently(service: Service) -> None:
    secret = await secret_of(
        service,
        instructions="Bound.",
        audio={"output": {"voice": "b"}, "input": {"turn_detection": None}},
        max_output_tokens=7,
    )
    async with connected(service, secret, model="no/such") as client:
        created = (await client.until("session.created"))["session"]
        updated = await client.update(
            instructions="Not bound.",
            audio={"output": {"voice": "a", "speed": 1.1}, "input": {"turn_detection": {}}},
            max_output_tokens=9,
        )
    assert client.of("error") == []
    assert created["instructions"] == updated["instructions"] == "Bound."
    assert created["max_output_tokens"] == updated["max_output_tokens"] == 7
    assert updated["audio"]["output"]["voice"] == "b"
    assert updated["audio"]["output"]["speed"] == 1.1
    assert updated["audio"]["input"]["turn_detection"] is None


async def test_a_secret_may_name_an_agent_and_who_talks(service: Service) -> None:
    status, minted = await mint(
        service,
        {"agent_id": service.agent_id, "subject": "ada"},
        headers=service.bearer(),
    )
    assert status == 200
    async with connected(service, minted["value"], model=None) as client:
        created = await client.until("session.created")
        await client.until("response.done")  # the agent greets
    assert created["session"]["model"] == "local/attendant"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"session": {"type": "realtime", "model": "no/such"}}, "model_not_found", "session.model"),
        ({"session": REALTIME | {"model": "mock/chat"}}, "model_not_realtime", "session.model"),
        ({"session": {"type": "transcription"}}, "unsupported_value", "session.type"),
        (
            {"session": REALTIME | {"tool_choice": "none"}},
            "unsupported_value",
            "session.tool_choice",
        ),
        ({"session": REALTIME | {"instructions": 7}}, "invalid_config", "session.instructions"),
        ({"session": []}, "invalid_request", "session"),
        (
            {"expires_after": {"anchor": "now", "seconds": 60}},
            "invalid_request",
            "expires_after.anchor",
        ),
        ({"expires_after": {"seconds": 9}}, "invalid_request", "expires_after.seconds"),
        ({"expires_after": {"seconds": 7_201}}, "invalid_request", "expires_after.seconds"),
        ({"expires_after": {"seconds": "60"}}, "invalid_request", "expires_after.seconds"),
        ({"agent_id": "agt_none"}, "agent_not_found", "agent_id"),
        ({"budget": {}}, "invalid_request", "budget"),
        ([], "invalid_request", None),
    ],
)
async def test_a_body_that_mints_nothing(
    service: Service, body: Any, code: str, param: str | None
) -> None:
    status, answer = await mint(service, body)
    error = answer["error"]
    assert (status, error["code"], error["param"]) == (400, code, param)
    assert error["type"] == "invalid_request_error"


async def test_only_secret_keys_mint(service: Service) -> None:
    secret = await secret_of(service)
    for credential in (service.keys.publishable_key, service.keys.management_key, secret, "x"):
        status, answer = await mint(service, headers=service.bearer(credential))
        assert (status, answer["error"]["code"]) == (401, "invalid_api_key")


async def test_minting_has_a_rate(database: TestDatabase) -> None:
    async with serving(database, rate_mint_per_second=1) as service:
        answers = await asyncio.gather(*(mint(service) for _ in range(4)))
    assert {status for status, _ in answers} == {200, 429}
    (limited, *_) = [answer for status, answer in answers if status == 429]
    assert limited["error"]["code"] == "rate_limit_exceeded"


async def test_a_secret_opens_a_session_of_our_own_protocol_too(service: Service) -> None:
    secret = await secret_of(service, instructions="Bound.")
    protocols = [f"opper-ticket.{secret}"]
    async with service.http.ws_connect(
        f"{service.ws_url}/v3/realtime", protocols=protocols
    ) as socket:
        await socket.send_json({"type": "session.start", "config": {}})
        started = await socket.receive_json()
        assert started["type"] == "session.started"
    assert isinstance(socket, aiohttp.ClientWebSocketResponse)
