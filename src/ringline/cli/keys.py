"""`ringline workspace` and `ringline key`: with or without a running server."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from cyclopts import App, Parameter
from pydantic import SecretStr
from rich.table import Table

from ringline.app import DATABASE_PROBLEMS, make_data_dir, open_admin
from ringline.cli.files import DEV_KEYS, DEV_SECRETS, KeyRing, dev_secrets, read_key_ring
from ringline.cli.options import DataDir, Json
from ringline.cli.outcome import fail, run
from ringline.cli.terminal import open_console, say, show, show_json, visible
from ringline.config import Settings
from ringline.domain.credentials import Key, KeyKind, is_accepted
from ringline.domain.ids import Prefix, format_id, parse_id
from ringline.domain.log import Environment, Scope
from ringline.domain.workspaces import WorkspaceRow
from ringline.ports import EntryRefused, Violation
from ringline.services.clock import now
from ringline.services.workspaces import FIRST_KEYS, FirstKeys

_OPENS_NOTHING = "grants nothing in this version"

Workspace = Annotated[
    str,
    Parameter(name="--workspace", help="The workspace's id, as a UUID or `ws_…`."),
]

workspace_app = App(name="workspace", help="Create and list workspaces.")
key_app = App(name="key", help="Create, list and revoke keys.")


@workspace_app.command
def create(
    *,
    name: Annotated[str, Parameter(name="--name", help="The workspace's name.")],
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Create a workspace with its first keys and an agent.

    The keys are shown only once: two secret keys (one for the live environment, one for
    test), a publishable key and a management key. So is the secret that signs its webhooks,
    which RINGLINE_ENCRYPTION_KEY encrypts: the server's, unless it is `ringline dev`'s.
    """
    settings = Settings.read(data_dir=data_dir)
    if not name.strip() or len(name) > 255 or "\0" in name:
        fail("A workspace's name has 1 to 255 characters.")
    settings = _able_to_seal(settings)

    async def work() -> FirstKeys:
        async with open_admin(settings) as admin:
            return await admin.workspaces.create(name.strip())

    ring = key_ring(run(work(), *DATABASE_PROBLEMS), base_url_of(settings))
    if json:
        show_json(msgspec.to_builtins(ring))
    else:
        show_key_ring(ring)


@workspace_app.command(name="list")
def list_workspaces(*, json: Json = False, data_dir: DataDir = None) -> None:
    """List a database's workspaces: ids, names and creation times."""

    async def work() -> list[WorkspaceRow]:
        async with open_admin(Settings.read(data_dir=data_dir)) as admin:
            return await admin.rows.list_workspaces()

    found = run(work(), *DATABASE_PROBLEMS)
    if json:
        show_json({"workspaces": [_describe_workspace(row) for row in found]})
        return
    table = Table("id", "name", "created", box=None)
    for row in found:
        table.add_row(*map(visible, _describe_workspace(row).values()))
    open_console().print(table)


@key_app.command(name="create")
def create_key(
    *,
    workspace: Workspace,
    type: Annotated[
        Literal["secret", "publishable", "management"],
        Parameter(name="--type", help="What the key may do."),
    ] = "secret",
    environment: Annotated[
        Literal["live", "test"],
        Parameter(name="--environment", help="The environment that it belongs to."),
    ] = "live",
    label: Annotated[str, Parameter(name="--label", help="A label to recognise the key by.")] = "",
    expires_in: Annotated[
        int | None,
        Parameter(name="--expires-in", help="Seconds until it expires. [default: never]"),
    ] = None,
    json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Create a key; it is shown only once, and only its hash is stored."""
    workspace_id = read_id(Prefix.WORKSPACE, workspace, noun="workspace")
    if len(label) > 255 or "\0" in label:
        fail("A key's label has at most 255 characters.")
    if expires_in is not None and not 0 < expires_in <= 100 * 365 * 86_400:
        fail("A key's lifetime is between one second and a hundred years.")
    scope = Scope(workspace_id, Environment(environment))

    async def work() -> tuple[Key, str]:
        async with open_admin(Settings.read(data_dir=data_dir)) as admin:
            expires_at = None if expires_in is None else now() + timedelta(seconds=expires_in)
            return await admin.workspaces.create_key(
                scope, KeyKind(type), label=label, expires_at=expires_at
            )

    try:
        key, text = run(work(), *DATABASE_PROBLEMS)
    except EntryRefused as error:
        if error.violation is not Violation.REFERENCE:
            raise
        fail(f"There is no workspace {workspace}.")
    shown = {
        "key_id": format_id(Prefix.KEY, key.id),
        "key": text,
        "type": key.kind.value,
        "environment": key.scope.environment.value,
        "label": key.label,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }
    if json:
        show_json(shown)
    else:
        show(text)
        say(f"This is {shown['key_id']}; it is not shown again.")
    if not is_accepted(key.kind):
        say(f"A {key.kind} key {_OPENS_NOTHING}.")


@key_app.command(name="list")
def list_keys(*, workspace: Workspace, json: Json = False, data_dir: DataDir = None) -> None:
    """List a workspace's keys: their last four characters, last use and expiry."""
    workspace_id = read_id(Prefix.WORKSPACE, workspace, noun="workspace")

    async def work() -> list[Key]:
        async with open_admin(Settings.read(data_dir=data_dir)) as admin:
            return await admin.rows.list_keys(workspace_id)

    found = run(work(), *DATABASE_PROBLEMS)
    if json:
        show_json({"keys": [_describe(key) for key in found]})
        return
    if not found:
        fail(f"There is no workspace {workspace}.")
    table = Table("id", "type", "environment", "ends in", "label", "state", "last used", box=None)
    for key in found:
        row = _describe(key)
        table.add_row(
            row["key_id"],
            row["type"],
            row["environment"],
            f"…{key.last_four}",
            visible(key.label),
            row["state"],
            row["last_used_at"] or "never",
        )
    open_console().print(table)


@key_app.command
def revoke(
    key_id: Annotated[str, Parameter(help="The key's id, as `key_…` or a UUID.")],
    *,
    end_calls: Annotated[
        bool,
        Parameter(
            name="--end-calls", negative="", help="Also hang up on callers who used its tickets."
        ),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Revoke a key permanently; its connections are closed within a second."""
    wanted = read_id(Prefix.KEY, key_id, noun="key")

    async def work() -> bool:
        async with open_admin(Settings.read(data_dir=data_dir)) as admin:
            return await admin.workspaces.revoke_key(wanted, end_calls=end_calls)

    if not run(work(), *DATABASE_PROBLEMS):
        fail(f"There is no key {key_id}.")
    say(f"{format_id(Prefix.KEY, wanted)} is revoked.")


def key_ring(keys: FirstKeys, base_url: str) -> KeyRing:
    """Return a workspace's first keys in the format of the ready file."""
    return KeyRing(
        base_url=base_url,
        workspace_id=str(keys.workspace_id),
        secret_key=keys.secret_key,
        test_key=keys.test_key,
        publishable_key=keys.publishable_key,
        management_key=keys.management_key,
        agent_id=format_id(Prefix.AGENT, keys.agent_id),
        test_agent_id=format_id(Prefix.AGENT, keys.test_agent_id),
        signing_secret=keys.signing_secret,
    )


def show_key_ring(ring: KeyRing) -> None:
    """Print a workspace's first keys for people."""
    idle = {name for name, kind, _ in FIRST_KEYS if not is_accepted(kind)}
    for name in (
        "workspace_id",
        "secret_key",
        "test_key",
        "publishable_key",
        "management_key",
        "agent_id",
        "test_agent_id",
        "signing_secret",
    ):
        note = f"  ({_OPENS_NOTHING})" if name in idle else ""
        show(f"{name:<16} {getattr(ring, name)}{note}")


def base_url_of(settings: Settings) -> str:
    """Return the URL at which this data directory's server is, or would be, reached."""
    ring = read_key_ring(_dev_keys(settings.data_dir))
    return ring.base_url if ring else settings.reached_at(settings.port)


def _able_to_seal(settings: Settings) -> Settings:
    """Add the encryption key that `ringline dev` keeps, if none is set."""
    if settings.encryption_key is not None:
        settings.refuse_weak_secrets()
        return settings
    root = settings.data_dir.expanduser()
    if settings.database_url is None:
        root = make_data_dir(root)
    elif not (root / DEV_SECRETS).exists():
        fail(
            "`ringline workspace create` requires RINGLINE_ENCRYPTION_KEY, with the server's "
            "value: it encrypts the workspace's signing secret."
        )
    return settings.model_copy(
        update={"encryption_key": SecretStr(dev_secrets(root).encryption_key)}
    )


def _dev_keys(data_dir: Path) -> Path:
    return data_dir.expanduser() / DEV_KEYS


def read_id(prefix: Prefix, text: str, *, noun: str) -> UUID:
    """Read an id of either form. Raises CommandProblem."""
    found = parse_id(prefix, text)
    if found is None:
        fail(f"{text} is not the id of a {noun}: use a UUID or an id that begins with {prefix}_.")
    return found


def _describe_workspace(row: WorkspaceRow) -> dict[str, str]:
    return {
        "workspace_id": str(row.id),
        "name": row.name,
        "created_at": row.created_at.isoformat(timespec="seconds"),
    }


def _describe(key: Key) -> dict[str, str]:
    if key.revoked_at is not None:
        state = "revoked"
    else:
        state = "alive" if key.is_valid(now()) else "expired"
    return {
        "key_id": format_id(Prefix.KEY, key.shown_id),
        "type": key.kind.value,
        "environment": key.scope.environment.value,
        "last_four": key.last_four,
        "label": key.label,
        "state": state,
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "expires_at": key.expires_at.isoformat(timespec="seconds") if key.expires_at else "",
        "last_used_at": key.last_used_at.isoformat(timespec="seconds") if key.last_used_at else "",
    }
