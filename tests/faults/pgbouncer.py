"""PgBouncer, a real pooler: the machine's, or one unpacked from its packages."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringline.storage.child import Account
from tests.faults.embedded import LIMIT_S

CACHE = Path(__file__).parents[2] / ".cache" / "pgbouncer"
#: Startup parameters of our connections, which PgBouncer refuses unless told to ignore them.
STARTUP = (
    "statement_timeout,lock_timeout,idle_in_transaction_session_timeout,search_path,jit,"
    "max_parallel_workers_per_gather,application_name"
)


def find_pgbouncer() -> tuple[str, dict[str, str]]:
    """Return the program and its environment; skip the test if it is unavailable."""
    if found := shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin"):
        return found, {}
    program, root = CACHE / "usr" / "sbin" / "pgbouncer", CACHE
    if not program.is_file():
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            pytest.skip("needs pgbouncer, or root and apt to fetch it")
        packages = CACHE / "packages"
        (packages / "partial").mkdir(parents=True, exist_ok=True)
        asked = ("-qq", "-y", "--download-only", "-o", f"Dir::Cache::Archives={packages}")
        if subprocess.run(
            ["apt-get", "install", *asked, "pgbouncer"], capture_output=True
        ).returncode:
            pytest.skip("needs pgbouncer, which apt cannot fetch here")
        for package in packages.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    libraries = ":".join(str(path) for path in (CACHE / "usr" / "lib").iterdir() if path.is_dir())
    return str(program), {"LD_LIBRARY_PATH": libraries}


@asynccontextmanager
async def pooling(
    folder: Path, account: Account, socket_dir: str, user: str, *options: str
) -> AsyncIterator[str]:
    """Run PgBouncer in front of a cluster; yield host and port. It trusts `user`."""
    program, environment = find_pgbouncer()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    users, settings = folder / "users.txt", folder / "pgbouncer.ini"
    users.write_text(f'"{user}" ""\n')
    lines = (
        *("[databases]", f"* = host={socket_dir} port=5432"),
        *("[pgbouncer]", "listen_addr = 127.0.0.1", f"listen_port = {port}"),
        *("unix_socket_dir =", "auth_type = trust", f"auth_file = {users}", *options),
    )
    settings.write_text("\n".join(lines))
    process = subprocess.Popen(
        [program, "-q", settings],
        env=environment,
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            while not await _listens(port):
                assert process.poll() is None, "PgBouncer does not start"
                await asyncio.sleep(0.01)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
