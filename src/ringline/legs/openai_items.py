"""Items that a client has added and that nothing has needed yet: they can still be deleted.

A voice cannot forget what it was told, and not every provider lets it try. So a message waits
here until a response, a turn or a result makes it count; then the call takes it, and it stays.
"""

from collections import OrderedDict
from collections.abc import Iterator

from ringline.domain import openai_limits
from ringline.domain.call_signals import size_of
from ringline.domain.leg import LegSignal

_MOST_ITEMS = openai_limits.DELETABLE_ITEMS.most
_MOST_BYTES = openai_limits.DELETABLE_BYTES.most


class WaitingItems:
    """The signals of items that wait, oldest first."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, tuple[LegSignal, ...]] = OrderedDict()
        self._bytes = 0

    def add(self, item_id: str, signals: tuple[LegSignal, ...]) -> Iterator[LegSignal]:
        """Let an item wait; yield the signals of the oldest, beyond either bound."""
        self._items[item_id] = signals
        self._bytes += _size(signals)
        while len(self._items) > _MOST_ITEMS or self._bytes > _MOST_BYTES:
            yield from self._take_oldest()

    def delete(self, item_id: str) -> bool:
        """Forget an item; return whether it was waiting."""
        signals = self._items.pop(item_id, None)
        self._bytes -= _size(signals or ())
        return signals is not None

    def take_all(self) -> Iterator[LegSignal]:
        """Yield the signals of all items, which wait no longer."""
        while self._items:
            yield from self._take_oldest()

    def _take_oldest(self) -> tuple[LegSignal, ...]:
        signals = self._items.popitem(last=False)[1]
        self._bytes -= _size(signals)
        return signals


def _size(signals: tuple[LegSignal, ...]) -> int:
    return sum(map(size_of, signals))
