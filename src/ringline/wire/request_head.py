"""Reading the head of an HTTP/1.1 request for a stream (RFC 9112, 2 to 5). Pure, and strict.

Only requests for WebSockets and event streams are read here: they have no body. Whatever two
readers could understand differently is refused, since a proxy may stand before us: lines that
end in a bare LF or CR, folded lines, blanks before a colon, a field twice of which there can be
one, a length together with chunks, a body.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, unquote

from multidict import CIMultiDict, MultiDict

from ringline.domain import limits

#: The longest head that is read, in bytes.
MOST_BYTES = limits.HEAD_BYTES.most
#: The end of a head.
BLANK_LINE = b"\r\n\r\n"

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/(1\.[01])\r\n")
_FIELDS = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*\r\n")
#: An absolute address, as a client of a proxy sends it (RFC 9112, 3.2.2).
_ABSOLUTE = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
#: Fields that a request may have once.
_SINGLE = (
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Upgrade",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
)


@dataclass(frozen=True)
class RequestHead:
    """A request's method, address and headers; `path` is decoded, `raw_query` is not."""

    method: str
    path: str
    raw_query: str
    is_http11: bool
    headers: CIMultiDict[str] = field(repr=False)  # they hold credentials

    @cached_property
    def query(self) -> MultiDict[str]:
        """Return the query's members."""
        return MultiDict(parse_qsl(self.raw_query, keep_blank_values=True))


def read_target(head: bytes) -> str | None:
    """Return the decoded path of a request, once its first line is there; None if it is not.

    The path may be of any form; it is not checked.
    """
    line = _REQUEST_LINE.match(head)
    return None if line is None else _split(line[2].decode())[0]


def has_bare_line_feed(head: bytes) -> bool:
    """Return whether a line ends without a CR, so that no head can be read from it."""
    return head.count(b"\n") != head.count(b"\r\n")


def read_head(head: bytes) -> RequestHead | None:
    """Read a whole head, up to its blank line; None if it is not valid (RFC 9112)."""
    line = _REQUEST_LINE.match(head)
    if line is None or len(head) > MOST_BYTES or not _FIELDS.fullmatch(head, line.end()):
        return None
    headers: CIMultiDict[str] = CIMultiDict()
    for text in head[line.end() : -4].decode("utf-8", "surrogateescape").split("\r\n"):
        name, colon, value = text.partition(":")
        if colon:
            headers.add(name, value.strip(" \t"))
    is_http11 = line[3] == b"1.1"
    if not _may_be_trusted(headers, is_http11=is_http11):
        return None
    path, query = _split(line[2].decode())
    return RequestHead(line[1].decode(), path, query, is_http11, headers)


def _may_be_trusted(headers: CIMultiDict[str], *, is_http11: bool) -> bool:
    """Return whether every reader sees the same request, without a body, in these fields."""
    if len(headers.getall("Host", ())) != 1 and is_http11:
        return False
    if any(len(headers.getall(name, ())) > 1 for name in _SINGLE if name in headers):
        return False
    return "Transfer-Encoding" not in headers and headers.get("Content-Length", "0") == "0"


def _split(target: str) -> tuple[str, str]:
    """Return an address's decoded path, and its query as it came."""
    address, _, query = target.partition("?")
    if not address.startswith("/"):
        address = _ABSOLUTE.sub("", address, count=1) or "/"
    return unquote(address) if "%" in address else address, query.partition("#")[0]
