"""What the command line prints: every line passes here, and no text of others steers a terminal.

Callers, servers and databases choose texts that end on an operator's screen. A terminal obeys
the control characters in them: they set its title, write the clipboard, forge lines. Here they
are shown as replacement characters; JSON escapes them instead, so that nothing of it is lost.
"""

import json
import re
import sys
from collections.abc import Mapping

from rich.console import Console

#: C0 and DEL, C1, the marks and overrides of bidirectional text with the line and paragraph
#: separators between them, and surrogates, which no encoding can print.
_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Show what steers a terminal as replacement characters; the result is one line."""
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text)


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
    return _STEERING.sub(
        lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False)
    )


def open_console(*, soft_wrap: bool = False, width: int | None = None) -> Console:
    """Open stdout for styled text; markup and emoji codes in a text are not interpreted."""
    return Console(markup=False, emoji=False, highlight=False, soft_wrap=soft_wrap, width=width)
