"""Past events of a call in spoken order: a turn's place is when it was said. Pure.

The log has a turn where it became final, which may be after its answer. Read again, turns come
as they were said (contract, 11).
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from ringline.domain.publication import Published


def in_spoken_order(past: Sequence[Published]) -> Iterator[Published]:
    """Yield the events of a stretch of the log by their time.

    Each has an offset up to which every event has been yielded with it, so that nobody's
    position is ever past one that they lack.
    """
    ordered = sorted(past, key=lambda published: (published.event.occurred_at, published.offset))
    lacking = accumulate((published.offset for published in reversed(ordered)), min)
    first_lacking = [*reversed(list(lacking)), None][1:]
    newest = 0
    for published, next_ in zip(ordered, first_lacking, strict=True):
        newest = max(newest, published.offset)
        yield Published(newest if next_ is None else min(newest, next_ - 1), published.event)
