"""The console's routes for people who are not signed in (console, 5.1): hello, and three ways in.

An invitation can be read before it is accepted. Its token is in a body, as everywhere: addresses
are in logs.

A try of a password is counted for the address that it is for and for the network that it comes
from, before the password is looked at; one that was right is given back. So a wrong guess costs
its network, and an address that others guess at stays open to one-time links.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from aiohttp import web

from ringline import __version__
from ringline.domain import console_limits
from ringline.domain.credentials import digest
from ringline.domain.devices import device_of
from ringline.domain.unavailable import Unavailable
from ringline.services.passwords import (
    Attempt,
    ChooseWorkspace,
    PasswordRefused,
    Passwords,
    SignInFailed,
)
from ringline.services.sign_ins import Arrival, LinkSpent, Opened, SignIns
from ringline.services.team import InvitationRefused
from ringline.web.console import Handler, answer_json, read_console_body, refuse
from ringline.web.console_door import Door, client_of, network_of
from ringline.web.console_routes import (
    FOLLOW_LINK,
    HELLO,
    JOIN,
    SHOW_INVITATION,
    SIGN_IN,
    ConsoleRoute,
)
from ringline.web.fair_share import REQUEST_S
from ringline.web.rates import RateLimit
from ringline.web.requests import open_strangers_share, origin_of
from ringline.web.rpc import Turned
from ringline.wire import console

#: Answers somebody who has just signed in.
Welcome: TypeAlias = Callable[[web.Request, Opened], Awaitable[web.StreamResponse]]


class ConsoleEntrance:
    """The handlers for strangers; without `passwords` people sign in by links alone."""

    def __init__(
        self, door: Door, sign_ins: SignIns, *, passwords: Passwords | None, welcome: Welcome
    ) -> None:
        self._door = door
        self._sign_ins = sign_ins
        self._passwords = passwords
        self._welcome = welcome
        self._tries = RateLimit(1 / console_limits.TRY_S.most, console_limits.TRIES.most)

    def handlers(self) -> Mapping[ConsoleRoute, Handler]:
        """Return the handler of each route."""
        return {
            HELLO: self._hello,
            FOLLOW_LINK: self._follow_link,
            SIGN_IN: self._sign_in,
            SHOW_INVITATION: self._show_invitation,
            JOIN: self._join,
        }

    async def _hello(self, request: web.Request) -> web.StreamResponse:
        self._door.check_stranger(request)
        await open_strangers_share(request).begin(REQUEST_S)
        ways = ("password",) if self._passwords is not None else ()
        insecure = self._door.is_insecure(request)
        return answer_json(console.write_hello(__version__, ways, insecure=insecure))

    async def _follow_link(self, request: web.Request) -> web.StreamResponse:
        asked = console.read_link(await self._read(request))
        try:
            opened = await self._sign_ins.follow_link(asked.token, _arrival(request))
        except LinkSpent:
            raise Turned("link_spent") from None
        return await self._welcome(request, opened)

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        if self._passwords is None:
            raise Turned("not_found")
        asked = console.read_password(await self._read(request))
        email = asked.email.strip()
        tries = ("address", digest(email.lower())), ("network", network_of(client_of(request)))
        self._count(*tries)
        attempt = Attempt(email, asked.password, asked.workspace_id)
        try:
            opened = await self._passwords.sign_in(attempt, _arrival(request))
        except SignInFailed:
            raise Turned("sign_in_failed") from None
        except Unavailable:  # nothing was tried
            self._give_back(*tries)
            raise
        except ChooseWorkspace as choice:
            self._give_back(*tries)
            return refuse(console.write_choice(choice.workspaces))
        self._give_back(*tries)
        return await self._welcome(request, opened)

    def _count(self, *tries: tuple[str, object]) -> None:
        """Count a try. Raises Turned if there were too many."""
        waits = [self._tries.take(each) for each in tries]
        if wait_s := max(waits):
            self._give_back(
                *(each for each, waits_s in zip(tries, waits, strict=True) if not waits_s)
            )
            raise Turned("rate_limited", wait_s=wait_s)

    def _give_back(self, *tries: tuple[str, object]) -> None:
        for each in tries:
            self._tries.give_back(each)

    async def _show_invitation(self, request: web.Request) -> web.StreamResponse:
        if self._passwords is None:
            raise Turned("not_found")
        asked = console.read_link(await self._read(request))
        try:
            offer = await self._passwords.find_offer(asked.token)
        except InvitationRefused:
            raise _spent() from None
        return answer_json(
            console.write_offer(offer.workspace_name, email=offer.email, role=offer.role)
        )

    async def _join(self, request: web.Request) -> web.StreamResponse:
        if self._passwords is None:
            raise Turned("not_found")
        asked = console.read_invitation(await self._read(request))
        try:
            opened = await self._passwords.join(
                asked.token,
                full_name=(asked.name or "").strip() or None,
                password=asked.password,
                arrival=_arrival(request),
            )
        except InvitationRefused:
            raise _spent() from None
        except PasswordRefused as refused:
            raise Turned("password_refused", refused.flaw) from None
        return await self._welcome(request, opened)

    async def _read(self, request: web.Request) -> bytes:
        """Read the body of a request that needs no sign-in. Raises Turned."""
        self._door.check_page(request)
        self._door.check_stranger(request)
        self._door.check_transport(request)
        share = open_strangers_share(request)
        await share.begin(REQUEST_S)
        return await read_console_body(request, share)


def _spent() -> Turned:
    """Return the refusal of an invitation, whatever is wrong with it."""
    return Turned("link_spent", "the invitation was accepted or has expired")


def _arrival(request: web.Request) -> Arrival:
    return Arrival(device_of(request.headers.get("User-Agent", "")), origin_of(request))
