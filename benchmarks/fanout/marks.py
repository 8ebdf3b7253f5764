"""The mark in a message's text that the generator looks for (generator.c)."""

from __future__ import annotations

import time

#: A text with nothing but its mark has so many bytes.
LEAST = 33


def message(number: int, length: int) -> str:
    """Make the text of a topic's message, so many characters long."""
    return f"@t={time.monotonic_ns():018d},n={number:08d};".ljust(length, "x")
