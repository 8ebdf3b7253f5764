"""Where a page begins: the regions of an order that lie behind a row.

Rows are ordered by several keys, each ascending or descending, with the rows that have no
value first or last; the id comes last. "Behind this row" is no single comparison then, and
an OR of them takes the index away (measured on a million rows: 388 ms instead of 0.2).
So the rest of the order is cut into regions that an index can walk one by one, in order:

    same in k0, k1, behind in k2   ·   same in k0, behind in k1   ·   behind in k0

where a key that may be null has a region of its own for the rows without a value. The last
keys, as far as they have values and go the same way, are compared together as a row, which
an index walks as one: (k1, k2) > (…).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ringline.rpc.sorting import SortKey


class Term(Enum):
    """What a region says about one key."""

    SAME = "same"  # as the cursor's
    BEHIND = "behind"  # the cursor's, in the key's direction
    BEHIND_WITH_REST = "behind_with_rest"  # it and the keys that follow, as a row
    NULL = "null"
    VALUE = "value"  # any


#: The terms of the first keys; nothing is said about the others.
Region: TypeAlias = tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """A sort as statements need it: its keys, and which of them may be null."""

    keys: tuple[SortKey, ...]
    nullable: tuple[bool, ...]

    @property
    def reversed(self) -> "Order":
        """Return the opposite order."""
        return Order(tuple(key.reversed for key in self.keys), self.nullable)


def is_native(key: SortKey) -> bool:
    """Tell whether an index holds the rows without a value where the key wants them."""
    return key.nulls_first == key.descending


def whole(order: Order) -> tuple[Region, ...]:
    """Return the regions of the whole order."""
    if not order.nullable[0] or is_native(order.keys[0]):
        return ((),)
    values, nulls = (Term.VALUE,), (Term.NULL,)
    return (nulls, values) if order.keys[0].nulls_first else (values, nulls)


def behind(order: Order, nulls: Sequence[bool]) -> tuple[Region, ...]:
    """Return the regions behind a row; `nulls` tells which of its values are null."""
    together = _together(order)
    regions: list[Region] = []
    for place in range(together, -1, -1):
        same = tuple(Term.NULL if null else Term.SAME for null in nulls[:place])
        nulls_first = order.keys[place].nulls_first
        if not nulls[place]:
            whole_row = place == together and place < len(order.keys) - 1
            regions.append((*same, Term.BEHIND_WITH_REST if whole_row else Term.BEHIND))
            if order.nullable[place] and not nulls_first:
                regions.append((*same, Term.NULL))
        elif nulls_first:
            regions.append((*same, Term.VALUE))
    return tuple(regions)


def _together(order: Order) -> int:
    """Return from which key on all of them have values and go the same way."""
    first = len(order.keys) - 1
    while (
        first > 0
        and not order.nullable[first - 1]
        and order.keys[first - 1].descending == order.keys[-1].descending
    ):
        first -= 1
    return first
