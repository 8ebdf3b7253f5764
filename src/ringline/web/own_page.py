"""Whether a request comes from a page of this server (Fetch, 3.1; Fetch Metadata, 2.3).

A page of another origin is told by `Origin`, which a browser sends with every POST. DNS
rebinding (a stranger's name that has come to mean this machine) gives such a page the same
origin as the server in the browser's eyes, but not another `Host`: so that one must be
loopback with the port that the request came in by, or the authority of the server's own URL.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a browser says about where a request comes from; None for an absent header."""

    host: str
    origin: str | None
    fetch_site: str | None = None


def provenance_of(request: web.Request) -> Provenance | None:
    """Read a request's headers; None if one of them is repeated, or `Host` is missing."""
    hosts, origins, sites = (
        request.headers.getall(name, []) for name in ("Host", "Origin", "Sec-Fetch-Site")
    )
    if len(hosts) != 1 or len(origins) > 1 or len(sites) > 1:
        return None
    return Provenance(hosts[0], origins[0] if origins else None, sites[0] if sites else None)


def is_own_page(told: Provenance, *, port: int, base_url: str, needs_origin: bool = True) -> bool:
    """Return whether a page of this server, and of no other origin, sends a request.

    `port` is the one that the request came in by, `base_url` the server's own URL. A GET of
    the same origin has no `Origin`; without `needs_origin` it may be missing.
    """
    host = told.host.lower()
    public = urlsplit(base_url.lower())
    if host == public.netloc:
        own = f"{public.scheme}://{host}"
    elif _is_loopback(host, port):
        own = f"http://{host}"
    else:
        return False
    if told.fetch_site is not None and told.fetch_site != "same-origin":
        return False
    return not needs_origin if told.origin is None else told.origin.lower() == own


def is_loopback_host(host: str) -> bool:
    """Return whether a `Host` is this machine by its loopback name or address, on any port."""
    return _is_loopback_name(_parts(host.lower())[0])


def _is_loopback(host: str, port: int) -> bool:
    """Return whether a `Host` is this machine on a port."""
    name, number = _parts(host)
    return number == str(port) and _is_loopback_name(name)


def _parts(host: str) -> tuple[str, str]:
    """Split a `Host` into its name and its port; the default port may be left out."""
    name, colon, number = host.rpartition(":")
    return (name, number) if colon and not number.endswith("]") else (host, "80")


def _is_loopback_name(name: str) -> bool:
    if name == "localhost":
        return True
    bracketed = name.startswith("[") and name.endswith("]")
    try:
        address = ip_address(name[1:-1] if bracketed else name)
    except ValueError:
        return False
    return address.is_loopback and bracketed == (address.version == 6)
