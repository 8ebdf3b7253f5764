"""The layout of the embedded database's data directory.

DIR/lock           locked (flock) by the process that runs the database, for as long as it
                   runs; its text names the process and its kind
DIR/postgres       the cluster, PostgreSQL's own directory, with its socket
DIR/postgres.log   the database server's log
DIR/pg_hba.conf    who may connect; outside the cluster so that, when we are root, the
DIR/pg_ident.conf  account that PostgreSQL runs as cannot change these files
"""

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ringline.storage.child import Account

PORT = 5432  # part of the socket's name; nothing listens on TCP
SUPERUSER = "postgres"
#: The cluster's database that servers use.
DATABASE = "ringline"
#: Everything about a connection that PG* variables could change. The server asks for no
#: password; giving one keeps the client from looking for a password file.
_FIXED = (
    "password=none&sslmode=disable&sslnegotiation=postgres&target_session_attrs=any&gsslib=gssapi"
)
_SOCKET_PATH_LIMIT = 100  # bytes; sun_path holds 108 on Linux and 104 on macOS


class EmbeddedError(Exception):
    """The embedded database is unavailable; the text is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a running cluster."""

    socket_dir: str

    def dsn(self, role: str, database: str) -> str:
        """Return the URL of a database for a role, for asyncpg and libpq."""
        host = quote(self.socket_dir, safe="/")
        return f"postgresql://{quote(role)}@/{quote(database)}?host={host}&port={PORT}&{_FIXED}"

    @property
    def bootstrap_dsn(self) -> str:
        """The superuser's URL: for creating roles and databases, never for a request."""
        return self.dsn(SUPERUSER, SUPERUSER)


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What a server writes about itself to `postmaster.pid`."""

    pid: int
    started_at: int
    socket_dir: str
    ready: bool


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The paths in a data directory, whose links are resolved."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> "DataDirectory":
        """Return the data directory at a path; it need not exist yet."""
        return cls(path.expanduser().resolve())

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own directory."""
        return self.root / "postgres"

    @property
    def log(self) -> Path:
        """The database server's log."""
        return self.root / "postgres.log"

    @property
    def hba(self) -> Path:
        """Who may connect as whom."""
        return self.root / "pg_hba.conf"

    @property
    def ident(self) -> Path:
        """Which account may take which role."""
        return self.root / "pg_ident.conf"

    @property
    def postmaster_file(self) -> Path:
        """What the server writes about itself while it runs."""
        return self.cluster / "postmaster.pid"

    def make(self) -> None:
        """Create the directory if it is missing: private, but traversable if we are root."""
        if "\n" in os.fspath(self.root):
            raise EmbeddedError("The path of the data directory contains a line break.")
        if not self.root.is_dir():
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)

    def postmaster(self) -> Postmaster | None:
        """Read `postmaster.pid`; return None if it is missing or still incomplete."""
        try:
            lines = os.fsdecode(self.postmaster_file.read_bytes()).split("\n")
            ready = lines[7].strip() == "ready"
            return Postmaster(int(lines[0]), int(lines[2]), lines[4], ready)
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def socket_dir(self, account: Account | None) -> str:
        """Choose the socket's directory: the cluster, or a private one with a short path.

        Creates the short one if it is missing. Raises EmbeddedError if another account owns
        it or can enter it.
        """
        path = os.fspath(self.cluster)
        # PostgreSQL would read a comma or a quote as a list of directories, and a path that is
        # not UTF-8 cannot be part of a URL.
        fits = len(os.fsencode(f"{path}/.s.PGSQL.{PORT}")) <= _SOCKET_PATH_LIMIT
        if fits and path.isprintable() and not set(path) & set(',"'):
            return path
        uid = account.uid if account else os.geteuid()
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return _private_directory(Path(f"/tmp/ringline-{uid}-{digest}"), uid)


def _private_directory(path: Path, uid: int) -> str:
    # Anyone may write to /tmp: an existing directory is only used if it belongs to this account
    # (or to root, which has not handed it over yet) and is closed to everyone else.
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    own = stat.S_ISDIR(found.st_mode) and found.st_uid in {uid, os.geteuid()}
    if not own or stat.S_IMODE(found.st_mode) & 0o077:
        raise EmbeddedError(
            f"{path}, the directory for the database's socket, belongs to another account or is"
            " open to others; remove it, or choose a data directory with a shorter path."
        )
    if found.st_uid != uid:
        os.chown(path, uid, -1, follow_symlinks=False)
    return os.fspath(path)
