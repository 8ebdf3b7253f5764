"""One-time links to the console, made at the server's command line.

A link is 32 random bytes, of which the database holds the SHA-256. It is the way in for a
workspace's first owner, whom it makes if the workspace has none, and for a member who is
locked out.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.audit import COMMAND_LINE, Target
from ringline.domain.credentials import SECRET_BYTES, digest, encode_secret
from ringline.domain.log import Environment, Scope
from ringline.domain.operators import TeamRole
from ringline.ports import Clock, NewId, Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import console_links, users
from ringline.services.audit import Auditor, record
from ringline.services.repo import Repo
from ringline.services.team import TeamMember, add_member, find_member
from ringline.services.workspaces import LOCK_WORKSPACE, RandomBytes

#: The owner that a workspace without members gets, unless the command names one.
FIRST_OWNER = "owner@localhost"

#: The member who has owned the workspace for longest.
_OWNER = Prepared(
    sa.select(users.c.id, users.c.email, users.c.role)
    .where(users.c.role == TeamRole.OWNER.value)
    .order_by(users.c.inserted_at, users.c.id)
    .limit(1)
)
_MAKE_OWNER = Prepared(
    sa.update(users)
    .where(users.c.id == sa.bindparam("wanted", type_=sa.Uuid))
    .values(role=TeamRole.OWNER.value, updated_at=sa.func.now())
)
_ANYBODY = Prepared(sa.select(users.c.id).limit(1))
_ADD = Prepared(
    sa.insert(console_links).values(
        {
            name: sa.bindparam(name, type_=console_links.c[name].type)
            for name in ("workspace_id", "id", "user_id", "link_hash", "expires_at")
        }
    )
)
_DELETE_EXPIRED = Prepared(
    sa.delete(console_links).where(
        console_links.c.expires_at <= sa.bindparam("now", type_=console_links.c.expires_at.type)
    )
)


class NoSuchMember(Exception):
    """Nobody in the team has this address."""


@dataclass(frozen=True, slots=True)
class ConsoleLink:
    """A one-time link, as it is shown once."""

    token: str = field(repr=False)
    email: str
    expires_at: datetime

    def url_at(self, base_url: str) -> str:
        """Return the link to a server's page; the token is in the fragment, which stays there."""
        return f"{base_url}/console/sign-in#{self.token}"


class ConsoleLinks:
    """Makes one-time links."""

    def __init__(self, repo: Repo, now: Clock, *, new_id: NewId, random_bytes: RandomBytes) -> None:
        self._repo = repo
        self._now = now
        self._new_id = new_id
        self._random = random_bytes

    async def make(
        self, workspace_id: UUID, email: str | None = None, *, life: timedelta
    ) -> ConsoleLink:
        """Make a link for a member; by default for the one who has been an owner for longest.

        A workspace without an owner gets its first one. Raises NoSuchMember, Unavailable,
        EntryRefused for an unknown workspace.
        """

        async def work(transaction: Transaction) -> ConsoleLink:
            await transaction.fetch(LOCK_WORKSPACE.text, [])
            member = await self._member(transaction, email)
            token, now = encode_secret(self._random(SECRET_BYTES)), self._now()
            await transaction.fetch(_DELETE_EXPIRED.text, _DELETE_EXPIRED.arguments(now=now))
            values = _ADD.arguments(
                workspace_id=workspace_id,
                id=self._new_id(),
                user_id=member.id,
                link_hash=digest(token),
                expires_at=now + life,
            )
            await transaction.fetch(_ADD.text, values)
            entry = Auditor(COMMAND_LINE, now, self._new_id).entry(
                "issue_sign_in_link", Target("User", member.id, member.email), environment=None
            )
            await record(transaction, entry)
            return ConsoleLink(token, member.email, now + life)

        return await self._repo.write(Scope(workspace_id, Environment.LIVE), work)

    async def _member(self, transaction: Transaction, email: str | None) -> TeamMember:
        if not await transaction.fetch(_ANYBODY.text, _ANYBODY.arguments()):
            first = TeamMember(self._new_id(), email or FIRST_OWNER, TeamRole.OWNER)
            await add_member(transaction, first)
            return first
        if email is not None:
            member = await find_member(transaction, email)
            if member is None:
                raise NoSuchMember
            return member
        owners = await transaction.fetch(_OWNER.text, _OWNER.arguments())
        if owners:
            return TeamMember(owners[0]["id"], owners[0]["email"], TeamRole(owners[0]["role"]))
        # Programs invite whom they like, so a team may have no owner.
        member = await find_member(transaction, FIRST_OWNER)
        if member is None:
            member = TeamMember(self._new_id(), FIRST_OWNER, TeamRole.OWNER)
            await add_member(transaction, member)
        else:
            await transaction.fetch(_MAKE_OWNER.text, _MAKE_OWNER.arguments(wanted=member.id))
        return member
