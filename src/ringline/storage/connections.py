"""Connections to the database, and the reasons why one cannot be opened.

The driver's messages quote values and know nothing of our settings, so at startup we
describe each kind of failure in one sentence of our own, with host and port.
"""

from __future__ import annotations

import errno
import getpass
import os
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from ringline.storage.database_errors import DatabaseFull, DatabaseRefused
from ringline.wire.database_url import DatabaseUrl, InvalidDatabaseUrl

#: The refusal of a pooler that shares the database's sessions among its clients.
SHARED_SESSIONS = (
    "{address} is a connection pooler that shares sessions among its clients (transaction mode), "
    "but a Ringline server needs sessions of its own, for locks, notifications and settings: "
    "name PostgreSQL's own address in the URL."
)
#: SQLSTATEs of a prepared statement that is missing, or doubled, behind a pooler.
_OF_POOLERS = frozenset({"26000", "42P05"})

_UNREACHABLE = {
    errno.ECONNREFUSED: "nothing listens there",
    errno.EHOSTUNREACH: "there is no route to it",
    errno.ENETUNREACH: "there is no route to it",
    errno.ENOENT: "there is no such socket",
    errno.ECONNRESET: "it closed the connection",
}


async def connect(url: str, *, timeout_s: float, **options: Any) -> asyncpg.Connection[Any]:
    """Connect. Raises InvalidDatabaseUrl, DatabaseRefused and the driver's errors."""
    read = DatabaseUrl.read(url)
    if not read.names_login:
        login_role(url)
    for file in read.files:  # so that an error names the file, as the driver's does not
        open(file, "rb").close()  # noqa: ASYNC230
    if read.system_trust:
        options["ssl"] = True  # verify against the system's authorities and the host name
    return await asyncpg.connect(read.text, timeout=timeout_s, **options)


def login_role(url: str) -> str:
    """Return the role that a URL logs in as, as libpq would find it.

    Raises InvalidDatabaseUrl, DatabaseRefused.
    """
    named = DatabaseUrl.read(url).user or os.environ.get("PGUSER")
    try:
        return named or getpass.getuser()
    except (KeyError, OSError):
        raise DatabaseRefused(
            "The database URL names no user, and the account that ringline runs as has no name."
        ) from None


@asynccontextmanager
async def refuse_unreachable(url: str) -> AsyncGenerator[None]:
    """Turn connection errors at startup into a DatabaseRefused that explains them."""
    try:
        yield
    except InvalidDatabaseUrl as error:
        raise DatabaseRefused(f"The database URL is invalid: {error}.") from None
    except (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
        ValueError,
    ) as error:
        if isinstance(error, asyncpg.DiskFullError):
            raise DatabaseFull from None
        raise DatabaseRefused(_describe(error, DatabaseUrl.read(url))) from None


def _describe(error: Exception, url: DatabaseUrl) -> str:
    address = url.address
    match error:
        case asyncpg.PostgresError():
            return _refusal(error, url)
        case ssl.SSLCertVerificationError():
            return (
                f"The certificate of the database at {address} is not trusted: "
                f"{error.verify_message.rstrip('.')}. Name its authority with sslrootcert=FILE in "
                "the URL, or the system's with sslrootcert=system."
            )
        case ssl.SSLError():
            return f"The TLS handshake with the database at {address} failed ({error.reason})."
        case OSError() if error.filename is not None:  # a key or certificate, not the connection
            reason = (error.strerror or "unknown error").lower()
            return f"{error.filename}, for the connection to {address}, cannot be read: {reason}."
        case OSError():
            return f"The database at {address} cannot be reached: {_reason(error)}; is it running?"
        case asyncpg.TargetServerAttributeNotMatched():
            return f"No server of {address} is what target_session_attrs asks for."
        case asyncpg.exceptions.ClientConfigurationError() if "root certificate" in str(error):
            return (
                f"To verify the certificate of the database at {address}, name its authority with "
                "sslrootcert=FILE in the URL, or the system's with sslrootcert=system."
            )
        case _:
            return f"The URL of the database at {address} is invalid."


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if "rejected SSL upgrade" in str(error):
        return "it does not offer TLS, which sslmode requires"
    number = error.errno
    if number is None and "Errno" in str(error):  # one error for all addresses of the name
        number = next((code for code in _UNREACHABLE if f"Errno {code}]" in str(error)), None)
    return _UNREACHABLE.get(number or 0) or (error.strerror or "unknown error").lower()


def _refusal(error: asyncpg.PostgresError, url: DatabaseUrl) -> str:
    address, user = url.address, url.user or "the account's name"
    match error.sqlstate:
        case "3D000":
            return f"There is no database {url.database or user} at {address}; create it first."
        case "28P01":
            return f"The database at {address} does not accept the password of the role {user}."
        case "28000":
            return (
                f"The database at {address} refuses the role {user}: it does not exist, or "
                "pg_hba.conf does not let it log in from here or in this way."
            )
        case "42501":
            return f"The role {user} may not connect to the database {url.database} at {address}."
        case "53300":
            return f"The database at {address} has no connection left for the role {user}."
        case "57P03":
            return f"The database at {address} is starting up or shutting down; try again."
        case state if state in _OF_POOLERS or _is_startup_parameter(error):
            return SHARED_SESSIONS.format(address=address)
        case state:
            return f"The database at {address} refuses the connection (SQLSTATE {state})."


def _is_startup_parameter(error: asyncpg.PostgresError) -> bool:
    """Return whether PgBouncer refused the settings that a connection starts with."""
    return error.sqlstate == "08P01" and "startup parameter" in str(error)
