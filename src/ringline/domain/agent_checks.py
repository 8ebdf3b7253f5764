"""Validation rules shared by agents and the configs of sessions.

RPC rejects an agent with a flaw, and a session with one does not start (realtime voice, 4).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ringline.domain.agent import Tool


@dataclass(frozen=True, slots=True)
class Flaw:
    """An invalid value: its path, as members and indexes, and what is wrong with it."""

    path: tuple[str | int, ...]
    problem: str

    def path_from(self, root: str) -> str:
        """Format the path as a client would write it: `tools[1].name`."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return root + "".join(steps)


def tool_flaws(tools: Iterable[Tool]) -> Iterator[Flaw]:
    """Yield a flaw for each tool without a name or with a name already used."""
    names: set[str] = set()
    for index, tool in enumerate(tools):
        if not tool.name.strip():
            yield Flaw((index, "name"), "must not be empty")
        elif tool.name in names:
            yield Flaw((index, "name"), "is the name of another tool")
        names.add(tool.name)
