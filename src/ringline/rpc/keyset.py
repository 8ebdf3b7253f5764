"""Where a page begins: the regions of a sort after a row.

Rows are sorted by several keys, each ascending or descending, with the rows that have no
value first or last; the id comes last. "After this row" is then not a single comparison, and
an OR of them prevents the use of an index (measured on a million rows: 388 ms instead of 0.2).
So the rest is divided into regions that an index can scan one by one:

    same in k0, k1, after in k2   ·   same in k0, after in k1   ·   after in k0

where a nullable key has a separate region for the rows without a value. The last keys, as far
as they have values and the same direction, are compared together as a row, which an index
scans as one: (k1, k2) > (…).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ringline.rpc.sorting import SortKey


class Term(Enum):
    """A region's condition on one key."""

    SAME = "same"  # as the cursor's
    BEHIND = "behind"  # the cursor's, in the key's direction
    BEHIND_WITH_REST = "behind_with_rest"  # this key and the following ones, as a row
    NULL = "null"
    VALUE = "value"  # any


#: The terms of the first keys; there are no conditions on the others.
Region: TypeAlias = tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort as statements need it: its keys, and which of them are nullable."""

    keys: tuple[SortKey, ...]
    nullable: tuple[bool, ...]

    @property
    def reversed(self) -> "Sort":
        """Return the opposite sort."""
        return Sort(tuple(key.reversed for key in self.keys), self.nullable)


def is_native(key: SortKey) -> bool:
    """Return whether an index sorts the rows without a value as the key wants."""
    return key.nulls_first == key.descending


def whole(sort: Sort) -> tuple[Region, ...]:
    """Return the regions of the whole sort."""
    if not sort.nullable[0] or is_native(sort.keys[0]):
        return ((),)
    values, nulls = (Term.VALUE,), (Term.NULL,)
    return (nulls, values) if sort.keys[0].nulls_first else (values, nulls)


def behind(sort: Sort, nulls: Sequence[bool]) -> tuple[Region, ...]:
    """Return the regions after a row; `nulls` says which of its values are null."""
    together = _together(sort)
    regions: list[Region] = []
    for index in range(together, -1, -1):
        same = tuple(Term.NULL if null else Term.SAME for null in nulls[:index])
        nulls_first = sort.keys[index].nulls_first
        if not nulls[index]:
            whole_row = index == together and index < len(sort.keys) - 1
            regions.append((*same, Term.BEHIND_WITH_REST if whole_row else Term.BEHIND))
            if sort.nullable[index] and not nulls_first:
                regions.append((*same, Term.NULL))
        elif nulls_first:
            regions.append((*same, Term.VALUE))
    return tuple(regions)


def _together(sort: Sort) -> int:
    """Return the first key from which all have values and the same direction."""
    first = len(sort.keys) - 1
    while (
        first > 0
        and not sort.nullable[first - 1]
        and sort.keys[first - 1].descending == sort.keys[-1].descending
    ):
        first -= 1
    return first
