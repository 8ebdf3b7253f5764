"""Where webhooks may be sent: the guard against requests to our own network (live streams, 3.1).

A workspace chooses the URLs, so they must not lead anywhere that its author could not reach
themselves. Two rules share one table of addresses. What a URL shows by itself is refused when
it is written (`read_webhook_url`); what only the look-up shows is refused when it is dialled
(`refused_range`, in the resolver). `RINGLINE_WEBHOOK_ALLOW_PRIVATE` switches both off, for
receivers beside the server.
"""

import re
from dataclasses import dataclass
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

import idna

from ringline.domain import webhook_limits

SETTING = "RINGLINE_WEBHOOK_ALLOW_PRIVATE"

_Address: TypeAlias = IPv4Address | IPv6Address

#: Ranges of addresses that no webhook is sent to, and what each is (IANA's registries of
#: special-purpose addresses, and what clouds answer with credentials of the machine).
REFUSED: tuple[tuple[IPv4Network | IPv6Network, str], ...] = tuple(
    (ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier's NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's metadata"),
        ("169.254.0.0/16", "link-local, where clouds keep metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a relay of 6to4"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "an IPv4 address in IPv6"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("2001::/23", "reserved for protocols, Teredo among them"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private (ULA)"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private (site-local)"),
        ("ff00::/8", "multicast"),
    )
)
#: All other addresses outside this range are not assigned to anybody.
_GLOBAL_IPV6 = IPv6Network("2000::/3")

#: Ports below this are refused, but for those of the web.
FIRST_FREE_PORT = 1_024
WEB_PORTS = frozenset({80, 443})
_PORTS = range(1, 65_536)

_URL = re.compile(r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<authority>[^/?#]*)(?P<rest>.*)")
_AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?"
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
#: A last label that makes a resolver read the whole host as a number (WHATWG, URL: 3.5).
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_HOST_CHARACTERS = 253


class UrlRefused(ValueError):
    """A URL cannot be that of a webhook; `why` is the end of a sentence, and quotes nothing."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class _Authority:
    host: str  # in ASCII, an IPv6 address in brackets
    port: int | None
    address: _Address | None


def read_webhook_url(text: str, *, allow_private: bool = False) -> str:
    """Return a webhook's URL with its host in ASCII. Raises UrlRefused.

    The host that is checked is the host that is dialled, so spellings that another parser
    would read otherwise are refused: numbers for an address, escapes, backslashes, users.
    """
    if len(text) > webhook_limits.URL_CHARACTERS.most:
        raise UrlRefused(f"it is longer than {webhook_limits.URL_CHARACTERS.most:,} characters")
    if not text.isprintable() or " " in text or "\\" in text:
        raise UrlRefused("it holds a space, a backslash or a control character")
    match = _URL.fullmatch(text)
    if match is None:
        raise UrlRefused("it must begin with https://")
    scheme = match["scheme"].lower()
    if scheme != "https" and not allow_private:
        raise UrlRefused(f"it must begin with https:// ({SETTING} allows http://)")
    found = _read_authority(match["authority"])
    if not allow_private:
        _refuse_private(found)
    port = "" if found.port is None else f":{found.port}"
    return f"{scheme}://{found.host}{port}{match['rest']}"


def refused_range(address: str) -> str | None:
    """Return what kind of address no webhook is sent to this is; None if it may be dialled.

    An address that cannot be read is refused.
    """
    try:
        return _range_of(ip_address(address.partition("%")[0]))
    except ValueError:
        return "no address"


def is_refused_port(port: int) -> bool:
    """Return whether no webhook is sent to a port."""
    return port not in _PORTS or (port < FIRST_FREE_PORT and port not in WEB_PORTS)


def _range_of(address: _Address) -> str | None:
    for network, what in REFUSED:
        if address.version == network.version and address in network:
            return what
    if isinstance(address, IPv6Address) and address not in _GLOBAL_IPV6:
        return "reserved"
    return None


def _refuse_private(found: _Authority) -> None:
    """Refuse a host or port that shows by itself that it is not public. Raises UrlRefused."""
    if found.port is not None and is_refused_port(found.port):
        raise UrlRefused(
            f"its port must be 80, 443, or from {FIRST_FREE_PORT:,} on ({SETTING} allows others)"
        )
    what = "loopback" if found.host.split(".")[-1] == "localhost" else None
    if found.address is not None:
        what = _range_of(found.address)
    if what is not None:
        raise UrlRefused(f"its host is not a public address: {what} ({SETTING} allows it)")


def _read_authority(text: str) -> _Authority:
    """Read host and port. Raises UrlRefused."""
    if "@" in text:
        raise UrlRefused("it must not hold a user or a password")
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise UrlRefused("its host or its port cannot be read")
    port = None if match["port"] is None else int(match["port"])
    if port is not None and port not in _PORTS:
        raise UrlRefused("its port must be from 1 to 65535")
    if match["v6"] is not None:
        try:
            address = IPv6Address(match["v6"])
        except AddressValueError:
            raise UrlRefused("its host is not an IPv6 address") from None
        return _Authority(f"[{address}]", port, address)
    host = _read_host(match["name"])
    if not _NUMBER.fullmatch(host.split(".")[-1]):
        return _Authority(host, port, None)
    try:
        return _Authority(host, port, IPv4Address(host))
    except AddressValueError:
        raise UrlRefused("its host is a number: write it as four decimal numbers") from None


def _read_host(name: str) -> str:
    """Return a host's name in lower-case ASCII without the root's dot. Raises UrlRefused."""
    try:
        host = name if name.isascii() else idna.encode(name, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise UrlRefused("its host is not a name of the Internet") from None
    host = host.lower().removesuffix(".")
    if len(host) > _HOST_CHARACTERS or not all(map(_LABEL.fullmatch, host.split("."))):
        raise UrlRefused("its host is not a name of the Internet")
    return host
