"""Create workspaces and keys. Keys are shown once, and only their hashes are stored."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.agent import Agent
from ringline.domain.audit import COMMAND_LINE, AuditEntry, Target
from ringline.domain.credentials import (
    SECRET_BYTES,
    FirstKeys,
    Key,
    KeyKind,
    digest,
    format_key,
)
from ringline.domain.log import Environment, Scope
from ringline.domain.workspaces import NewWorkspace
from ringline.ports import Clock, NewId, WorkspaceStore
from ringline.schema.sql import Prepared
from ringline.schema.tables import workspaces
from ringline.services.audit import Auditor
from ringline.wire.webhook_signature import new_workspace_secret

_EPOCH_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_EPOCH_LENGTH = 8

#: The keys of a new workspace: the member of FirstKeys, the kind and the environment.
FIRST_KEYS = (
    ("secret_key", KeyKind.SECRET, Environment.LIVE),
    ("test_key", KeyKind.SECRET, Environment.TEST),
    ("publishable_key", KeyKind.PUBLISHABLE, Environment.LIVE),
    ("management_key", KeyKind.MANAGEMENT, Environment.LIVE),
)

#: Lets the transactions of a workspace that take it wait for each other.
LOCK_WORKSPACE = Prepared(sa.select(workspaces.c.id).with_for_update(key_share=True))

#: Returns the given number of cryptographically secure random bytes.
RandomBytes = Callable[[int], bytes]


class Workspaces:
    """Creates workspaces and their keys, at the command line."""

    def __init__(
        self,
        store: WorkspaceStore,
        now: Clock,
        *,
        new_id: NewId,
        random_bytes: RandomBytes,
        attendant: Callable[[UUID], Agent],
        seal: Callable[[str], bytes],
    ) -> None:
        self._store = store
        self._now = now
        self._new_id = new_id
        self._random = random_bytes
        self._attendant = attendant
        self._seal = seal

    async def create(self, name: str) -> FirstKeys:
        """Create a workspace with its agent, its four first keys and its signing secret.

        Raises StoreUnavailable.
        """
        workspace_id, now = self._new_id(), self._now()
        agents = {environment: self._attendant(self._new_id()) for environment in Environment}
        made = {
            member: self._make(
                Scope(workspace_id, environment), kind, label=_label(member), now=now
            )
            for member, kind, environment in FIRST_KEYS
        }
        signing_secret = new_workspace_secret(self._random(SECRET_BYTES))
        await self._store.create_workspace(
            NewWorkspace(
                id=workspace_id,
                name=name,
                created_at=now,
                agents=agents,
                queues={environment: self._new_id() for environment in Environment},
                keys=[(key, digest(text)) for key, text in made.values()],
                epochs=self._epochs(),
                signing_secret=self._seal(signing_secret),
            ),
            self._auditor().entry(
                "create_workspace", Target("Organisation", workspace_id, name), environment=None
            ),
        )
        return FirstKeys(
            workspace_id=workspace_id,
            agent_id=agents[Environment.LIVE].id,
            test_agent_id=agents[Environment.TEST].id,
            signing_secret=signing_secret,
            **{member: text for member, (_, text) in made.items()},
        )

    async def create_key(
        self,
        scope: Scope,
        kind: KeyKind,
        *,
        label: str,
        expires_at: datetime | None = None,
    ) -> tuple[Key, str]:
        """Create a key; return its row and its text.

        Raises StoreUnavailable, EntryRefused.
        """
        key, text = self._make(scope, kind, label=label, now=self._now(), expires_at=expires_at)
        deed = self._auditor().of_key("create_key", key)
        await self._store.create_key(key, digest(text), deed=deed)
        return key, text

    async def revoke_key(self, key_id: UUID, *, end_calls: bool) -> bool:
        """Revoke a key of any workspace; return whether there is one. Idempotent.

        Raises StoreUnavailable.
        """
        fields = ("endCalls",) if end_calls else ()

        def deed(key: Key) -> AuditEntry | None:
            return self._auditor().of_key("revoke_key", key, fields=fields)

        return await self._store.revoke_key(key_id, self._now(), end_calls=end_calls, deed=deed)

    def _auditor(self) -> Auditor:
        return Auditor(COMMAND_LINE, self._now(), self._new_id)

    def _make(
        self,
        scope: Scope,
        kind: KeyKind,
        *,
        label: str,
        now: datetime,
        expires_at: datetime | None = None,
    ) -> tuple[Key, str]:
        text = format_key(kind, scope.environment, secret=self._random(SECRET_BYTES))
        return Key(self._new_id(), scope, kind, label, text[-4:], now, expires_at), text

    def _epochs(self) -> Mapping[Environment, str]:
        def epoch() -> str:
            # 256 is not a multiple of 36, but the bias is harmless: an epoch is not a secret.
            return "".join(_EPOCH_ALPHABET[byte % 36] for byte in self._random(_EPOCH_LENGTH))

        return {environment: epoch() for environment in Environment}


def _label(member: str) -> str:
    return f"first {member.replace('_', ' ')}"
