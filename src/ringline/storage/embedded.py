"""The embedded PostgreSQL: a real server, run as our child, in a data directory.

Starting it means: lock the directory, run `initdb` if there is no cluster yet, start
`postgres` as our child, and wait until it reports that it is ready. A server that dies is
restarted, with a backoff that grows while it keeps dying. It listens only on a socket in a
private directory; the kernel identifies clients (peer), and only our own account may connect.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import structlog

from ringline.storage.binaries import (
    Binaries,
    check_version,
    choose_account,
    find_binaries,
    give_ownership,
    make_usable,
    own_account_name,
)
from ringline.storage.child import Account, Child, start_child
from ringline.storage.cluster_settings import CLUSTER_SETTINGS, HBA, INITDB_OPTIONS, ident_for
from ringline.storage.data_directory import Address, DataDirectory, EmbeddedError, Postmaster
from ringline.storage.failures import SurvivorsError, explain_os_errors, failure
from ringline.storage.leftovers import clear_leftovers
from ringline.storage.lock import LOCK_WAIT_S, Lock, Owner, ServerRunning, running_cluster

__all__ = [
    "Address",
    "EmbeddedError",
    "EmbeddedPostgres",
    "Owner",
    "open_cluster",
    "running_cluster",
]

FIRST_BACKOFF_S = 0.05
LAST_BACKOFF_S = 5.0
STEADY_S = 10.0  # a server that ran for this long resets the backoff

_POLL_S = 0.003
_SLOW_POLL_S = 0.05  # while it recovers
_INITDB_LIMIT_S = 120.0
_START_LIMIT_S = 300.0  # recovery after a crash may have much log to replay
_FAST_STOP_S = 10.0
_SURVIVORS_LIMIT_S = 10.0
_LOG_LIMIT_BYTES = 4 * 1024 * 1024

_log = structlog.get_logger()


class EmbeddedPostgres:
    """A PostgreSQL cluster in a data directory that runs as long as this process.

    Use it from an event loop in the main thread. `ready` is set while the server accepts
    connections. Whenever the server dies, `on_death` is called with its exit status (negative:
    the signal) before it is restarted.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        owner: Owner = Owner.SERVER,
        on_death: Callable[[int], None] | None = None,
    ) -> None:
        self.ready = asyncio.Event()
        self._directory = DataDirectory.at(data_dir)
        self._owner = owner
        self._on_death = on_death
        self._lock = Lock(self._directory)
        self._account: Account | None = None
        self._binaries: Binaries | None = None
        self._address: Address | None = None
        self._child: Child | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it accepts connections."""
        return self._child.pid if self._child and self.ready.is_set() else None

    @property
    def address(self) -> Address:
        """The cluster's address, known from the first start on."""
        if self._address is None:
            raise AssertionError("the embedded database was never started")
        return self._address

    def dsn(self, role: str, database: str) -> str:
        """Return the URL of a database for a role, for asyncpg."""
        return self.address.dsn(role, database)

    @property
    def bootstrap_dsn(self) -> str:
        """The superuser's URL: for creating roles and databases, never for a request."""
        return self.address.bootstrap_dsn

    async def start(self) -> None:
        """Lock the directory, create the cluster if there is none, and start it.

        Raises EmbeddedError, or ServerRunning if another server holds the directory.
        """
        with explain_os_errors(self._directory.root):
            self._directory.make()
            await self._lock.take(self._owner)
            try:
                await self._prepare()
                self._child = await self._launch()
            except BaseException:
                self._lock.release()
                raise
        self._keeper = asyncio.create_task(self._supervise(), name="embedded-postgres")

    async def stop(self) -> None:
        """Shut the server down without waiting for clients, and release the directory."""
        if self._keeper is None:
            return
        try:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            self.ready.clear()
            if self._child:
                await self._child.end((signal.SIGINT, _FAST_STOP_S))
            await clear_leftovers(self._directory)
            self._remove_short_socket_dir()
        finally:
            self._keeper = self._child = None
            self._lock.release()

    async def _prepare(self) -> None:
        directory = self._directory
        check_version(directory)
        self._binaries = find_binaries()
        self._account = choose_account(directory)
        if self._account:
            self._binaries = await make_usable(self._binaries, directory, account=self._account)
        await clear_leftovers(directory)
        _write(directory.hba, HBA)
        _write(directory.ident, ident_for(own_account_name()))
        if not directory.cluster.is_dir() or not any(directory.cluster.iterdir()):
            await self._make_cluster(self._binaries)
        elif self._account and directory.cluster.stat().st_uid == 0:  # a copy made by root
            give_ownership(directory.cluster, self._account)
        self._address = Address(directory.socket_dir(self._account))

    async def _make_cluster(self, binaries: Binaries) -> None:
        # Under another name first, so that a directory named `postgres` is always complete.
        cluster = self._directory.cluster
        partial = cluster.with_name(f"{cluster.name}.new")
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(mode=0o700)
        if self._account:
            give_ownership(partial, self._account)
        try:
            argv = [binaries.program("initdb"), *INITDB_OPTIONS, "-D", os.fspath(partial)]
            with self._open_log() as (log, since):
                child = start_child(argv, output=log, account=self._account)
                try:
                    status = await child.wait(_INITDB_LIMIT_S)
                finally:
                    await child.end()
            if status != 0:
                raise failure(self._directory, "PostgreSQL could not be set up", since=since)
            partial.rename(cluster)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise

    async def _launch(self) -> Child:
        # Children of a killed postmaster may hold its shared memory for a moment.
        deadline = time.monotonic() + _SURVIVORS_LIMIT_S
        while True:
            try:
                return await self._launch_once()
            except SurvivorsError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(FIRST_BACKOFF_S)

    async def _launch_once(self) -> Child:
        if self._binaries is None:
            raise AssertionError("a server is prepared before it is launched")
        directory = self._directory
        await clear_leftovers(directory)
        settings = {
            **CLUSTER_SETTINGS,
            "unix_socket_directories": f'"{directory.socket_dir(self._account)}"',
            "hba_file": os.fspath(directory.hba),
            "ident_file": os.fspath(directory.ident),
        }
        argv = [self._binaries.program("postgres"), "-D", os.fspath(directory.cluster)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        stale = directory.postmaster()
        with self._open_log() as (log, since):
            child = start_child(argv, output=log, account=self._account)
        try:
            await self._until_ready(child, stale, since=since)
        except BaseException:
            await child.end()
            raise
        self.ready.set()
        return child

    async def _until_ready(self, child: Child, stale: Postmaster | None, *, since: int) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while not self._is_ready(child.pid, stale):
            waited = loop.time() - begun
            poll_s = _POLL_S if waited < 1 else _SLOW_POLL_S
            if await child.wait(poll_s) is not None:
                raise failure(self._directory, "PostgreSQL failed to start", since=since)
            if waited > _START_LIMIT_S:
                raise EmbeddedError(
                    f"PostgreSQL was not ready after {_START_LIMIT_S:.0f} s;"
                    f" see {self._directory.log}."
                )

    def _is_ready(self, pid: int, stale: Postmaster | None) -> bool:
        # An earlier server's file may still exist, even with the same process id.
        found = self._directory.postmaster()
        return found is not None and found.ready and found.pid == pid and found != stale

    async def _supervise(self) -> None:
        # The task that restarts the server whenever it dies.
        loop = asyncio.get_running_loop()
        backoff_s = FIRST_BACKOFF_S
        while self._child:
            begun = loop.time()
            status = await self._child.wait()
            self.ready.clear()
            self._child = None
            _log.warning("embedded_database_died", exit_status=status)
            if self._on_death and status is not None:
                loop.call_soon(self._on_death, status)
            if loop.time() - begun >= STEADY_S:
                backoff_s = FIRST_BACKOFF_S
            while self._child is None:
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, LAST_BACKOFF_S)
                try:
                    with explain_os_errors(self._directory.root):
                        self._child = await self._launch()
                except EmbeddedError as error:
                    _log.error("embedded_database_not_started", reason=str(error))
            _log.info("embedded_database_restarted", pid=self._child.pid)

    @contextlib.contextmanager
    def _open_log(self) -> Generator[tuple[int, int]]:
        # The file descriptor, and the log's size: the offset of what is written from now on.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        log = os.open(self._directory.log, flags, 0o600)
        try:
            if os.fstat(log).st_size > _LOG_LIMIT_BYTES:
                os.ftruncate(log, 0)
            yield log, os.fstat(log).st_size
        finally:
            os.close(log)

    def _remove_short_socket_dir(self) -> None:
        path = self.address.socket_dir
        if path != os.fspath(self._directory.cluster):
            with contextlib.suppress(OSError):
                os.rmdir(path)


@contextlib.asynccontextmanager
async def open_cluster(data_dir: Path) -> AsyncGenerator[Address]:
    """Yield the cluster of the running server, or run one until the command is done.

    Without a server, commands take turns: each waits up to 10 s for the lock.
    Raises EmbeddedError.
    """
    directory = DataDirectory.at(data_dir)
    own = EmbeddedPostgres(data_dir, owner=Owner.COMMAND)
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        with explain_os_errors(directory.root):
            address = running_cluster(data_dir)
        if address is not None:
            yield address
            return
        try:
            await own.start()
            break
        except ServerRunning:  # the server or its database is still starting
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"The database of the server that uses {directory.root} is not ready yet;"
                    " try again."
                ) from None
            await asyncio.sleep(0.02)
    try:
        yield own.address
    finally:
        await own.stop()


def _write(path: Path, text: str) -> None:
    # Atomically, and readable by the account that PostgreSQL runs as.
    if path.is_file() and path.read_text("utf-8") == text:
        return
    partial = path.with_name(f"{path.name}.new")
    partial.write_text(text, "utf-8")
    partial.chmod(0o644)
    partial.replace(path)
