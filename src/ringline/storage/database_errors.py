"""Translation of the driver's errors into those of the ports.

Only the SQLSTATE of a database error is passed on: its text quotes rows. So errors are
translated where they leave the driver, without their cause.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import asyncpg

from ringline.ports import AlreadyExists, EntryRefused, LogBusy, StoreUnavailable, Violation


class DatabaseRefused(Exception):
    """The database cannot be used as it is; the text is a sentence for the operator."""


class DatabaseFull(DatabaseRefused):
    """The disk of the database is full; the error does not say which disk."""

    def __init__(self) -> None:
        super().__init__("The disk of the database is full.")


class DiskFull(StoreUnavailable):
    """The disk of the database is full."""


class TimedOut(StoreUnavailable):
    """A statement timed out; the database itself is available."""


class Collided(LogBusy):
    """A transaction collided with another one; a retry will probably succeed."""


#: The server is stopping, starting, full, out of resources, read-only (a standby), too slow,
#: or refuses us for now. All of these can pass, so nothing is discarded.
_AWAY_CLASSES = ("08", "28", "53", "57", "58")
_AWAY = frozenset({"25006", "25P03", "25P04", "3D000"})
_BUSY = frozenset({"55P03"})
_COLLIDED = frozenset({"40001", "40P01"})

DISK_FULL = "53100"  # disk_full
_TIMED_OUT = "57014"  # query_canceled
_AWAY_FOR: Mapping[str, type[StoreUnavailable]] = {DISK_FULL: DiskFull, _TIMED_OUT: TimedOut}

_UNIQUE_VIOLATION = "23505"
_FOREIGN_KEY_VIOLATION = "23503"
_BAD_VALUES = "22"  # data exceptions: too large, not text, not JSON


def translate(error: Exception) -> Exception | None:
    """Return the port's error for one of the driver's, or None for any other error."""
    match error:
        case asyncpg.exceptions.InvalidCachedStatementError():
            return Collided()  # the schema changed under a cached statement: plan it again
        case asyncpg.PostgresError():
            return _by_sqlstate(error.sqlstate or "", error.constraint_name or "")
        case asyncpg.exceptions.OutdatedSchemaCacheError():
            return Collided()
        case asyncpg.DataError():  # a value that cannot be encoded: a number too large
            return EntryRefused(Violation.BAD_VALUE)
        case asyncpg.InterfaceError() | asyncpg.InternalClientError() | OSError() | TimeoutError():
            return StoreUnavailable()
        case UnicodeError():  # half a surrogate pair
            return EntryRefused(Violation.BAD_VALUE)
        case _:
            return None


def _by_sqlstate(sqlstate: str, constraint: str) -> Exception:
    if sqlstate in _BUSY:
        return LogBusy()
    if sqlstate in _COLLIDED:
        return Collided()
    if sqlstate in _AWAY or sqlstate.startswith(_AWAY_CLASSES):
        return away(sqlstate)
    return refusal_of(sqlstate, constraint)


def refusal_of(sqlstate: str, constraint: str = "") -> EntryRefused:
    """Return the error for a request that the database will never accept."""
    if sqlstate == _UNIQUE_VIOLATION:
        return AlreadyExists(sqlstate, constraint)
    if sqlstate == _FOREIGN_KEY_VIOLATION:
        return EntryRefused(Violation.REFERENCE, sqlstate, constraint=constraint)
    if sqlstate.startswith(_BAD_VALUES):
        return EntryRefused(Violation.BAD_VALUE, sqlstate, constraint=constraint)
    return EntryRefused(Violation.OTHER, sqlstate, constraint=constraint)


def away(sqlstate: str) -> StoreUnavailable:
    """Return the error for a database that cannot be used now."""
    return _AWAY_FOR.get(sqlstate, StoreUnavailable)()


@contextmanager
def translated() -> Generator[None]:
    """Raise StoreUnavailable, LogBusy or EntryRefused instead of the driver's errors."""
    try:
        yield
    except Exception as error:
        meaning = translate(error)
        if meaning is None:
            raise
        raise meaning from None
