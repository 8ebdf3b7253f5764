"""The templates of what is sent to a carrier, and where things stand in what it answers.

A template is a value of JSON whose texts may hold placeholders, `{text}`. A text that is one
placeholder and nothing else becomes the placeholder's value, whatever its shape; in others the
value is inserted as text. Values are filled in before the whole is encoded, so no character of a
message can end a string or add a member. `{{` and `}}` are braces.

A place is a JSON pointer (RFC 6901), which begins with `/`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from ringline.wire.strict_json import encode

#: The placeholders, and what each stands for.
PLACEHOLDERS: Mapping[str, str] = {
    "from": "our number, as `addresses` writes it",
    "to": "the contact's number, as `addresses` writes it",
    "text": "the message's text; absent if it has none",
    "message_id": "our id of the message, `msg_…`: the same if it is handed over again",
    "channel": "`sms` or `whatsapp`",
    "media_url": "the picture, recording or document to send; absent in a message without one",
    "template_name": "the template's name; absent in other messages",
    "language_code": "its language",
    "parameters": "its parameters, a list of texts",
    "numbered_parameters": 'the same as an object: `{"1": "first", "2": "second"}`',
    "interactive": "the buttons or the list of an interactive message, an object",
    "receipts_url": "this server's URL for the provider's receipts",
}

#: A placeholder's value that is left out, with its member.
ABSENT = object()

_PIECES = re.compile(r"\{\{|\}\}|\{([a-z_]{1,40})\}|[{}]")
_POINTER = re.compile(r"/(?:[^~]|~[01])*")
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}")


def check_template(template: object) -> None:
    """Refuse placeholders that do not exist. Raises ValueError with a sentence."""
    for text in _texts(template):
        for piece in _PIECES.finditer(text):
            if piece[1] is None and len(piece[0]) == 1:
                raise ValueError("a brace that begins no placeholder is written twice")
            if piece[1] is not None and piece[1] not in PLACEHOLDERS:
                raise ValueError(
                    f"{{{piece[1]}}} is no placeholder; there are {', '.join(PLACEHOLDERS)}"
                )


def placeholders_in(template: object) -> frozenset[str]:
    """Return the placeholders of a template."""
    found = (piece[1] for text in _texts(template) for piece in _PIECES.finditer(text))
    return frozenset(name for name in found if name is not None)


def fill(template: object, values: Mapping[str, object]) -> Any:
    """Return a template with values in their places; a value that is missing or null is absent.

    A member or an entry that is an absent value alone is left out; ABSENT if that is everything.
    """
    match template:
        case str():
            return _fill_text(template, values)
        case dict():
            members = cast("dict[str, object]", template).items()
            filled = {name: fill(value, values) for name, value in members}
            return {name: value for name, value in filled.items() if value is not ABSENT}
        case list():
            entries = [fill(value, values) for value in cast("list[object]", template)]
            return [value for value in entries if value is not ABSENT]
        case _:
            return template


def is_pointer(text: str) -> bool:
    """Return whether a text is a JSON pointer to a part of a document."""
    return bool(_POINTER.fullmatch(text))


def find(document: object, pointer: str) -> object:
    """Return the value at a JSON pointer; None if there is none."""
    at = document
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict):
            at = cast("dict[str, object]", at).get(name)
        elif isinstance(at, list) and _INDEX.fullmatch(name):
            entries = cast("list[object]", at)
            at = entries[int(name)] if int(name) < len(entries) else None
        else:
            return None
    return at


def as_text(value: object) -> str:
    """Return a text or a whole number as text; any other value as an empty one."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _fill_text(template: str, values: Mapping[str, object]) -> Any:
    whole = _PIECES.fullmatch(template)
    if whole is not None and whole[1] is not None:
        value = values.get(whole[1])
        return ABSENT if value is None else value

    def piece(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0][0]
        return written(values.get(found[1]))

    return _PIECES.sub(piece, template)


def written(value: object) -> str:
    """Return a value as a part of a text: an absent one as nothing, objects as compact JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else encode(value).decode()


def _texts(template: object) -> Iterator[str]:
    match template:
        case str():
            yield template
        case dict():
            for value in cast("dict[str, object]", template).values():
                yield from _texts(value)
        case list():
            for value in cast("list[object]", template):
                yield from _texts(value)
        case _:
            pass
