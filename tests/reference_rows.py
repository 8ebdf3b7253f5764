"""Rows of the reference pages' tables, in particular those that describe members."""

import json
from collections.abc import Iterator, Sequence

from ringline.domain.members import Member, describe_value, flattened


def row(*cells: str) -> str:
    """Return a row; a `|` in a cell must be escaped (see `cell`)."""
    return f"| {' | '.join(cells)} |"


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def table(heads: Sequence[str], rows: Iterator[str]) -> list[str]:
    return [row(*heads), row(*("---" for _ in heads)), *rows]


def member_rows(members: Sequence[Member], *, defaults: bool = False) -> Iterator[str]:
    yield from (row(*cells) for cells in member_cells(members, defaults=defaults))


def member_cells(members: Sequence[Member], *, defaults: bool = False) -> Iterator[tuple[str, ...]]:
    for path, member in flattened(members):
        value = describe_value(member) + (", or absent" if member.optional else "")
        default = f"`{member.default}`" if _is_json(member.default) else member.default
        default_cell = (default or "required",) if defaults else ()
        yield f"`{path}`", cell(value), *default_cell, member.means


def _is_json(text: str | None) -> bool:
    try:
        json.loads(text or "")
    except ValueError:
        return False
    return True
