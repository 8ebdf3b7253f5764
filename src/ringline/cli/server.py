"""`ringline dev`, `ringline serve` and `ringline migrate`."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter
from msgspec.structs import replace
from pydantic import SecretStr

from ringline import app
from ringline.cli.console import LINK_LIFE
from ringline.cli.dev_keys import keep_dev_keys
from ringline.cli.files import DEV_KEYS, KeyRing, dev_secrets, refuse_unwritable, write_private
from ringline.cli.keys import show_key_ring
from ringline.cli.logs import log_like_a_server
from ringline.cli.options import DataDir
from ringline.cli.outcome import fail, run
from ringline.cli.terminal import say, show
from ringline.config import PREFIX, Settings, secret_command
from ringline.schema.names import HEAD

HostOption = Annotated[
    str | None,
    Parameter(name="--host", help="The address to listen on. [default: RINGLINE_HOST, 127.0.0.1]"),
]
Port = Annotated[
    int | None,
    Parameter(
        name="--port",
        help="The port to listen on; 0 picks any free one. [default: RINGLINE_PORT, 7400]",
    ),
]
ReadyFile = Annotated[
    Path | None,
    Parameter(
        name="--ready-file",
        help="A JSON file to write once the server accepts requests; only its owner may read it.",
    ),
]


def dev(
    *,
    host: HostOption = None,
    port: Port = None,
    data_dir: DataDir = None,
    ready_file: ReadyFile = None,
) -> None:
    """Run everything on this machine: server, database, a workspace and its keys.

    Needs no settings. The first start prints the keys, only to a terminal, and stores them
    in `DIR/dev-keys.json`, where the commands `call`, `token` and `events` find them.
    Ctrl-C stops it.
    """
    settings = Settings.read(host=host, port=port, data_dir=data_dir)
    root = app.make_data_dir(settings.data_dir)
    kept = dev_secrets(root)
    settings = settings.model_copy(
        update={
            "data_dir": root,
            "signing_secret": settings.signing_secret or SecretStr(kept.signing_secret),
            "encryption_key": settings.encryption_key or SecretStr(kept.encryption_key),
        }
    )
    path = root / DEV_KEYS

    async def ready(server: app.Running) -> None:
        keys = await keep_dev_keys(server.admin, path, base_url=server.base_url)
        if server.page_key is not None:
            server.page_key.use(keys.ring.secret_key)
        link = ""
        if settings.console:
            workspace_id = UUID(keys.ring.workspace_id)
            made = await server.admin.console_links.make(workspace_id, life=LINK_LIFE)
            link = made.url_at(server.base_url)
        _write_ready(ready_file, replace(keys.ring, console_url=link))
        if (
            keys.made and sys.stdout.isatty()
        ):  # a file or a pipe would store the keys or pass them on
            show_key_ring(keys.ring)
        show(f"Ringline is at {server.base_url}; its keys are in {path}.")
        show(f"Talk to an agent at {server.base_url}/talk.")
        if link:
            # As with the keys: a file or a pipe would store the link or pass it on.
            shown = link if sys.stdout.isatty() else "`ringline console` prints the link"
            show(f"Sign in to the console, once: {shown}.")

    _run_server(settings, ready_file, ready=ready, dev=True)


def serve(
    *,
    host: HostOption = None,
    port: Port = None,
    data_dir: DataDir = None,
    ready_file: ReadyFile = None,
) -> None:
    """Run a production server on your own database.

    RINGLINE_DATABASE_URL, RINGLINE_SIGNING_SECRET and RINGLINE_ENCRYPTION_KEY must be set
    (`ringline secret` generates the latter two), and the database migrated (`ringline
    migrate`). No key is stored in a file. SIGTERM or Ctrl-C stops it.
    """
    settings = Settings.read(host=host, port=port, data_dir=data_dir)
    if missing := settings.missing_to_serve():
        secrets = [name for name in missing if name != f"{PREFIX}DATABASE_URL"]
        make = f" {secret_command(secrets[0])} generates a secret." if secrets else ""
        fail(f"`ringline serve` requires {', '.join(missing)}.{make}")

    async def ready(server: app.Running) -> None:
        _write_ready(ready_file, KeyRing(base_url=server.base_url))
        show(f"Ringline is at {server.base_url}.")

    _run_server(settings, ready_file, ready=ready, dev=False)


def migrate(*, data_dir: DataDir = None) -> None:
    """Migrate the database to this version's schema; safe to repeat.

    It connects to RINGLINE_MIGRATE_DATABASE_URL, else to RINGLINE_DATABASE_URL, and grants
    the latter's role access to the tables. If neither is set, it migrates the embedded
    database.
    """
    settings = Settings.read(data_dir=data_dir)
    if sentence := run(app.migrate_database(app.database_of(settings)), *app.DATABASE_PROBLEMS):
        say(sentence)
    say(f"The database is at version {HEAD}.")


def _run_server(
    settings: Settings,
    ready_file: Path | None,
    *,
    ready: Callable[[app.Running], Awaitable[None]],
    dev: bool,
) -> None:
    if ready_file is not None:  # an earlier server's file could be taken for ours
        refuse_unwritable(ready_file)
        ready_file.unlink(missing_ok=True)
    log_like_a_server(settings.log_level)
    run(app.serve(settings, dev=dev, ready=ready), app.StartRefused, *app.DATABASE_PROBLEMS)


def _write_ready(path: Path | None, ring: KeyRing) -> None:
    if path is not None:
        write_private(path, ring.as_json())
