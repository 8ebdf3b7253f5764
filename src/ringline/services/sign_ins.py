"""Sign-ins of people: opened by who has proved who they are, kept while used, ended on request.

A sign-in is a cookie of 32 random bytes and two keys, one per environment, whose hashes cover
the cookie (`domain/credentials.py`). It lasts for as long as requests come, up to a bound: its
expiry moves on with its use, in steps, so that a request seldom writes. Every sign-in has a
secret of its own, which nobody can have chosen before. Each is in the audit log, and so is one
that failed, if it is known whose it would have been.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import structlog

from ringline.domain import console_limits
from ringline.domain.audit import NOWHERE, SYSTEM, AuditOutcome, Origin, Target
from ringline.domain.credentials import (
    SECRET_BYTES,
    Key,
    Person,
    digest,
    encode_secret,
    sign_in_credential,
)
from ringline.domain.log import Environment, Scope
from ringline.domain.unavailable import Unavailable
from ringline.ports import Clock, NewId, Rows, SignInStore, Transaction
from ringline.schema.sql import Prepared
from ringline.schema.tables import keys, users
from ringline.services.audit import Auditor, member, record, record_refusal
from ringline.services.repo import Repo
from ringline.services.workspaces import RandomBytes

_log = structlog.get_logger(__name__)

_OPEN = "SELECT ringline.open_sign_in($1, $2, $3, $4, $5, $6, $7, $8) AS id"
_END = "SELECT ringline.end_sign_ins($1, $2, $3, $4) AS id"
_EXTEND = "SELECT ringline.extend_sign_in($1, $2, $3)"
_TAKE_LINK = "SELECT user_id FROM ringline.take_console_link($1, $2)"
#: A member's sign-ins that last, in the transaction's environment, the newest first.
_LISTED = Prepared(
    sa.select(
        keys.c.sign_in_id, keys.c.label, keys.c.created_at, keys.c.expires_at, keys.c.last_used_at
    )
    .where(
        keys.c.user_id == sa.bindparam("user_id", type_=sa.Uuid),
        keys.c.revoked_at.is_(None),
        keys.c.expires_at > sa.bindparam("now", type_=keys.c.expires_at.type),
    )
    .order_by(keys.c.created_at.desc(), keys.c.sign_in_id)
)
_WHO = Prepared(
    sa.select(
        users.c.email, sa.func.coalesce(users.c.full_name, users.c.email).label("name")
    ).where(users.c.id == sa.bindparam("user_id", type_=sa.Uuid))
)
#: A sign-in that is used moves its expiry on in this share of the time that it may be idle.
_STEPS = 48
_SWEEP_EVERY_S = 3600.0


class LinkSpent(Exception):
    """A one-time link was followed before, has expired, or never was one."""


class NoMember(Exception):
    """Whoever signs in is no member of the team any more."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request for a sign-in: from which kind of device, and from where."""

    device: str
    origin: Origin = NOWHERE


@dataclass(frozen=True, slots=True)
class Life:
    """How long a sign-in lasts without a request, and at most."""

    idle: timedelta
    most: timedelta


@dataclass(frozen=True, slots=True)
class Opened:
    """A new sign-in: its cookie, and whose it is."""

    cookie: str = field(repr=False)
    workspace_id: UUID
    user_id: UUID
    id: UUID


@dataclass(frozen=True, slots=True)
class Device:
    """A sign-in in the list of a person's own."""

    id: UUID
    name: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class SignIns:
    """Opens, lists and ends sign-ins.

    `ended` is called when a sign-in has ended or changed here, so that this process does not
    wait for the database's notification.
    """

    def __init__(
        self,
        store: SignInStore,
        repo: Repo,
        *,
        life: Life,
        now: Clock,
        new_id: NewId,
        random_bytes: RandomBytes,
        ended: Callable[[], None],
    ) -> None:
        self._store = store
        self._repo = repo
        self._now = now
        self._new_id = new_id
        self._random = random_bytes
        self._ended = ended
        self.life = life
        #: Those whose expiry is being moved on.
        self._extending: set[UUID] = set()

    async def follow_link(self, token: str, arrival: Arrival) -> Opened:
        """Sign in with a one-time link, of which one of any number of racing requests gets it.

        Raises LinkSpent, Unavailable.
        """
        link_hash = digest(token)
        found = await self._store.find_link(link_hash)
        if found is None:
            raise LinkSpent

        async def work(transaction: Transaction) -> Opened:
            if not await transaction.fetch(_TAKE_LINK, [link_hash, self._now()]):
                raise LinkSpent
            return await self.open(transaction, found.user_id, arrival=arrival, how="link")

        try:
            opened = await self._repo.write(Scope(found.workspace_id, Environment.LIVE), work)
        except (LinkSpent, NoMember):
            await self.refused(found.workspace_id, found.user_id, arrival=arrival, how="link")
            raise LinkSpent from None
        self.tell_opened(opened, how="link")
        return opened

    async def refused(
        self, workspace_id: UUID, user_id: UUID, *, arrival: Arrival, how: str
    ) -> None:
        """Record that somebody tried to sign in as a member. Raises Unavailable."""

        async def work(transaction: Transaction) -> None:
            entry = Auditor(SYSTEM, self._now(), self._new_id, arrival.origin).entry(
                "sign_in",
                Target("User", user_id),
                environment=None,
                fields=(how,),
                outcome=AuditOutcome.REFUSED,
            )
            await record_refusal(transaction, entry)

        _log.info("sign_in_refused", user_id=str(user_id), how=how)
        await self._repo.write(Scope(workspace_id, Environment.LIVE), work)

    async def open(
        self, transaction: Transaction, user_id: UUID, *, arrival: Arrival, how: str
    ) -> Opened:
        """Open a sign-in of a member of the transaction's workspace, who has proved who they are.

        If they have as many as they may, their oldest one ends. Raises NoMember if they are no
        member any more, and what a statement raises.
        """
        who = await transaction.fetch(_WHO.text, _WHO.arguments(user_id=user_id))
        if not who:
            raise NoMember
        now, cookie, sign_in_id = (
            self._now(),
            encode_secret(self._random(SECRET_BYTES)),
            self._new_id(),
        )
        before = await _listed(transaction, user_id, now=now)
        for device_row in before[console_limits.SIGN_INS.most - 1 :]:
            await transaction.fetch(_END, [user_id, device_row.id, None, now])
        opened = await transaction.fetch(
            _OPEN,
            [
                user_id,
                sign_in_id,
                arrival.device,
                now,
                now + min(self.life.idle, self.life.most),
                [environment.value for environment in Environment],
                [self._new_id() for _ in Environment],
                [digest(sign_in_credential(environment, cookie)) for environment in Environment],
            ],
        )
        if not opened:
            raise NoMember
        auditor = self.auditor_of(user_id, who[0]["name"], origin=arrival.origin)
        target = Target("User", user_id, who[0]["email"])
        entry = auditor.entry("sign_in", target, environment=None, fields=(how,))
        await record(transaction, entry)
        return Opened(cookie, transaction.scope.workspace_id, user_id, sign_in_id)

    def tell_opened(self, opened: Opened, *, how: str) -> None:
        """Log a sign-in whose transaction is committed."""
        _log.info("signed_in", user_id=str(opened.user_id), id=str(opened.id), how=how)

    async def keep(self, key: Key) -> None:
        """Note that a sign-in is used, which moves its expiry on. Raises Unavailable."""
        person, now = key.person, self._now()
        if person is None or key.expires_at is None or person.sign_in_id in self._extending:
            return
        until = min(now + self.life.idle, key.created_at + self.life.most)
        if until - key.expires_at <= self.life.idle / _STEPS:
            return

        async def work(transaction: Transaction) -> None:
            await transaction.fetch(_EXTEND, [person.sign_in_id, now, until])

        self._extending.add(person.sign_in_id)
        try:
            await self._repo.write(key.scope, work)
        finally:
            self._extending.discard(person.sign_in_id)
        self._ended()

    async def listed(self, key: Key, person: Person) -> Sequence[Device]:
        """Return a person's sign-ins, the newest first. Raises Unavailable."""
        found: dict[UUID, Device] = {}
        for environment in Environment:  # each has seen requests of its own
            async with self._repo.read(Scope(key.scope.workspace_id, environment)) as rows:
                for device in await _listed(rows, person.id, now=self._now()):
                    known = found.get(device.id)
                    found[device.id] = device if known is None else _later(known, device)
        return tuple(found.values())

    async def end(
        self,
        key: Key,
        person: Person,
        *,
        origin: Origin,
        one: UUID | None = None,
        all_but: UUID | None = None,
    ) -> int:
        """End a person's sign-ins: one, all but one, or all; return how many.

        Raises Unavailable.
        """

        async def work(transaction: Transaction) -> int:
            ended = await self.end_in(transaction, person.id, one=one, all_but=all_but)
            if ended:
                deed = "sign_out" if one == person.sign_in_id else "end_sign_in"
                entry = self.auditor_of(person.id, person.shown_name, origin=origin).entry(
                    deed, Target("User", person.id, person.email), environment=None
                )
                await record(transaction, entry)
            return ended

        ended = await self._repo.write(key.scope, work)
        self._ended()
        return ended

    async def end_in(
        self,
        transaction: Transaction,
        user_id: UUID,
        *,
        one: UUID | None = None,
        all_but: UUID | None = None,
    ) -> int:
        """End a member's sign-ins in a transaction; return how many."""
        rows = await transaction.fetch(_END, [user_id, one, all_but, self._now()])
        return len({row["id"] for row in rows})

    def auditor_of(self, user_id: UUID, name: str, *, origin: Origin) -> Auditor:
        """Return what makes the entries of a member's own deeds."""
        return Auditor(member(user_id, name), self._now(), self._new_id, origin)

    def tell_ended(self) -> None:
        """Let this process look every sign-in up again: some have ended in a transaction."""
        self._ended()

    async def run(self) -> None:
        """Remove sign-ins that ended long ago, until cancelled."""
        kept = timedelta(days=console_limits.ENDED_SIGN_INS_DAYS.most)
        while True:
            with suppress(Unavailable):  # the next time will do
                await self._store.sweep(self._now() - kept)
            await asyncio.sleep(_SWEEP_EVERY_S)


async def _listed(rows: Rows, user_id: UUID, *, now: datetime) -> list[Device]:
    found = await rows.fetch(_LISTED.text, _LISTED.arguments(user_id=user_id, now=now))
    return [
        Device(
            id=row["sign_in_id"],
            name=row["label"],
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            last_used_at=row["last_used_at"],
        )
        for row in found
    ]


def _later(one: Device, other: Device) -> Device:
    """Return the one of a sign-in's two rows that was used last."""
    if one.last_used_at is None:
        return other
    return one if other.last_used_at is None or one.last_used_at >= other.last_used_at else other
