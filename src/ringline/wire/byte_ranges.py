"""Range requests (RFC 9110, 14): which part of a file a client asks for.

One range is served. A request for several is answered with the whole, as one in other units
or with a syntax that we cannot read: a server may ignore any `Range` (14.2).
"""

import re
from dataclasses import dataclass

_BYTES = re.compile(r"[ \t]*bytes=(.*)", re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(r"[ \t]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t]*")
#: More digits than any file's size has.
_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of a file: its first and its last byte, counted from 0."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """Return how many bytes it holds."""
        return self.last - self.first + 1

    def content_range(self, size: int) -> str:
        """Return the header that names this part of a file of so many bytes."""
        return f"bytes {self.first}-{self.last}/{size}"


class Unsatisfiable(ValueError):
    """The range lies outside of the file."""


def asked_range(text: str | None, size: int) -> ByteRange | None:
    """Return the part of a file that a `Range` asks for; None for the whole file.

    Raises Unsatisfiable.
    """
    unit = None if text is None else _BYTES.fullmatch(text)
    found = None if unit is None else _RANGE.fullmatch(unit[1])
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        length = min(_number(suffix), size)
        if length == 0:
            raise Unsatisfiable
        return ByteRange(size - length, size - 1)
    begin, end = _number(first), _number(last) if last else size - 1
    if last and end < begin:
        return None  # invalid, and so ignored (14.1.1)
    if begin >= size:
        raise Unsatisfiable
    return ByteRange(begin, min(end, size - 1))


def unsatisfied(size: int) -> str:
    """Return the `Content-Range` of a refusal (14.4)."""
    return f"bytes */{size}"


def holds_if_range(text: str | None, etag: str) -> bool:
    """Return whether a `Range` counts: without an `If-Range`, or with the file's own tag.

    The comparison is the strong one; there is no date that could match (13.1.5).
    """
    return text is None or text.strip() == etag


def _number(digits: str) -> int:
    short = digits.lstrip("0") or "0"
    return int(short) if len(short) <= _DIGITS else 10**_DIGITS
