"""Sentences out of a text that is still being written, each as soon as it is complete. Pure.

The pieces, joined, are the text, and do not depend on how it arrived. A sentence ends at a
mark that white space follows, or at a line end; a full stop after a short or abbreviated word
("Dr. Who", "3. June") ends none. A sentence without an end is cut between words, so that no
piece is longer than `PIECE_CHARACTERS`.
"""

#: The longest piece: about 25 s of speech.
PIECE_CHARACTERS = 400

#: Marks that end a sentence if white space follows.
_MARKS = ".!?…"
#: Marks of scripts without spaces, which end a sentence by themselves.
_FULL_MARKS = "。！？"
_CLOSING = "\"'”’»)]*_"
_ABBREVIATIONS = frozenset(
    "approx bzw ca dr etc fig mr mrs ms nr prof sr st usw vs".split()  # noqa: SIM905
)


class SentenceSplitter:
    """Splits one text, which arrives in parts of any size."""

    def __init__(self) -> None:
        self._text = ""
        self._seen = 0  # characters of it that end no sentence

    def feed(self, part: str) -> list[str]:
        """Add a part; return the sentences that are complete."""
        self._text += part
        pieces: list[str] = []
        start = 0
        at = self._seen
        while at < len(self._text):
            if at - start >= PIECE_CHARACTERS:
                end = self._between_words(start, at)
            elif self._ends_at(at, start):
                end = at + 1
            else:
                at += 1
                continue
            pieces.append(self._text[start:end])
            start = at = end
        self._text = self._text[start:]
        self._seen = at - start
        return pieces

    def finish(self) -> str:
        """Return what is left at the end of the text; it may be empty."""
        rest, self._text, self._seen = self._text, "", 0
        return rest

    def _ends_at(self, at: int, start: int) -> bool:
        """Return whether a character completes the sentence that begins at `start`."""
        character = self._text[at]
        if character in _FULL_MARKS or (character == "\n" and self._text[start:at].strip()):
            return True
        if not character.isspace():
            return False
        last = at - 1
        while last > start and self._text[last] in _CLOSING:
            last -= 1
        if last <= start or self._text[last] not in _MARKS:
            return False
        return self._text[last] != "." or not _abbreviates(self._text[start:last])

    def _between_words(self, start: int, limit: int) -> int:
        """Return the last position up to `limit` where a word ends, or else `limit`."""
        for end in range(limit, start + 1, -1):
            if self._text[end - 1].isspace():
                return end
        return limit


def _abbreviates(text: str) -> bool:
    """Return whether a full stop after this text belongs to its last word."""
    words = text.rsplit(None, 1)
    word = words[-1].strip("(\"'“‘.") if words else ""
    if len(word) < 2 or (len(word) < 6 and "." in word):  # an initial, "e.g."
        return True
    return word.lower() in _ABBREVIATIONS or (word.isdigit() and len(word) < 3)
