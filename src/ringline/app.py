"""Where the rooms are joined: the only module that knows storage, bus and voices.

A server starts in one order and stops in the reverse one. The order of an end matters:
calls first, then the journal with what they wrote, then the watchers with what they are
owed, then the sockets, then the database (architecture, "Processes").
"""

import os
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import structlog
from pydantic import SecretStr

from ringline.bus.memory import MemoryBus
from ringline.config import (
    Settings,
    VoicesFile,
    load_prices,
    python_environment,
    service_links,
)
from ringline.domain.agent import LOCAL_MODEL
from ringline.domain.attendant import SETTINGS, attendant
from ringline.domain.cascade import Cascade
from ringline.domain.providers import ProviderKey, VoiceProvider
from ringline.domain.rollover import DEFAULTS
from ringline.ports import CredentialStore, WorkspaceStore
from ringline.rpc.context import Services
from ringline.rpc.engine import Engine
from ringline.rpc.reader import Reader
from ringline.services.background import run_in_background
from ringline.services.calls import Calls
from ringline.services.clock import now
from ringline.services.credentials import Credentials
from ringline.services.hub import Hub
from ringline.services.id_generator import new_id
from ringline.services.idempotency import Idempotency
from ringline.services.journal import Journal
from ringline.services.live_call import CallLimits
from ringline.services.pricing import Pricing
from ringline.services.process import prefer_event_loop, settle_memory, stop_on_signals
from ringline.services.provider_keys import FindProviderKey, ProviderKeys
from ringline.services.reception import Reception
from ringline.services.recording_writer import RecordingWriter
from ringline.services.recordings import Recordings
from ringline.services.repo import Repo
from ringline.services.sealer import Sealer
from ringline.services.session_ends import SessionEnds
from ringline.services.sessions import SessionLimits, Sessions
from ringline.services.team import Team
from ringline.services.voices import (
    Catalogue,
    VoiceModel,
    everybody,
    in_test_environment,
)
from ringline.services.workspaces import Workspaces
from ringline.storage.data_directory import EmbeddedError
from ringline.storage.fitness import Condition
from ringline.storage.preparation import (
    DATABASE_PROBLEMS,
    DatabaseConfig,
    check_data_dir,
    make_data_dir,
    migrate_database,
    open_stores,
    run_database,
    unprivileged_account,
)
from ringline.storage.recording_files import DiskRecordings, StoredRecording, find_recording
from ringline.storage.recording_notes import CallFound
from ringline.storage.stores import Stores
from ringline.voices import mock, providers
from ringline.voices.cascade import Cascades
from ringline.voices.detectors import DETECTORS
from ringline.voices.endpoints import Endpoints, Patience
from ringline.voices.lasting import LastingLimits, LastingVoices, Ways
from ringline.voices.local import LocalVoices
from ringline.voices.resampling import new_resampler
from ringline.voices.upstream import Upstream
from ringline.voices.workers import Surroundings
from ringline.web.admission import Admission, Allowance, raise_descriptor_limit
from ringline.web.authentication import Origins
from ringline.web.call_streams import CallStreams
from ringline.web.events_socket import EventsSockets
from ringline.web.limits import WebLimits
from ringline.web.links import Links
from ringline.web.models import Models
from ringline.web.openai_server import OpenAIServer
from ringline.web.rates import RateLimit
from ringline.web.realtime import Realtime, Starter
from ringline.web.rpc import Rpc
from ringline.web.server import Server, Surfaces
from ringline.web.session_sockets import SessionSockets
from ringline.web.talk import PageKey, Talk
from ringline.web.ticket_mint import TicketMint
from ringline.web.token_mints import OperatorAccess, SessionTokens
from ringline.web.watchers import Watchers

#: What the command line uses of it, and of storage through it.
__all__ = [
    "DATABASE_PROBLEMS",
    "Admin",
    "CallFound",
    "Condition",
    "Running",
    "StartRefused",
    "StoredRecording",
    "check_data_dir",
    "database_of",
    "examine_database",
    "find_recorded_call",
    "make_data_dir",
    "migrate_database",
    "missing_extra",
    "open_admin",
    "open_recording",
    "read_voices",
    "running",
    "serve",
]

_log = structlog.get_logger(__name__)


class StartRefused(Exception):
    """The server cannot start; the text is a sentence for the operator."""


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
    #: Where `ringline dev` leaves the key of its talk page.
    page_key: PageKey | None = None


def database_of(settings: Settings) -> DatabaseConfig:
    """Return which database the settings mean."""
    return DatabaseConfig(
        data_dir=settings.data_dir,
        url=_text(settings.database_url),
        migration_url=_text(settings.migration_url),
        roles=settings.roles,
    )


@asynccontextmanager
async def open_admin(settings: Settings) -> AsyncGenerator[Admin]:
    """Open the database for a command: beside a running server, or without one.

    An embedded database that is not running is run meanwhile. Raises DATABASE_PROBLEMS.
    """
    async with open_stores(database_of(settings), new_id()) as stores:
        yield _admin(stores)


async def examine_database(settings: Settings) -> Condition:
    """Refuse a database that a server could not run on, and tell how it is.

    Raises DATABASE_PROBLEMS.
    """
    async with open_stores(database_of(settings), new_id()) as stores:
        return await stores.database.examine()


def open_recording(settings: Settings, call_id: UUID) -> StoredRecording | None:
    """Open a call's recording, beside a running server or without one; None if there is none.

    Raises OSError.
    """
    return find_recording(settings.data_dir, call_id)


async def find_recorded_call(settings: Settings, call_id: UUID) -> CallFound | None:
    """Find a call of any workspace, to say why it has no recording. Raises DATABASE_PROBLEMS."""
    async with open_stores(database_of(settings), new_id()) as stores:
        return await stores.recordings.find_call(call_id)


def missing_extra(settings: Settings) -> str:
    """Return the extra that the settings ask for and that is not installed; "" if none.

    WebRTC's detector comes with the local voice, and without that needs no word of its own.
    """
    detector = DETECTORS[settings.voice_activity_detector]
    return "" if detector.installed or detector.extra == "local" else detector.extra


async def serve(
    settings: Settings, *, dev: bool, ready: Callable[[Running], Awaitable[None]]
) -> None:
    """Run a server until one of `stop_signals`; `ready` hears when it accepts requests.

    What it does (writing keys) is done before `/readyz` answers 200.

    Raises SettingsProblem, StartRefused, DATABASE_PROBLEMS.
    """
    prefer_event_loop()
    stopping = stop_on_signals()
    if links := service_links(os.environ):
        _log.warning("service_links_ignored", names=links)
    async with running(settings, dev=dev, ready=ready) as server:
        _log.info("ready", base_url=server.base_url)
        await stopping.wait()
        _log.info("stopping")


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

    Raises SettingsProblem, StartRefused, DATABASE_PROBLEMS.
    """
    settings.refuse_weak_secrets()
    settings.refuse_plain_voices()
    async with AsyncExitStack() as stack:
        server, voices = await _start(
            settings, stack, ready=ready, limits=limits or WebLimits(), dev=dev
        )
        if warm:
            run_in_background(stack, _warm(voices))
        settle_memory()
        yield server


async def _start(
    settings: Settings,
    stack: AsyncExitStack,
    *,
    ready: Callable[[Running], Awaitable[None]],
    limits: WebLimits,
    dev: bool,
) -> tuple[Running, LocalVoices]:
    """Start everything in order; the stack stops it in reverse."""
    if extra := missing_extra(settings):
        raise StartRefused(
            f"RINGLINE_VOICE_ACTIVITY_DETECTOR is {settings.voice_activity_detector}, but the "
            f"extra `{extra}` is not installed; `ringline doctor` shows how to install it."
        )
    own = read_voices(settings)
    pricing = Pricing(load_prices(settings.prices_file))
    journals: list[Journal] = []

    def store_unavailable() -> None:
        for journal in journals:
            journal.store_unavailable()

    url = await stack.enter_async_context(
        run_database(database_of(settings), migrates=dev, on_death=store_unavailable)
    )
    stores = await Stores.open(url, new_id(), claim=True, roles=settings.roles)
    stack.push_async_callback(stores.close)

    bus = MemoryBus()
    journal = Journal(stores.log, bus)
    hub = Hub(stores.log, bus)
    voices = LocalVoices(
        detector=DETECTORS[settings.voice_activity_detector], surroundings=_surroundings(settings)
    )
    cascades = Cascades(
        Endpoints(Patience(settings.voice_ready_seconds, settings.voice_stall_seconds)),
        DETECTORS[settings.voice_activity_detector],
    )
    sealer = Sealer(_secret(settings.encryption_key), secrets.token_bytes)
    provider_keys = ProviderKeys(
        stores.provider_credentials, sealer.open_sealed, of_server=_keys_of(settings)
    )
    catalogue = Catalogue(
        [
            *_built_in(voices, dev=dev),
            *_of_endpoints(own.cascades, cascades),
            *_of_providers(settings, provider_keys.find, further=own.models),
        ],
        provider_keys.usable,
    )
    ways = Ways(
        catalogue.open,
        catalogue.capabilities,
        new_resampler,
        rollovers={**DEFAULTS, **own.rollovers},
        # A voice that is not ready in time says so itself, and why.
        limits=LastingLimits(open_s=settings.voice_ready_seconds + 1),
    )
    lasting = LastingVoices(ways, own.fallbacks)
    files = DiskRecordings(settings.data_dir, round(settings.recordings_max_gb * 1e9))
    recordings = Recordings(RecordingWriter(files, new_resampler), stores.recordings)
    calls = Calls(
        journal,
        lasting.open,
        pricing=pricing,
        new_resampler=new_resampler,
        now=now,
        new_id=new_id,
        recordings=recordings,
    )
    credentials = Credentials(
        stores.credentials,
        now,
        secrets=settings.signing_secrets,
        sockets_per_key=settings.max_sockets_per_key,
    )
    watchers = Watchers(hub, stores.log, credentials=credentials)
    repo = Repo(stores.records, bus)
    team = Team(
        repo, settings.signing_secrets[0], now=now, new_id=new_id, random_bytes=secrets.token_bytes
    )
    idempotency = Idempotency(repo, new_id)
    services = Services(
        repo, calls, now, new_id, sealer.seal, team, provider_keys_changed=provider_keys.changed
    )
    engine = Engine(services, Reader(settings.signing_secrets))
    rpc = Rpc(
        engine,
        idempotency,
        credentials=credentials,
        rate=RateLimit(settings.rate_rpc_per_second, settings.rate_rpc_burst),
    )
    links = Links(settings.documentation_url)
    links.reached_at(settings.reached_at(settings.port))
    page_key = PageKey() if dev else None
    server = _server(
        settings,
        limits,
        links=links,
        stores=stores,
        catalogue=catalogue,
        voice_s=lasting.longest_s + 1,
        calls=calls,
        credentials=credentials,
        watchers=watchers,
        journal=journal,
        rpc=rpc,
        team=team,
        engine=engine,
        page_key=page_key,
    )

    journals.append(journal)
    stack.push_async_callback(voices.close)
    stack.push_async_callback(cascades.close)
    stack.push_async_callback(bus.close)
    hub.start()
    stack.push_async_callback(hub.close)
    stack.push_async_callback(server.stop)
    stack.push_async_callback(watchers.shutdown)
    journal.start()
    stack.push_async_callback(journal.close)
    stack.push_async_callback(repo.close)
    stack.push_async_callback(idempotency.close)
    recordings.start()
    stack.push_async_callback(recordings.close)
    stack.push_async_callback(calls.shutdown)
    run_in_background(stack, credentials.run())
    run_in_background(stack, provider_keys.run())
    run_in_background(stack, _watch_ownership(stores, journal))
    calls.sweep(await stores.calls.abandoned())

    port = await _listen(server, settings)
    links.reached_at(settings.reached_at(port))
    started = Running(links.base_url, _admin(stores), page_key)
    await ready(started)
    server.announce()
    return started, voices


def _surroundings(settings: Settings) -> Surroundings:
    """Return what the workers that parse strangers' audio get: no secret, and not root."""
    account = None
    try:
        account = unprivileged_account(settings.data_dir)
    except EmbeddedError as error:
        _log.warning("voice_worker_stays_root", module=None, reason=str(error))
    ids = None if account is None else (account.uid, account.gid)
    return Surroundings(python_environment(), ids)


def _built_in(local: LocalVoices, *, dev: bool) -> list[VoiceModel]:
    """Return the models that need nothing; in `serve` test voices are for test keys alone."""
    testers = everybody if dev else in_test_environment
    return [
        VoiceModel(LOCAL_MODEL, LocalVoices.capabilities, local.open, about=LocalVoices.about),
        VoiceModel(
            mock.ECHO_MODEL, mock.ECHO, mock.open_echo, offered_to=testers, about=mock.ABOUT_ECHO
        ),
        VoiceModel(
            mock.ASYM_MODEL, mock.ASYM, mock.open_asym, offered_to=testers, about=mock.ABOUT_ASYM
        ),
        VoiceModel(mock.CHAT_MODEL, None, None, offered_to=testers, about=mock.ABOUT_CHAT),
    ]


def _of_endpoints(own: Iterable[Cascade], cascades: Cascades) -> list[VoiceModel]:
    """Return the models of the operator's own endpoints."""
    return [
        VoiceModel(
            cascade.model, cascade.capabilities, cascades.opener(cascade), about=cascade.about
        )
        for cascade in own
    ]


def read_voices(settings: Settings) -> VoicesFile:
    """Read the file of voices and check the models that it names. Raises SettingsProblem."""
    file = settings.read_voices()
    ours = (LOCAL_MODEL, mock.ECHO_MODEL, mock.ASYM_MODEL)
    file.check_models({*ours, *providers.MODELS})
    return file


def _keys_of(settings: Settings) -> dict[VoiceProvider, ProviderKey]:
    """Return the server's own keys of providers."""
    return {
        VoiceProvider(provider.name): ProviderKey(provider.key.get_secret_value())
        for provider in settings.providers
        if provider.key is not None
    }


def _of_providers(
    settings: Settings, find_key: FindProviderKey, *, further: Mapping[str, str]
) -> list[VoiceModel]:
    """Return the models of all providers, and further ones like them.

    Each exists for those who have a key of its provider.
    """
    upstreams = {
        VoiceProvider(provider.name): Upstream(
            provider.url,
            partial(find_key, provider=VoiceProvider(provider.name)),
            ready_s=settings.voice_ready_seconds,
            stall_s=settings.voice_stall_seconds,
        )
        for provider in settings.providers
    }
    found = providers.voices_of_providers(
        upstreams,
        detector=DETECTORS[settings.voice_activity_detector],
        delegation_model=settings.openai_delegation_model,
        further=further,
    )
    return [
        VoiceModel(
            name, model.capabilities, voices.open, provider=voices.provider, about=model.about
        )
        for voices in found
        for name, model in voices.models.items()
    ]


def _server(
    settings: Settings,
    limits: WebLimits,
    *,
    links: Links,
    stores: Stores,
    catalogue: Catalogue,
    voice_s: float,
    calls: Calls,
    credentials: Credentials,
    watchers: Watchers,
    journal: Journal,
    rpc: Rpc,
    team: Team,
    engine: Engine,
    page_key: PageKey | None,
) -> Server:
    origins = Origins(frozenset(settings.allowed_origins))
    mint_rate = RateLimit(settings.rate_mint_per_second, 2 * settings.rate_mint_per_second)
    most = settings.max_sessions_per_workspace
    most_sessions = SessionLimits() if most is None else SessionLimits(most, most)
    sessions = Sessions(
        stores.credentials,
        stores.workspaces,
        catalogue=catalogue,
        limits=most_sessions,
        now=now,
        new_id=new_id,
        random_bytes=secrets.token_bytes,
    )

    limits_of_calls = CallLimits(voice_s=voice_s, playout_lead_ms=settings.playout_lead_ms)
    reception = Reception(calls, limits_of_calls, now=now)
    starter = Starter(sessions, reception, settings.rate_session_events_per_10_s, limits.realtime)
    ends = SessionEnds(stores.credentials, calls, records=stores.calls, now=now)
    session_sockets = SessionSockets(
        sessions,
        reception,
        ends=ends,
        credentials=credentials,
        origins=origins,
        bounds=limits.realtime,
    )
    mint = TicketMint(sessions, reception, credentials=credentials, rate=mint_rate)
    realtime = Realtime(
        starter, session_sockets, mint=mint, ends=ends, credentials=credentials, links=links
    )
    talk = None
    if page_key is not None:
        talk = Talk(realtime, engine, credentials=credentials, key=page_key, links=links)
    surfaces = Surfaces(
        realtime=realtime,
        openai_server=OpenAIServer(starter, session_sockets, mint=mint, new_id=new_id),
        session_sockets=session_sockets,
        session_tokens=SessionTokens(
            credentials, settings.signing_secrets[0], rate=mint_rate, now=now, new_id=new_id
        ),
        events_sockets=EventsSockets(watchers, origins, limits=limits.sockets),
        call_streams=CallStreams(
            watchers,
            stores.calls,
            origins=origins,
            links=links,
            now=now,
            new_id=new_id,
            limits=limits.streams,
        ),
        rpc=rpc,
        operator_access=OperatorAccess(credentials, team, rate=mint_rate),
        models=Models(catalogue, credentials),
        talk=talk,
    )
    admission = Admission(
        Allowance.of_descriptors(raise_descriptor_limit(), settings.max_connections_per_address),
        settings.trusted_proxies,
        clock=time.monotonic,
    )
    return Server(
        surfaces, lambda: journal.accepting, new_id=new_id, links=links, admission=admission
    )


async def _listen(server: Server, settings: Settings) -> int:
    try:
        return await server.start(settings.host, settings.port)
    except OSError as error:
        raise StartRefused(
            f"Port {settings.port} of {settings.host} cannot be used: "
            f"{(error.strerror or 'unknown error').lower()}. Choose another with --port."
        ) from None


async def _watch_ownership(stores: Stores, journal: Journal) -> None:
    """Tell the journal when the database slips away, before a commit finds out."""
    while True:
        await stores.database.lost()
        journal.store_unavailable()
        await stores.database.available()


async def _warm(voices: LocalVoices) -> None:
    await voices.warm(tuple(phrase.text for phrase in SETTINGS.phrases))


def _admin(stores: Stores) -> Admin:
    workspaces = Workspaces(
        stores.workspaces, now, new_id=new_id, random_bytes=secrets.token_bytes, attendant=attendant
    )
    return Admin(workspaces, stores.workspaces, stores.credentials)


def _text(setting: SecretStr | None) -> str | None:
    return None if setting is None else setting.get_secret_value()


def _secret(setting: SecretStr | None) -> str:
    if setting is None:
        raise AssertionError("the command line starts no server without its secrets")
    return setting.get_secret_value()
