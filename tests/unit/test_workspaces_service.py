"""Workspaces and keys as they are made: shown once, kept as hashes (contract, 6 and 7)."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from itertools import count
from uuid import UUID

from ringline.domain.agent import Agent
from ringline.domain.audit import COMMAND_LINE, AuditEntry, Target
from ringline.domain.credentials import Key, KeyKind, digest
from ringline.domain.log import Environment, Scope
from ringline.domain.workspaces import NewWorkspace, WorkspaceRow
from ringline.services.workspaces import Workspaces
from tests.samples import NOW, new_id

ATTENDANT = "local/attendant"


class Store:
    """A `WorkspaceStore` that keeps what it is given."""

    def __init__(self) -> None:
        self.workspaces: list[NewWorkspace] = []
        self.keys: list[tuple[Key, bytes]] = []
        self.deeds: list[AuditEntry | None] = []

    async def create_workspace(
        self, workspace: NewWorkspace, deed: AuditEntry | None = None
    ) -> None:
        self.workspaces.append(workspace)
        self.deeds.append(deed)

    async def create_key(
        self, key: Key, key_hash: bytes, *, deed: AuditEntry | None = None
    ) -> None:
        self.keys.append((key, key_hash))
        self.deeds.append(deed)

    async def list_keys(self, workspace_id: UUID) -> list[Key]:
        raise NotImplementedError

    async def revoke_key(
        self,
        key_id: UUID,
        now: datetime,
        *,
        end_calls: bool,
        deed: Callable[[Key], AuditEntry | None] | None = None,
    ) -> bool:
        raise NotImplementedError

    async def list_workspaces(self, most: int | None = None) -> list[WorkspaceRow]:
        raise NotImplementedError

    async def first_agent(self, scope: Scope) -> Agent | None:
        raise NotImplementedError

    async def find_agent(self, scope: Scope, agent_id: UUID) -> Agent | None:
        raise NotImplementedError


def workspaces(store: Store) -> Workspaces:
    bytes_ = count()
    return Workspaces(
        store,
        lambda: NOW,
        new_id=new_id,
        random_bytes=lambda length: bytes(next(bytes_) % 256 for _ in range(length)),
        attendant=lambda id_: Agent(id=id_, display_name="Attendant", model=ATTENDANT),
        seal=lambda text: f"sealed {text}".encode(),
    )


def test_a_new_workspace_has_its_keys_an_agent_and_a_log_per_environment() -> None:
    store = Store()
    first = asyncio.run(workspaces(store).create("Acme"))
    (made,) = store.workspaces
    assert (made.id, made.name, made.created_at) == (first.workspace_id, "Acme", NOW)
    live, test = (Scope(made.id, environment) for environment in Environment)
    texts = [first.secret_key, first.test_key, first.publishable_key, first.management_key]
    assert [(key.kind, key.scope) for key, _ in made.keys] == [
        (KeyKind.SECRET, live),
        (KeyKind.SECRET, test),
        (KeyKind.PUBLISHABLE, live),
        (KeyKind.MANAGEMENT, live),
    ]
    for text, (key, key_hash) in zip(texts, made.keys, strict=True):
        assert key_hash == digest(text)
        assert text.endswith(key.last_four)
        assert key.is_valid(NOW)
    prefixes = ["sk_live_", "sk_test_", "pk_live_", "mk_"]
    assert [text[:-43] for text in texts] == prefixes
    assert len(set(texts)) == 4
    assert len(first.signing_secret.removeprefix("rlsec_")) == 43
    assert made.signing_secret == f"sealed {first.signing_secret}".encode()
    assert made.agents[Environment.LIVE].id == first.agent_id
    assert {agent.model for agent in made.agents.values()} == {ATTENDANT}
    assert len({agent.id for agent in made.agents.values()}) == 2
    assert len(set(made.epochs.values())) == 2
    assert all(re.fullmatch(r"[0-9a-z]{8}", epoch) for epoch in made.epochs.values())


def test_a_key_is_shown_once_and_kept_as_its_hash() -> None:
    store = Store()
    scope = Scope(new_id(), Environment.TEST)
    key, text = asyncio.run(
        workspaces(store).create_key(scope, KeyKind.PUBLISHABLE, label="label", expires_at=NOW)
    )
    assert store.keys == [(key, digest(text))]
    (deed,) = store.deeds
    assert deed is not None
    assert (deed.actor, deed.action) == (COMMAND_LINE, "create_key")
    assert deed.target == Target("Key", key.id, key.label)
    assert text.startswith("pk_test_")
    assert (key.label, key.expires_at, key.last_four) == ("label", NOW, text[-4:])
    assert text not in repr(key)
