"""A workspace's team: invite and remove members, and issue their operator tokens.

A team spans the environments of its workspace. Every change locks the workspace's row first.
So two invitations of one address, two uses of one invitation, or two removals of the last two
owners are serialised. An invitation's token is shown once and stored as a hash, like a key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.audit import Target
from ringline.domain.credentials import SECRET_BYTES, digest, encode_secret
from ringline.domain.log import Scope
from ringline.domain.operators import TeamRole
from ringline.domain.permissions import MANAGED
from ringline.ports import Clock, NewId, Row, Rows, Transaction
from ringline.schema.sql import Prepared, compiled
from ringline.schema.tables import invitations, users, workspaces
from ringline.services.audit import Auditor, record
from ringline.services.repo import Repo
from ringline.services.workspaces import RandomBytes
from ringline.wire.session_token import OperatorToken, new_operator_token, sign

#: The prefix of an invitation's token; its secret follows, encoded like a key's.
INVITATION_PREFIX = "inv_"
INVITATION_LIFE = timedelta(days=7)


class AlreadyMember(Exception):
    """The invited person is already in the team."""


class LastOwner(Exception):
    """The change would leave the team without an owner."""


class NotManaged(Exception):
    """The role of whoever asks may not decide about a member of this role."""


class InvitationRefused(Exception):
    """An invitation's token is invalid: unknown, used, expired, or another workspace's."""


@dataclass(frozen=True, slots=True)
class TeamMember:
    """A member of a team."""

    id: UUID
    email: str
    role: TeamRole


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation, as it is shown once."""

    token: str
    email: str
    role: TeamRole
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Access:
    """A member's operator token, as it is shown."""

    text: str
    token: OperatorToken
    member: TeamMember


def _written(table: sa.Table, *names: str) -> dict[str, sa.BindParameter[object]]:
    return {name: sa.bindparam(name, type_=table.c[name].type) for name in names}


_EMAIL = sa.func.lower(sa.bindparam("email", type_=sa.Text))
_NOW = sa.bindparam("now", type_=invitations.c.expires_at.type)
_ID = sa.bindparam("id", type_=sa.Uuid)
_OTHERS = users.alias("others")

#: A lock that does not block inserts of rows that refer to the workspace.
_LOCK = Prepared(sa.select(workspaces.c.id).with_for_update(key_share=True))
_FIND_MEMBER = Prepared(
    sa.select(users.c.id, users.c.email, users.c.role).where(sa.func.lower(users.c.email) == _EMAIL)
)
_ADD_MEMBER = Prepared(
    sa.insert(users).values(_written(users, "workspace_id", "id", "email", "full_name", "role"))
)
_FIND_ROLE = Prepared(
    sa.select(
        users.c.role,
        sa.exists()
        .where(_OTHERS.c.role == TeamRole.OWNER.value, _OTHERS.c.id != users.c.id)
        .label("others_own"),
    ).where(users.c.id == _ID)
)
_REMOVE_MEMBER = Prepared(sa.delete(users).where(users.c.id == _ID))
#: Earlier invitations of the same address, and all that have expired.
_DELETE_INVITATIONS = Prepared(
    sa.delete(invitations).where(
        sa.or_(sa.func.lower(invitations.c.email) == _EMAIL, invitations.c.expires_at <= _NOW)
    )
)
_ADD_INVITATION = Prepared(
    sa.insert(invitations).values(
        _written(invitations, "workspace_id", "id", "email", "role", "token_hash", "expires_at")
    )
)
#: Of an address that is not a member's by now; it has one invitation at most.
_FIND_OFFER = Prepared(
    sa.select(invitations.c.role).where(
        sa.func.lower(invitations.c.email) == _EMAIL,
        ~sa.exists().where(sa.func.lower(users.c.email) == _EMAIL),
    )
)
#: Our role cannot read token hashes; a function looks them up in the current workspace.
_TAKE_INVITATION = Prepared(
    sa.select(sa.column("email", sa.Text), sa.column("role", sa.Text)).select_from(
        sa.func.ringline.take_invitation(
            sa.bindparam("token_hash", type_=sa.LargeBinary), _NOW
        ).table_valued("email", "role")
    )
)


class Team:
    """Manages a team. `secret` signs its members' operator tokens."""

    def __init__(
        self, repo: Repo, secret: str, *, now: Clock, new_id: NewId, random_bytes: RandomBytes
    ) -> None:
        self._repo = repo
        self._secret = secret
        self._now = now
        self._new_id = new_id
        self._random = random_bytes

    def with_repo(self, repo: Repo) -> "Team":
        """Return this service with another repo, a caller's."""
        return Team(
            repo, self._secret, now=self._now, new_id=self._new_id, random_bytes=self._random
        )

    async def find(self, scope: Scope, email: str) -> TeamMember | None:
        """Find a member by their email address, ignoring case. Raises StoreUnavailable."""
        async with self._repo.read(scope) as rows:
            return await find_member(rows, email)

    async def issue_access(self, scope: Scope, key_id: UUID, *, email: str) -> Access | None:
        """Mint a member's operator token for a key; None if there is no such member.

        Raises StoreUnavailable.
        """
        member = await self.find(scope, email)
        if member is None:
            return None
        token = new_operator_token(
            scope,
            key_id,
            token_id=self._new_id(),
            now=self._now(),
            user_id=member.id,
            email=member.email,
        )
        return Access(sign(token, self._secret), token, member)

    async def invite(
        self, scope: Scope, email: str, *, role: TeamRole, by: TeamRole, auditor: Auditor
    ) -> Invitation:
        """Invite a person by email, with the rights of a role; replace an earlier invitation.

        Raises NotManaged, AlreadyMember, and what `Repo.write` raises.
        """
        if role not in MANAGED[by]:
            raise NotManaged
        now = self._now()
        token = INVITATION_PREFIX + encode_secret(self._random(SECRET_BYTES))
        invitation = Invitation(token, email, role, now + INVITATION_LIFE)

        async def work(transaction: Transaction) -> None:
            await _lock(transaction)
            if await find_member(transaction, email) is not None:
                raise AlreadyMember
            await _run(transaction, _DELETE_INVITATIONS, email=email, now=now)
            await _run(
                transaction,
                _ADD_INVITATION,
                workspace_id=scope.workspace_id,
                id=self._new_id(),
                email=email,
                role=role.value,
                token_hash=digest(token),
                expires_at=invitation.expires_at,
            )
            entry = auditor.entry(
                "invite_team_member",
                Target("Invitation", name=email),
                environment=None,
                fields=("role",),
            )
            await record(transaction, entry)

        await self._repo.write(scope, work)
        return invitation

    async def offered_role(self, scope: Scope, email: str) -> TeamRole | None:
        """Return the role that an invited address is offered; None if it is a member's by now.

        Raises StoreUnavailable.
        """
        async with self._repo.read(scope) as rows:
            found = await _run(rows, _FIND_OFFER, email=email)
        return TeamRole(found[0]["role"]) if found else None

    async def accept(self, scope: Scope, token: str, *, full_name: str | None) -> TeamRole:
        """Accept an invitation, once; return the new member's role.

        A person who has become a member in the meantime keeps their role. Raises
        InvitationRefused, and what `Repo.write` raises.
        """

        async def work(transaction: Transaction) -> TeamRole:
            member, _ = await self.join(transaction, token, full_name=full_name)
            return member.role

        return await self._repo.write(scope, work)

    async def join(
        self, transaction: Transaction, token: str, *, full_name: str | None
    ) -> tuple[TeamMember, bool]:
        """Accept an invitation; return the member, and whether they are new in the team.

        Raises InvitationRefused.
        """
        await _lock(transaction)
        taken = await _run(transaction, _TAKE_INVITATION, token_hash=digest(token), now=self._now())
        if not taken:
            raise InvitationRefused
        member = await find_member(transaction, taken[0]["email"])
        if member is not None:
            return member, False
        new = TeamMember(self._new_id(), taken[0]["email"], TeamRole(taken[0]["role"]))
        await add_member(transaction, new, full_name=full_name)
        return new, True

    async def remove(self, transaction: Transaction, user_id: UUID, *, by: TeamRole) -> None:
        """Remove a member, if there is one; their connections close after the commit.

        Raises NotManaged, LastOwner, and EntryRefused if a SIP user belongs to them.
        """
        await _lock(transaction)
        found = await _run(transaction, _FIND_ROLE, id=user_id)
        if found:
            role = TeamRole(found[0]["role"])
            _check_change(role, None, by=by, others=found[0]["others_own"])
        await _run(transaction, _REMOVE_MEMBER, id=user_id)

    async def change(
        self,
        transaction: Transaction,
        user_id: UUID,
        *,
        changes: Mapping[str, Any],
        by: TeamRole,
    ) -> None:
        """Change a member's `role` or `full_name`. Raises NotManaged, LastOwner."""
        if not changes:
            return
        await _lock(transaction)
        found = await _run(transaction, _FIND_ROLE, id=user_id)
        if not found:  # removed since it was looked up
            return
        role = TeamRole(found[0]["role"])
        new = TeamRole(changes.get("role", role))
        _check_change(role, new, by=by, others=found[0]["others_own"])
        values = {**changes, "updated_at": sa.func.now()}
        text, arguments = compiled(sa.update(users).where(users.c.id == user_id).values(values))
        await transaction.fetch(text, arguments)


def _check_change(old: TeamRole, new: TeamRole | None, *, by: TeamRole, others: bool) -> None:
    """Check that a role may give a member another one, or none: remove them.

    `others` is whether the team has another owner. Raises NotManaged, LastOwner.
    """
    if not MANAGED[by].issuperset({old, new or old}):
        raise NotManaged
    if old is TeamRole.OWNER and new is not TeamRole.OWNER and not others:
        raise LastOwner


async def _lock(transaction: Transaction) -> None:
    """Keep others from changing the team until the end of the transaction."""
    await _run(transaction, _LOCK)


async def add_member(
    transaction: Transaction, member: TeamMember, *, full_name: str | None = None
) -> None:
    """Add a member to the team of the transaction's workspace."""
    await _run(
        transaction,
        _ADD_MEMBER,
        workspace_id=transaction.scope.workspace_id,
        id=member.id,
        email=member.email,
        full_name=full_name,
        role=member.role.value,
    )


async def find_member(rows: Rows, email: str) -> TeamMember | None:
    """Find a member by their email address, ignoring case."""
    found = await _run(rows, _FIND_MEMBER, email=email)
    return (
        TeamMember(found[0]["id"], found[0]["email"], TeamRole(found[0]["role"])) if found else None
    )


async def _run(rows: Rows, statement: Prepared, **values: object) -> Sequence[Row]:
    return await rows.fetch(statement.text, statement.arguments(**values))
