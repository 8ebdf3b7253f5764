"""The code blocks of the docs' pages, each with its heading.

markdown-it (CommonMark) parses the pages, so that tests run what readers see.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code: its language, its line, and the heading above it."""

    language: str  # "" for an indented one
    code: str
    heading: str
    line: int


def blocks_of(page: Path, *languages: str) -> list[Block]:
    """Return a page's blocks in order; only those of the languages, if any are given."""
    return [block for block in _blocks(page) if not languages or block.language in languages]


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
