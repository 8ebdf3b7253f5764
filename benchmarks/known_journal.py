"""The journal of a server that a benchmark runs in its own process, to write events with."""

from __future__ import annotations

from typing import Any

from ringline.services.journal import Journal

journals: list[Journal] = []


class KnownJournal(Journal):
    """A journal that the benchmark can find: it is in `journals`."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        journals.append(self)
