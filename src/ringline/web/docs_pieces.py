"""The HTML fragments of the documentation page."""

import re
from collections.abc import Iterable, Sequence
from html import escape

_CODE = re.compile(r"`([^`]+)`")


def text(said: str) -> str:
    """Return a paragraph."""
    return f"<p>{inline(said)}</p>"


def inline(said: str) -> str:
    """Return a text, with code in backticks marked up."""
    return _CODE.sub(r"<code>\1</code>", escape(said, quote=False))


def code(name: str) -> str:
    """Return a name as code."""
    return f"<code>{escape(name)}</code>"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], *, ids: Sequence[str] = ()) -> str:
    """Return a table of HTML cells; a row with an id can be linked to."""
    head = "".join(f"<th>{cell}</th>" for cell in heads)
    body = ""
    for number, row in enumerate(rows):
        anchor = f' id="{ids[number]}"' if ids else ""
        body += f"<tr{anchor}>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'
