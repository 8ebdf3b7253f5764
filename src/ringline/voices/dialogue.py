"""The scripted dialogue of the local voice: texts in, one reply out. Pure.

What was said is compared by its words alone, so that typed text matches like speech.
The dialogue itself is data: an agent's phrases and replies.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ringline.domain.agent import LocalSettings

FALLBACK = "fallback"
GOODBYE = "goodbye"

#: Said where an agent has no reply of its own for what was not understood.
DEFAULT_FALLBACK = "I did not get that."

#: Longest piece that is spoken at once; longer sentences are cut between words.
SENTENCE_CHARACTERS = 400

_NOT_A_WORD = re.compile(r"[^a-z0-9']+")
_SENTENCE = re.compile(rf".{{1,{SENTENCE_CHARACTERS}}}?(?:[.!?…]+\s+|\n+|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said, and whether the call is over then."""

    text: str
    hang_up: bool = False


def words_of(text: str) -> str:
    """Reduce a text to its words: lower case, without punctuation, single spaces."""
    return _NOT_A_WORD.sub(" ", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")).strip(
        " '"
    )


def reply_to(settings: LocalSettings, texts: Sequence[str]) -> Reply:
    """Answer the turns that have had no answer; an empty text was not understood.

    Several are answered together, each line once, joined by line breaks; what was not
    understood is only mentioned where nothing else was.
    """
    intents = {words_of(phrase.text): phrase.intent for phrase in settings.phrases}
    found = [intents.get(words_of(text)) for text in texts]
    understood = dict.fromkeys(
        intent for intent in found if intent is not None and intent in settings.replies
    )
    if not understood:
        return Reply(settings.replies.get(FALLBACK, DEFAULT_FALLBACK))
    lines = dict.fromkeys(settings.replies[intent] for intent in understood)
    return Reply("\n".join(lines), hang_up=GOODBYE in understood)


def sentences(text: str) -> list[str]:
    """Cut a text into sentences whose concatenation is the text."""
    pieces: list[str] = []
    for match in _SENTENCE.finditer(text):
        piece = match.group()
        while len(piece) > SENTENCE_CHARACTERS:
            cut = piece.rfind(" ", 1, SENTENCE_CHARACTERS) + 1 or SENTENCE_CHARACTERS
            pieces.append(piece[:cut])
            piece = piece[cut:]
        pieces.append(piece)
    return pieces
