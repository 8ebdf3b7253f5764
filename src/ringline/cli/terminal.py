"""The command line's output, with control characters of others replaced.

All output goes through here.

Callers, servers and databases choose texts that end up on an operator's screen. A terminal
obeys the control characters in them: they set its title, write to the clipboard, forge lines.
Here they are shown as replacement characters; in JSON they are escaped instead, so that nothing
is lost.
"""

import codecs
import errno
import io
import json
import os
import sys
from collections.abc import Iterable
from typing import TextIO

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

#: Replacements for our own symbols that an encoding lacks; all others become `?`.
_PLAIN = {
    "…": "...",
    "→": "->",
    "–": "-",
    "“": '"',
    "”": '"',
    "’": "'",
    "✓": "+",
    "✗": "x",
    "✂": "8<",
    "·": "-",
}
_REPLACING = "ringline.replace"
_DUMB = ("dumb", "unknown")
_ENDLESS = 100_000  # columns, if the output is not a terminal


def visible(text: str) -> str:
    """Replace characters that control a terminal; the result is one line."""
    return text.translate(_REPLACED)


class OutputClosed(Exception):
    """The reader of our output has closed the pipe, as `head` does."""


def show(text: str) -> None:
    """Print a line of the result to stdout. Raises OutputClosed."""
    _print(visible(text), sys.stdout)


def say(text: str) -> None:
    """Print a message that is not part of the result to stderr. Raises OutputClosed."""
    _print(visible(text), sys.stderr)


def write_codes(text: str) -> None:
    """Write text with our own escape codes to stdout; others are replaced already."""
    _print(text, sys.stdout, end="")


def write_bytes(pieces: Iterable[bytes]) -> None:
    """Write a file to stdout, which must not be a terminal. Raises OutputClosed, OSError."""
    if sys.stdout.isatty():
        raise OSError(errno.EINVAL, "a terminal cannot show it; name a file", "stdout")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.writelines(pieces)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise OutputClosed from None


def _print(text: str, stream: TextIO, *, end: str = "\n") -> None:
    try:
        print(text, file=stream, flush=True, end=end)
    except BrokenPipeError:
        raise OutputClosed from None


def prepare_output() -> None:
    """Replace characters that the encoding lacks, so that printing works with LANG=C."""
    codecs.register_error(_REPLACING, _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_REPLACING)


def forget_output() -> None:
    """Discard output that a closed pipe did not take, to exit quietly."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign, "?") for sign in lacking), error.end


def is_screen() -> bool:
    """Return whether stdout is a terminal that can show panels.

    FORCE_COLOR does not make a pipe a terminal; a CI's terminal is a file that is read later.
    """
    environment = os.environ.get
    return (
        sys.stdout.isatty()
        and environment("TERM", "").lower() not in ("", *_DUMB)
        and environment("CI", "").lower() in ("", "0", "false")
        and not environment("NO_COLOR")
        and (sys.stdout.encoding or "").lower().startswith("utf")
    )


def show_json(value: object, *, indent: int | None = None) -> None:
    """Print a result as JSON, its controls escaped: one line, or indented for people.

    What stdout's encoding lacks is escaped too, so that nothing is lost. Raises OutputClosed.
    """
    text = spell_json(value, indent=indent)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = spell_json(value, indent=indent, ascii_only=True)
    _print(text, sys.stdout)


def spell_json(value: object, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """Encode a value as JSON that a terminal can show and that reads back the same."""
    # JSON's own escapes cover only C0; other control characters can only be inside strings, and
    # line feeds only between them.
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    return "\n".join(line.translate(_ESCAPED) for line in text.split("\n"))


class _Console(Console):
    """A console whose reader may close the pipe: Rich would exit with 1."""

    def on_broken_pipe(self) -> None:
        """End the command with success."""
        raise OutputClosed


def open_console(*, soft_wrap: bool = False) -> Console:
    """Open stdout for styled text, without markup and emoji codes.

    Lines are only wrapped on a terminal, and not even there with `soft_wrap`. Printing
    raises OutputClosed.
    """
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "").lower() in _DUMB
    return _Console(
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=soft_wrap,
        width=None if sys.stdout.isatty() else _ENDLESS,
        color_system=None if plain else "auto",  # bold is an escape code too
    )
