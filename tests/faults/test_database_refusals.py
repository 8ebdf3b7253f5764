"""Refusals of a database: each reason is a sentence, with host and port."""

import asyncio
import pwd
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from ringline.schema.names import ROLES
from ringline.storage.child import Account
from ringline.storage.connections import connect, refuse_unreachable
from ringline.storage.database_errors import DatabaseRefused
from ringline.storage.embedded import EmbeddedPostgres
from ringline.storage.migrate import migrate
from ringline.storage.stores import Stores
from tests.certificates import write_certificate
from tests.conftest import run_as_superuser
from tests.database import ME
from tests.faults.embedded import running
from tests.faults.pgbouncer import STARTUP, pooling

HBA = "local all guarded scram-sha-256\nlocal all nobody_here reject\nlocal all all trust\n"


@pytest.fixture
async def lax(parent: Path, stopped_cluster: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A cluster that requires a password from one role, and trusts all others."""
    data_dir = Path(shutil.copytree(stopped_cluster, parent / "data"))
    async with running(data_dir) as postgres:
        address = postgres.address
        await run_as_superuser(address, "CREATE ROLE guarded LOGIN PASSWORD 'right'")
        await run_as_superuser(address, "CREATE DATABASE served")
        (data_dir / "pg_hba.conf").write_text(HBA)
        await run_as_superuser(address, "SELECT pg_reload_conf()")
        yield postgres


async def told(url: str) -> str:
    """Return the refusal of a database."""
    with pytest.raises(DatabaseRefused) as refused:
        async with refuse_unreachable(url):
            await (await connect(url, timeout_s=5)).close()
    assert "hush" not in str(refused.value)
    return str(refused.value)


async def test_a_refused_login_names_the_reason(lax: EmbeddedPostgres) -> None:
    def url(user: str, database: str = "postgres") -> str:
        return f"postgresql://{user}:hush@/{database}?host={socket_dir}"

    socket_dir = lax.address.socket_dir
    place = f"{socket_dir} (port 5432)"
    assert await told(url("postgres", "nowhere")) == (
        f"There is no database nowhere at {place}; create it first."
    )
    assert await told(url("guarded")) == (
        f"The database at {place} does not accept the password of the role guarded."
    )
    assert await told(url("nobody_here")) == (
        f"The database at {place} refuses the role nobody_here: it does not exist, or "
        "pg_hba.conf does not let it log in from here or in this way."
    )
    await run_as_superuser(lax.address, "REVOKE CONNECT ON DATABASE served FROM PUBLIC")
    await run_as_superuser(lax.address, "CREATE ROLE uninvited LOGIN")
    assert await told(url("uninvited", "served")) == (
        f"The role uninvited may not connect to the database served at {place}."
    )


async def test_an_unreachable_database_names_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    asked = f"postgresql://u:hush@127.0.0.1:{port}/d"
    reached = f"The database at 127.0.0.1:{port} cannot be reached"
    assert await told(asked) == f"{reached}: nothing listens there; is it running?"
    both = f"postgresql://u:hush@localhost:{port}/d"  # several addresses, one reason
    assert "nothing listens there" in await told(both)
    unknown = await told("postgresql://u:hush@database.invalid/d")
    assert unknown.startswith("The database at database.invalid:5432 cannot be reached: its name")
    missing = await told("postgresql://u:hush@/d?host=/nowhere")
    assert "there is no such socket" in missing
    assert "/nowhere (port 5432)" in missing


def certificate(name: str, folder: Path) -> ssl.SSLContext:
    """Create a self-signed certificate."""
    public, private = write_certificate(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context


@asynccontextmanager
async def offering_tls(context: ssl.SSLContext | None) -> AsyncIterator[int]:
    """Answer PostgreSQL's SSLRequest: with S and TLS, or with N if there is no context."""

    answering: list[asyncio.Task[None] | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(asyncio.current_task())
        await reader.readexactly(8)
        writer.write(b"N" if context is None else b"S")
        await writer.drain()
        try:
            if context is not None:
                await writer.start_tls(context)
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*(one for one in answering if one is not None))


async def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    async with offering_tls(certificate("elsewhere.example", tmp_path)) as port:
        url = f"postgresql://u:hush@127.0.0.1:{port}/d"
        place = f"The certificate of the database at 127.0.0.1:{port} is not trusted: "
        foreign = await told(f"{url}?sslrootcert=system")
        assert foreign.startswith(f"{place}self-signed certificate. Name its authority with ssl")
        own = tmp_path / "elsewhere.example.pem"
        misnamed = await told(f"{url}?sslmode=verify-full&sslrootcert={own}")
        assert misnamed.startswith(f"{place}IP address mismatch")
    async with offering_tls(None) as port:
        refused = await told(f"postgresql://u:hush@127.0.0.1:{port}/d?sslmode=require")
        assert "it does not offer TLS, which sslmode requires" in refused


async def test_missing_files_of_the_url_are_named(tmp_path: Path) -> None:
    absent = tmp_path / "absent.pem"
    asked = f"postgresql://u:hush@127.0.0.1:1/d?sslmode=verify-ca&sslrootcert={absent}"
    assert await told(asked) == (
        f"{absent}, for the connection to 127.0.0.1:1, cannot be read: no such file or directory."
    )


async def test_a_pooler_in_transaction_mode_is_refused(lax: EmbeddedPostgres, parent: Path) -> None:
    owner = pwd.getpwuid((parent / "data" / "postgres").stat().st_uid)
    account = Account(owner.pw_name, owner.pw_uid, owner.pw_gid)
    await migrate(lax.address.dsn("postgres", "served"), ROLES.server, create_login=True)
    drop = f"ignore_startup_parameters = {STARTUP}"

    async def open_behind(*options: str) -> str:
        async with pooling(
            parent, account, lax.address.socket_dir, ROLES.server, *options
        ) as place:
            url = f"postgresql://{ROLES.server}@{place}/served"
            try:
                stores = await Stores.open(url, ME, claim=True)
            except DatabaseRefused as error:
                return str(error).removeprefix(place)
            await stores.close()
            return ""

    refused = " is a connection pooler that shares sessions among its clients (transaction mode),"
    assert (await open_behind("pool_mode = transaction")).startswith(refused)
    assert (await open_behind("pool_mode = transaction", drop)).startswith(refused)
    assert await open_behind("pool_mode = session", drop) == ""
