"""People see, make and revoke keys in a sign-in; a key must not (console, 5.3)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from ringline.domain.credentials import Key, KeyKind, digest, key_prefix
from ringline.domain.log import Environment
from ringline.domain.operators import TeamRole
from ringline.services.api_keys import ApiKeys
from ringline.services.audit import Auditor
from ringline.storage.stores import Stores
from ringline.wire.times import micros
from tests.database import NOW, TestDatabase, new_id
from tests.people import House, a_house

SOON = micros(NOW + timedelta(seconds=60))
FIELDS = ["id", "label", "kind", "environment", "lastFour", "expiresAt", "lastUsedAt"]


@pytest.fixture
async def house(stores: Stores, database: TestDatabase) -> AsyncIterator[House]:
    async with a_house(stores, database) as house:
        yield house


async def stored(house: House, text: str) -> Key:
    found = await house.runner.stores.credentials.find_key(digest(text))
    assert found is not None
    return found


@pytest.mark.parametrize("environment", Environment)
@pytest.mark.parametrize("kind", ["secret", "publishable", "management"])
async def test_a_key_is_made_shown_once_listed_and_revoked(
    house: House, kind: str, environment: Environment
) -> None:
    scope = house.within(environment)
    admin = await house.person(TeamRole.ADMIN, scope=scope)
    given = {"label": "the backend", "kind": kind, "expiresIn": 60}
    made = await admin.run("create_key", input=given)
    text = made.pop("key")
    key_id = made.pop("key_id")
    assert text.startswith(key_prefix(KeyKind(kind), environment))
    assert made == {
        "label": "the backend",
        "kind": kind,
        "environment": environment.value,
        "last_four": text[-4:],
        "expires_at": SOON,
    }
    key = await stored(house, text)
    assert (key.scope, key.kind, key.is_valid(NOW)) == (scope, KeyKind(kind), True)
    assert key.expires_at == NOW + timedelta(seconds=60)
    one: dict[str, Any] = {"filter": {"label": "the backend"}, "fields": FIELDS}
    (listed,) = await admin.run("list_keys", **one)
    assert text not in str(listed)
    assert listed == {
        "id": key_id,
        "label": "the backend",
        "kind": kind,
        "environment": environment.value,
        "lastFour": text[-4:],
        "expiresAt": SOON,
        "lastUsedAt": None,
    }
    revoked = {"keyId": key_id, "endCalls": True}
    for _ in range(2):  # again changes nothing
        assert await admin.run("revoke_key", input=revoked) == {"revoked": True}
    ended = await stored(house, text)
    assert (ended.is_valid(NOW), ended.end_calls) == (False, True)
    assert await admin.run("list_keys", **one) == []
    entries = await house.entries("action", "fields", "target_name", "environment")
    assert [(one["action"], one["fields"]) for one in entries] == [
        ("create_key", []),
        ("revoke_key", ["endCalls"]),
    ]
    assert {(one["target_name"], one["environment"]) for one in entries} == {
        ("the backend", environment.value)
    }


async def test_a_list_of_keys_has_no_sign_in_no_revoked_and_no_rotated_secret(
    house: House,
) -> None:
    owner = await house.person(TeamRole.OWNER)
    first = (await owner.run("create_key", input={"label": "rotated"}))["key_id"]
    services = house.runner.services.keys
    assert isinstance(services, ApiKeys)
    auditor = Auditor(None, NOW, new_id)
    (row,) = await owner.run("list_keys", filter={"label": "rotated"}, fields=["id"])
    rotated, text = await services.rotate([house.scope], UUID(first), auditor=auditor)
    listed = await owner.run(
        "list_keys", filter={"label": "rotated"}, fields=["id", "lastFour"], sort="-insertedAt"
    )
    assert listed == [{"id": row["id"], "lastFour": text[-4:]}]
    async with house.database.connection() as superuser:
        await superuser.execute(
            "INSERT INTO ringline.keys (workspace_id, environment, id, kind, label, last_four,"
            " key_hash, created_at, user_id, sign_in_id)"
            " VALUES ($1, 'live', $2, 'console', 'Firefox', '', '\\x00', now(), $2, $2)",
            house.scope.workspace_id,
            cookie := new_id(),
        )
    kinds = await owner.run("list_keys", fields=["kind"])
    assert "console" not in {one["kind"] for one in kinds}
    for unknown in (cookie, rotated.id, new_id()):  # a rotated key has its first id alone
        problem = await owner.problem("revoke_key", input={"keyId": str(unknown)})
        assert problem["type"] == "not_found"
    await owner.run("revoke_key", input={"keyId": first})
    assert not (await stored(house, text)).is_valid(NOW)


async def test_what_is_no_key_is_refused(house: House) -> None:
    owner = await house.person(TeamRole.OWNER)
    await owner.run("create_key", input={"label": "taken"})
    for given, field in (
        ({"label": "taken"}, "label"),
        ({"label": " "}, "label"),
        ({}, "label"),
        ({"label": "x" * 256}, "label"),
        ({"label": "one", "kind": "console"}, "kind"),
        ({"label": "one", "expiresIn": 0}, "expiresIn"),
        ({"label": "one", "expiresIn": 1 << 40}, "expiresIn"),
    ):
        problem = await owner.problem("create_key", input=given)
        assert field in problem["fields"], given
    # A label is unique among the keys of a kind alone.
    await owner.run("create_key", input={"label": "taken", "kind": "publishable"})
