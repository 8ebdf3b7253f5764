"""The console: sign-ins of people, and the routes behind them."""

import secrets
from collections.abc import Callable
from datetime import timedelta

from ringline.config import Settings
from ringline.ports import Clock
from ringline.rest.context import Services as RestServices
from ringline.rpc.engine import Engine
from ringline.services.credentials import Credentials
from ringline.services.id_generator import new_id
from ringline.services.idempotency import Idempotency
from ringline.services.profiles import Profiles
from ringline.services.repo import Repo
from ringline.services.sign_ins import Life, SignIns
from ringline.storage.stores import Stores
from ringline.web.console import Console
from ringline.web.console_api import ConsoleApi
from ringline.web.console_calls import ConsoleCalls
from ringline.web.console_door import Door
from ringline.web.console_files import ConsoleFiles
from ringline.web.links import Links
from ringline.web.rates import RateLimit
from ringline.web.realtime import Realtime


def sign_ins_of(
    settings: Settings, stores: Stores, *, repo: Repo, now: Clock, ended: Callable[[], None]
) -> SignIns | None:
    """Return the sign-ins of people; None if the console is switched off.

    `ended` is called when one has ended here.
    """
    if not settings.console:
        return None
    life = Life(
        idle=timedelta(minutes=settings.console_idle_minutes),
        most=timedelta(hours=settings.console_max_hours),
    )
    return SignIns(
        stores.sign_ins,
        repo,
        life=life,
        now=now,
        new_id=new_id,
        random_bytes=secrets.token_bytes,
        ended=ended,
    )


def console_of(
    settings: Settings,
    sign_ins: SignIns,
    *,
    credentials: Credentials,
    engine: Engine,
    idempotency: Idempotency,
    rest: RestServices,
    realtime: Realtime,
    links: Links,
    now: Clock,
    rate: RateLimit,
    mint_rate: RateLimit,
) -> Console:
    """Build the console's routes; `mint_rate` is of tokens and tickets, `rate` of the rest."""
    door = Door(credentials, sign_ins, links=links, allow_plain=settings.console_allow_plain)
    files = ConsoleFiles()
    api = ConsoleApi(
        door,
        sign_ins,
        profiles=Profiles(rest.repo, now),
        credentials=credentials,
        files=files,
        rate=rate,
    )
    calls = ConsoleCalls(
        door,
        engine,
        idempotency=idempotency,
        realtime=realtime,
        recordings=rest.recordings,
        credentials=credentials,
        secret=settings.signing_secrets[0],
        now=now,
        new_id=new_id,
        rate=rate,
        mint_rate=mint_rate,
    )
    return Console({**api.handlers(), **calls.handlers()}, files)
