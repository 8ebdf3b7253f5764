"""Paints frames over each other in a terminal: what has changed, at a bounded rate.

A terminal may be at the far end of a slow line. Of a frame only the lines are written that
differ from what stands there, and the next frame waits until the last one has been paid
for, at so many bytes a second. Frames that come meanwhile are left out: the next one shows
what they would have.
"""

from collections.abc import Callable, Sequence

#: What painting may write on average. A whole frame comes at most once on top of it in any
#: second, so that a second never sees twice as much.
BYTES_PER_S = 10_000

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_CLEAR = "\x1b[H\x1b[2J"


class Painter:
    """Writes frames with `write`; times are seconds of any clock."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._shown: Sequence[str] = ()
        self._width = 0
        self._paid_at_s = 0.0

    def paint(self, lines: Sequence[str], width: int, now_s: float) -> None:
        """Write what differs from the last frame, unless that is not paid for yet.

        Every line is `width` columns wide. The cursor stands below the frame.
        """
        if now_s < self._paid_at_s:
            return
        text = self._difference(lines, width)
        if text:
            self._write(text)
            self._paid_at_s = now_s + len(text.encode()) / BYTES_PER_S

    def finish(self, lines: Sequence[str], width: int) -> None:
        """Write the last frame, and give the cursor back."""
        self._write(self._difference(lines, width) + _SHOW_CURSOR)

    def _difference(self, lines: Sequence[str], width: int) -> str:
        shown, self._shown = self._shown, lines
        if len(shown) != len(lines) or width != self._width:
            # The first frame stands where the cursor is. A terminal of another size has
            # broken the lines of the old one anew, nobody knows where.
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
