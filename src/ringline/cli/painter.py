"""Draws frames in a terminal: only the changes, at a bounded rate.

A terminal may be at the far end of a slow connection. Only the lines that differ from the
last frame are written, and the next frame waits until the byte rate allows it. Frames in
between are skipped: the next one includes their changes.
"""

from collections.abc import Callable, Sequence

#: The average byte rate. In any second at most one whole frame comes on top of it, so that a second
#: never sees twice as much.
BYTES_PER_S = 10_000

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_CLEAR = "\x1b[H\x1b[2J"


class Painter:
    """Writes frames through `write`; times are seconds of any clock."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._shown: Sequence[str] = ()
        self._width = 0
        self._paid_at_s = 0.0

    def paint(self, lines: Sequence[str], width: int, *, now_s: float) -> None:
        """Write what differs from the last frame, if the byte rate allows it.

        Every line is `width` columns wide. The cursor ends below the frame.
        """
        if now_s < self._paid_at_s:
            return
        text = self._difference(lines, width)
        if text:
            self._write(text)
            self._paid_at_s = now_s + len(text.encode()) / BYTES_PER_S

    def finish(self, lines: Sequence[str], width: int) -> None:
        """Write the last frame, and show the cursor again."""
        self._write(self._difference(lines, width) + _SHOW_CURSOR)

    def _difference(self, lines: Sequence[str], width: int) -> str:
        shown, self._shown = self._shown, lines
        if len(shown) != len(lines) or width != self._width:
            # The first frame starts at the cursor. A resized terminal has rewrapped the old frame's
            # lines, and we cannot know where.
            begin, self._width = (_CLEAR if shown else _HIDE_CURSOR), width
            return begin + "".join(f"{line}\r\n" for line in lines)
        text, at = "", len(lines)  # the row that the cursor is in
        for row, line in enumerate(lines):
            if line != shown[row]:
                text += f"{_move(row - at)}{line}\r"
                at = row
        return text and text + _move(len(lines) - at)


def _move(rows: int) -> str:
    if not rows:
        return ""
    return f"\x1b[{rows}B" if rows > 0 else f"\x1b[{-rows}A"
