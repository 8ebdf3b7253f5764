"""Sign-ins in the database: two keys that open and end together, and end with their member."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ringline.domain.credentials import Key, KeyKind, Person, digest, sign_in_credential
from ringline.domain.log import Environment, Scope
from ringline.domain.operators import TeamRole
from ringline.ports import Violation
from ringline.storage.pool import INTERNAL
from ringline.storage.stores import Stores
from tests.contract.test_credential_store import Heard
from tests.database import NOW, TestDatabase, a_ticket, add_member, make_log, new_id
from tests.expecting import refused_for

UNTIL = NOW + timedelta(hours=12)
LATER = NOW + timedelta(hours=1)
OPEN = "SELECT ringline.open_sign_in($1, $2, 'Firefox on Linux', $3, $4, $5, $6, $7)"
END = "SELECT ringline.end_sign_ins($1, $2, $3, $4) AS id"


class Team:
    """A workspace with a member, and what its transactions do to sign-ins."""

    def __init__(self, stores: Stores, database: TestDatabase, scope: Scope) -> None:
        self.stores = stores
        self.database = database
        self.scope = scope

    async def member(self, email: str = "ann@example.com", role: str = "operator") -> UUID:
        async with self.database.connection() as superuser:
            return await add_member(superuser, self.scope.workspace_id, email, role)

    async def open(self, user_id: UUID, cookie: str, *, until: datetime = UNTIL) -> UUID:
        sign_in = new_id()
        hashes = [digest(sign_in_credential(each, cookie)) for each in Environment]
        ids = [new_id() for _ in Environment]
        places = [each.value for each in Environment]
        opened = await self.run(OPEN, user_id, sign_in, NOW, until, places, ids, hashes)
        assert len(opened) in (0, 2)
        return sign_in

    async def end(self, user_id: UUID, one: UUID | None, all_but: UUID | None) -> set[UUID]:
        return {row["id"] for row in await self.run(END, user_id, one, all_but, LATER)}

    async def keys(self, cookie: str) -> list[Key]:
        hashes = [digest(sign_in_credential(each, cookie)) for each in Environment]
        found = [await self.stores.credentials.find_key(each) for each in hashes]
        return [key for key in found if key is not None]

    async def run(self, text: str, *values: object) -> Sequence[Any]:
        async with self.stores.database.transaction(self.scope) as connection:
            return await connection.fetch(text, *values)


@pytest.fixture
async def team(stores: Stores, database: TestDatabase) -> Team:
    return Team(stores, database, await make_log(stores))


async def test_a_sign_in_is_a_key_of_each_environment_with_its_person(team: Team) -> None:
    ann = await team.member()
    sign_in = await team.open(ann, "cookie")
    keys = await team.keys("cookie")
    assert [key.scope.environment for key in keys] == list(Environment)
    for key in keys:
        assert key.kind is KeyKind.CONSOLE
        assert key.label == "Firefox on Linux"
        assert key.person == Person(ann, "ann@example.com", None, TeamRole.OPERATOR, sign_in)
        assert key.is_valid(UNTIL - timedelta(seconds=1))
        assert not key.is_valid(UNTIL)
    assert await team.stores.credentials.get_keys([keys[0].id]) == [keys[0]]
    assert await team.keys("another") == []
    listed = await team.stores.workspaces.list_keys(team.scope.workspace_id)
    assert {key.kind for key in listed} == {KeyKind.SECRET}


async def test_nobody_signs_in_who_is_no_member_of_the_workspace(team: Team) -> None:
    other = replace_scope(team, await make_log(team.stores))
    theirs = await other.member()
    for who in (theirs, new_id()):
        await team.open(who, "cookie")
    assert await team.keys("cookie") == []


async def test_the_application_makes_no_sign_in_without_its_person(team: Team) -> None:
    half = (
        "INSERT INTO ringline.keys (workspace_id, environment, id, kind, label, last_four,"
        " key_hash, created_at, user_id) VALUES ($1, 'live', $2, $3, '', '', $4, now(), $5)"
    )
    for kind, user_id in (("console", None), ("console", new_id()), ("secret", new_id())):
        with refused_for(Violation.OTHER, "23514"):
            await team.run(half, team.scope.workspace_id, new_id(), kind, b"h", user_id)


@pytest.mark.parametrize(
    ("one", "all_but", "left"),
    [(None, None, ()), (0, None, (1, 2)), (None, 0, (0,))],
    ids=["all", "one", "all but one"],
)
async def test_sign_ins_end_in_both_environments(
    team: Team, one: int | None, all_but: int | None, left: tuple[int, ...]
) -> None:
    ann, bob = await team.member(), await team.member("bob@example.com")
    opened = [await team.open(ann, f"cookie {number}") for number in range(3)]
    await team.open(bob, "bobs")
    chosen = [None if number is None else opened[number] for number in (one, all_but)]
    ended = await team.end(ann, chosen[0], chosen[1])
    assert ended == {opened[number] for number in range(3) if number not in left}
    assert await team.end(ann, chosen[0], chosen[1]) == set(), "once"
    for number in range(3):
        for key in await team.keys(f"cookie {number}"):
            assert (key.revoked_at, key.expires_at) == (
                (None, UNTIL) if number in left else (LATER, LATER)
            )
    assert all(key.is_valid(NOW) for key in await team.keys("bobs"))


async def test_another_workspace_ends_extends_and_takes_nothing(team: Team) -> None:
    ann = await team.member()
    sign_in = await team.open(ann, "cookie")
    other = replace_scope(team, await make_log(team.stores))
    assert await other.end(ann, None, None) == set()
    await other.run("SELECT ringline.extend_sign_in($1, $2, $3)", sign_in, NOW, UNTIL + UNTIL_MORE)
    assert {key.expires_at for key in await team.keys("cookie")} == {UNTIL}
    await add_link(team, ann, b"link")
    take = "SELECT * FROM ringline.take_console_link($1, $2)"
    assert await other.run(take, b"link", NOW) == []
    assert len(await team.run(take, b"link", NOW)) == 1


UNTIL_MORE = timedelta(hours=1)


async def test_a_sign_in_is_extended_while_it_lasts_and_never_shortened(team: Team) -> None:
    ann = await team.member()
    sign_in = await team.open(ann, "cookie")
    extend = "SELECT ringline.extend_sign_in($1, $2, $3)"
    for at, until, expected in (
        (NOW, UNTIL - UNTIL_MORE, UNTIL),
        (NOW, UNTIL + UNTIL_MORE, UNTIL + UNTIL_MORE),
        (UNTIL + UNTIL_MORE, UNTIL + 2 * UNTIL_MORE, UNTIL + UNTIL_MORE),
    ):
        await team.run(extend, sign_in, at, until)
        assert {key.expires_at for key in await team.keys("cookie")} == {expected}
    await team.end(ann, sign_in, None)
    await team.run(extend, sign_in, NOW, UNTIL + 3 * UNTIL_MORE)
    assert {key.expires_at for key in await team.keys("cookie")} == {LATER}


async def test_a_member_who_is_removed_takes_their_sign_ins_along(team: Team) -> None:
    ann, bob = await team.member(), await team.member("bob@example.com")
    await team.open(ann, "anns")
    await team.open(bob, "bobs")
    ids = [key.id for key in await team.keys("anns")]
    heard = Heard()
    watching = asyncio.create_task(team.stores.credentials.watch_revocations(heard.changed))
    await heard.until((None, False))
    await team.run("DELETE FROM ringline.users WHERE id = $1", ann)
    await heard.until((ann, False), *((key_id, False) for key_id in ids))
    watching.cancel()
    assert await team.keys("anns") == []
    assert await team.stores.credentials.get_keys(ids) == []
    assert len(await team.keys("bobs")) == 2
    async with team.database.connection() as superuser:
        ended = "SELECT revoked_at >= expires_at FROM ringline.keys WHERE user_id = $1"
        assert [row[0] for row in await superuser.fetch(ended, ann)] == [True, True]


async def test_a_changed_role_is_told_and_another_name_is_not(team: Team) -> None:
    ann, bob = await team.member(), await team.member("bob@example.com")
    await team.open(ann, "anns")
    heard = Heard()
    watching = asyncio.create_task(team.stores.credentials.watch_revocations(heard.changed))
    await heard.until((None, False))
    await team.run("UPDATE ringline.users SET full_name = 'Bob' WHERE id = $1", bob)
    await team.run("UPDATE ringline.users SET role = 'admin' WHERE id = $1", ann)
    await heard.until((ann, False))
    watching.cancel()
    assert (bob, False) not in heard.told
    assert {key.person.role for key in await team.keys("anns") if key.person} == {TeamRole.ADMIN}


async def test_sign_ins_are_swept_when_they_have_ended_long_enough(team: Team) -> None:
    ann = await team.member()
    old = await team.open(ann, "old", until=NOW + timedelta(days=1))
    await team.open(ann, "new", until=NOW + timedelta(days=3))
    (key, _) = await team.keys("old")
    assert await team.stores.credentials.put_ticket(b"t" * 32, a_ticket(key), now=NOW)
    sweep = "SELECT ringline.sweep_sign_ins($1, $2)"
    before = NOW + timedelta(days=2)
    assert len(await team.stores.database.look_up(INTERNAL, sweep, before, 1)) == 1
    assert len(await team.stores.database.look_up(INTERNAL, sweep, before, 100)) == 1
    assert await team.stores.database.look_up(INTERNAL, sweep, before, 100) == []
    assert await team.keys("old") == []
    assert len(await team.keys("new")) == 2
    assert await team.end(ann, old, None) == set()
    listed = await team.stores.workspaces.list_keys(team.scope.workspace_id)
    assert listed, "keys of programs stay"


async def test_a_link_is_taken_once_while_it_lasts(team: Team) -> None:
    ann = await team.member()
    await add_link(team, ann, b"link")
    find = "SELECT * FROM ringline.find_console_link($1)"
    (found,) = await team.stores.database.look_up(INTERNAL, find, b"link")
    assert (found["workspace_id"], found["user_id"]) == (team.scope.workspace_id, ann)
    take = "SELECT user_id FROM ringline.take_console_link($1, $2)"
    assert await team.run(take, b"link", UNTIL) == []
    assert await team.stores.database.look_up(INTERNAL, take, b"link", NOW) == []
    taken = await asyncio.gather(*(team.run(take, b"link", NOW) for _ in range(20)))
    assert [rows[0]["user_id"] for rows in taken if rows] == [ann]
    assert await team.stores.database.look_up(INTERNAL, find, b"link") == []


async def test_passwords_are_found_by_an_address_in_any_case(team: Team) -> None:
    other = replace_scope(team, await make_log(team.stores))
    for each in (team, other):
        user_id = await each.member("Ann@Example.com")
        await each.member("without@example.com")
        await each.run(
            "INSERT INTO ringline.passwords (workspace_id, user_id, password_hash)"
            " VALUES ($1, $2, $3)",
            each.scope.workspace_id,
            user_id,
            b"hash",
        )
    find = "SELECT * FROM ringline.find_passwords($1, $2)"
    for address, most, expected in (
        ("ann@example.COM", 10, 2),
        ("ann@example.com", 1, 1),
        ("without@example.com", 10, 0),
    ):
        found = await team.stores.database.look_up(INTERNAL, find, address, most)
        assert len(found) == expected
    assert {row["password_hash"] for row in found} <= {b"hash"}


def replace_scope(team: Team, scope: Scope) -> Team:
    return Team(team.stores, team.database, scope)


async def add_link(team: Team, user_id: UUID, link_hash: bytes) -> None:
    await team.run(
        "INSERT INTO ringline.console_links (workspace_id, id, user_id, link_hash, expires_at)"
        " VALUES ($1, $2, $3, $4, $5)",
        team.scope.workspace_id,
        new_id(),
        user_id,
        link_hash,
        UNTIL,
    )
