"""How many connections may be open, in total and per address (contract, 13).

The total is the descriptor limit, minus a few for database, files and command line. One
address may hold half of them, so that one stranger cannot lock out the others. Connections
beyond the limit are closed on arrival. A trusted proxy is not counted itself: it names the
address of each request's client (`X-Forwarded-For`), and a client over the limit is answered
with 429.

An IPv6 host can choose among 2^64 addresses, so addresses are counted by /64.
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
from ringline.domain.log_pace import LogPace

_log = structlog.get_logger(__name__)

Network: TypeAlias = IPv4Network | IPv6Network

#: The most descriptors we rely on, even if the system sets no limit.
MOST_DESCRIPTORS = 1_000_000
_HOST_BITS = 64  # of an IPv6 address; the host chooses the rest itself


def raise_descriptor_limit() -> int:
    """Raise the soft descriptor limit to the hard one; return the result."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return min(wanted, MOST_DESCRIPTORS)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):  # macOS sets no hard limit, but rejects high values
        return soft
    return wanted


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many connections are allowed, in total and per address; 0 means no limit."""

    most: int
    per_address: int

    @classmethod
    def of_descriptors(cls, descriptors: int, per_address: int | None = None) -> "Allowance":
        """Subtract the reserved descriptors; allow one address half unless set otherwise."""
        most = max(1, descriptors - limits.DESCRIPTORS_RESERVED.most)
        share = most * limits.CONNECTIONS_PER_ADDRESS.most // 100
        return cls(most, max(1, share) if per_address is None else per_address)


@dataclass(slots=True, eq=False)
class Slot:
    """One connection's slot; `client` is the address it counts for, None for a proxy."""

    client: str | None
    proxied: bool = False


class Admission:
    """Counts the open connections and refuses those over the limit."""

    def __init__(
        self, allowance: Allowance, proxies: Sequence[Network], *, clock: Callable[[], float]
    ) -> None:
        self._allowance = allowance
        self._proxies = tuple(proxies)
        self._clock = clock
        self._open = 0
        self._of: Counter[str] = Counter()
        self._sessions: Counter[str] = Counter()
        self._refused = LogPace()

    @property
    def open(self) -> int:
        """Return how many connections are open."""
        return self._open

    def admit(self, address: str) -> Slot | None:
        """Give a new connection a slot; None if none is left. `leave` returns it."""
        proxied = self._trusts(address)
        client = None if proxied else host_of(address)
        if self._open >= self._allowance.most or self._is_full(client):
            self._tell_refusal()
            return None
        self._open += 1
        self._count(client, 1)
        return Slot(client, proxied)

    def leave(self, slot: Slot) -> None:
        """Release the slot of a closed connection."""
        self._open -= 1
        self._count(slot.client, -1)

    def admit_session(self, client: str) -> bool:
        """Count a session that outlives its connections; False if over the limit.

        A session without a poll holds no connection, so that sessions have as many places of
        their own, in total and per address. `client` is empty if the address is not known.
        """
        most = self._allowance.per_address
        full = bool(most) and bool(client) and self._sessions[client] >= most
        if full or self._sessions.total() >= self._allowance.most:
            self._tell_refusal()
            return False
        self._sessions[client] += 1
        return True

    def leave_session(self, client: str) -> None:
        """Release a session's place."""
        self._sessions[client] -= 1
        if not self._sessions[client]:
            del self._sessions[client]

    def vouch(self, slot: Slot, forwarded: Iterable[str]) -> bool:
        """Count a proxy's connection for its request's client; False if over the limit.

        `forwarded` holds the values of `X-Forwarded-For`, which are ignored unless the
        connection comes from a trusted proxy.
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
        """Return the last address that is not a trusted proxy; the rest may be forged."""
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
        """Log refusals in batches, so that a flood of connections does not flood the log."""
        refused = self._refused.count(self._clock())
        if refused:
            _log.warning("connections_refused", refused=refused, open=self._open)


@lru_cache(4096)
def host_of(address: str) -> str:
    """Return how an address is counted: IPv6 by /64; other text unchanged."""
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
