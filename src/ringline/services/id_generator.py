"""Generates row ids from the clock and the operating system's random bits.

The domain gets `new_id` as an argument; `domain/ids.py` defines the format.
"""

import os
import time
from collections.abc import Iterator
from uuid import UUID

from ringline.domain.ids import uuid7

_BYTES_EACH = 10  # 80 bits, of which an id takes 74
_FETCHED_AT_ONCE = 256  # ids


def _random_bits() -> Iterator[int]:
    """Yield 80 random bits at a time; one system call fetches many."""
    while True:
        fetched = os.urandom(_BYTES_EACH * _FETCHED_AT_ONCE)
        for start in range(0, len(fetched), _BYTES_EACH):
            yield int.from_bytes(fetched[start : start + _BYTES_EACH], "big")


_bits = _random_bits()


def new_id() -> UUID:
    """Make a row id: a UUIDv7 of this millisecond."""
    return uuid7(time.time_ns() // 1_000_000, next(_bits))
