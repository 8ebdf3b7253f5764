"""The items of a conversation in OpenAI's protocol: their places, and the latest as they are now.

Both are bounded: what is not remembered any more can be neither shown nor truncated.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import TypeVar

from ringline.domain import openai_limits
from ringline.wire.strict_json import encode

_MOST_ITEMS = openai_limits.REMEMBERED_ITEMS.most
_MOST_BYTES = openai_limits.REMEMBERED_BYTES.most

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class KnownItems:
    """The items of one conversation."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._before: OrderedDict[str, str | None] = OrderedDict()
        #: The id of the item that was added last.
        self.last: str | None = None

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items or item_id in self._before

    def add(self, item_id: str) -> None:
        """Add an item to the end of the conversation."""
        remember(self._before, item_id, value=self.last)
        self.last = item_id

    def get(self, item_id: str) -> bytes | None:
        """Return an item as it is now; None if it is not known any more."""
        return self._items.get(item_id)

    def keep(self, item: Mapping[str, object]) -> None:
        """Keep an item, as it is now; the oldest are forgotten beyond either bound."""
        item_id = str(item["id"])
        kept = encode(item)
        self._bytes += len(kept) - len(self._items.pop(item_id, b""))
        self._items[item_id] = kept
        while len(self._items) > _MOST_ITEMS or self._bytes > _MOST_BYTES:
            self._bytes -= len(self._items.popitem(last=False)[1])

    def delete(self, item_id: str) -> None:
        """Forget an item; the one after it follows the one before it."""
        before = self._before.pop(item_id, None)
        for later, previous in self._before.items():
            if previous == item_id:
                self._before[later] = before
        if self.last == item_id:
            self.last = before
        self._bytes -= len(self._items.pop(item_id, b""))


def remember(known: OrderedDict[_Key, _Value], key: _Key, *, value: _Value) -> None:
    """Keep a value; beyond the bound the oldest is forgotten."""
    known[key] = value
    if len(known) > _MOST_ITEMS:
        known.popitem(last=False)
