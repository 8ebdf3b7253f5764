"""The database for a command: workspaces, keys and recordings, with or without a server."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID

from pydantic import SecretStr

from ringline.bus.memory import MemoryBus
from ringline.config import Settings
from ringline.domain.attendant import attendant
from ringline.ports import CredentialStore, WorkspaceStore
from ringline.services.clock import now
from ringline.services.console_links import ConsoleLinks
from ringline.services.id_generator import new_id
from ringline.services.repo import Repo
from ringline.services.sealer import Sealer
from ringline.services.signing_secrets import WorkspaceSecrets
from ringline.services.workspaces import Workspaces
from ringline.storage.fitness import Condition
from ringline.storage.preparation import DatabaseConfig, open_stores
from ringline.storage.recording_files import StoredRecording, find_recording
from ringline.storage.recording_notes import CallFound
from ringline.storage.stores import Stores


@dataclass(frozen=True, slots=True)
class Admin:
    """The services behind the commands for workspaces and keys."""

    workspaces: Workspaces
    rows: WorkspaceStore
    credentials: CredentialStore
    signing_secrets: WorkspaceSecrets
    console_links: ConsoleLinks


def database_of(settings: Settings) -> DatabaseConfig:
    """Return which database the settings mean."""
    return DatabaseConfig(
        data_dir=settings.data_dir,
        url=_text(settings.database_url),
        migration_url=_text(settings.migration_url),
        roles=settings.roles,
    )


@asynccontextmanager
async def open_admin(settings: Settings) -> AsyncGenerator[Admin]:
    """Open the database for a command: beside a running server, or without one.

    An embedded database that is not running is run meanwhile. Raises DATABASE_PROBLEMS.
    """
    async with open_stores(database_of(settings), new_id()) as stores:
        yield admin_of(stores, sealer_of(settings))


async def examine_database(settings: Settings) -> Condition:
    """Refuse a database that a server could not run on, and tell how it is.

    Raises DATABASE_PROBLEMS.
    """
    async with open_stores(database_of(settings), new_id()) as stores:
        return await stores.database.examine()


def open_recording(settings: Settings, call_id: UUID) -> StoredRecording | None:
    """Open a call's recording, beside a running server or without one; None if there is none.

    Raises OSError.
    """
    return find_recording(settings.data_dir, call_id)


async def find_recorded_call(settings: Settings, call_id: UUID) -> CallFound | None:
    """Find a call of any workspace, to say why it has no recording. Raises DATABASE_PROBLEMS."""
    async with open_stores(database_of(settings), new_id()) as stores:
        return await stores.recordings.find_call(call_id)


def admin_of(stores: Stores, sealer: Sealer | None) -> Admin:
    """Return the services for workspaces and keys over open stores.

    Only commands that seal nothing may do without a sealer.
    """
    seal, open_sealed = (_refuse, _refuse) if sealer is None else (sealer.seal, sealer.open_sealed)
    workspaces = Workspaces(
        stores.workspaces,
        now,
        new_id=new_id,
        random_bytes=secrets.token_bytes,
        attendant=attendant,
        seal=seal,
    )
    signing_secrets = WorkspaceSecrets(
        stores.signing_secrets, seal, open_sealed=open_sealed, random_bytes=secrets.token_bytes
    )
    links = ConsoleLinks(
        Repo(stores.records, MemoryBus()), now, new_id=new_id, random_bytes=secrets.token_bytes
    )
    return Admin(workspaces, stores.workspaces, stores.credentials, signing_secrets, links)


def _refuse(_: object) -> NoReturn:
    raise AssertionError("a command that seals secrets reads the encryption key first")


def sealer_of(settings: Settings) -> Sealer | None:
    """Return what seals secrets at rest; None without the key."""
    key = _text(settings.encryption_key)
    return None if key is None else Sealer(key, secrets.token_bytes)


def _text(setting: SecretStr | None) -> str | None:
    return None if setting is None else setting.get_secret_value()
