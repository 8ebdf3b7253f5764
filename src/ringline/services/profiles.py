"""A person's own profile: who they are, in which workspace, and what they call themselves."""

from dataclasses import dataclass

import sqlalchemy as sa

from ringline.domain.audit import Target
from ringline.domain.credentials import Key, Person
from ringline.ports import Clock, Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import passwords, users, workspaces
from ringline.services.audit import Auditor, record
from ringline.services.repo import Repo

_USER_ID = sa.bindparam("user_id", type_=sa.Uuid)
_READ = Prepared(
    sa.select(
        workspaces.c.name,
        sa.select(passwords.c.user_id)
        .where(passwords.c.user_id == _USER_ID)
        .exists()
        .label("has_password"),
    )
)
_RENAME = Prepared(
    sa.update(users)
    .where(users.c.id == _USER_ID)
    .values(
        full_name=sa.bindparam("full_name", type_=sa.Text),
        updated_at=sa.bindparam("now", type_=users.c.updated_at.type),
    )
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person's key does not say about them: their workspace, and how they sign in."""

    workspace_name: str
    has_password: bool


class Profiles:
    """Reads and changes the profiles of people who are signed in."""

    def __init__(self, repo: Repo, now: Clock) -> None:
        self._repo = repo
        self._now = now

    async def read(self, key: Key, person: Person) -> Profile:
        """Read a profile. Raises Unavailable."""
        async with self._repo.read(key.scope) as rows:
            (row,) = await rows.fetch(_READ.text, _READ.arguments(user_id=person.id))
        return Profile(row["name"], row["has_password"])

    async def rename(
        self, key: Key, person: Person, *, full_name: str | None, auditor: Auditor
    ) -> None:
        """Change a person's name. Raises Unavailable."""

        async def work(transaction: Transaction) -> None:
            values = _RENAME.arguments(user_id=person.id, full_name=full_name, now=self._now())
            await transaction.fetch(_RENAME.text, values)
            entry = auditor.entry(
                "update_profile",
                Target("User", person.id, person.email),
                environment=None,
                fields=("fullName",),
            )
            await record(transaction, entry)

        await self._repo.write(key.scope, work)
