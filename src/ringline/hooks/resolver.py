"""The look-up of receivers' names, which refuses addresses that are not public.

The addresses that are checked are those that are dialled: nothing is looked up again between
the two, so a name cannot first lead to a public address and then to ours. All addresses of an
answer must be public, whichever of them would be dialled.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

from ringline.domain import webhook_limits
from ringline.domain.webhook_addresses import refused_range


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a name; `family` is the socket's."""

    host: str
    family: int


#: Look a name up, in a thread. Raises OSError.
LookUp: TypeAlias = Callable[[str, int], Sequence[Address]]

#: Say what kind of address must not be dialled this is; None if it may be.
Refuses: TypeAlias = Callable[[str], str | None]


class AddressNotAllowed(OSError):
    """A name leads to an address that is not public."""


def look_up(host: str, port: int) -> Sequence[Address]:
    """Look a name up as the machine does. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [Address(str(sockaddr[0]), family) for family, _, _, _, sockaddr in found]


def allow_all(_: str) -> str | None:
    """Refuse no address (`RINGLINE_WEBHOOK_ALLOW_PRIVATE`)."""
    return None


class CheckedResolver(AbstractResolver):
    """A resolver for aiohttp, with threads of its own.

    A slow name server then delays nothing else in the process, and the end of the process
    waits for no look-up.
    """

    def __init__(self, refuses: Refuses = refused_range, look_up: LookUp = look_up) -> None:
        self._refuses = refuses
        self._look_up = look_up
        self._room = asyncio.Semaphore(webhook_limits.LOOK_UPS.most)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return a name's addresses. Raises AddressNotAllowed, and OSError if there are none."""
        await self._room.acquire()  # released when the thread is done, cancelled or not
        found = await self._in_thread(host, port)
        wanted = [one for one in found if family in (socket.AF_UNSPEC, one.family)]
        if not wanted:
            raise OSError(f"{host} has no address")
        for address in wanted:
            if self._refuses(address.host) is not None:
                raise AddressNotAllowed(f"{host} has an address that is not public")
        return [
            ResolveResult(
                hostname=host,
                host=address.host,
                port=port,
                family=address.family,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in wanted
        ]

    async def close(self) -> None:
        """Do nothing: look-ups under way end by themselves."""

    def _in_thread(self, host: str, port: int) -> asyncio.Future[Sequence[Address]]:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Sequence[Address]] = loop.create_future()

        def settle(found: Sequence[Address], error: OSError | None) -> None:
            self._room.release()
            if answered.done():
                return  # nobody waits any more
            if error is not None:
                answered.set_exception(error)
            else:
                answered.set_result(found)

        def work() -> None:
            found: Sequence[Address] = ()
            error = None
            try:
                found = self._look_up(host, port)
            except OSError as failed:
                error = failed
            except UnicodeError as failed:  # a label that IDNA cannot encode
                error = OSError(type(failed).__name__)
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(settle, found, error)

        Thread(target=work, name="webhook-look-up", daemon=True).start()
        return answered
