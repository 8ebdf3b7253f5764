"""Servers in processes of their own, as tests of the console ask them."""

import aiohttp

from ringline.domain.credentials import FirstKeys
from tests.faults.processes import ServerProcess
from tests.serving import Service


def service_at(server: ServerProcess, http: aiohttp.ClientSession) -> Service:
    """Return a server in another process as a service, which has no admin here."""
    keys = FirstKeys(*(server.ready[name] for name in FirstKeys.__dataclass_fields__))  # type: ignore[arg-type]
    return Service(server.base_url, http, keys, None)  # type: ignore[arg-type]
