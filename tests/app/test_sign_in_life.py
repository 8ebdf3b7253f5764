"""How long a sign-in lasts: used or not, by a clock that is moved by hand."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest

from ringline.bus.memory import MemoryBus
from ringline.domain import console_limits
from ringline.domain.credentials import Key, sign_in_credential
from ringline.domain.log import Environment, Scope
from ringline.services.console_links import ConsoleLinks, NoSuchMember
from ringline.services.credentials import Credentials
from ringline.services.id_generator import new_id
from ringline.services.repo import Repo
from ringline.services.sign_ins import Arrival, Life, LinkSpent, SignIns
from ringline.storage.stores import Stores
from tests.clock import HandClock
from tests.database import NOW, TestDatabase, add_member, make_log

IDLE, MOST = timedelta(hours=12), timedelta(days=7)
QUARTER = IDLE / 48
LINK = timedelta(minutes=15)
HERE = Arrival("Firefox on Linux")


class Desk:
    """The sign-ins of a workspace, and what looks them up."""

    def __init__(self, stores: Stores, scope: Scope) -> None:
        self.clock = HandClock(NOW)
        self.scope = scope
        repo = Repo(stores.records, MemoryBus())
        self.links = ConsoleLinks(repo, self.clock, new_id=new_id, random_bytes=secrets.token_bytes)
        self.credentials = Credentials(stores.credentials, self.clock, secrets=("s" * 32,))
        self.sign_ins = SignIns(
            stores.sign_ins,
            repo,
            life=Life(IDLE, MOST),
            now=self.clock,
            new_id=new_id,
            random_bytes=secrets.token_bytes,
            ended=self.credentials.forget,
        )

    async def sign_in(self) -> str:
        link = await self.links.make(self.scope.workspace_id, life=LINK)
        return (await self.sign_ins.follow_link(link.token, HERE)).cookie

    async def key(self, cookie: str, environment: Environment = Environment.LIVE) -> Key | None:
        self.credentials.forget()
        found = await self.credentials.identify(sign_in_credential(environment, cookie))
        assert found is None or isinstance(found, Key)
        return found

    async def use(self, cookie: str) -> bool:
        key = await self.key(cookie)
        if key is not None:
            await self.sign_ins.keep(key)
        return key is not None


@pytest.fixture
async def desk(stores: Stores) -> Desk:
    return Desk(stores, await make_log(stores))


async def test_a_sign_in_that_is_not_used_ends(desk: Desk) -> None:
    cookie = await desk.sign_in()
    desk.clock.advance(IDLE - timedelta(seconds=1))
    assert await desk.key(cookie) is not None
    desk.clock.advance(timedelta(seconds=1))
    for environment in Environment:
        assert await desk.key(cookie, environment) is None


async def test_one_that_is_used_lasts_in_both_environments_and_not_for_ever(desk: Desk) -> None:
    cookie = await desk.sign_in()
    used = timedelta()
    while used + IDLE / 2 < MOST:
        desk.clock.advance(IDLE / 2)
        used += IDLE / 2
        assert await desk.use(cookie), used
        for environment in Environment:
            key = await desk.key(cookie, environment)
            assert key is not None
            assert key.expires_at == min(desk.clock() + IDLE, NOW + MOST)
    desk.clock.advance(MOST - used)
    assert not await desk.use(cookie)


async def test_a_request_seldom_writes(desk: Desk) -> None:
    cookie = await desk.sign_in()
    desk.clock.advance(QUARTER)
    await desk.use(cookie)
    key = await desk.key(cookie)
    assert key is not None
    assert key.expires_at == NOW + IDLE
    desk.clock.advance(timedelta(seconds=1))
    await desk.use(cookie)
    key = await desk.key(cookie)
    assert key is not None
    assert key.expires_at == desk.clock() + IDLE


async def test_a_link_lasts_as_long_as_it_says(desk: Desk) -> None:
    for late, spent in ((LINK - timedelta(seconds=1), False), (LINK, True)):
        link = await desk.links.make(desk.scope.workspace_id, life=LINK)
        desk.clock.advance(late)
        if spent:
            with pytest.raises(LinkSpent):
                await desk.sign_ins.follow_link(link.token, HERE)
        else:
            await desk.sign_ins.follow_link(link.token, HERE)


async def test_a_link_ends_with_its_member(desk: Desk, database: TestDatabase) -> None:
    async with database.connection() as superuser:
        owner = await add_member(superuser, desk.scope.workspace_id, "o@example.com", "owner")
        link = await desk.links.make(desk.scope.workspace_id, life=LINK)
        await superuser.execute("DELETE FROM ringline.users WHERE id = $1", owner)
        with pytest.raises(LinkSpent):
            await desk.sign_ins.follow_link(link.token, HERE)
        await add_member(superuser, desk.scope.workspace_id, "p@example.com", "owner")
        with pytest.raises(NoSuchMember):
            await desk.links.make(desk.scope.workspace_id, "o@example.com", life=LINK)


async def test_a_refused_link_is_audited_without_its_token(
    desk: Desk, database: TestDatabase
) -> None:
    link = await desk.links.make(desk.scope.workspace_id, life=LINK)
    desk.clock.advance(LINK)
    with pytest.raises(LinkSpent):
        await desk.sign_ins.follow_link(link.token, HERE)
    async with database.connection() as superuser:
        rows = await superuser.fetch("SELECT * FROM ringline.audit_entries ORDER BY id")
    assert [(row["action"], row["actor_kind"], row["outcome"]) for row in rows] == [
        ("issue_sign_in_link", "cli", "done"),
        ("sign_in", "system", "refused"),
    ]
    assert link.token not in str(rows)


async def test_a_sign_in_that_ended_is_swept_after_its_time(
    desk: Desk, stores: Stores, database: TestDatabase
) -> None:
    cookie = await desk.sign_in()
    kept = timedelta(days=console_limits.ENDED_SIGN_INS_DAYS.most)

    async def rows() -> int:
        async with database.connection() as superuser:
            return await superuser.fetchval(
                "SELECT count(*) FROM ringline.keys WHERE kind = 'console'"
            )

    for late, left in ((IDLE, 2), (kept, 2), (timedelta(seconds=1), 0)):
        desk.clock.advance(late)
        await stores.sign_ins.sweep(desk.clock() - kept)
        assert await rows() == left
    assert await desk.key(cookie) is None
