"""The console's routes for sign-ins and profiles (console, 5.1).

A request is checked in this sequence: its page, its sign-in, what its person's role allows, the
rate, the body, and the sign-in again, because reading a body takes time. `console_calls.py` has
the routes that act in an environment.
"""

from collections.abc import Mapping
from uuid import UUID

from aiohttp import web
from msgspec import UNSET

from ringline import __version__
from ringline.domain import console_limits
from ringline.domain.credentials import sign_in_credential
from ringline.domain.devices import device_of
from ringline.domain.log import Environment
from ringline.services.credentials import Credentials
from ringline.services.profiles import Profiles
from ringline.services.sign_ins import LinkSpent, Opened, SignIns
from ringline.web.budget import Share
from ringline.web.console import HEADERS, Handler, answer_json
from ringline.web.console_door import Door, Visit, visit_of
from ringline.web.console_files import ConsoleFiles
from ringline.web.console_routes import (
    CHANGE_ME,
    END_ONE,
    END_OTHERS,
    FOLLOW_LINK,
    HELLO,
    ME,
    SIGN_INS,
    SIGN_OUT,
    ConsoleRoute,
)
from ringline.web.fair_share import REFUSAL_S, REQUEST_S
from ringline.web.rates import RateLimit
from ringline.web.requests import (
    open_share,
    open_strangers_share,
    read_body,
)
from ringline.web.rpc import Turned
from ringline.wire import console
from ringline.wire.strict_json import encode


class ConsoleApi:
    """The handlers of sign-ins and profiles."""

    def __init__(
        self,
        door: Door,
        sign_ins: SignIns,
        *,
        profiles: Profiles,
        credentials: Credentials,
        files: ConsoleFiles,
        rate: RateLimit,
    ) -> None:
        self._door = door
        self._sign_ins = sign_ins
        self._profiles = profiles
        self._credentials = credentials
        self._files = files
        self._rate = rate

    def handlers(self) -> Mapping[ConsoleRoute, Handler]:
        """Return the handler of each route."""
        return {
            HELLO: self._hello,
            FOLLOW_LINK: self._follow_link,
            ME: self._me,
            CHANGE_ME: self._change_me,
            SIGN_INS: self._list,
            END_OTHERS: self._end_others,
            END_ONE: self._end_one,
            SIGN_OUT: self._sign_out,
        }

    async def _hello(self, request: web.Request) -> web.StreamResponse:
        self._door.check_stranger(request)
        await open_strangers_share(request).begin(REQUEST_S)
        insecure = self._door.is_insecure(request)
        return answer_json(console.write_hello(__version__, (), insecure=insecure))

    async def _follow_link(self, request: web.Request) -> web.StreamResponse:
        raw = await self._read_of_stranger(request)
        device = device_of(request.headers.get("User-Agent", ""))
        try:
            opened = await self._sign_ins.follow_link(console.read_link(raw).token, device=device)
        except LinkSpent:
            raise Turned("link_spent") from None
        return await self._welcome(request, opened)

    async def _read_of_stranger(self, request: web.Request) -> bytes:
        """Read the body of a request for a sign-in, which needs none."""
        self._door.check_page(request)
        self._door.check_stranger(request)
        self._door.check_transport(request)
        share = open_strangers_share(request)
        await share.begin(REQUEST_S)
        return await _read(request, share)

    async def _welcome(self, request: web.Request, opened: Opened) -> web.StreamResponse:
        """Answer with the person who has just signed in, and their cookie."""
        credential = sign_in_credential(Environment.LIVE, opened.cookie)
        granted = await self._credentials.pass_for(credential)
        visit = None if granted is None else visit_of(granted)
        if visit is None:  # it has ended already
            raise Turned("unauthorized")
        answer = await self._answer_me(visit)
        self._door.give_cookie(request, answer, cookie=opened.cookie)
        return answer

    async def _me(self, request: web.Request) -> web.StreamResponse:
        visit, _ = await self._enter(request, ME)
        return await self._answer_me(visit)

    async def _change_me(self, request: web.Request) -> web.StreamResponse:
        visit, share = await self._enter(request, CHANGE_ME)
        changes = console.read_profile(await _read(request, share))
        await visit.granted.check()
        if changes.full_name is not UNSET:
            name = (changes.full_name or "").strip() or None
            await self._profiles.rename(visit.key, visit.person, full_name=name)
            self._credentials.forget()
        return await self._answer_me(await self._door.enter(request, CHANGE_ME))

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
        ended = await self._sign_ins.end(visit.key, visit.person, all_but=visit.person.sign_in_id)
        return answer_json(encode({"ended": ended}))

    async def _end_one(self, request: web.Request) -> web.StreamResponse:
        visit, _ = await self._enter(request, END_ONE)
        try:
            wanted = UUID(request.match_info["id"])
        except ValueError:
            raise Turned("not_found") from None
        if not await self._sign_ins.end(visit.key, visit.person, one=wanted):
            raise Turned("not_found")
        return answer_json(encode({"ended": 1}))

    async def _sign_out(self, request: web.Request) -> web.StreamResponse:
        visit, _ = await self._enter(request, SIGN_OUT)
        await self._sign_ins.end(visit.key, visit.person, one=visit.person.sign_in_id)
        answer = web.Response(status=204, headers=HEADERS)
        self._door.take_cookie(request, answer)
        return answer

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


async def _read(request: web.Request, share: Share) -> bytes:
    """Read a JSON body. Raises Turned, BodyTooLarge, BrokenBody."""
    if request.content_type != "application/json":
        raise Turned("unsupported_media_type")
    return await read_body(request, console_limits.CONSOLE_BODY_BYTES.most, share=share)
