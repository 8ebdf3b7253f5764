"""What the command line prints: every line passes here, and no text of others steers a terminal.

Callers, servers and databases choose texts that end on an operator's screen. A terminal obeys
the control characters in them: they set its title, write the clipboard, forge lines. Here they
are shown as replacement characters; JSON escapes them instead, so that nothing of it is lost.
"""

import json
import sys
from collections.abc import Mapping

from rich.console import Console

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


def show_json(value: Mapping[str, object]) -> None:
    """Print a result for programs: one line of JSON, its controls escaped."""
    print(spell_json(value), flush=True)


def spell_json(value: object) -> str:
    """Spell a value as JSON that a terminal can show and that reads back the same."""
    # JSON's own escapes cover C0 alone; the others can only stand inside of strings.
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPED)


def open_console(*, soft_wrap: bool = False, width: int | None = None) -> Console:
    """Open stdout for styled text; markup and emoji codes in a text are not interpreted."""
    return Console(markup=False, emoji=False, highlight=False, soft_wrap=soft_wrap, width=width)
