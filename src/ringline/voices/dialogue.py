"""The scripted dialogue of the local voice: texts in, one reply out. Pure.

Texts are compared by their words only, so that typed text matches like speech.
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

#: The reply to a text that was not understood, if the agent has none of its own.
DEFAULT_FALLBACK = "I did not get that."

#: The longest piece that is synthesised at once; longer sentences are cut between words.
SENTENCE_CHARACTERS = 400

#: The end of a sentence: one mark, so that a run of them is scanned only once.
_END = re.compile(r"[.!?…]\s+|\n+")


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, and whether the call ends after it."""

    text: str
    hang_up: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """An agent's dialogue: the phrases (as words) of its intents, and their replies."""

    intents: Mapping[str, str]
    replies: Mapping[str, str]


def script_of(settings: LocalSettings) -> Script:
    """Reduce an agent's phrases to their words."""
    intents = {words_of(phrase.text): phrase.intent for phrase in settings.phrases}
    return Script(intents, settings.replies)


def reply_to(script: Script, texts: Sequence[str]) -> Reply:
    """Reply to the unanswered turns; an empty text is speech that was not understood.

    Several turns get one reply, of distinct lines joined by line breaks. The fallback is
    used only if no turn was understood.
    """
    found = [script.intents.get(words_of(text)) for text in texts if _is_short(text)]
    understood = dict.fromkeys(
        intent for intent in found if intent is not None and intent in script.replies
    )
    if not understood:
        return Reply(script.replies.get(FALLBACK, DEFAULT_FALLBACK))
    lines = dict.fromkeys(script.replies[intent] for intent in understood)
    return Reply("\n".join(lines), hang_up=GOODBYE in understood)


def unanswered_turns(history: Sequence[PastTurn]) -> Sequence[PastTurn]:
    """Return the caller's turns after the agent's last one."""
    answered = max(
        (at for at, turn in enumerate(history, 1) if turn.role is TurnRole.AGENT), default=0
    )
    return history[answered:]


def unanswered(history: Sequence[PastTurn]) -> Iterator[str]:
    """Yield the lines that the caller said after the agent's last turn."""
    for turn in unanswered_turns(history):
        yield from turn.text.split("\n")


def _is_short(text: str) -> bool:
    return len(text) <= limits.LINE_CHARACTERS.most


def sentences(text: str) -> Iterator[str]:
    """Split a text into sentences whose concatenation is the text, in one pass.

    A sentence that is longer than `SENTENCE_CHARACTERS` is cut between words, and a word
    that is longer is cut anywhere.
    """
    start = 0
    while start < len(text):
        limit = start + SENTENCE_CHARACTERS
        mark = _END.search(text, start + 1, limit + 1)
        if mark is not None:
            end = min(mark.end(), limit)
        elif len(text) <= limit:
            end = len(text)
        else:
            end = _between_words(text, start, limit=limit)
        yield text[start:end]
        start = end


def _between_words(text: str, start: int, *, limit: int) -> int:
    """Return the last position up to `limit` where a word ends, or else `limit`."""
    for end in range(limit, start + 1, -1):
        if text[end - 1].isspace():
            return end
    return limit
