"""The `page` grammar and its cursors (4.9).

A cursor holds the values that its row is sorted by, ending in the id, and a signature over
them, the resource and the sort, so a cursor of another list or a forged one is refused. It
does not include the filter, which must be repeated like the sort.
"""

import hmac
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias, cast
from uuid import UUID

import msgspec

from ringline.domain import limits
from ringline.rpc.kinds import Id, Kind, Timestamp
from ringline.rpc.resource import Resource
from ringline.rpc.sorting import SortKey, kind_of
from ringline.wire.rpc import refuse
from ringline.wire.strict_json import encode

#: How many sorts are cached with their cursors' signing purpose and kinds. Items and relationships
#: of a sort are bounded, so the keys are small.
ORDERS_KEPT = 512
_MAX_OFFSET = 2**63 - 1 - limits.PAGE_RECORDS.most
_MEMBERS = frozenset({"limit", "offset", "after", "before", "count"})
_SIGNATURE_BYTES = 16
_DECODE = msgspec.json.Decoder(list[Any]).decode


@dataclass(frozen=True, slots=True)
class OffsetPage:
    """A page that begins after so many rows."""

    limit: int
    offset: int
    count: bool


@dataclass(frozen=True, slots=True)
class KeysetPage:
    """A page that begins after a row, or ends before one."""

    limit: int
    after: str | None
    before: str | None
    count: bool

    @property
    def cursor(self) -> str | None:
        """Return the cursor to use: `before` wins."""
        return self.after if self.before is None else self.before

    @property
    def backward(self) -> bool:
        """Return whether the page holds the rows before the cursor."""
        return self.before is not None


Page: TypeAlias = OffsetPage | KeysetPage


def read_page(given: object) -> Page | None:
    """Parse `page`; None for a list without pages. Raises RpcRefused."""
    if not isinstance(given, dict):
        return None
    page = cast("dict[str, object]", given)
    if not page.keys() <= _MEMBERS:
        raise refuse("invalid_page")
    limit, offset = page.get("limit"), page.get("offset")
    count, after, before = page.get("count"), page.get("after"), page.get("before")
    if not (
        (limit is None or (_is_number(limit) and cast("int", limit) > 0))
        and (offset is None or (_is_number(offset) and 0 <= cast("int", offset) <= _MAX_OFFSET))
        and (count is None or isinstance(count, bool))
        and (after is None or isinstance(after, str))
        and (before is None or isinstance(before, str))
        and (offset is None or (after is None and before is None))
    ):
        raise refuse("invalid_page")
    if limit is None and offset is None and count is None and not page.keys() & {"after", "before"}:
        return None
    for cursor in (after, before):  # both names are returned, whichever is used
        if cursor is not None and len(cursor) > limits.CURSOR_CHARACTERS.most:
            raise refuse("invalid_keyset")
    most = limits.PAGE_RECORDS.most
    most = min(cast("int | None", limit) or most, most)
    if offset is not None:
        return OffsetPage(most, cast("int", offset), count is True)
    return KeysetPage(most, after, before, count is True)


class BadCursor(Exception):
    """A cursor that we did not make for this list and this sort."""


class Cursors:
    """Signs and verifies cursors; the first secret signs, all of them verify."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [hmac.digest(s.encode(), b"ringline cursor", "sha256") for s in secrets]

    def make(self, purpose: bytes, values: Sequence[object]) -> str:
        """Make a row's cursor from the values it is sorted by."""
        text = encode(values)
        return b64encode(self._sign(self._keys[0], purpose, text=text) + text).decode("ascii")

    def read(self, purpose: bytes, cursor: str, *, kinds: Sequence[Kind]) -> list[Any]:
        """Return a cursor's values. Raises BadCursor."""
        try:
            raw = a2b_base64(cursor, strict_mode=True)
            text = raw[_SIGNATURE_BYTES:]
            self._verify(purpose, raw[:_SIGNATURE_BYTES], text=text)
            values = _DECODE(text)
            for index, kind in enumerate(kinds):
                if values[index] is not None and type(kind) in _RESTORE:
                    values[index] = _RESTORE[type(kind)](values[index])
        except ValueError:  # not base64
            raise BadCursor from None
        return values

    def _verify(self, purpose: bytes, signature: bytes, *, text: bytes) -> None:
        for key in self._keys:
            if hmac.compare_digest(signature, self._sign(key, purpose, text=text)):
                return
        raise BadCursor

    def _sign(self, key: bytes, purpose: bytes, *, text: bytes) -> bytes:
        return hmac.digest(key, purpose + b"\0" + text, "sha256")[:_SIGNATURE_BYTES]


@lru_cache(ORDERS_KEPT)
def purpose_of(resource: Resource, keys: tuple[SortKey, ...]) -> bytes:
    """Return what a cursor's signature covers besides its values: resource and sort."""
    parts = [resource.name]
    for key in keys:
        direction = f"{'-' if key.descending else '+'}{'0' if key.nulls_first else '1'}"
        parts.append(direction + ".".join((*key.path, key.field)))
    return ",".join(parts).encode()


@lru_cache(ORDERS_KEPT)
def kinds_of(resource: Resource, keys: tuple[SortKey, ...]) -> tuple[Kind, ...]:
    """Return the kinds of the values that a cursor holds."""
    return tuple(kind_of(resource, key) for key in keys)


#: Decoders for values that JSON cannot represent; we trust what we signed.
_RESTORE: Mapping[type[Kind], Callable[[str], object]] = {
    Timestamp: datetime.fromisoformat,
    Id: UUID,
}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
