"""The keys of `ringline dev`, stored in the data directory (contract, 7)."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import msgspec

from ringline.app import Admin
from ringline.cli.files import KeyRing, read_key_ring, write_private
from ringline.cli.keys import key_ring
from ringline.domain.credentials import Key, digest
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment, Scope
from ringline.services.clock import now
from ringline.services.sealer import Unsealable
from ringline.services.workspaces import FIRST_KEYS

FIRST_WORKSPACE = "Development"


@dataclass(frozen=True, slots=True)
class DevKeys:
    """The current keys, and whether any of them is new."""

    ring: KeyRing
    made: bool


async def keep_dev_keys(admin: Admin, path: Path, *, base_url: str) -> DevKeys:
    """Return the first workspace's keys; replace missing, revoked or expired ones.

    Creates a workspace if there is none, and writes the file. Raises StoreUnavailable, OSError,
    CommandProblem.
    """
    old = read_key_ring(path) or KeyRing(base_url=base_url)
    found = {name: await _find(admin, getattr(old, name)) for name, _, _ in FIRST_KEYS}
    known = [key.scope.workspace_id for key in found.values() if key is not None]
    if not known:
        known = [row.id for row in await admin.rows.list_workspaces(1)]
    if not known:
        keys = await admin.workspaces.create(FIRST_WORKSPACE)
        ring, made = key_ring(keys, base_url), True
    else:
        ring, made = await _renew(admin, known[0], old=old, found=found)
        ring = msgspec.structs.replace(ring, base_url=base_url)
    write_private(path, ring.as_json())
    return DevKeys(ring, made)


async def _find(admin: Admin, text: str) -> Key | None:
    return await admin.credentials.find_key(digest(text)) if text else None


async def _renew(
    admin: Admin, workspace_id: UUID, *, old: KeyRing, found: dict[str, Key | None]
) -> tuple[KeyRing, bool]:
    texts: dict[str, str] = {}
    for name, kind, environment in FIRST_KEYS:
        key = found[name]
        if key is None or not key.is_valid(now()) or key.scope.workspace_id != workspace_id:
            scope = Scope(workspace_id, environment)
            label = f"ringline dev {name.replace('_', ' ')}"
            _, texts[name] = await admin.workspaces.create_key(scope, kind, label=label)
    ring = msgspec.structs.replace(
        old,
        workspace_id=str(workspace_id),
        agent_id=await _first_agent(admin, Scope(workspace_id, Environment.LIVE)),
        test_agent_id=await _first_agent(admin, Scope(workspace_id, Environment.TEST)),
        signing_secret=await _signing_secret(admin, workspace_id),
        **texts,
    )
    return ring, bool(texts)


async def _signing_secret(admin: Admin, workspace_id: UUID) -> str:
    try:
        return await admin.signing_secrets.current(workspace_id) or ""
    except Unsealable:  # by another encryption key: its owner will have kept it
        return ""


async def _first_agent(admin: Admin, scope: Scope) -> str:
    agent = await admin.rows.first_agent(scope)
    return "" if agent is None else format_id(Prefix.AGENT, agent.id)
