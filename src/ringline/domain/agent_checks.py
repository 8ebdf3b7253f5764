"""What is wrong with the settings that an agent or a session's config brings along.

One list of rules for both doors: RPC refuses to write an agent with a flaw, and a session
does not start with one (realtime voice, 4).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ringline.domain.agent import Tool


@dataclass(frozen=True, slots=True)
class Flaw:
    """A bad value: the way to it from what was given, by members and indexes, and a verdict."""

    path: tuple[str | int, ...]
    what: str

    def spelt(self, root: str) -> str:
        """Spell the way to the value as a client would write it: `tools[1].name`."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return root + "".join(steps)


def tool_flaws(tools: Iterable[Tool]) -> Iterator[Flaw]:
    """Yield the tools without a name, and those whose name is taken."""
    names: set[str] = set()
    for index, tool in enumerate(tools):
        if not tool.name.strip():
            yield Flaw((index, "name"), "must not be empty")
        elif tool.name in names:
            yield Flaw((index, "name"), "is the name of another tool")
        names.add(tool.name)
