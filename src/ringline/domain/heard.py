"""What was heard of a response: its text goes with its speech, piece by piece. Pure.

Text travels in the playout queue between chunks, so each piece has a place in the response's
speech: it goes with the speech from there to the next piece. Within a piece, every character
has the same share. What was heard ends at a whole word, so it is a true beginning of the text.
"""

from collections import deque
from itertools import pairwise
from unicodedata import category, east_asian_width

#: Most pieces that are kept apart; beyond it the oldest two become one.
MAX_PIECES = 512

# Places are sums of durations: a character that has just ended must not fall short by a hair.
_ROUNDING = 1e-6

# Scripts that do not part words with spaces, and are not of double width: Thai and Lao,
# Burmese, Khmer. Their words end anywhere, as far as we know.
_UNSPACED = (range(0x0E00, 0x0F00), range(0x1000, 0x10A0), range(0x1780, 0x1800))
_JOINER = "\u200d"


class Alignment:
    """Which characters of a response's text go with which milliseconds of its speech."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: deque[tuple[float, int]] = deque()  # where it begins, and its length

    def add(self, characters: int, at_ms: float) -> None:
        """Add a piece of text, after `at_ms` of the speech; places never decrease."""
        pieces = self._pieces
        if pieces and pieces[-1][0] == at_ms:
            characters += pieces.pop()[1]
        pieces.append((at_ms, characters))
        if len(pieces) > MAX_PIECES:
            (start_ms, first), (_, second) = pieces.popleft(), pieces.popleft()
            pieces.appendleft((start_ms, first + second))

    def characters(self, played_ms: float, end_ms: float) -> int:
        """Return how many characters were heard; the last piece's speech ends at `end_ms`.

        Text that no speech follows was not heard.
        """
        heard = 0
        for (start_ms, characters), (piece_end_ms, _) in pairwise([*self._pieces, (end_ms, 0)]):
            if played_ms <= start_ms or piece_end_ms <= start_ms:
                break
            spoken = characters * (played_ms - start_ms) / (piece_end_ms - start_ms)
            heard += min(characters, int(spoken + _ROUNDING))
        return heard


def whole_words(text: str, characters: int) -> str:
    """Return the whole words among a text's first characters, without space after them."""
    end = min(characters, len(text))
    while 0 < end < len(text) and not _may_part(text[end - 1], text[end]):
        end -= 1
    return text[:end].rstrip()


def _may_part(before: str, after: str) -> bool:
    """Return whether a word ends between two characters."""
    if before.isspace() or after.isspace():
        return True
    if category(after).startswith("M") or _JOINER in (before, after):
        return False  # they are one character to the reader
    return _is_a_word(before) or _is_a_word(after)


def _is_a_word(character: str) -> bool:
    """Return whether a character's script has no spaces between words."""
    wide = east_asian_width(character) in ("W", "F")
    return wide or any(ord(character) in script for script in _UNSPACED)
