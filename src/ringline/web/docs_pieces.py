"""Pieces of HTML that the documentation page is made of."""

import re
from collections.abc import Iterable, Sequence
from html import escape

_CODE = re.compile(r"`([^`]+)`")


def text(said: str) -> str:
    """Write a paragraph."""
    return f"<p>{inline(said)}</p>"


def inline(said: str) -> str:
    """Write a text; what stands in backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(said, quote=False))


def code(name: str) -> str:
    """Write a name."""
    return f"<code>{escape(name)}</code>"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], ids: Sequence[str] = ()) -> str:
    """Write a table of cells in HTML; a row with an id can be linked to."""
    head = "".join(f"<th>{cell}</th>" for cell in heads)
    body = ""
    for number, row in enumerate(rows):
        anchor = f' id="{ids[number]}"' if ids else ""
        body += f"<tr{anchor}>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'
