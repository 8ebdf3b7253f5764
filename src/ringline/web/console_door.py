"""Whom the console's routes let in (console, 5.2): the cookie, https, and this server's pages.

A browser sends the cookie along with whatever any page asks of this server, so a request that
changes something also carries a header that only scripts of our own origin can set, and says
which origin sends it. Over plain http beyond this machine nobody signs in: whoever listens would
have the cookie.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from aiohttp import web

from ringline.domain import audit_limits, console_limits
from ringline.domain.audit import Origin
from ringline.domain.credentials import (
    ALLOWED_KINDS,
    Key,
    Person,
    Surface,
    sign_in_credential,
)
from ringline.domain.log import Environment
from ringline.domain.permissions import lowest_role, may_do
from ringline.services.audit import Refusals
from ringline.services.callers import Caller, caller_of
from ringline.services.credentials import Credentials, Pass, log_refused
from ringline.services.sign_ins import SignIns
from ringline.web.console_routes import API, ConsoleRoute
from ringline.web.http_connection import HttpConnection
from ringline.web.links import Links
from ringline.web.own_page import is_loopback_host, provenance_of
from ringline.web.rates import RateLimit
from ringline.web.requests import origin_of
from ringline.web.rpc import Turned
from ringline.wire.rpc import takes_role

#: The cookie's name over http; over https it has a prefix that browsers hold servers to.
COOKIE = "ringline-console"
SECURE_COOKIE = f"__Secure-{COOKIE}"
#: What every request that changes something carries; a page of another origin may not.
HEADER, HEADER_VALUE = "x-ringline-console", "1"
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
#: The networks that share a rate without a sign-in.
_IPV4_NETWORK, _IPV6_NETWORK = 24, 64


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who is signed in."""

    granted: Pass
    key: Key
    person: Person


class Door:
    """Checks requests to the console's routes. Its methods raise Turned."""

    def __init__(
        self,
        credentials: Credentials,
        sign_ins: SignIns,
        *,
        refusals: Refusals,
        links: Links,
        allow_plain: bool,
    ) -> None:
        self._credentials = credentials
        self._sign_ins = sign_ins
        self._refusals = refusals
        self._links = links
        self._allow_plain = allow_plain
        self._rate = RateLimit(console_limits.DOOR_PER_S.most, console_limits.DOOR_BURST.most)
        most = audit_limits.REFUSALS_PER_MINUTE.most
        self._recorded = RateLimit(most / 60, most)

    def check_page(self, request: web.Request) -> None:
        """Check that a page of this server sends a request."""
        told = provenance_of(request)
        if told is None or request.headers.getall(HEADER, []) != [HEADER_VALUE]:
            raise Turned("cross_site")
        if told.origin is None:
            if told.fetch_site != "same-origin":
                raise Turned("cross_site")
            return
        scheme = "https" if comes_by_https(request) else "http"
        own = (self._public_origin, origin_of_url(f"{scheme}://{told.host}"))
        if told.origin.lower() not in own:
            raise Turned("cross_site")

    @property
    def _public_origin(self) -> str:
        return origin_of_url(self._links.base_url)

    def check_stranger(self, request: web.Request) -> None:
        """Count a request without a sign-in in its network's rate."""
        if wait_s := self._rate.take(network_of(client_of(request))):
            raise Turned("rate_limited", wait_s=wait_s)

    def check_transport(self, request: web.Request) -> None:
        """Check that a sign-in would not travel in the clear."""
        if self.is_insecure(request) and not self._allow_plain:
            raise Turned("https_required")

    def is_insecure(self, request: web.Request) -> bool:
        """Return whether a request comes over plain http from beyond this machine."""
        return not self.is_secure(request) and not _is_local(request)

    def is_secure(self, request: web.Request) -> bool:
        """Return whether a client speaks https: to a trusted proxy, or to the public URL.

        A browser's page has the public URL's origin only if it was loaded from there.
        """
        if comes_by_https(request):
            return True
        told, public = provenance_of(request), self._public_origin
        return public.startswith("https:") and told is not None and told.origin == public

    async def enter(self, request: web.Request, route: ConsoleRoute) -> Visit:
        """Let somebody in who is signed in, and whose role may do what a route is for.

        Raises StoreUnavailable too.
        """
        if route.changes:
            self.check_page(request)
        named = request.match_info.get("environment", Environment.LIVE)
        visit = await self.find(request, Environment(named))
        if visit is None:
            raise Turned("unauthorized")
        deed = route.deed.format(environment=named)
        if deed and not may_do(visit.person.role, deed):
            await self._note_refusal(visit, deed, origin=origin_of(request))
            lowest = lowest_role(deed)
            raise Turned("forbidden", hint=takes_role(lowest) if lowest else "")
        await self._sign_ins.keep(visit.key)
        return visit

    async def find(self, request: web.Request, environment: Environment) -> Visit | None:
        """Return who is signed in, by a request's cookie; None if nobody is.

        Raises StoreUnavailable.
        """
        cookie = cookie_of(request)
        if cookie is None:
            return None
        granted = await self._credentials.pass_for(sign_in_credential(environment, cookie))
        return None if granted is None else visit_of(granted)

    async def _note_refusal(self, visit: Visit, deed: str, *, origin: Origin) -> None:
        """Record that a person may not do something, unless they have tried too often."""
        if not self._recorded.take(visit.person.sign_in_id):
            await self._refusals.record(visit.key, visit.person, deed=deed, origin=origin)

    async def enter_rpc(self, request: web.Request, route: ConsoleRoute) -> Caller:
        """Let in the caller of an action; RPC asks for their role. Raises StoreUnavailable too."""
        visit = await self.enter(request, route)
        caller = caller_of(visit.granted, Surface.CONSOLE)
        if caller is None:
            raise AssertionError("whoever has entered is a caller")
        return caller

    def give_cookie(
        self, request: web.Request, response: web.StreamResponse, *, cookie: str
    ) -> None:
        """Give a client its sign-in."""
        secure = self.is_secure(request)
        response.set_cookie(
            SECURE_COOKIE if secure else COOKIE,
            cookie,
            max_age=int(self._sign_ins.life.most.total_seconds()),
            path=self._cookie_path(request),
            secure=secure,
            httponly=True,
            samesite="Strict",
        )

    def take_cookie(self, request: web.Request, response: web.StreamResponse) -> None:
        """Have a client forget its sign-in."""
        for name in (SECURE_COOKIE, COOKIE):
            if name in request.cookies:
                response.del_cookie(
                    name,
                    path=self._cookie_path(request),
                    secure=name == SECURE_COOKIE,
                    httponly=True,
                    samesite="Strict",
                )

    def _cookie_path(self, request: web.Request) -> str:
        """Return the path of the API as the browser sees it: below the public URL's path."""
        return f"{self._links.prefix_at(request.host)}{API}"


def visit_of(granted: Pass) -> Visit | None:
    """Return a request of a sign-in; None if its credential is of another kind."""
    key = granted.who
    if not isinstance(key, Key) or key.kind not in ALLOWED_KINDS[Surface.CONSOLE]:
        log_refused("wrong_kind", key if isinstance(key, Key) else None)
        return None
    return None if key.person is None else Visit(granted, key, key.person)


def origin_of_url(url: str) -> str:
    """Return the origin of a URL as browsers spell it (RFC 6454, 6.2): no default port."""
    scheme, host = urlsplit(url.lower())[:2]
    return f"{scheme}://{host.removesuffix(_DEFAULT_PORTS.get(scheme, ' '))}"


def cookie_of(request: web.Request) -> str | None:
    """Return the secret of a request's sign-in; the cookie of https counts before the other."""
    for name in (SECURE_COOKIE, COOKIE):
        if text := request.cookies.get(name):
            return text if len(text) <= console_limits.SECRET_CHARACTERS.most else None
    return None


def client_of(request: web.Request) -> str:
    """Return the address that a request counts for; empty if it is not known."""
    connection = request.protocol
    return connection.client if isinstance(connection, HttpConnection) else ""


def network_of(client: str) -> str:
    """Return the network of an address: IPv4 by /24, IPv6 by /64; other text unchanged."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    bits = _IPV4_NETWORK if address.version == 4 else _IPV6_NETWORK
    return str(ip_network((address, bits), strict=False))


def comes_by_https(request: web.Request) -> bool:
    """Return whether a trusted proxy says that its client speaks https."""
    connection = request.protocol
    if not isinstance(connection, HttpConnection) or not connection.is_proxied:
        return False
    told = request.headers.getall("X-Forwarded-Proto", [])
    return bool(told) and told[-1].rpartition(",")[2].strip().lower() == "https"


def _is_local(request: web.Request) -> bool:
    """Return whether a request stays on this machine, as its `Host` says too.

    A proxy on this machine that is not trusted has a loopback address, but another `Host`.
    """
    try:
        address = ip_address(client_of(request))
    except ValueError:
        return False
    return address.is_loopback and is_loopback_host(request.host)
