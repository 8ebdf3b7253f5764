"""API keys over `/v1`: created, listed, rotated, revoked (live streams, 6.11; contract, 6)."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from ringline.domain import v1_limits
from ringline.domain.credentials import KeyKind
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.log import Environment, Scope
from tests.app.test_keys import assert_dead, open_everything
from tests.callers import calling
from tests.database import TestDatabase
from tests.serving import Service, serving
from tests.v1 import V1

MEMBERS = {
    "key_id",
    "label",
    "mode",
    "prefix",
    "last_four",
    "created_at",
    "expires_at",
    "last_used_at",
}


@pytest.fixture
async def service(database: TestDatabase) -> AsyncIterator[Service]:
    async with serving(database) as service:
        yield service


async def labels(v1: V1) -> list[str]:
    return [key["label"] for key in (await v1.get("/keys", page_size=100)).body["keys"]]


# -- creating and listing -------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["live", "test"])
async def test_a_key_is_shown_once_and_works(service: Service, mode: str) -> None:
    v1 = V1(service)
    created = await v1.new_key(" the shop ", mode)
    assert set(created) == MEMBERS | {"key"}
    assert re.fullmatch(rf"sk_{mode}_[0-9A-Za-z_-]{{43}}", created["key"])
    assert re.fullmatch(r"key_[0-9A-Za-z]{22}", created["key_id"])
    assert created["last_four"] == created["key"][-4:]
    assert (created["label"], created["mode"], created["prefix"]) == (
        "the shop",
        mode,
        f"sk_{mode}_",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created["created_at"])
    assert (created["expires_at"], created["last_used_at"]) == (None, None)
    (listed, *_) = (await v1.get("/keys")).body["keys"]
    assert listed == {name: created[name] for name in MEMBERS}
    assert (await V1(service, created["key"]).get("/webhook-endpoints")).status == 200


async def test_no_answer_with_a_secret_is_stored_and_no_log_has_it(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    v1 = V1(service)
    created = await v1.post("/keys", {"label": "a", "mode": "live"})
    rotated = await v1.post(f"/keys/{created.body['key_id']}/rotate")
    for answer in (created, rotated):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.body["key"] not in caplog.text
        assert answer.body["key"] not in str((await v1.get("/keys")).body)


async def test_secret_keys_alone_are_listed_newest_first(service: Service) -> None:
    v1 = V1(service)
    for number in range(3):
        await v1.new_key(f"live {number}", "live")
        await v1.new_key(f"test {number}", "test")
    expected = ["test 2", "live 2", "test 1", "live 1", "test 0", "live 0"]
    found = await labels(v1)
    assert found[:6] == expected
    assert sorted(found[6:]) == ["first secret key", "first test key"]
    paged: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = (await v1.get("/keys", page_size=3, **token)).body
        paged += [key["label"] for key in page["keys"]]
        if "next_page_token" not in page:
            break
        token = {"page_token": page["next_page_token"]}
    assert paged == found


async def test_a_key_of_the_command_line_is_there_too(service: Service) -> None:
    v1, now = V1(service), datetime.now(UTC)
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    key, _ = await service.admin.workspaces.create_key(
        scope, KeyKind.SECRET, label="by hand", expires_at=now + timedelta(days=1)
    )
    (listed, *_) = (await v1.get("/keys")).body["keys"]
    assert listed["key_id"] == format_id(Prefix.KEY, key.id)
    assert listed["expires_at"] is not None
    created = await v1.new_key("over REST")
    rows = await service.admin.rows.list_keys(scope.workspace_id)
    assert parse_id(Prefix.KEY, created["key_id"]) in {row.shown_id for row in rows}


async def test_what_a_test_key_may(service: Service) -> None:
    live, test = V1(service), V1(service, service.keys.test_key)
    theirs = (await live.new_key("live"))["key_id"]
    refused = await test.post("/keys", {"label": "x", "mode": "live"})
    assert (refused.status, refused.code) == (403, "PERMISSION_DENIED")
    own = await test.new_key("test", "test")
    assert await labels(test) == ["test", "first test key"]
    assert (await test.delete(f"/keys/{theirs}")).status == 404
    assert (await test.post(f"/keys/{theirs}/rotate")).status == 404
    assert (await live.delete(f"/keys/{own['key_id']}")).status == 204
    assert await labels(live) == ["live", *await labels_of_first(live)]


async def labels_of_first(v1: V1) -> list[str]:
    return [label for label in await labels(v1) if label.startswith("first ")]


async def test_a_management_key_may_use_these_routes(service: Service) -> None:
    manager = V1(service, service.keys.management_key)
    created = await manager.new_key("managed", "test")
    assert "managed" in await labels(manager)
    assert (await manager.post(f"/keys/{created['key_id']}/rotate")).status == 200
    assert (await manager.delete(f"/keys/{created['key_id']}")).status == 204


@pytest.mark.parametrize("kind", [KeyKind.MANAGEMENT, KeyKind.PUBLISHABLE])
async def test_a_key_of_another_kind_is_nobodys_here(service: Service, kind: KeyKind) -> None:
    scope = Scope(service.keys.workspace_id, Environment.LIVE)
    key, text = await service.admin.workspaces.create_key(scope, kind, label="hidden")
    v1, id_ = V1(service), format_id(Prefix.KEY, key.id)
    assert "hidden" not in await labels(v1)
    assert (await v1.post(f"/keys/{id_}/rotate")).status == 404
    assert (await v1.delete(f"/keys/{id_}")).status == 404
    assert (await V1(service, text).get("/webhook-endpoints")).status == 403  # it still exists
    await v1.new_key("hidden")  # and its label is free


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"label": "x"},
        {"mode": "live"},
        {"label": "", "mode": "live"},
        {"label": "  ", "mode": "live"},
        {"label": None, "mode": "live"},
        {"label": "a\0b", "mode": "live"},
        {"label": "x" * 256, "mode": "live"},
        {"label": 7, "mode": "live"},
        {"label": "x", "mode": "sandbox"},
        {"label": "x", "mode": ["live"]},
    ],
)
async def test_what_is_no_key(service: Service, body: dict[str, object]) -> None:
    v1 = V1(service)
    answer = await v1.post("/keys", body)
    assert (answer.status, answer.code) == (400, "INVALID_ARGUMENT")
    assert len(await labels(v1)) == 2


# -- labels ---------------------------------------------------------------------------------


async def test_one_label_one_key(service: Service) -> None:
    v1 = V1(service)
    created = await v1.new_key("shop", "live")
    for mode in ("live", "test"):
        again = await v1.post("/keys", {"label": "shop", "mode": mode})
        assert (again.status, again.code) == (409, "ALREADY_EXISTS")
    await v1.post(f"/keys/{created['key_id']}/rotate")
    assert (await v1.post("/keys", {"label": "shop", "mode": "live"})).status == 409
    await v1.delete(f"/keys/{created['key_id']}")
    await v1.new_key("shop", "test")  # a revoked key's is free
    other = await service.admin.workspaces.create("Other")
    await V1(service, other.secret_key).new_key("shop")  # and so is another workspace's


async def test_of_racing_creations_one_gets_the_label(service: Service) -> None:
    v1 = V1(service)
    bodies = [{"label": "shop", "mode": mode} for mode in ("live", "test") * 4]
    answers = await asyncio.gather(*(v1.post("/keys", body) for body in bodies))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


async def test_a_workspace_has_only_so_many_keys(service: Service, database: TestDatabase) -> None:
    async with database.connection() as superuser:
        await superuser.execute(
            "INSERT INTO ringline.keys (workspace_id, environment, id, kind, label, last_four,"
            " key_hash, created_at) SELECT $1, 'test', gen_random_uuid(), 'secret', n::text, '',"
            " n::text::bytea, now() FROM generate_series(1, $2::int) n",
            service.keys.workspace_id,
            v1_limits.SECRET_KEYS.most - 2,
        )
    v1 = V1(service)
    full = await v1.post("/keys", {"label": "one more", "mode": "live"})
    assert (full.status, full.code) == (400, "INVALID_ARGUMENT")
    assert "1,000" in full.message


# -- rotating and revoking ------------------------------------------------------------------


async def test_a_rotated_key_has_another_secret_and_the_same_id(service: Service) -> None:
    v1 = V1(service)
    first = await v1.new_key("shop", "test")
    second = await v1.post(f"/keys/{first['key_id']}/rotate")
    third = await v1.post(f"/keys/{first['key_id']}/rotate")
    texts = [first["key"], second.body["key"], third.body["key"]]
    assert len(set(texts)) == 3
    assert {one["key_id"] for one in (first, second.body, third.body)} == {first["key_id"]}
    assert set(third.body) == MEMBERS | {"key"}
    assert third.body["created_at"] == first["created_at"]
    statuses = [(await V1(service, text).get("/webhook-endpoints")).status for text in texts]
    assert statuses == [401, 401, 200]
    assert (await labels(v1)).count("shop") == 1
    uuid = parse_id(Prefix.KEY, first["key_id"])
    (row,) = [
        row
        for row in await service.admin.rows.list_keys(service.keys.workspace_id)
        if row.shown_id == uuid
    ]
    assert row.revoked_at is None
    assert row.last_four == texts[2][-4:]
    by_uuid = await v1.post(f"/keys/{uuid}/rotate")  # both forms of an id
    assert by_uuid.body["key_id"] == first["key_id"]


async def test_a_key_rotates_itself(service: Service) -> None:
    v1 = V1(service)
    (own,) = [key for key in (await v1.get("/keys")).body["keys"] if key["mode"] == "live"]
    rotated = await v1.post(f"/keys/{own['key_id']}/rotate")
    assert rotated.status == 200
    assert (await v1.get("/keys")).status == 401
    again = await V1(service, rotated.body["key"]).delete(f"/keys/{own['key_id']}")
    assert again.status == 204  # the last one may go as well
    assert (await V1(service, rotated.body["key"]).get("/keys")).status == 401


async def test_of_racing_rotations_the_last_answer_holds_the_key(service: Service) -> None:
    v1 = V1(service)
    key = await v1.new_key("shop")
    answers = await asyncio.gather(*(v1.post(f"/keys/{key['key_id']}/rotate") for _ in range(6)))
    assert [answer.status for answer in answers] == [200] * 6
    alive = [
        (await V1(service, answer.body["key"]).get("/webhook-endpoints")).status
        for answer in answers
    ]
    assert sorted(alive) == [200] + [401] * 5
    assert (await labels(v1)).count("shop") == 1


async def test_a_revocation_by_the_command_line_ends_what_a_rotation_made(
    service: Service,
) -> None:
    v1 = V1(service)
    key = await v1.new_key("shop")
    uuid = parse_id(Prefix.KEY, key["key_id"])
    assert uuid is not None
    rotating = v1.post(f"/keys/{key['key_id']}/rotate")
    revoking = service.admin.rows.revoke_key(uuid, datetime.now(UTC), end_calls=False)
    rotated, _ = await asyncio.gather(rotating, revoking)
    assert rotated.status in {200, 404}  # whichever came first
    if rotated.status == 200:
        assert (await V1(service, rotated.body["key"]).get("/keys")).status == 401
    assert "shop" not in await labels(v1)


async def test_what_is_revoked_is_not_found(service: Service) -> None:
    v1 = V1(service)
    key = await v1.new_key("shop")
    assert (await v1.delete(f"/keys/{key['key_id']}")).status == 204
    for gone in (
        await v1.delete(f"/keys/{key['key_id']}"),
        await v1.post(f"/keys/{key['key_id']}/rotate"),
    ):
        assert (gone.status, gone.code) == (404, "NOT_FOUND")
    assert (await V1(service, key["key"]).get("/webhook-endpoints")).status == 401


@pytest.mark.parametrize("how", ["rotate", "delete"])
async def test_whatever_a_secret_opened_is_closed(service: Service, how: str) -> None:
    v1 = V1(service)
    key = await v1.new_key("shop")
    path = f"/keys/{key['key_id']}"
    text: str = (await v1.post(f"{path}/rotate")).body["key"]  # what a rotation made is as good
    async with AsyncExitStack() as exits, calling(service) as caller:
        watched = await open_everything(service, exits, caller.call_id, text)
        await (v1.delete(path) if how == "delete" else v1.post(f"{path}/rotate"))
        await watched.all_closed()
        await assert_dead(service, watched, caller.call_id, text)
        await caller.say("still here")  # the caller's key is another
