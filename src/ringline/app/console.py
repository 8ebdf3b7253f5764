"""The console: sign-ins of people, and the routes behind them."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ringline.config import Settings
from ringline.ports import Clock
from ringline.rest.context import Services as RestServices
from ringline.rpc.engine import Engine
from ringline.services.audit import Refusals
from ringline.services.credentials import Credentials
from ringline.services.hearings import Hearings
from ringline.services.id_generator import new_id
from ringline.services.idempotency import Idempotency
from ringline.services.password_hashing import PasswordHashing
from ringline.services.passwords import Passwords
from ringline.services.profiles import Profiles
from ringline.services.repo import Repo
from ringline.services.sign_ins import Life, SignIns
from ringline.services.team import Team
from ringline.storage.stores import Stores
from ringline.web.console import Console
from ringline.web.console_api import ConsoleApi
from ringline.web.console_calls import ConsoleCalls
from ringline.web.console_door import Door
from ringline.web.console_entrance import ConsoleEntrance
from ringline.web.console_files import ConsoleFiles
from ringline.web.links import Links
from ringline.web.rates import RateLimit
from ringline.web.realtime import Realtime


@dataclass(frozen=True, slots=True)
class People:
    """How people sign in; without `passwords`, by one-time links alone."""

    sign_ins: SignIns
    passwords: Passwords | None
    hashing: PasswordHashing


def people_of(
    settings: Settings,
    stores: Stores,
    *,
    repo: Repo,
    team: Team,
    now: Clock,
    ended: Callable[[], None],
) -> People | None:
    """Return how people sign in; None if the console is switched off.

    `ended` is called when one has ended here.
    """
    if not settings.console:
        return None
    life = Life(
        idle=timedelta(minutes=settings.console_idle_minutes),
        most=timedelta(hours=settings.console_max_hours),
    )
    sign_ins = SignIns(
        stores.sign_ins,
        repo,
        life=life,
        now=now,
        new_id=new_id,
        random_bytes=secrets.token_bytes,
        ended=ended,
    )
    passwords, hashing = None, PasswordHashing()
    if settings.console_passwords:
        passwords = Passwords(
            stores.sign_ins, repo, sign_ins=sign_ins, team=team, hashing=hashing, now=now
        )
    return People(sign_ins, passwords, hashing)


def console_of(
    settings: Settings,
    people: People,
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
    sign_ins, passwords = people.sign_ins, people.passwords
    door = Door(
        credentials,
        sign_ins,
        refusals=Refusals(rest.repo, now, new_id=new_id),
        links=links,
        allow_plain=settings.console_allow_plain,
    )
    files = ConsoleFiles(links)
    api = ConsoleApi(
        door,
        sign_ins,
        profiles=Profiles(rest.repo, now),
        passwords=passwords,
        credentials=credentials,
        files=files,
        rate=rate,
    )
    entrance = ConsoleEntrance(door, sign_ins, passwords=passwords, welcome=api.welcome)
    calls = ConsoleCalls(
        door,
        engine,
        idempotency=idempotency,
        realtime=realtime,
        recordings=rest.recordings,
        hearings=Hearings(rest.repo, now, new_id=new_id),
        credentials=credentials,
        secret=settings.signing_secrets[0],
        now=now,
        new_id=new_id,
        rate=rate,
        mint_rate=mint_rate,
    )
    return Console({**entrance.handlers(), **api.handlers(), **calls.handlers()}, files)
