"""What the command line prints: every line passes here, and no text of others steers a terminal.

Callers, servers and databases choose texts that end on an operator's screen. A terminal obeys
the control characters in them: they set its title, write the clipboard, forge lines. Here they
are shown as replacement characters; JSON escapes them instead, so that nothing of it is lost.
"""

import json
import sys

from rich.console import Console
from rich.table import Table

#: C0; DEL and C1; the marks, overrides and isolates of bidirectional text, with the line and
#: paragraph separators beside them; and surrogates, which no encoding can print.
_STEERING = (
    *range(0x20),
    *range(0x7F, 0xA0),
    *(0x061C, 0x200E, 0x200F),
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
    *range(0xD800, 0xE000),
)
_REPLACED = dict.fromkeys(_STEERING, "\N{REPLACEMENT CHARACTER}")
_ESCAPED = {code: f"\\u{code:04x}" for code in _STEERING}


def visible(text: str) -> str:
    """Show what steers a terminal as replacement characters; the result is one line."""
    return text.translate(_REPLACED)


def show(text: str) -> None:
    """Print a line of the result."""
    print(visible(text), flush=True)


def say(text: str) -> None:
    """Tell the user in a line something that is not the result."""
    print(visible(text), file=sys.stderr, flush=True)


def show_json(value: object, *, indent: int | None = None) -> None:
    """Print a result as JSON, its controls escaped: one line, or indented for people."""
    print(spell_json(value, indent=indent), flush=True)


def spell_json(value: object, *, indent: int | None = None) -> str:
    """Spell a value as JSON that a terminal can show and that reads back the same."""
    # JSON's own escapes cover C0 alone; the others can only stand inside of strings, and
    # line feeds only between them.
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return "\n".join(line.translate(_ESCAPED) for line in text.split("\n"))


def show_table(table: Table) -> None:
    """Print a table of the result; outside of a terminal it is as wide as it needs."""
    open_console(width=None if sys.stdout.isatty() else 200).print(table)


def open_console(*, soft_wrap: bool = False, width: int | None = None) -> Console:
    """Open stdout for styled text; markup and emoji codes in a text are not interpreted."""
    return Console(markup=False, emoji=False, highlight=False, soft_wrap=soft_wrap, width=width)
