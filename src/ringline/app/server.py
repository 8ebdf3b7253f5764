"""A server starts in one order and stops in the reverse one.

The order of an end matters: calls first, then the journal with what they wrote, then the
watchers with what they are owed, then the sockets, then the database (architecture,
"Processes").
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import structlog

from ringline.app.admin import Admin, admin_of, database_of, sealer_of
from ringline.app.console import people_of
from ringline.app.messaging import messaging_of
from ringline.app.rest import build_rest
from ringline.app.sandbox import by_webhook_or_script, sandbox_lines
from ringline.app.surfaces import build_server
from ringline.app.voices import gather_voices, missing_extra, read_voices
from ringline.app.webhooks import receivers_of, webhooks_of
from ringline.bus.memory import MemoryBus
from ringline.config import Settings, load_prices, service_links
from ringline.domain import delivery_limits
from ringline.domain.attendant import SETTINGS
from ringline.domain.call import Moment
from ringline.domain.log import Scope
from ringline.rpc.context import Services
from ringline.services.agents import AgentRules
from ringline.services.api_keys import ApiKeys
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
from ringline.services.reception import Reception
from ringline.services.recording_writer import RecordingWriter
from ringline.services.recordings import Recordings
from ringline.services.repo import Repo
from ringline.services.sandbox_calls import SandboxCalls
from ringline.services.session_places import SessionLimits, SessionPlaces
from ringline.services.shared_reads import SharedReads
from ringline.services.team import Team
from ringline.services.usage import UsageAccount
from ringline.storage.preparation import run_database
from ringline.storage.recording_files import DiskRecordings, find_recording, recorded_of
from ringline.storage.stores import Stores
from ringline.voices.local import LocalVoices
from ringline.voices.resampling import new_resampler
from ringline.web.admission import raise_descriptor_limit
from ringline.web.limits import WebLimits
from ringline.web.links import Links
from ringline.web.server import Server
from ringline.web.talk import PageKey
from ringline.web.watchers import Watchers

_log = structlog.get_logger(__name__)


class StartRefused(Exception):
    """The server cannot start; the text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that accepts requests."""

    base_url: str
    admin: Admin
    #: Where `ringline dev` leaves the key of its talk page.
    page_key: PageKey | None = None


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
    carriers = settings.read_messaging()
    links = Links(settings.documentation_url)
    links.reached_at(settings.reached_at(settings.port))
    pricing = Pricing(load_prices(settings.prices_file))
    journals: list[Journal] = []

    def store_unavailable() -> None:
        for journal in journals:
            journal.store_unavailable()

    url = await stack.enter_async_context(
        run_database(database_of(settings), migrates=dev, on_death=store_unavailable)
    )
    stores = await Stores.open(url, new_id(), claim=True, roles=settings.roles, now=now)
    stack.push_async_callback(stores.close)

    descriptors = raise_descriptor_limit()
    most = min(delivery_limits.IN_FLIGHT_IN_ALL.most, descriptors // 4)
    bus = MemoryBus()
    journal = Journal(stores.log, bus)
    hub = Hub(stores.log, bus)
    sealer = sealer_of(settings)
    if sealer is None:
        raise AssertionError("the command line starts no server without its secrets")
    repo = Repo(stores.records, bus)
    receivers = receivers_of(settings, stores, repo=repo, sealer=sealer, now=now)
    voices = gather_voices(
        settings,
        own,
        stores=stores,
        sealer=sealer,
        answer_turn=receivers.agents.answer_turn,
        dev=dev,
    )
    files = DiskRecordings(settings.data_dir, round(settings.recordings_max_gb * 1e9))
    recordings = Recordings(RecordingWriter(files, new_resampler), stores.recordings)
    calls = Calls(
        journal,
        voices.lasting.open,
        run_tool=receivers.agents.run_tool,
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
        close_at_expiry=settings.socket_close_at_expiry,
    )
    watchers = Watchers(hub, SharedReads(stores.log), credentials=credentials)
    team = Team(
        repo, settings.signing_secrets[0], now=now, new_id=new_id, random_bytes=secrets.token_bytes
    )
    api_keys = ApiKeys(
        repo,
        now,
        new_id=new_id,
        random_bytes=secrets.token_bytes,
        secret_ended=credentials.forget,
    )
    idempotency = Idempotency(repo, new_id)
    agent_rules = AgentRules(voices.catalogue, settings.webhook_allow_private)
    services = Services(
        repo,
        calls,
        now,
        new_id,
        sealer.seal,
        team,
        api_keys,
        agent_rules,
        provider_keys_changed=voices.provider_keys.changed,
    )

    def open_account(scope: Scope, agent_id: UUID) -> UsageAccount:
        return UsageAccount(
            scope,
            None,
            agent_id=agent_id,
            journal=journal,
            pricing=pricing,
            moment=lambda: Moment(now(), new_id),
        )

    messaging = messaging_of(
        repo,
        voices.catalogue,
        carriers=carriers,
        carried=stores.carried,
        receipts_url=lambda name: f"{links.base_url}/v1/messaging/{name}/receipts",
        open_account=open_account,
        now=now,
        sandbox_clock_scale=settings.sandbox_clock_scale,
    )
    webhooks = webhooks_of(
        stores,
        receivers,
        sealer=sealer,
        recordings=recordings,
        calls=calls,
        messaging=messaging.serve,
        now=now,
        most=most,
    )
    page_key = PageKey() if dev else None
    people = people_of(settings, stores, repo=repo, team=team, now=now, ended=credentials.forget)
    places = SessionPlaces(
        SessionLimits.chosen(
            settings.max_sessions_per_process, settings.max_sessions_per_workspace
        ),
        clock=time.monotonic,
    )
    # The longest that a voice takes to be ready, and a moment.
    limits_of_calls = CallLimits(
        voice_s=voices.lasting.longest_s + 1, playout_lead_ms=settings.playout_lead_ms
    )
    reception = Reception(calls, limits_of_calls, now=now)
    sandbox = SandboxCalls(
        reception,
        places,
        agents=stores.workspaces,
        new_line=sandbox_lines(
            settings.sandbox_clock_scale, by_webhook_or_script(receivers.agents.answer_turn)
        ),
        new_id=new_id,
    )
    server = build_server(
        settings,
        limits,
        links=links,
        stores=stores,
        catalogue=voices.catalogue,
        reception=reception,
        places=places,
        credentials=credentials,
        watchers=watchers,
        journal=journal,
        services=services,
        rest=build_rest(
            repo,
            sealer,
            calls=calls,
            keys=api_keys,
            sandbox=sandbox,
            messages=messaging.messages,
            send=receivers.sender.send,
            streams=hub.ledger,
            now=now,
            agent_rules=agent_rules,
            open_account=open_account,
            secret_ended=credentials.forget,
            recordings=recordings,
            find_recording=partial(find_recording, settings.data_dir),
            signing_secret=settings.signing_secrets[0],
        ),
        idempotency=idempotency,
        carriers=carriers,
        intake=messaging.intake,
        now=now,
        descriptors=descriptors - most,
        page_key=page_key,
        people=people,
    )

    hub.charge_to(server.charge_events)
    journals.append(journal)
    stack.push_async_callback(voices.local.close)
    stack.push_async_callback(voices.cascades.close)
    stack.push_async_callback(receivers.sender.close)
    stack.push_async_callback(messaging.providers.close)
    webhooks.deliveries.start()
    stack.push_async_callback(webhooks.deliveries.close)
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
    if people is not None:
        stack.callback(people.hashing.close)
        run_in_background(stack, people.sign_ins.run())
    run_in_background(stack, webhooks.timers.run())
    run_in_background(stack, voices.provider_keys.run())
    run_in_background(stack, _watch_ownership(stores, journal))
    abandoned = await stores.calls.abandoned()
    ids = [orphan.call.id for orphan in abandoned]
    calls.sweep(abandoned, await asyncio.to_thread(recorded_of, settings.data_dir, ids))

    port = await _listen(server, settings)
    links.reached_at(settings.reached_at(port))
    started = Running(links.base_url, admin_of(stores, sealer), page_key)
    await ready(started)
    server.announce()
    return started, voices.local


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
