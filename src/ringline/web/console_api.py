"""The console's routes for profiles and one's own sign-ins (console, 5.1).

A request is checked in this sequence: its page, its sign-in, what its person's role allows, the
rate, the body, and the sign-in again, because reading a body takes time. `console_calls.py` has
the routes that act in an environment.
"""

from collections.abc import Mapping
from uuid import UUID

from aiohttp import web
from msgspec import UNSET

from ringline.domain import console_limits
from ringline.domain.audit import Origin
from ringline.domain.credentials import sign_in_credential
from ringline.domain.log import Environment
from ringline.services.credentials import Credentials
from ringline.services.passwords import PasswordRefused, Passwords, WrongPassword
from ringline.services.profiles import Profiles
from ringline.services.sign_ins import Opened, SignIns
from ringline.web.budget import Share
from ringline.web.console import HEADERS, Handler, answer_json, read_console_body
from ringline.web.console_door import Door, Visit, visit_of
from ringline.web.console_files import ConsoleFiles
from ringline.web.console_routes import (
    CHANGE_ME,
    END_ONE,
    END_OTHERS,
    ME,
    SIGN_INS,
    SIGN_OUT,
    ConsoleRoute,
)
from ringline.web.fair_share import REFUSAL_S, REQUEST_S
from ringline.web.rates import RateLimit
from ringline.web.requests import (
    open_share,
    origin_of,
)
from ringline.web.rpc import Turned
from ringline.wire import console
from ringline.wire.strict_json import encode


class ConsoleApi:
    """The handlers of profiles and of one's own sign-ins; without `passwords` nobody has one."""

    def __init__(
        self,
        door: Door,
        sign_ins: SignIns,
        *,
        profiles: Profiles,
        passwords: Passwords | None,
        credentials: Credentials,
        files: ConsoleFiles,
        rate: RateLimit,
    ) -> None:
        self._door = door
        self._sign_ins = sign_ins
        self._profiles = profiles
        self._passwords = passwords
        self._credentials = credentials
        self._files = files
        self._rate = rate
        #: Of old passwords, per person.
        self._tries = RateLimit(1 / console_limits.TRY_S.most, console_limits.TRIES.most)

    def handlers(self) -> Mapping[ConsoleRoute, Handler]:
        """Return the handler of each route."""
        return {
            ME: self._me,
            CHANGE_ME: self._change_me,
            SIGN_INS: self._list,
            END_OTHERS: self._end_others,
            END_ONE: self._end_one,
            SIGN_OUT: self._sign_out,
        }

    async def welcome(self, request: web.Request, opened: Opened) -> web.StreamResponse:
        """Answer with the person who has just signed in, and their cookie."""
        credential = sign_in_credential(Environment.LIVE, opened.cookie)
        granted = await self._credentials.pass_for(credential)
        visit = None if granted is None else visit_of(granted)
        if visit is None:  # it has ended already
            raise Turned("unauthorized")
        before = await self._door.find(request, Environment.LIVE)
        if before is not None:  # its cookie is about to be replaced
            await self._end(request, before)
        answer = await self._answer_me(visit)
        self._door.give_cookie(request, answer, cookie=opened.cookie)
        return answer

    async def _me(self, request: web.Request) -> web.StreamResponse:
        visit, _ = await self._enter(request, ME)
        return await self._answer_me(visit)

    async def _change_me(self, request: web.Request) -> web.StreamResponse:
        visit, share = await self._enter(request, CHANGE_ME)
        changes = console.read_profile(await read_console_body(request, share))
        await visit.granted.check()
        if changes.password is not None:
            await self._change_password(visit, changes.password, origin=origin_of(request))
        if changes.full_name is not UNSET:
            person, origin = visit.person, origin_of(request)
            auditor = self._sign_ins.auditor_of(person.id, person.shown_name, origin=origin)
            name = (changes.full_name or "").strip() or None
            await self._profiles.rename(visit.key, person, full_name=name, auditor=auditor)
            self._credentials.forget()
        return await self._answer_me(await self._door.enter(request, CHANGE_ME))

    async def _change_password(
        self, visit: Visit, asked: console.NewPassword, *, origin: Origin
    ) -> None:
        if self._passwords is None:
            raise Turned("not_found")
        if wait_s := self._tries.take(visit.person.id):
            raise Turned("rate_limited", wait_s=wait_s)
        profile = await self._profiles.read(visit.key, visit.person)
        try:
            await self._passwords.change(
                visit.key,
                visit.person,
                old=asked.old,
                new=asked.new,
                workspace=profile.workspace_name,
                origin=origin,
            )
        except WrongPassword:
            raise Turned("password_refused", "the old password is wrong") from None
        except PasswordRefused as refused:
            raise Turned("password_refused", refused.flaw) from None

    async def _answer_me(self, visit: Visit) -> web.Response:
        profile = await self._profiles.read(visit.key, visit.person)
        body = console.write_me(
            visit.person,
            workspace_id=visit.key.scope.workspace_id,
            workspace_name=profile.workspace_name,
            has_password=profile.has_password,
            expires_at=visit.key.expires_at,
            build=self._files.build,
        )
        return answer_json(body)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        visit, _ = await self._enter(request, SIGN_INS)
        devices = await self._sign_ins.listed(visit.key, visit.person)
        rows = [
            console.write_sign_in(
                device.id,
                device.name,
                created_at=device.created_at,
                expires_at=device.expires_at,
                last_used_at=device.last_used_at,
                current=device.id == visit.person.sign_in_id,
            )
            for device in devices
        ]
        return answer_json(encode({"signIns": rows}))

    async def _end_others(self, request: web.Request) -> web.StreamResponse:
        visit, _ = await self._enter(request, END_OTHERS)
        ended = await self._sign_ins.end(
            visit.key, visit.person, origin=origin_of(request), all_but=visit.person.sign_in_id
        )
        return answer_json(encode({"ended": ended}))

    async def _end_one(self, request: web.Request) -> web.StreamResponse:
        visit, _ = await self._enter(request, END_ONE)
        try:
            wanted = UUID(request.match_info["id"])
        except ValueError:
            raise Turned("not_found") from None
        if not await self._sign_ins.end(
            visit.key, visit.person, origin=origin_of(request), one=wanted
        ):
            raise Turned("not_found")
        return answer_json(encode({"ended": 1}))

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        visit, _ = await self._enter(request, SIGN_OUT)
        await self._end(request, visit)
        answer = web.Response(status=204, headers=HEADERS)
        self._door.take_cookie(request, answer)
        return answer

    async def _end(self, request: web.Request, visit: Visit) -> None:
        person = visit.person
        origin = origin_of(request)
        await self._sign_ins.end(visit.key, person, origin=origin, one=person.sign_in_id)

    async def _enter(self, request: web.Request, route: ConsoleRoute) -> tuple[Visit, Share]:
        """Let somebody in who is signed in, when their turn has come."""
        visit = await self._door.enter(request, route)
        share = await take_turn(request, visit, rate=self._rate)
        await visit.granted.check()
        return visit, share


async def take_turn(request: web.Request, visit: Visit, *, rate: RateLimit) -> Share:
    """Count a request of somebody who is signed in, and wait for its turn. Raises Turned."""
    share = open_share(request, visit.key.id, scope=visit.key.scope)
    wait_s = rate.take(visit.key.id)
    await share.begin(REFUSAL_S if wait_s else REQUEST_S)
    if wait_s:
        raise Turned("rate_limited", wait_s=wait_s)
    return share
