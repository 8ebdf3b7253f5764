"""A connection before its first request: cheap, and with 10 s to send a head.

A silent connection costs one object and a few bytes. What a request needs (aiohttp's parser,
task and timers) is created when a whole head has arrived, so thousands of strangers who
connect and disconnect at once delay nobody (contract, 13). A request for a stream goes to the
edge instead.
"""

import asyncio
from typing import Protocol, cast

from ringline.web.admission import Admission, Slot
from ringline.web.edge import Edge, Sorted

#: A longer head goes to aiohttp unfinished, which enforces the limit.
_MOST_HEAD = 4096
_BLANK = (b"\n\r\n", b"\n\n")


class Enter(Protocol):
    """Turn a newcomer that has sent a head into a connection for requests."""

    def __call__(self, transport: asyncio.Transport, slot: Slot, since: float, head: bytes) -> None:
        """Take over the transport; `since` is the loop's time of the connect."""
        ...


class Newcomers:
    """The connections that have not sent a head yet, oldest first."""

    def __init__(self, admission: Admission, edge: Edge, *, enter: Enter) -> None:
        self.admission = admission
        self.edge = edge
        self.enter = enter
        self._waiting: dict[Newcomer, None] = {}

    def add(self, newcomer: "Newcomer") -> None:
        """Start waiting for a newcomer's head."""
        self._waiting[newcomer] = None

    def remove(self, newcomer: "Newcomer") -> None:
        """Stop waiting: the head has arrived, or the connection is gone."""
        self._waiting.pop(newcomer, None)

    def look(self, now: float, most_s: float) -> None:
        """Close those that took too long; only the oldest are checked."""
        late: list[Newcomer] = []
        for newcomer in self._waiting:
            if now - newcomer.since < most_s:
                break
            late.append(newcomer)
        for newcomer in late:
            newcomer.close()

    def close(self) -> None:
        """Close all of them."""
        for newcomer in tuple(self._waiting):
            newcomer.close()


class Newcomer(asyncio.Protocol):
    """One connection that has not sent a whole head yet."""

    __slots__ = ("_all", "_head", "_slot", "_transport", "since")

    def __init__(self, all_: Newcomers) -> None:
        self._all = all_
        self._head = b""
        self._slot: Slot | None = None
        self._transport: asyncio.Transport | None = None
        #: When it connected, by the loop's clock.
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept a new connection, or close it at once if there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._slot = self._all.admission.admit(str(peer[0]) if peer else "")
        if self._slot is None:
            self._transport.abort()
            return
        self.since = asyncio.get_running_loop().time()
        self._all.add(self)

    def data_received(self, data: bytes) -> None:
        """Collect the head; pass it on when it is complete or cannot be valid."""
        head = self._head = self._head + data if self._head else data
        transport, slot = self._transport, self._slot
        if transport is None or slot is None:
            return
        whose = self._all.edge.sort(head)
        if whose is Sorted.MORE or (whose is Sorted.OTHERS and not _is_enough(head)):
            return
        self._all.remove(self)
        self._transport = self._slot = None
        if whose is Sorted.EDGE:
            self._all.edge.enter(transport, slot, data=head)
        else:
            self._all.enter(transport, slot, self.since, head)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Release the slot."""
        self._all.remove(self)
        if self._slot is not None:
            self._all.admission.leave(self._slot)
        self._transport = self._slot = None

    def close(self) -> None:
        """Close the connection."""
        self._all.remove(self)
        if self._transport is not None:
            self._transport.close()


def _is_enough(head: bytes) -> bool:
    """Return whether a request can be read or refused without more bytes."""
    if any(blank in head for blank in _BLANK) or len(head) > _MOST_HEAD:
        return True
    line, ended, _ = head.partition(b"\n")
    return not line[:1].isalpha() or bool(ended and b" HTTP/1." not in line)
