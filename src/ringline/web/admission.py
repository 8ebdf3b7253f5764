"""How many connections may be open, in all and of one address (contract, 13).

All that the process has descriptors for, but for a few that database, files and command
line need; and half of them for one address, so that one stranger cannot lock out the
others. A connection that is too many is closed as it arrives. A proxy that is trusted is
not counted itself: it names the address of each request's client (`X-Forwarded-For`), and a
client with too many is answered 429 there.

An IPv6 host chooses among 2^64 addresses, so those of one /64 count as one.
"""

import resource
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

import structlog

from ringline.domain import limits

_log = structlog.get_logger(__name__)

Network: TypeAlias = IPv4Network | IPv6Network

#: More descriptors than this are not counted on, also where the system sets no limit.
MOST_DESCRIPTORS = 1_000_000
#: How often refused connections are logged.
LOG_EVERY_S = 60.0
_HOST_BITS = 64  # of an IPv6 address: the part that a host chooses by itself


def raise_descriptor_limit() -> int:
    """Raise the soft limit of descriptors to the hard one; return what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return min(wanted, MOST_DESCRIPTORS)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):  # macOS sets no hard limit and still refuses high ones
        return soft
    return wanted


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many connections there may be, in all and of one address; 0 is no limit."""

    most: int
    per_address: int

    @classmethod
    def of_descriptors(cls, descriptors: int, per_address: int | None = None) -> "Allowance":
        """Leave the descriptors that are kept; give one address half unless told otherwise."""
        most = max(1, descriptors - limits.DESCRIPTORS_KEPT.most)
        share = most * limits.CONNECTIONS_PER_ADDRESS.most // 100
        return cls(most, max(1, share) if per_address is None else per_address)


@dataclass(slots=True, eq=False)
class Slot:
    """One connection's slot; `client` is whom it is counted for, None for a proxy's."""

    client: str | None
    proxied: bool = False


class Admission:
    """Counts the open connections and refuses those that are too many."""

    def __init__(
        self, allowance: Allowance, proxies: Sequence[Network], clock: Callable[[], float]
    ) -> None:
        self._allowance = allowance
        self._proxies = tuple(proxies)
        self._clock = clock
        self._open = 0
        self._of: Counter[str] = Counter()
        self._refused = 0
        self._told_at: float | None = None

    @property
    def open(self) -> int:
        """Return how many connections are open."""
        return self._open

    def admit(self, address: str) -> Slot | None:
        """Give a new connection its slot; None if it is too many. `leave` gives it back."""
        proxied = self._trusts(address)
        client = None if proxied else host_of(address)
        if self._open >= self._allowance.most or self._is_full(client):
            self._tell_refusal()
            return None
        self._open += 1
        self._count(client, 1)
        return Slot(client, proxied)

    def leave(self, slot: Slot) -> None:
        """Take back the slot of a connection that is closed."""
        self._open -= 1
        self._count(slot.client, -1)

    def vouch(self, slot: Slot, forwarded: Iterable[str]) -> bool:
        """Count a proxy's connection for the client of its request; False if it has too many.

        `forwarded` are the values of `X-Forwarded-For`. Of a connection that is no trusted
        proxy's nothing is believed.
        """
        if not slot.proxied:
            return True
        client = self._client_of(forwarded)
        if client == slot.client:
            return True
        self._count(slot.client, -1)
        slot.client = None
        if self._is_full(client):
            self._tell_refusal()
            return False
        self._count(client, 1)
        slot.client = client
        return True

    def _client_of(self, forwarded: Iterable[str]) -> str | None:
        """Return the last address that is no trusted proxy's: what is before it may be made up."""
        named = [name.strip() for value in forwarded for name in value.split(",")]
        for name in reversed(named):
            if not self._trusts(name):
                return host_of(name)
        return None

    def _is_full(self, client: str | None) -> bool:
        most = self._allowance.per_address
        return bool(most) and client is not None and self._of[client] >= most

    def _count(self, client: str | None, change: int) -> None:
        if client is None:
            return
        self._of[client] += change
        if not self._of[client]:
            del self._of[client]

    def _trusts(self, address: str) -> bool:
        if not self._proxies:
            return False
        found = _parsed(address)
        return found is not None and any(found in network for network in self._proxies)

    def _tell_refusal(self) -> None:
        """Log refusals together: a flood of connections must not become one of lines."""
        self._refused += 1
        now = self._clock()
        if self._told_at is None or now - self._told_at >= LOG_EVERY_S:
            _log.warning("connections_refused", refused=self._refused, open=self._open)
            self._refused, self._told_at = 0, now


@lru_cache(4096)
def host_of(address: str) -> str:
    """Return what an address is counted as: IPv6 by its /64; text that is none as it is."""
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        return str(IPv6Address(int(found) >> _HOST_BITS << _HOST_BITS))
    return address[:64] if found is None else str(found)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Read an address, with or without a zone, brackets or a port."""
    text = address.strip()[:128]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
