"""Pages of the docs as their readers see them: blocks of code, each under its heading.

Markdown is read by markdown-it (CommonMark), so that what a test runs is what is shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code: its language, where it stands, and the headings it stands under."""

    language: str  # "" for an indented one
    code: str
    heading: str
    line: int


def blocks_of(page: Path, *languages: str) -> list[Block]:
    """Return the blocks of a page in its order; of these languages, if any are named."""
    return [one for one in _blocks(page) if not languages or one.language in languages]


def _blocks(page: Path) -> Iterator[Block]:
    heading, opens = "", False
    for token in MarkdownIt().parse(page.read_text("utf-8")):
        line = token.map[0] + 1 if token.map else 0
        match token.type:
            case "heading_open":
                opens = True
            case "inline" if opens:
                heading, opens = token.content, False
            case "fence":
                yield Block(token.info.strip(), token.content, heading, line)
            case "code_block":
                yield Block("", token.content, heading, line)
            case _:
                pass
