"""The keys of a workspace, as `/v1` and the console create, list, rotate and revoke them.

Live streams, 6.11; contract, 6; console, 5.3. A secret is a row of `keys`. A rotation revokes it
and makes another row with the same `first_id`, so whatever hangs on a secret (open connections,
session tokens, unused tickets) ends with it exactly as at a revocation. What changes the keys of
one workspace waits for its row; so does `revoke_key` of the database, which the command line uses.
Every change is in the audit log, whoever makes it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from ringline.domain import v1_limits
from ringline.domain.credentials import SECRET_BYTES, Key, KeyKind, digest, format_key
from ringline.domain.log import Environment, Scope
from ringline.ports import Clock, NewId, Row, Transaction
from ringline.schema.sql import Prepared, compiled
from ringline.schema.tables import keys
from ringline.services.audit import Auditor, record
from ringline.services.repo import Repo
from ringline.services.workspaces import LOCK_WORKSPACE, RandomBytes


class NoSuchKey(Exception):
    """There is no such key among those that the caller may see."""


class LabelTaken(Exception):
    """Another key of the workspace has this label."""


class TooManyKeys(Exception):
    """The workspace has as many keys as it may."""


_COLUMNS = (
    keys.c.id,
    keys.c.first_id,
    keys.c.label,
    keys.c.last_four,
    keys.c.created_at,
    keys.c.expires_at,
    keys.c.last_used_at,
)
_SHOWN_ID = sa.func.coalesce(keys.c.first_id, keys.c.id)
_WANTED = sa.bindparam("wanted", type_=sa.Uuid)
_NOW = sa.bindparam("now", type_=keys.c.revoked_at.type)
_IS_KEPT = sa.and_(keys.c.kind == KeyKind.SECRET.value, keys.c.revoked_at.is_(None))
_IS_IT = sa.and_(
    sa.or_(sa.and_(keys.c.id == _WANTED, keys.c.first_id.is_(None)), keys.c.first_id == _WANTED),
    _IS_KEPT,
)
_FIND = Prepared(sa.select(keys.c.id).where(_IS_IT))
_REVOKE = Prepared(
    sa.update(keys).where(_IS_IT).values(revoked_at=_NOW, updated_at=_NOW).returning(*_COLUMNS)
)
_WRITTEN = (
    "workspace_id",
    "environment",
    "id",
    "kind",
    "label",
    "last_four",
    "key_hash",
    "created_at",
    "expires_at",
    "first_id",
)
_INSERT = Prepared(
    sa.insert(keys).values({name: sa.bindparam(name, type_=keys.c[name].type) for name in _WRITTEN})
)
_COUNT = "SELECT * FROM ringline.count_keys($1, $2)"
_END = "SELECT * FROM ringline.revoke_key($1, $2, $3)"
#: Of the kinds that a person may see; the latest secret of a key is not revoked, if any is not.
_FIND_ANY = Prepared(
    sa.select(keys.c.kind, *_COLUMNS)
    .where(_SHOWN_ID == _WANTED, keys.c.kind != KeyKind.CONSOLE.value)
    .order_by(keys.c.revoked_at.desc().nulls_first())
    .limit(1)
)


class ApiKeys:
    """The keys of a workspace, of one environment or of both.

    `scopes` are the environments that a caller reaches. Revoked keys are gone; those that have
    expired are not. `secret_ended` is called when a secret has ended here, so that this process
    does not wait for the database's notification.
    """

    def __init__(
        self,
        repo: Repo,
        now: Clock,
        *,
        new_id: NewId,
        random_bytes: RandomBytes,
        secret_ended: Callable[[], None],
    ) -> None:
        self._repo = repo
        self._now = now
        self._new_id = new_id
        self._random = random_bytes
        self._secret_ended = secret_ended

    def with_repo(self, repo: Repo) -> "ApiKeys":
        """Return the service over another repo, such as a caller's."""
        return ApiKeys(
            repo,
            self._now,
            new_id=self._new_id,
            random_bytes=self._random,
            secret_ended=self._secret_ended,
        )

    async def create(
        self,
        scope: Scope,
        label: str,
        *,
        auditor: Auditor,
        kind: KeyKind = KeyKind.SECRET,
        life: timedelta | None = None,
    ) -> tuple[Key, str]:
        """Create a key; return it and its text. Raises LabelTaken, TooManyKeys, Unavailable."""
        now = self._now()
        expires_at = None if life is None else now + life
        key, text = self._make(scope, label, kind=kind, created_at=now, expires_at=expires_at)

        async def write(transaction: Transaction) -> None:
            await transaction.fetch(LOCK_WORKSPACE.text, [])
            (counted,) = await transaction.fetch(_COUNT, [kind.value, label])
            if counted["labelled"]:
                raise LabelTaken
            if counted["total"] >= v1_limits.SECRET_KEYS.most:
                raise TooManyKeys
            await _insert(transaction, key, text=text)
            await record(transaction, auditor.of_key("create_key", key))

        await self._repo.write(scope, write)
        return key, text

    async def listed(
        self, scopes: Sequence[Scope], size: int, *, after: Sequence[Any] | None
    ) -> Sequence[Key]:
        """Return at most `size` keys, newest first, after (creation, id) of another.

        Raises Unavailable.
        """
        query = sa.select(*_COLUMNS).where(_IS_KEPT)
        if after is not None:
            query = query.where(sa.tuple_(keys.c.created_at, _SHOWN_ID) < sa.tuple_(*after))
        newest_first = (keys.c.created_at.desc(), _SHOWN_ID.desc())
        text, values = compiled(query.order_by(*newest_first).limit(size))
        found: list[Key] = []
        for scope in scopes:
            async with self._repo.read(scope) as rows:
                found += [_key(scope, row) for row in await rows.fetch(text, values)]
        found.sort(key=lambda key: (key.created_at, key.shown_id), reverse=True)
        return found[:size]

    async def rotate(
        self, scopes: Sequence[Scope], key_id: UUID, *, auditor: Auditor
    ) -> tuple[Key, str]:
        """Give a key another secret; return it and its text. The one before is dead.

        Raises NoSuchKey, Unavailable.
        """

        async def write(transaction: Transaction) -> tuple[Key, str]:
            revoked = await self._revoke(transaction, key_id)
            key, text = self._make(
                transaction.scope,
                revoked["label"],
                created_at=revoked["created_at"],
                expires_at=revoked["expires_at"],
                first_id=key_id,
            )
            await _insert(transaction, key, text=text)
            await record(transaction, auditor.of_key("rotate_key", key))
            return key, text

        rotated = await self._repo.write(await self._scope_of(scopes, key_id), write)
        self._secret_ended()
        return rotated

    async def delete(self, scopes: Sequence[Scope], key_id: UUID, *, auditor: Auditor) -> None:
        """Revoke a secret key. Raises NoSuchKey, Unavailable."""

        async def write(transaction: Transaction) -> None:
            revoked = await self._revoke(transaction, key_id)
            key = _key(transaction.scope, revoked)
            await record(transaction, auditor.of_key("revoke_key", key))

        await self._repo.write(await self._scope_of(scopes, key_id), write)
        self._secret_ended()

    async def revoke(
        self, scope: Scope, key_id: UUID, *, end_calls: bool, auditor: Auditor
    ) -> None:
        """Revoke a key of any kind in an environment; one that is revoked stays so.

        Raises NoSuchKey, Unavailable.
        """

        async def write(transaction: Transaction) -> None:
            found = await transaction.fetch(_FIND_ANY.text, _FIND_ANY.arguments(wanted=key_id))
            if not found:
                raise NoSuchKey
            ended = await transaction.fetch(_END, [key_id, self._now(), end_calls])
            if any(row["ended"] for row in ended):
                key = _key(scope, found[0])
                fields = ("endCalls",) if end_calls else ()
                await record(transaction, auditor.of_key("revoke_key", key, fields=fields))

        await self._repo.write(scope, write)
        self._secret_ended()

    async def _revoke(self, transaction: Transaction, key_id: UUID) -> Row:
        await transaction.fetch(LOCK_WORKSPACE.text, [])
        values = _REVOKE.arguments(wanted=key_id, now=self._now())
        revoked = await transaction.fetch(_REVOKE.text, values)
        if not revoked:
            raise NoSuchKey
        return revoked[0]

    async def _scope_of(self, scopes: Sequence[Scope], key_id: UUID) -> Scope:
        """Return in which of the environments a key is. Raises NoSuchKey, Unavailable."""
        for scope in scopes:
            async with self._repo.read(scope) as rows:
                if await rows.fetch(_FIND.text, _FIND.arguments(wanted=key_id)):
                    return scope
        raise NoSuchKey

    def _make(
        self,
        scope: Scope,
        label: str,
        *,
        created_at: datetime,
        kind: KeyKind = KeyKind.SECRET,
        expires_at: datetime | None = None,
        first_id: UUID | None = None,
    ) -> tuple[Key, str]:
        text = format_key(kind, scope.environment, secret=self._random(SECRET_BYTES))
        key = Key(
            self._new_id(),
            scope,
            kind,
            label,
            text[-4:],
            created_at,
            expires_at,
            first_id=first_id,
        )
        return key, text


def scopes_of(scope: Scope, kind: KeyKind) -> tuple[Scope, ...]:
    """Return the environments whose keys a caller sees: a test key, those of test alone."""
    if kind is KeyKind.SECRET and scope.environment is Environment.TEST:
        return (scope,)
    return tuple(Scope(scope.workspace_id, environment) for environment in Environment)


async def _insert(transaction: Transaction, key: Key, *, text: str) -> None:
    values = _INSERT.arguments(
        workspace_id=key.scope.workspace_id,
        environment=key.scope.environment.value,
        id=key.id,
        kind=key.kind.value,
        label=key.label,
        last_four=key.last_four,
        key_hash=digest(text),
        created_at=key.created_at,
        expires_at=key.expires_at,
        first_id=key.first_id,
    )
    await transaction.fetch(_INSERT.text, values)


def _key(scope: Scope, row: Row) -> Key:
    return Key(
        id=row["id"],
        scope=scope,
        kind=KeyKind.SECRET,
        label=row["label"],
        last_four=row["last_four"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        first_id=row["first_id"],
    )
