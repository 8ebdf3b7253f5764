"""Passwords of people: signing in with one, joining the team with one, and changing it.

Hashing takes long, so it happens before the transaction; inside, with the workspace's row locked,
the hash is compared with what is stored by then. So no sign-in slips past a change of the
password, which ends the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from ringline.domain import console_limits
from ringline.domain.audit import Origin, Target
from ringline.domain.credentials import Key, Person, digest
from ringline.domain.log import Environment, Scope
from ringline.domain.operators import TeamRole
from ringline.domain.passwords import flaw_of
from ringline.ports import Clock, FoundPassword, Rows, SignInStore, Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import passwords
from ringline.services.audit import record
from ringline.services.password_hashing import PasswordHashing
from ringline.services.repo import Repo
from ringline.services.sign_ins import Arrival, NoMember, Opened, SignIns
from ringline.services.team import InvitationRefused, Team
from ringline.services.workspaces import LOCK_WORKSPACE

#: Our role cannot read hashes; a function compares one with what is stored now.
_IS_STORED = (
    "SELECT 1 FROM ringline.find_passwords($1, $2) f WHERE f.user_id = $3 AND f.password_hash = $4"
)
_DELETE = Prepared(
    sa.delete(passwords).where(passwords.c.user_id == sa.bindparam("user_id", type_=sa.Uuid))
)
_HAS = Prepared(
    sa.select(passwords.c.user_id).where(
        passwords.c.user_id == sa.bindparam("user_id", type_=sa.Uuid)
    )
)
_ADD = Prepared(
    sa.insert(passwords).values(
        {
            name: sa.bindparam(name, type_=passwords.c[name].type)
            for name in ("workspace_id", "user_id", "password_hash", "inserted_at", "updated_at")
        }
    )
)
_MOST = console_limits.SHARED_ADDRESSES.most


class SignInFailed(Exception):
    """The address or the password is wrong; nobody is told which."""


class ChooseWorkspace(Exception):
    """The address and the password fit in several workspaces."""

    def __init__(self, fitting: Sequence[FoundPassword]) -> None:
        super().__init__("several workspaces")
        self.workspaces = [(found.workspace_id, found.workspace_name) for found in fitting]


class PasswordRefused(Exception):
    """A new password is not good enough; `flaw` is a sentence about it."""

    def __init__(self, flaw: str) -> None:
        super().__init__(flaw)
        self.flaw = flaw


class WrongPassword(Exception):
    """The old password is not the one that is stored."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who somebody says they are; in which workspace, where there are several."""

    email: str
    password: str
    workspace_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What an invitation offers to whom, and where."""

    workspace_name: str
    email: str
    role: TeamRole


class Passwords:
    """Signs people in by their passwords, and changes these."""

    def __init__(
        self,
        store: SignInStore,
        repo: Repo,
        *,
        sign_ins: SignIns,
        team: Team,
        hashing: PasswordHashing,
        now: Clock,
    ) -> None:
        self._store = store
        self._repo = repo
        self._sign_ins = sign_ins
        self._team = team
        self._hashing = hashing
        self._now = now

    async def sign_in(self, attempt: Attempt, arrival: Arrival) -> Opened:
        """Sign in with a password. Raises SignInFailed, ChooseWorkspace, Unavailable."""
        found = [
            each
            for each in await self._store.find_passwords(attempt.email, _MOST)
            if attempt.workspace_id in (None, each.workspace_id)
        ]
        fitting = await self._fitting(found, attempt.password)
        if not fitting:
            for each in found:
                await self._refused(each, arrival)
            raise SignInFailed
        if len(fitting) > 1:
            raise ChooseWorkspace(fitting)
        (chosen,) = fitting

        async def work(transaction: Transaction) -> Opened:
            await transaction.fetch(LOCK_WORKSPACE.text, [])
            if not await _is_stored(transaction, attempt.email, chosen=chosen):
                raise SignInFailed
            return await self._sign_ins.open(
                transaction, chosen.user_id, arrival=arrival, how="password"
            )

        try:
            opened = await self._repo.write(_live(chosen.workspace_id), work)
        except NoMember:
            raise SignInFailed from None
        self._sign_ins.tell_opened(opened, how="password")
        return opened

    async def _fitting(
        self, found: Sequence[FoundPassword], password: str
    ) -> Sequence[FoundPassword]:
        """Return those whose password it is; nobody's costs as much as somebody's."""
        if not found:
            await self._hashing.verify(password, None)
        return [each for each in found if await self._hashing.verify(password, each.password_hash)]

    async def _refused(self, found: FoundPassword, arrival: Arrival) -> None:
        await self._sign_ins.refused(
            found.workspace_id, found.user_id, arrival=arrival, how="password"
        )

    async def find_offer(self, token: str) -> Offer:
        """Return what an invitation offers. Raises InvitationRefused, StoreUnavailable."""
        found = await self._store.find_invitation(digest(token), self._now())
        if found is None:
            raise InvitationRefused
        role = await self._team.offered_role(_live(found.workspace_id), found.email)
        if role is None:
            raise InvitationRefused
        return Offer(found.workspace_name, found.email, role)

    async def join(
        self, token: str, *, full_name: str | None, password: str, arrival: Arrival
    ) -> Opened:
        """Accept an invitation: become a member with a password, and sign in.

        Whoever is a member by now keeps what they have, and signs in as they always do. Raises
        InvitationRefused, PasswordRefused, Unavailable.
        """
        offer = await self._store.find_invitation(digest(token), self._now())
        if offer is None:
            raise InvitationRefused
        flaw = flaw_of(password, email=offer.email, workspace=offer.workspace_name)
        if flaw is not None:
            raise PasswordRefused(flaw)
        hashed = await self._hashing.hash(password)

        async def work(transaction: Transaction) -> Opened:
            member, is_new = await self._team.join(transaction, token, full_name=full_name)
            if not is_new:
                raise InvitationRefused
            await self._store_hash(transaction, member.id, hashed=hashed)
            auditor = self._sign_ins.auditor_of(
                member.id, full_name or member.email, origin=arrival.origin
            )
            target = Target("User", member.id, member.email)
            await record(transaction, auditor.entry("accept_invitation", target, environment=None))
            return await self._sign_ins.open(
                transaction, member.id, arrival=arrival, how="invitation"
            )

        opened = await self._repo.write(_live(offer.workspace_id), work)
        self._sign_ins.tell_opened(opened, how="invitation")
        return opened

    async def change(
        self,
        key: Key,
        person: Person,
        *,
        old: str | None,
        new: str,
        workspace: str,
        origin: Origin,
    ) -> None:
        """Set a person's password, and end their other sign-ins.

        Who has a password must know it. `workspace` is its name. Raises WrongPassword,
        PasswordRefused, Unavailable.
        """
        before = await self._of(key.scope.workspace_id, person)
        if before is not None and not await self._hashing.verify(old or "", before.password_hash):
            raise WrongPassword
        flaw = flaw_of(new, email=person.email, workspace=workspace)
        if flaw is not None:
            raise PasswordRefused(flaw)
        hashed = await self._hashing.hash(new)

        async def work(transaction: Transaction) -> None:
            await transaction.fetch(LOCK_WORKSPACE.text, [])
            if before is None:
                if await _has_one(transaction, person.id):
                    raise WrongPassword
            elif not await _is_stored(transaction, person.email, chosen=before):
                raise WrongPassword
            await self._store_hash(transaction, person.id, hashed=hashed)
            await self._sign_ins.end_in(transaction, person.id, all_but=person.sign_in_id)
            target = Target("User", person.id, person.email)
            auditor = self._sign_ins.auditor_of(person.id, person.shown_name, origin=origin)
            await record(transaction, auditor.entry("change_password", target, environment=None))

        await self._repo.write(key.scope, work)
        self._sign_ins.tell_ended()

    async def _of(self, workspace_id: UUID, person: Person) -> FoundPassword | None:
        for found in await self._store.find_passwords(person.email, _MOST):
            if (found.workspace_id, found.user_id) == (workspace_id, person.id):
                return found
        return None

    async def _store_hash(self, transaction: Transaction, user_id: UUID, *, hashed: bytes) -> None:
        # An upsert would have to read the hash that was there, and our role may not.
        await transaction.fetch(_DELETE.text, _DELETE.arguments(user_id=user_id))
        now = self._now()
        values = _ADD.arguments(
            workspace_id=transaction.scope.workspace_id,
            user_id=user_id,
            password_hash=hashed,
            inserted_at=now,
            updated_at=now,
        )
        await transaction.fetch(_ADD.text, values)


async def _is_stored(rows: Rows, email: str, *, chosen: FoundPassword) -> bool:
    """Return whether a member still has the password that was compared."""
    values = [email, _MOST, chosen.user_id, chosen.password_hash]
    return bool(await rows.fetch(_IS_STORED, values))


async def _has_one(rows: Rows, user_id: UUID) -> bool:
    return bool(await rows.fetch(_HAS.text, _HAS.arguments(user_id=user_id)))


def _live(workspace_id: UUID) -> Scope:
    """Return where a workspace's team is written: it spans the environments."""
    return Scope(workspace_id, Environment.LIVE)
