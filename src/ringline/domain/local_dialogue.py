"""The dialogue of the local voice: comparing texts, and validating `local`.

`local` belongs to an agent or a session: `{"phrases": [{"text", "intent"}], "replies":
{intent: text}}`. Phrases that could never be recognised or answered are rejected up front
(the local voice's page).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from ringline.domain import limits
from ringline.domain.agent import LocalSettings
from ringline.domain.agent_checks import Flaw

#: The intent for speech that was not understood; it has a default reply.
FALLBACK = "fallback"
#: The intent whose reply ends the call.
GOODBYE = "goodbye"

_NOT_A_WORD = re.compile(r"[^a-z0-9']+")
_REQUIRED = "is required"
_NO_OBJECT = "must be an object"
_NO_TEXT = "must be a text"
_EMPTY = "must not be empty"
_UNKNOWN = "is not known"


def words_of(text: str) -> str:
    """Reduce a text to its words: lower case, without punctuation, single spaces."""
    return _NOT_A_WORD.sub(" ", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")).strip(
        " '"
    )


def read_local(value: object) -> LocalSettings:
    """Convert a `local` without flaws; null members count as absent."""
    return msgspec.convert(_present(value), LocalSettings)


def local_flaws(value: object, *, strict: bool = False) -> Iterator[Flaw]:
    """Yield the flaws of a `local` from JSON; if `strict`, unknown members too."""
    if not isinstance(value, dict):
        yield Flaw((), _NO_OBJECT)
        return
    members = _present(cast("object", value))
    replies: object = members.get("replies", {})
    yield from _reply_flaws(replies)
    intents = {FALLBACK, *cast("dict[str, Any]", replies)} if isinstance(replies, dict) else None
    yield from _phrase_flaws(members.get("phrases", []), intents, strict=strict)
    if strict:
        yield from (Flaw((name,), _UNKNOWN) for name in members if name not in _MEMBERS)


_MEMBERS = frozenset({"phrases", "replies"})


def _present(value: object) -> Mapping[str, Any]:
    members = cast("dict[str, Any]", value)
    return {name: member for name, member in members.items() if member is not None}


def _reply_flaws(replies: object) -> Iterator[Flaw]:
    if not isinstance(replies, dict):
        yield Flaw(("replies",), _NO_OBJECT)
        return
    texts = cast("dict[str, object]", replies)
    if len(texts) > limits.REPLIES.most:
        yield Flaw(("replies",), f"must have at most {limits.REPLIES.most} members")
        return
    for intent, text in texts.items():
        most = limits.RESPONSE_CHARACTERS.most
        for problem in (_intent_flaw(intent), _text_flaw(text, most)):
            if problem:
                yield Flaw(("replies", intent), problem)


def _phrase_flaws(phrases: object, intents: set[str] | None, *, strict: bool) -> Iterator[Flaw]:
    """Yield the flaws of phrases; `intents` are those with a reply, if known."""
    if not isinstance(phrases, list | tuple):  # from JSON, or from an agent
        yield Flaw(("phrases",), "must be a list")
        return
    items = cast("Sequence[object]", phrases)
    if len(items) > limits.PHRASES.most:
        yield Flaw(("phrases",), f"must have at most {limits.PHRASES.most} members")
        return
    seen: set[str] = set()
    for index, phrase in enumerate(items):
        if not isinstance(phrase, dict):
            yield Flaw(("phrases", index), _NO_OBJECT)
            continue
        members = cast("dict[str, object]", phrase)
        problem = _phrase_flaw(members.get("text"), seen)
        if problem:
            yield Flaw(("phrases", index, "text"), problem)
        problem = _intent_flaw(members.get("intent"), intents)
        if problem:
            yield Flaw(("phrases", index, "intent"), problem)
        if strict:
            unknown = (name for name in members if name not in ("text", "intent"))
            yield from (Flaw(("phrases", index, name), _UNKNOWN) for name in unknown)


def _phrase_flaw(text: object, seen: set[str]) -> str:
    problem = _text_flaw(text, limits.LINE_CHARACTERS.most)
    if problem or not isinstance(text, str):
        return problem
    words = words_of(text)
    if not words:
        return "has no words: only a to z, digits and ' count"
    if len(words.split()) > limits.PHRASE_WORDS.most:
        return f"must have at most {limits.PHRASE_WORDS.most} words"
    if words in seen:
        return "has the words of another phrase"
    seen.add(words)
    return ""


def _intent_flaw(intent: object, intents: set[str] | None = None) -> str:
    problem = _text_flaw(intent, limits.INTENT_CHARACTERS.most)
    if not problem and intents is not None and intent not in intents:
        return "has no reply"
    return problem


def _text_flaw(text: object, most: int) -> str:
    if text is None:
        return _REQUIRED
    if not isinstance(text, str):
        return _NO_TEXT
    if not text.strip():
        return _EMPTY
    return f"must have at most {most} characters" if len(text) > most else ""
