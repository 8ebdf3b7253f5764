"""Origins of pages, as browsers send them (RFC 6454, 6.2), and lists of those that may connect."""

import re
from collections.abc import Iterable

from ringline.domain import limits

#: An origin as browsers write it, with its port in digits.
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[a-z0-9_][a-z0-9._-]*|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
)
#: The default ports, which browsers leave out.
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_MAX_PORT = 65_535
_NO_PAGES = ("ws", "wss")  # schemes of sockets, not of the pages that open them


class OriginNotAllowed(Exception):
    """A credential is valid, but not for the page that uses it."""


def is_origin(text: str) -> bool:
    """Return whether a text is an origin, in the one spelling that browsers send."""
    found = _ORIGIN.fullmatch(text) if len(text) <= limits.ORIGIN_CHARACTERS.most else None
    if found is None or found["scheme"] in _NO_PAGES:
        return False
    port = found["port"]
    if port is None:
        return True
    return int(port) <= _MAX_PORT and _DEFAULT_PORTS.get(found["scheme"]) != port


def may_connect(said: Iterable[str], *lists: Iterable[str]) -> bool:
    """Return whether all origins that a request states are in every list that is not empty.

    A request without an origin does not come from another site's page, and may.
    """
    required = [allowed for allowed in map(frozenset, lists) if allowed]
    return not required or all(origin in allowed for origin in said for allowed in required)
