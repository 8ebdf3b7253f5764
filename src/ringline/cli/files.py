"""The command line's files: private, and written atomically."""

import errno
import os
import secrets
import stat
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ringline.cli.outcome import CommandProblem
from ringline.domain.credentials import SECRET_BYTES, encode_secret

DEV_KEYS = "dev-keys.json"
DEV_SECRETS = "dev-secrets.json"
_PRIVATE = 0o600


class KeyRing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A workspace's first keys and its server: the members of the ready file."""

    base_url: str
    workspace_id: str = ""
    secret_key: str = ""
    test_key: str = ""
    publishable_key: str = ""
    management_key: str = ""
    agent_id: str = ""
    test_agent_id: str = ""
    signing_secret: str = ""
    #: A one-time link, in the ready file alone.
    console_url: str = ""

    def as_json(self) -> bytes:
        """Return one line of JSON."""
        return msgspec.json.encode(self) + b"\n"

    def __repr__(self) -> str:
        return f"KeyRing({self.base_url!r}, {self.workspace_id!r})"


class DevSecrets(msgspec.Struct, frozen=True):
    """The secrets that `ringline dev` signs and encrypts with."""

    signing_secret: str
    encryption_key: str

    def __repr__(self) -> str:
        return "DevSecrets(…)"


def write_private(path: Path, data: bytes) -> None:
    """Write a file atomically that only its owner may read. Raises OSError.

    A symbolic link of that name is replaced, not followed: somebody else may have placed it.
    """
    write_private_pieces(path, (data,))


def write_private_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file like `write_private`, a piece at a time. Raises OSError."""
    with _beside(path) as partial:
        new = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        with open(new, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)


def refuse_unwritable(path: Path) -> None:
    """Raise now the OSError that `write_private` would raise, except a full disk."""
    with _beside(path) as partial:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE))


@contextmanager
def _beside(path: Path) -> Generator[Path]:
    """Return the temporary name for writing a file; remove any file of that name."""
    refuse_special(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with naming(path):
        partial.unlink(missing_ok=True)
        try:
            yield partial
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Generator[None]:
    """Add the file's name to an OSError: a failed write only knows a descriptor."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def refuse_special(path: Path) -> None:
    """Refuse an existing path that is not an ordinary file. Raises OSError.

    Root could replace a device, and somebody else may be reading a pipe.
    """
    try:
        mode = path.stat().st_mode
    except OSError:  # it does not exist; writing it will show any other problem
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))


def read_key_ring(path: Path) -> KeyRing | None:
    """Read a ready file or `dev-keys.json`; None without one. Raises CommandProblem."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeyRing)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise CommandProblem(f"{path} cannot be read: {reason}.") from None
    except msgspec.MsgspecError:
        raise CommandProblem(
            f"{path} does not hold keys; remove it, and it will be created again."
        ) from None


def dev_secrets(data_dir: Path) -> DevSecrets:
    """Return the secrets kept in a data directory; generate them at the first call.

    Two processes that do so at once get the same secrets. Raises OSError, CommandProblem.
    """
    path = data_dir / DEV_SECRETS
    if not path.exists():
        made = DevSecrets(*(encode_secret(secrets.token_bytes(SECRET_BYTES)) for _ in range(2)))
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        with naming(path):
            write_private(partial, msgspec.json.encode(made) + b"\n")
        try:
            os.link(partial, path)
        except FileExistsError:
            pass
        finally:
            partial.unlink(missing_ok=True)
    try:
        return msgspec.json.decode(path.read_bytes(), type=DevSecrets)
    except msgspec.MsgspecError:
        raise CommandProblem(
            f"{path} cannot be read; remove it, and it will be created again."
        ) from None
