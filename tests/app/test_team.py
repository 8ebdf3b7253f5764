"""A team on a real database: how members come and go, one after the other."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from ringline.bus.memory import MemoryBus
from ringline.domain.log import Environment, Scope
from ringline.domain.operators import TeamRole
from ringline.ports import Row, Transaction, Violation
from ringline.services.audit import Auditor
from ringline.services.repo import Repo
from ringline.services.team import (
    INVITATION_LIFE,
    AlreadyMember,
    Invitation,
    InvitationRefused,
    LastOwner,
    Team,
)
from ringline.storage.stores import Stores
from ringline.wire.session_token import OperatorToken, verify
from tests.database import NOW, TestDatabase, add_member, make_log, new_id
from tests.expecting import refused_for

SECRET = "a secret of the tests"


@dataclass
class Office:
    """A team, its clock, and a look at its rows."""

    stores: Stores
    scope: Scope
    repo: Repo
    now: datetime = NOW
    team: Team = field(init=False)

    def __post_init__(self) -> None:
        self.team = Team(
            self.repo, SECRET, now=lambda: self.now, new_id=new_id, random_bytes=secrets.token_bytes
        )

    async def invite(self, email: str, *, role: TeamRole) -> Invitation:
        by_a_program = Auditor(None, self.now, new_id)
        return await self.team.invite(
            self.scope, email, role=role, by=TeamRole.OWNER, auditor=by_a_program
        )

    async def hire(self, email: str, role: TeamRole = TeamRole.MEMBER) -> UUID:
        invitation = await self.invite(email, role=role)
        assert await self.team.accept(self.scope, invitation.token, full_name=None) is role
        member = await self.team.find(self.scope, email)
        assert member is not None
        return member.id

    async def remove(self, user_id: UUID) -> None:
        async def work(transaction: Transaction) -> None:
            await self.team.remove(transaction, user_id, by=TeamRole.OWNER)

        await self.repo.write(self.scope, work)

    async def rows(self, text: str) -> Sequence[Row]:
        async with self.repo.read(self.scope) as rows:
            return await rows.fetch(text, ())

    async def members(self) -> list[tuple[str, str]]:
        rows = await self.rows("SELECT email, role FROM ringline.users ORDER BY email")
        return [(row["email"], row["role"]) for row in rows]


@asynccontextmanager
async def an_office(stores: Stores) -> AsyncIterator[Office]:
    repo = Repo(stores.records, MemoryBus())
    yield Office(stores, await make_log(stores), repo)
    await repo.close()


@pytest.fixture
async def office(stores: Stores) -> AsyncIterator[Office]:
    async with an_office(stores) as office:
        yield office


async def test_who_is_invited_can_join_once(office: Office) -> None:
    team, scope = office.team, office.scope
    invitation = await office.invite("Ada@Example.com", role=TeamRole.OPERATOR)
    assert invitation.token.startswith("inv_")
    assert len(invitation.token) == len("inv_") + 43
    assert (invitation.email, invitation.role) == ("Ada@Example.com", TeamRole.OPERATOR)
    assert invitation.expires_at == NOW + timedelta(days=7)
    assert await team.find(scope, "ada@example.com") is None
    assert await team.accept(scope, invitation.token, full_name="Ada Lovelace") is TeamRole.OPERATOR
    for spelling in ("Ada@Example.com", "ada@example.COM"):
        member = await team.find(scope, spelling)
        assert member is not None
        assert (member.email, member.role) == ("Ada@Example.com", TeamRole.OPERATOR)
    ((name,),) = await office.rows("SELECT full_name FROM ringline.users")
    assert name == "Ada Lovelace"
    with pytest.raises(InvitationRefused):
        await team.accept(scope, invitation.token, full_name=None)


async def test_the_team_spans_the_environments_of_its_workspace_alone(
    office: Office, stores: Stores
) -> None:
    test = Scope(office.scope.workspace_id, Environment.TEST)
    invitation = await office.invite("ada@example.com", role=TeamRole.ADMIN)
    other = await make_log(stores)
    with pytest.raises(InvitationRefused):
        await office.team.accept(other, invitation.token, full_name=None)
    assert await office.team.accept(test, invitation.token, full_name=None) is TeamRole.ADMIN
    for scope, found in ((office.scope, True), (test, True), (other, False)):
        assert (await office.team.find(scope, "ada@example.com") is not None) is found
        access = await office.team.issue_access(scope, new_id(), email="ada@example.com")
        assert (access is not None) is found


async def test_what_is_kept_of_an_invitation_opens_nothing(
    office: Office, database: TestDatabase
) -> None:
    invitation = await office.invite("ada@example.com", role=TeamRole.MEMBER)
    async with database.connection() as superuser:
        (row,) = await superuser.fetch("SELECT * FROM ringline.invitations")
    assert not any(invitation.token in str(value) for value in row.values())
    for token in ("", "inv_", row["token_hash"].hex(), invitation.token[:-1], "inv_\ud800"):
        with pytest.raises(InvitationRefused):
            await office.team.accept(office.scope, token, full_name=None)
    assert (
        await office.team.accept(office.scope, invitation.token, full_name=None) is TeamRole.MEMBER
    )


async def test_an_invitation_lasts_seven_days(office: Office) -> None:
    team, scope = office.team, office.scope
    late = await office.invite("late@example.com", role=TeamRole.MEMBER)
    just = await office.invite("just@example.com", role=TeamRole.MEMBER)
    office.now = NOW + INVITATION_LIFE - timedelta(microseconds=1)
    await team.accept(scope, just.token, full_name=None)
    office.now = NOW + INVITATION_LIFE
    with pytest.raises(InvitationRefused):
        await team.accept(scope, late.token, full_name=None)
    # The next invitation sweeps it up.
    await office.invite("new@example.com", role=TeamRole.MEMBER)
    assert len(await office.rows("SELECT 1 FROM ringline.invitations")) == 1


async def test_a_new_invitation_replaces_the_older_one(office: Office) -> None:
    team, scope = office.team, office.scope
    older = await office.invite("ada@example.com", role=TeamRole.MEMBER)
    other = await office.invite("bob@example.com", role=TeamRole.MEMBER)
    newer = await office.invite("ADA@example.com", role=TeamRole.ADMIN)
    with pytest.raises(InvitationRefused):
        await team.accept(scope, older.token, full_name=None)
    assert await team.accept(scope, newer.token, full_name=None) is TeamRole.ADMIN
    assert await team.accept(scope, other.token, full_name=None) is TeamRole.MEMBER


async def test_who_is_a_member_is_not_invited(office: Office) -> None:
    await office.hire("ada@example.com")
    with pytest.raises(AlreadyMember):
        await office.invite("Ada@example.com", role=TeamRole.OWNER)
    assert await office.rows("SELECT 1 FROM ringline.invitations") == []


async def test_who_became_a_member_otherwise_stays_what_they_are(office: Office) -> None:
    invitation = await office.invite("Ada@example.com", role=TeamRole.OWNER)
    async with office.stores.database.transaction(office.scope) as connection:
        await add_member(connection, office.scope.workspace_id, "ada@example.com", "member")
    assert (
        await office.team.accept(office.scope, invitation.token, full_name="Ada") is TeamRole.MEMBER
    )
    assert await office.members() == [("ada@example.com", "member")]
    assert await office.rows("SELECT 1 FROM ringline.invitations") == []


async def test_of_many_who_use_one_invitation_one_joins(office: Office) -> None:
    for number in range(5):
        email = f"ada{number}@example.com"
        invitation = await office.invite(email, role=TeamRole.MEMBER)
        results = await asyncio.gather(
            *(office.team.accept(office.scope, invitation.token, full_name=None) for _ in range(6)),
            return_exceptions=True,
        )
        assert results.count(TeamRole.MEMBER) == 1
        assert sum(isinstance(result, InvitationRefused) for result in results) == 5


async def test_of_many_invitations_at_once_one_counts(office: Office) -> None:
    team, scope = office.team, office.scope
    made = await asyncio.gather(
        *(office.invite("ada@example.com", role=TeamRole.MEMBER) for _ in range(6))
    )
    results = await asyncio.gather(
        *(team.accept(scope, one.token, full_name=None) for one in made), return_exceptions=True
    )
    assert results.count(TeamRole.MEMBER) == 1
    assert await office.members() == [("ada@example.com", "member")]


async def test_a_member_goes_and_goes_once(office: Office) -> None:
    ada, bob = await office.hire("ada@example.com"), await office.hire("bob@example.com")
    for _ in range(2):
        await office.remove(ada)
        assert await office.members() == [("bob@example.com", "member")]
    assert await office.team.issue_access(office.scope, new_id(), email="ada@example.com") is None
    await office.remove(new_id())
    # They may come back.
    assert await office.hire("ada@example.com") not in (ada, bob)


async def test_another_workspace_removes_nobody(office: Office, stores: Stores) -> None:
    ada = await office.hire("ada@example.com")
    async with an_office(stores) as other:
        await other.remove(ada)
    assert await office.members() == [("ada@example.com", "member")]


async def test_the_last_owner_stays(office: Office) -> None:
    owner = await office.hire("owner@example.com", TeamRole.OWNER)
    await office.hire("admin@example.com", TeamRole.ADMIN)
    with pytest.raises(LastOwner):
        await office.remove(owner)
    second = await office.hire("second@example.com", TeamRole.OWNER)
    await office.remove(owner)
    with pytest.raises(LastOwner):
        await office.remove(second)
    assert await office.members() == [
        ("admin@example.com", "admin"),
        ("second@example.com", "owner"),
    ]


async def test_of_two_last_owners_who_go_at_once_one_stays(office: Office) -> None:
    await office.hire("0@example.com", TeamRole.OWNER)
    for number in range(1, 6):
        await office.hire(f"{number}@example.com", TeamRole.OWNER)
        owners = await office.rows("SELECT id FROM ringline.users")
        assert len(owners) == 2
        results = await asyncio.gather(
            *(office.remove(row["id"]) for row in owners), return_exceptions=True
        )
        assert [type(result) for result in results if result is not None] == [LastOwner]
        assert len(await office.members()) == 1


async def test_who_has_a_line_stays(office: Office) -> None:
    ada = await office.hire("ada@example.com")
    async with office.stores.database.transaction(office.scope) as connection:
        await connection.execute(
            "INSERT INTO ringline.sip_users"
            " (workspace_id, environment, id, sip_username, sip_password, user_id)"
            " VALUES ($1, 'live', $2, '100', 'x', $3)",
            office.scope.workspace_id,
            new_id(),
            ada,
        )
    with refused_for(Violation.REFERENCE):
        await office.remove(ada)
    assert await office.members() == [("ada@example.com", "member")]


async def test_an_operator_token_says_who_may_operate_where(office: Office) -> None:
    ada, key = await office.hire("Ada@example.com", TeamRole.OPERATOR), new_id()
    test = Scope(office.scope.workspace_id, Environment.TEST)
    for scope in (office.scope, test):
        access = await office.team.issue_access(scope, key, email="ada@EXAMPLE.com")
        assert access is not None
        token = verify(access.text, [SECRET], now=NOW)
        assert isinstance(token, OperatorToken)
        assert token == access.token
        assert (token.scope, token.key_id, token.user_id) == (scope, key, ada)
        assert token.operator == access.member.email == "Ada@example.com"
        assert token.expires_at == NOW + timedelta(hours=1)
