"""What clients reach: the HTTP server with its surfaces, over the services."""

import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count

from ringline.app.console import People, console_of
from ringline.config import Settings
from ringline.domain import carrier_limits
from ringline.domain.carriers import Carrier
from ringline.ports import Clock
from ringline.rest.context import Services as RestServices
from ringline.rest.pages import PageTokens
from ringline.rpc.context import Services
from ringline.rpc.engine import Engine
from ringline.rpc.reader import Reader
from ringline.services.carrier_intake import CarrierIntake
from ringline.services.credentials import Credentials
from ringline.services.found_calls import CallFinder
from ringline.services.id_generator import new_id
from ringline.services.idempotency import Idempotency
from ringline.services.journal import Journal
from ringline.services.presence import Presence
from ringline.services.reception import Reception
from ringline.services.session_ends import SessionEnds
from ringline.services.session_places import SessionPlaces
from ringline.services.sessions import Sessions
from ringline.services.voices import Catalogue
from ringline.storage.stores import Stores
from ringline.web.admission import Admission, Allowance
from ringline.web.authentication import Origins
from ringline.web.call_commands import Commands
from ringline.web.call_streams import CallStreams
from ringline.web.carrier_doors import CarrierDoors
from ringline.web.conversation_streams import ConversationStreams
from ringline.web.events_session import SessionServices
from ringline.web.events_socket import EventsSockets
from ringline.web.limits import WebLimits
from ringline.web.links import Links
from ringline.web.long_poll import LongPolls
from ringline.web.models import Models
from ringline.web.openai_server import OpenAIServer
from ringline.web.rates import RateLimit, SlidingRate
from ringline.web.realtime import Realtime, Starter
from ringline.web.rest import Rest
from ringline.web.rpc import Rpc, authenticate
from ringline.web.server import Server, Surfaces
from ringline.web.session_sockets import SessionSockets
from ringline.web.stream_door import StreamDoor
from ringline.web.talk import PageKey, Talk
from ringline.web.ticket_mint import TicketMint
from ringline.web.token_mints import OperatorAccess, SessionTokens
from ringline.web.watchers import Watchers

_PER_SECOND = carrier_limits.PROVIDER_PER_SECOND.most


def build_server(
    settings: Settings,
    limits: WebLimits,
    *,
    links: Links,
    stores: Stores,
    catalogue: Catalogue,
    reception: Reception,
    places: SessionPlaces,
    credentials: Credentials,
    watchers: Watchers,
    journal: Journal,
    services: Services,
    rest: RestServices,
    idempotency: Idempotency,
    carriers: Sequence[Carrier],
    intake: CarrierIntake,
    now: Clock,
    descriptors: int,
    page_key: PageKey | None,
    people: People | None,
) -> Server:
    """Build the server; without people it has no console.

    Its connections may have so many `descriptors`, but for those that are reserved.
    """
    calls = services.calls
    engine = Engine(services, Reader(settings.signing_secrets))
    rpc_rate = RateLimit(settings.rate_rpc_per_second, settings.rate_rpc_burst)
    rpc = Rpc(
        engine,
        idempotency,
        authenticate=partial(authenticate, credentials=credentials),
        rate=rpc_rate,
    )
    origins = Origins(frozenset(settings.allowed_origins))
    mint_rate = RateLimit(settings.rate_mint_per_second, 2 * settings.rate_mint_per_second)
    v1_rate = SlidingRate(settings.rate_v1_per_minute)
    sessions = Sessions(
        stores.credentials,
        stores.workspaces,
        catalogue=catalogue,
        now=now,
        new_id=new_id,
        random_bytes=secrets.token_bytes,
    )
    starter = Starter(sessions, reception, settings.rate_session_events_per_10_s, limits.realtime)
    ends = SessionEnds(stores.credentials, calls, records=stores.calls, now=now)
    session_sockets = SessionSockets(
        sessions,
        reception,
        places=places,
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
    console = None
    if people is not None:
        console = console_of(
            settings,
            people,
            credentials=credentials,
            engine=engine,
            idempotency=idempotency,
            rest=rest,
            realtime=realtime,
            links=links,
            now=now,
            rate=rpc_rate,
            mint_rate=mint_rate,
        )
    stream_door = StreamDoor(
        watchers,
        origins=origins,
        rate=v1_rate,
        links=links,
        limits=limits.streams,
    )
    session_services = SessionServices(
        watchers, Presence(now, _new_refs()), CallFinder(rest.repo), limits.sockets
    )
    surfaces = Surfaces(
        realtime=realtime,
        openai_server=OpenAIServer(starter, session_sockets, mint=mint, new_id=new_id),
        session_sockets=session_sockets,
        session_tokens=SessionTokens(
            credentials, settings.signing_secrets[0], rate=mint_rate, now=now, new_id=new_id
        ),
        events_sockets=EventsSockets(session_services, origins),
        long_polls=LongPolls(session_services, origins),
        stream_door=stream_door,
        call_streams=CallStreams(
            stream_door,
            watchers,
            calls=stores.calls,
            commands=Commands(watchers, rest.repo, calls=calls, now=now, new_id=new_id),
            now=now,
            limits=limits.streams,
        ),
        conversation_streams=ConversationStreams(
            stream_door, watchers, repo=rest.repo, limits=limits.streams
        ),
        rpc=rpc,
        operator_access=OperatorAccess(credentials, services.team, rate=mint_rate),
        models=Models(catalogue, credentials),
        rest=Rest(
            rest,
            credentials=credentials,
            rate=v1_rate,
            tokens=PageTokens(settings.signing_secrets),
            links=links,
            bounds=limits.rest,
            idempotency=idempotency,
            mint_rate=mint_rate,
        ),
        carrier_doors=CarrierDoors(
            {carrier.name: carrier for carrier in carriers},
            intake,
            links=links,
            now=now,
            rate=RateLimit(_PER_SECOND, 10 * _PER_SECOND),
        ),
        talk=talk,
        console=console,
    )
    admission = Admission(
        Allowance.of_descriptors(descriptors, settings.max_connections_per_address),
        settings.trusted_proxies,
        clock=time.monotonic,
    )
    return Server(
        surfaces, lambda: journal.accepting, new_id=new_id, links=links, admission=admission
    )


def _new_refs() -> Callable[[], str]:
    """Return what makes references of presence, which no other process makes."""
    process, numbers = secrets.token_urlsafe(6), count(1)
    return lambda: f"{process}{next(numbers)}"
