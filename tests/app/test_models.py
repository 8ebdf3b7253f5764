"""`GET /v3/models` over HTTP: who is listed what, and how it is refused (realtime voice, 7.1)."""

from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from ringline.domain.credentials import KeyKind
from ringline.domain.log import Environment, Scope
from ringline.web.member_schemas import written
from ringline.wire.models import ANSWERED
from tests.realtime_session import MODEL, opened
from tests.serving import Service

PATH = "/v3/models"


async def ask(
    service: Service, query: str = "", headers: dict[str, str] | None = None
) -> tuple[int, Any, dict[str, str]]:
    """Ask for the list, without a key unless the headers hold one."""
    async with service.http.get(service.base_url + PATH + query, headers=headers) as answer:
        assert answer.content_type == "application/json"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        return answer.status, await answer.json(), dict(answer.headers)


async def ids(service: Service, query: str = "", headers: dict[str, str] | None = None) -> set[str]:
    status, answer, _ = await ask(service, query, headers)
    assert status == 200, answer
    return {model["id"] for model in answer["models"]}


async def test_the_list_needs_no_key(service: Service) -> None:
    status, answer, headers = await ask(service, "?type=realtime")
    assert status == 200
    assert headers["Cache-Control"] == "no-store"
    jsonschema.Draft202012Validator(written(ANSWERED)).validate(answer)
    (local,) = (model for model in answer["models"] if model["id"] == MODEL)
    assert (local["type"], local["provider"], local["model_id"]) == (
        "realtime",
        "local",
        "attendant",
    )
    assert (local["provider_display_name"], local["name"]) == ("This server", "Attendant")
    assert (local["cost"], "pricing" in local) == (0, False)


async def test_what_is_listed_opens_a_session(service: Service) -> None:
    """The list says of a session what `session.started` says, and what a config may hold."""
    _, answer, _ = await ask(service, "?type=realtime&q=attendant")
    (model,) = answer["models"]
    params = model["params"]["realtime"]
    for voice in params["voices"]:
        config = {"model": model["id"], "voice": voice}
        async with opened(service, {"config": config}) as client:
            started = await client.start(config={})
            assert started["input_sample_rate"] == params["input_sample_rate"]
            assert started["output_sample_rate"] == params["output_sample_rate"]
            assert started.get("sample_rate") == params.get("sample_rate")


@pytest.mark.parametrize("way", ["bearer", "header"])
async def test_a_key_is_listed_what_its_workspace_may_use(service: Service, way: str) -> None:
    for key in (service.keys.secret_key, service.keys.test_key):
        headers = service.bearer(key) if way == "bearer" else {"x-api-key": key}
        assert MODEL in await ids(service, "?type=realtime", headers)


async def test_a_bad_key_is_refused(service: Service) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    key, revoked = await service.admin.workspaces.create_key(scope, KeyKind.SECRET, label="old")
    await service.admin.rows.revoke_key(key.id, datetime.now(UTC), end_calls=False)
    other = {"x-api-key": service.keys.secret_key, **service.bearer(service.keys.test_key)}
    token = await service.session_token()
    bad: list[dict[str, str]] = [
        service.bearer("sk_live_" + "x" * 43),
        service.bearer("none"),
        service.bearer(revoked),
        service.bearer(service.keys.publishable_key),
        service.bearer(service.keys.management_key),
        service.bearer(token),
        other,
    ]
    for headers in bad:
        status, answer, answered = await ask(service, headers=headers)
        error = {"code": "unauthorized", "message": "a valid API key or ticket is required"}
        assert (status, answer) == (401, {"error": error}), headers
        assert answered["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Basic eDp5", "Bearer", "Bearer  "])
async def test_a_header_without_a_key_is_none(service: Service, header: str) -> None:
    assert MODEL in await ids(service, headers={"Authorization": header})


async def test_filters_and_pages(service: Service) -> None:
    assert await ids(service, "?provider=local") == {MODEL}
    assert await ids(service, "?provider=nobody") == set()
    assert await ids(service, "?q=ATTENDANT&capability=audio") == {MODEL}
    assert MODEL not in await ids(service, "?capability=tools")
    assert MODEL not in await ids(service, "?type=llm")
    _, everything, _ = await ask(service, "?limit=501&order=desc&unknown=1")
    assert everything["limit"] == 500
    assert everything["total"] == len(everything["models"])
    _, beyond, _ = await ask(service, f"?offset={everything['total']}&limit=1")
    assert (beyond["models"], beyond["total"]) == ([], everything["total"])
    assert (beyond["offset"], beyond["limit"]) == (everything["total"], 1)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "offset=-1", "sort=age", "order=up", "deprecated=2"]
)
async def test_a_bad_query_is_refused_by_name(service: Service, query: str) -> None:
    status, answer, _ = await ask(service, f"?{query}")
    assert (status, answer["error"]["code"]) == (400, "invalid_request")
    assert answer["error"]["message"].startswith(query.partition("=")[0] + ": ")


async def test_a_page_of_another_origin_may_ask_with_a_key(service: Service) -> None:
    asks = {
        "Origin": "https://example.com",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    url = service.base_url + PATH
    async with service.http.options(url, headers=asks) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, OPTIONS"
        allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
        assert set(allowed) == {"authorization", "x-api-key"}
    async with service.http.post(url) as answer:
        assert answer.status == 405
        assert (await answer.json())["error"]["code"] == "method_not_allowed"
