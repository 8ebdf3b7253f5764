"""The scripted dialogue of the local voice: texts in, one reply out. Pure.

What was said is compared by its words alone, so that typed text matches like speech.
The dialogue itself is data: an agent's phrases and replies.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ringline.domain import limits
from ringline.domain.agent import LocalSettings
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.local_dialogue import FALLBACK, GOODBYE, words_of
from ringline.domain.voice import PastTurn

#: Said where an agent has no reply of its own for what was not understood.
DEFAULT_FALLBACK = "I did not get that."

#: Longest piece that is spoken at once; longer sentences are cut between words.
SENTENCE_CHARACTERS = 400

#: The end of a sentence: one mark, so that a row of them is passed over once.
_END = re.compile(r"[.!?…]\s+|\n+")


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said, and whether the call is over then."""

    text: str
    hang_up: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """An agent's dialogue: what leads to each intent, in words, and what is said to it."""

    intents: Mapping[str, str]
    replies: Mapping[str, str]


def script_of(settings: LocalSettings) -> Script:
    """Reduce an agent's phrases to their words."""
    intents = {words_of(phrase.text): phrase.intent for phrase in settings.phrases}
    return Script(intents, settings.replies)


def reply_to(script: Script, texts: Sequence[str]) -> Reply:
    """Answer the turns that have had no answer; an empty text was not understood.

    Several are answered together, each line once, joined by line breaks; what was not
    understood is only mentioned where nothing else was.
    """
    found = [script.intents.get(words_of(text)) for text in texts if _is_short(text)]
    understood = dict.fromkeys(
        intent for intent in found if intent is not None and intent in script.replies
    )
    if not understood:
        return Reply(script.replies.get(FALLBACK, DEFAULT_FALLBACK))
    lines = dict.fromkeys(script.replies[intent] for intent in understood)
    return Reply("\n".join(lines), hang_up=GOODBYE in understood)


def unanswered(history: Sequence[PastTurn]) -> Iterator[str]:
    """Yield the caller's lines that no turn of the agent follows."""
    answered = max(
        (at for at, turn in enumerate(history, 1) if turn.role is TurnRole.AGENT), default=0
    )
    for turn in history[answered:]:
        yield from turn.text.split("\n")


def _is_short(text: str) -> bool:
    return len(text) <= limits.LINE_CHARACTERS.most


def sentences(text: str) -> Iterator[str]:
    """Cut a text into sentences whose concatenation is the text, in one pass.

    A sentence that is longer than `SENTENCE_CHARACTERS` is cut between words, and a word
    that is longer anywhere.
    """
    start = 0
    while start < len(text):
        most = start + SENTENCE_CHARACTERS
        found = _END.search(text, start + 1, most + 1)
        if found is not None:
            end = min(found.end(), most)
        elif len(text) <= most:
            end = len(text)
        else:
            end = _between_words(text, start, most)
        yield text[start:end]
        start = end


def _between_words(text: str, start: int, most: int) -> int:
    """Find the last place before `most` where a word ends, or give `most`."""
    for end in range(most, start + 1, -1):
        if text[end - 1].isspace():
            return end
    return most
