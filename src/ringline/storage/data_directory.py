"""The data directory of the embedded database: what lies where.

DIR/lock           held (flock) for life by the process that runs the database; its
                   text says which process and of which kind
DIR/postgres       the cluster, PostgreSQL's own, with its socket
DIR/postgres.log   the database server's log
DIR/pg_hba.conf    who gets in; outside the cluster so that the account PostgreSQL
DIR/pg_ident.conf  runs under cannot change them when we are root
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
#: Whatever the environment's PG* variables could change of a connection. The password is not
#: asked for; with one, no file of passwords is looked for.
_FIXED = (
    "password=none&sslmode=disable&sslnegotiation=postgres&target_session_attrs=any&gsslib=gssapi"
)
_SOCKET_PATH_LIMIT = 100  # bytes; sun_path holds 108 on Linux and 104 on macOS


class EmbeddedError(Exception):
    """The embedded database cannot be had; the text is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running cluster is reached."""

    socket_dir: str

    def dsn(self, role: str, database: str) -> str:
        """Give the URL of a database as a role, for asyncpg and libpq."""
        host = quote(self.socket_dir, safe="/")
        return f"postgresql://{quote(role)}@/{quote(database)}?host={host}&port={PORT}&{_FIXED}"

    @property
    def bootstrap_dsn(self) -> str:
        """The superuser's URL: for making roles and databases, never for a request."""
        return self.dsn(SUPERUSER, SUPERUSER)


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What a server says of itself in `postmaster.pid`."""

    pid: int
    started_at: int
    socket_dir: str
    ready: bool


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The paths of a data directory, given with links resolved."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> "DataDirectory":
        """Name a data directory by any of its paths; it need not exist yet."""
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
        """Make the directory if it is missing: ours alone; as root, to be passed through."""
        if "\n" in os.fspath(self.root):
            raise EmbeddedError("The path of the data directory has a line break in it.")
        if not self.root.is_dir():
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)

    def postmaster(self) -> Postmaster | None:
        """Read `postmaster.pid`; None if there is none, or not all of it yet."""
        try:
            lines = os.fsdecode(self.postmaster_file.read_bytes()).split("\n")
            ready = lines[7].strip() == "ready"
            return Postmaster(int(lines[0]), int(lines[2]), lines[4], ready)
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def socket_dir(self, account: Account | None) -> str:
        """Choose where the socket lies: in the cluster, or in a short private directory.

        The short one is made if it is missing. Raises EmbeddedError if somebody else
        made it, or can enter it.
        """
        path = os.fspath(self.cluster)
        # A comma or a quote would read as a list of directories; what is not text in UTF-8
        # cannot stand in a URL.
        fits = len(os.fsencode(f"{path}/.s.PGSQL.{PORT}")) <= _SOCKET_PATH_LIMIT
        if fits and path.isprintable() and not set(path) & set(',"'):
            return path
        uid = account.uid if account else os.geteuid()
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return _private_directory(Path(f"/tmp/ringline-{uid}-{digest}"), uid)


def _private_directory(path: Path, uid: int) -> str:
    # Anyone may write in /tmp: what is already there counts only if it is this account's
    # own directory (or root's, made and not yet handed over) and closed to everyone else.
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    own = stat.S_ISDIR(found.st_mode) and found.st_uid in {uid, os.geteuid()}
    if not own or stat.S_IMODE(found.st_mode) & 0o077:
        raise EmbeddedError(
            f"{path}, where the database's socket should lie, belongs to somebody else or is"
            " open to others; remove it, or choose a data directory with a shorter path."
        )
    if found.st_uid != uid:
        os.chown(path, uid, -1, follow_symlinks=False)
    return os.fspath(path)
