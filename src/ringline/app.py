"""Where the rooms are joined: the only module that knows storage, bus and voices.

A server starts in one order and stops in the reverse one. The order of an end matters:
calls first, then the journal with what they wrote, then the watchers with what they are
owed, then the sockets, then the database (architecture, "Processes").
"""

import asyncio
import gc
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import SecretStr

from ringline.bus.memory import MemoryBus
from ringline.config import Settings, python_environment, service_links
from ringline.domain.agent import LOCAL_MODEL
from ringline.domain.attendant import SETTINGS, attendant
from ringline.ports import CredentialStore, WorkspaceStore
from ringline.rpc.context import Services
from ringline.rpc.engine import Engine
from ringline.rpc.reader import Reader
from ringline.schema.names import Roles
from ringline.services.calls import Calls
from ringline.services.clock import now
from ringline.services.credentials import Credentials
from ringline.services.hub import Hub
from ringline.services.id_generator import new_id
from ringline.services.idempotency import Idempotency
from ringline.services.journal import Journal
from ringline.services.live_call import CallLimits
from ringline.services.reception import Reception
from ringline.services.repo import Repo
from ringline.services.sealer import Sealer
from ringline.services.sessions import SessionLimits, Sessions
from ringline.services.team import Team
from ringline.services.voices import Catalogue, VoiceModel
from ringline.services.workspaces import Workspaces
from ringline.storage.binaries import check_reach, check_version, find_binaries, stand_in
from ringline.storage.connections import connect, login_role, refuse_unreachable
from ringline.storage.data_directory import SUPERUSER, Address, DataDirectory, EmbeddedError
from ringline.storage.database_errors import DatabaseFull, DatabaseRefused, DiskFull
from ringline.storage.embedded import EmbeddedPostgres, open_cluster
from ringline.storage.failures import disk_full
from ringline.storage.fitness import Condition
from ringline.storage.migrate import MigrationError, is_current, migrate
from ringline.storage.stores import Stores
from ringline.voices.local import LocalVoices
from ringline.voices.resampling import new_resampler
from ringline.voices.workers import Surroundings
from ringline.web.admission import Admission, Allowance, raise_descriptor_limit
from ringline.web.authentication import Origins
from ringline.web.call_streams import CallStreams
from ringline.web.events_socket import EventsSockets
from ringline.web.limits import WebLimits
from ringline.web.links import Links
from ringline.web.rates import RateLimit
from ringline.web.realtime import Realtime
from ringline.web.rpc import Rpc
from ringline.web.server import Server, Surfaces
from ringline.web.token_mints import OperatorAccess, SessionTokens
from ringline.web.watchers import Watchers

_log = structlog.get_logger(__name__)

DATABASE = "ringline"

#: How long the embedded database, which has said that it is ready, may take to answer.
_EMBEDDED_ANSWERS_S = 60.0

#: Objects made and not freed since the last collection; by default 700, a few requests.
_COLLECT_AFTER = 10_000


class StartRefused(Exception):
    """The server cannot start; the text is a sentence for the operator."""


#: How long a thread may keep the interpreter from the event loop, at every turn of it; large
#: reads are planned in threads, and Python's own 5 ms would add up for everybody else.
_SWITCH_S = 0.000_5

#: Why a database cannot be had; the text of each is a sentence for the operator.
DATABASE_PROBLEMS = (DatabaseRefused, EmbeddedError, MigrationError)


@dataclass(frozen=True, slots=True)
class Admin:
    """The services behind the commands for workspaces and keys."""

    workspaces: Workspaces
    rows: WorkspaceStore
    credentials: CredentialStore


@dataclass(frozen=True, slots=True)
class Running:
    """A server that accepts requests."""

    base_url: str
    admin: Admin


@asynccontextmanager
async def open_admin(settings: Settings) -> AsyncGenerator[Admin]:
    """Open the database for a command: beside a running server, or without one.

    An embedded database that is not running is run meanwhile. Raises the sentences of
    storage: DatabaseRefused, EmbeddedError, MigrationError.
    """
    with _naming_disk(settings):
        async with AsyncExitStack() as stack:
            yield await _open_admin(settings, stack)


async def _open_admin(settings: Settings, stack: AsyncExitStack) -> Admin:
    return _admin(await _open_stores(settings, stack))


async def _open_stores(settings: Settings, stack: AsyncExitStack) -> Stores:
    if settings.database_url is not None:
        dsn = settings.database_url.get_secret_value()
    else:
        address = await stack.enter_async_context(open_cluster(settings.data_dir))
        dsn = await _prepare_embedded(address, settings.roles)
    stores = await Stores.open(dsn, new_id(), claim=False, pool_size=1, roles=settings.roles)
    stack.push_async_callback(stores.close)
    return stores


def make_data_dir(path: Path) -> Path:
    """Make a data directory if there is none; return it, links resolved. Raises OSError."""
    directory = DataDirectory.at(path)
    directory.make()
    return directory.root


def check_data_dir(path: Path) -> bool:
    """Tell whether a data directory has a database in it yet.

    Raises EmbeddedError where it has one of another version, or where the programs or the
    account that one needs are missing or cannot reach it.
    """
    directory = DataDirectory.at(path)
    find_binaries()
    if directory.root.is_dir():
        check_reach(directory)
    if not directory.cluster.is_dir():
        return False
    check_version(directory)
    return True


async def examine_database(settings: Settings) -> Condition:
    """Refuse a database that a server could not run on, and tell how it is.

    Raises the sentences of storage.
    """
    with _naming_disk(settings):
        async with AsyncExitStack() as stack:
            stores = await _open_stores(settings, stack)
            return await stores.database.examine()


async def migrate_database(settings: Settings) -> str:
    """Bring the database to what this version expects, and let the server's role in.

    Returns a sentence where every role of its cluster may connect to it and we may not
    change that, else "". Raises EmbeddedError, MigrationError.
    """
    if settings.migration_url is None:
        with _naming_disk(settings):
            async with open_cluster(settings.data_dir) as address:
                await _prepare_embedded(address, settings.roles)
        return ""
    served = settings.database_url or settings.migration_url
    login = login_role(served.get_secret_value())
    return await migrate(settings.migration_url.get_secret_value(), login, roles=settings.roles)


async def serve(
    settings: Settings, *, dev: bool, ready: Callable[[Running], Awaitable[None]]
) -> None:
    """Run a server until one of `stop_signals`; `ready` hears when it accepts requests.

    What it does (writing keys) is done before `/readyz` answers 200.

    Raises SettingsProblem, StartRefused, and the sentences of storage.
    """
    sys.setswitchinterval(_SWITCH_S)
    stopping = _stop_on_signals()
    if links := service_links(os.environ):
        _log.warning("service_links_ignored", names=links)
    with _naming_disk(settings):
        async with running(settings, dev=dev, ready=ready) as server:
            _log.info("ready", base_url=server.base_url)
            await stopping.wait()
            _log.info("stopping")


@contextmanager
def _naming_disk(settings: Settings) -> Generator[None]:
    """Say which disk is full: the embedded database does not say where it is."""
    try:
        yield
    except (DatabaseFull, DiskFull):
        if settings.database_url is not None:
            raise DatabaseFull from None
        raise EmbeddedError(disk_full(DataDirectory.at(settings.data_dir).root)) from None


async def _nobody_waits(_: Running) -> None:
    """Nobody has anything to do before the server is ready."""


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    dev: bool,
    warm: bool = True,
    ready: Callable[[Running], Awaitable[None]] = _nobody_waits,
    limits: WebLimits | None = None,
) -> AsyncGenerator[Running]:
    """Run a server for the length of a block; `warm` starts the local voice beforehand.

    `/readyz` answers 200 once `ready` has returned.

    Raises SettingsProblem, StartRefused, and the sentences of storage.
    """
    settings.refuse_weak_secrets()
    async with AsyncExitStack() as stack:
        server, voices = await _start(settings, stack, ready, limits or WebLimits(), dev=dev)
        if warm:
            _keep(stack, _warm(voices))
        _settle_memory()
        yield server


def _settle_memory() -> None:
    """Keep collections short: what is here now stays, and requests leave few cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


async def _start(
    settings: Settings,
    stack: AsyncExitStack,
    ready: Callable[[Running], Awaitable[None]],
    limits: WebLimits,
    *,
    dev: bool,
) -> tuple[Running, LocalVoices]:
    """Start everything in order; the stack stops it in reverse."""
    journal_away: list[Callable[[], None]] = []
    dsn = await _database(settings, stack, journal_away, dev=dev)
    stores = await Stores.open(dsn, new_id(), claim=True, roles=settings.roles)
    stack.push_async_callback(stores.close)

    bus = MemoryBus()
    journal = Journal(stores.log, bus)
    hub = Hub(stores.log, bus)
    voices = LocalVoices(surroundings=_surroundings(settings))
    catalogue = _catalogue(voices)
    calls = Calls(journal, catalogue.open, new_resampler, now, new_id)
    credentials = Credentials(
        stores.credentials,
        now,
        settings.signing_secrets,
        sockets_per_key=settings.max_sockets_per_key,
    )
    watchers = Watchers(hub, stores.log, credentials)
    repo = Repo(stores.records, bus)
    team = Team(repo, settings.signing_secrets[0], now, new_id, secrets.token_bytes)
    idempotency = Idempotency(repo, new_id)
    sealer = Sealer(_secret(settings.encryption_key), secrets.token_bytes)
    services = Services(repo, calls, now, new_id, sealer.seal, team)
    rpc = Rpc(
        Engine(services, Reader(settings.signing_secrets)),
        idempotency,
        credentials,
        RateLimit(settings.rate_rpc_per_second, settings.rate_rpc_burst),
    )
    links = Links(settings.documentation_url)
    links.reached_at(settings.reached_at(settings.port))
    server = _server(
        settings,
        limits,
        links,
        stores,
        catalogue,
        calls,
        credentials,
        watchers,
        journal,
        rpc,
        team,
    )

    journal_away.append(journal.store_away)
    stack.push_async_callback(voices.close)
    stack.push_async_callback(bus.close)
    hub.start()
    stack.push_async_callback(hub.close)
    stack.push_async_callback(server.stop)
    stack.push_async_callback(watchers.shutdown)
    journal.start()
    stack.push_async_callback(journal.close)
    stack.push_async_callback(repo.close)
    stack.push_async_callback(idempotency.close)
    stack.push_async_callback(calls.shutdown)
    _keep(stack, credentials.run())
    _keep(stack, _watch_ownership(stores, journal))
    calls.sweep(await stores.calls.abandoned())

    port = await _listen(server, settings)
    links.reached_at(settings.reached_at(port))
    started = Running(links.base_url, _admin(stores))
    await ready(started)
    server.announce()
    return started, voices


async def _database(
    settings: Settings,
    stack: AsyncExitStack,
    died: list[Callable[[], None]],
    *,
    dev: bool,
) -> str:
    """Start the embedded database or check the given one; return its URL."""
    if settings.database_url is not None:
        if dev and (sentence := await migrate_database(settings)):
            _log.warning("database_open_to_all", reason=sentence)
        return settings.database_url.get_secret_value()

    def tell(status: int) -> None:
        for callback in died:
            callback()

    cluster = EmbeddedPostgres(settings.data_dir, on_death=tell)
    await cluster.start()
    stack.push_async_callback(cluster.stop)
    return await _prepare_embedded(cluster.address, settings.roles)


def _surroundings(settings: Settings) -> Surroundings:
    """Return what the workers that parse strangers' audio get: no secret, and not root."""
    account = None
    try:
        account = stand_in(DataDirectory.at(settings.data_dir))
    except EmbeddedError as error:
        _log.warning("voice_worker_stays_root", module=None, reason=str(error))
    ids = None if account is None else (account.uid, account.gid)
    return Surroundings(python_environment(), ids)


def _catalogue(local: LocalVoices) -> Catalogue:
    """Return the models that can be spoken to, a row each."""
    return Catalogue(
        [
            VoiceModel(LOCAL_MODEL, LocalVoices.capabilities, local.open),
        ]
    )


def _server(
    settings: Settings,
    limits: WebLimits,
    links: Links,
    stores: Stores,
    catalogue: Catalogue,
    calls: Calls,
    credentials: Credentials,
    watchers: Watchers,
    journal: Journal,
    rpc: Rpc,
    team: Team,
) -> Server:
    origins = Origins(frozenset(settings.allowed_origins))
    mint_rate = RateLimit(settings.rate_mint_per_second, 2 * settings.rate_mint_per_second)
    most = settings.max_sessions_per_workspace
    most_sessions = SessionLimits() if most is None else SessionLimits(most, most)
    sessions = Sessions(
        stores.credentials,
        stores.workspaces,
        catalogue,
        most_sessions,
        now,
        new_id,
        secrets.token_bytes,
    )

    reception = Reception(calls, CallLimits(playout_lead_ms=settings.playout_lead_ms), now)
    surfaces = Surfaces(
        realtime=Realtime(
            sessions,
            reception,
            credentials,
            settings.rate_session_events_per_10_s,
            mint_rate,
            origins,
            links,
            limits.realtime,
        ),
        session_tokens=SessionTokens(
            credentials, settings.signing_secrets[0], mint_rate, now, new_id
        ),
        events_sockets=EventsSockets(watchers, origins, limits.sockets),
        call_streams=CallStreams(
            watchers, stores.calls, origins, links, now, new_id, limits.streams
        ),
        rpc=rpc,
        operator_access=OperatorAccess(credentials, team, mint_rate),
    )
    admission = Admission(
        Allowance.of_descriptors(raise_descriptor_limit(), settings.max_connections_per_address),
        settings.trusted_proxies,
        time.monotonic,
    )
    return Server(surfaces, lambda: journal.accepting, new_id, links, admission)


async def _listen(server: Server, settings: Settings) -> int:
    try:
        return await server.start(settings.host, settings.port)
    except OSError as error:
        raise StartRefused(
            f"Port {settings.port} of {settings.host} cannot be used: "
            f"{(error.strerror or 'unknown error').lower()}. Choose another with --port."
        ) from None


async def _prepare_embedded(address: Address, roles: Roles) -> str:
    """Make and migrate the embedded cluster's database; return its URL for the server."""
    owner_dsn = address.dsn(SUPERUSER, DATABASE)
    async with refuse_unreachable(address.bootstrap_dsn):
        connection = await connect(address.bootstrap_dsn, timeout_s=_EMBEDDED_ANSWERS_S)
        try:
            known = "SELECT 1 FROM pg_database WHERE datname = $1"
            if not await connection.fetchval(known, DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()
        if not await is_current(owner_dsn, roles):
            await migrate(owner_dsn, roles.server, create_login=True, roles=roles)
    return address.dsn(roles.server, DATABASE)


async def _watch_ownership(stores: Stores, journal: Journal) -> None:
    """Tell the journal when the database slips away, before a commit finds out."""
    while True:
        await stores.database.lost()
        journal.store_away()
        await stores.database.available()


async def _warm(voices: LocalVoices) -> None:
    await voices.warm(tuple(phrase.text for phrase in SETTINGS.phrases))


def _keep(stack: AsyncExitStack, work: Awaitable[None]) -> None:
    """Run work beside the server; it is cancelled when the server stops."""
    task = asyncio.ensure_future(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def told(done: asyncio.Future[None]) -> None:
        if not done.cancelled() and (error := done.exception()) is not None:
            _log.error("background_work_failed", error=type(error).__name__)

    task.add_done_callback(told)
    stack.push_async_callback(end)


def _admin(stores: Stores) -> Admin:
    workspaces = Workspaces(stores.workspaces, now, new_id, secrets.token_bytes, attendant)
    return Admin(workspaces, stores.workspaces, stores.credentials)


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that end a program of ours in order.

    A SIGHUP that was ignored at the start stays ignored, as `nohup` wants it.
    """
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM, *(() if ignored else (signal.SIGHUP,)))


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, stopping.set)
    return stopping


def _secret(setting: SecretStr | None) -> str:
    if setting is None:
        raise AssertionError("the command line starts no server without its secrets")
    return setting.get_secret_value()
