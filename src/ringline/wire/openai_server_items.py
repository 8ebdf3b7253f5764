"""The items that a client adds to a conversation in OpenAI's protocol: what they mean here.

A message of the caller is typed text, images and speech, in its order; one of the system or of
the agent is context, not a turn; the output of a function answers a tool call. Everything
else is refused (voices, 6).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from ringline.domain import openai_limits
from ringline.domain.audio import Chunk
from ringline.domain.leg import ContextGiven, ImageShown, ToolAnswered, Typed
from ringline.domain.voice import MessageRole
from ringline.wire.openai_realtime import RATE_HZ
from ringline.wire.openai_server_errors import ServerProblem, problem
from ringline.wire.realtime import ImageInput, SampleAligner, check_image
from ringline.wire.realtime_errors import SessionProblem
from ringline.wire.strict_json import as_object

Item: TypeAlias = Mapping[str, object]
Added: TypeAlias = Typed | ContextGiven | ImageShown | ToolAnswered | Chunk

_MAX_ID = openai_limits.ITEM_ID_CHARACTERS.most


@dataclass(frozen=True, slots=True)
class ReadItem:
    """An item: its id, if the client gave it one; what it adds; and how it is shown.

    What it adds is told to the call in this order; a chunk is a turn of the caller.
    """

    id: str
    adds: tuple[Added, ...]
    shown: Item


@dataclass(frozen=True, slots=True)
class Takes:
    """What a session takes in a message besides text."""

    images: bool
    #: Without turn detection: with it, speech is found in the input audio buffer.
    speech: bool


def read_item(item: Item, event_id: str, *, takes: Takes) -> ReadItem | ServerProblem:
    """Read an item of a session's client."""
    item_id = item.get("id")
    if item_id is not None and not (isinstance(item_id, str) and 0 < len(item_id) <= _MAX_ID):
        reason = f"id: 1 to {_MAX_ID} characters"
        return problem("invalid_value", param="item.id", event_id=event_id, reason=reason)
    named = str(item_id or "")
    match item.get("type"):
        case "message" if item.get("role") == "user":
            return _read_message(item, named, event_id=event_id, takes=takes)
        case "message" if item.get("role") in _OTHER_ROLES:
            return _read_context(item, named, event_id=event_id)
        case "message":
            reason = "role: not user, system or assistant"
            return problem("invalid_value", param="item.role", event_id=event_id, reason=reason)
        case "function_call_output":
            return _read_output(item, named, event_id=event_id)
        case _:
            return problem("unsupported_item", param="item.type", event_id=event_id)


def _read_output(item: Item, item_id: str, *, event_id: str) -> ReadItem | ServerProblem:
    call_id, output = item.get("call_id"), item.get("output")
    for name, value in (("call_id", call_id), ("output", output)):
        if not isinstance(value, str):
            reason = f"{name}: not a text"
            return problem("invalid_value", param=f"item.{name}", event_id=event_id, reason=reason)
    answered = ToolAnswered(str(call_id), str(output), event_id)
    return ReadItem(item_id, (answered,), {**item})


def _read_message(
    item: Item, item_id: str, *, event_id: str, takes: Takes
) -> ReadItem | ServerProblem:
    content = item.get("content")
    if not isinstance(content, list) or not content:
        reason = "content: not a list of parts"
        return problem("invalid_value", param="item.content", event_id=event_id, reason=reason)
    adds: list[Added] = []
    shown: list[Item] = []
    for index, part in enumerate(cast("list[object]", content)):
        param = f"item.content[{index}]"
        read = _read_part(part, param, event_id=event_id, takes=takes)
        if isinstance(read, ServerProblem):
            return read
        if isinstance(read, Chunk) and any(isinstance(add, Chunk) for add in adds):
            reason = "content: only one part of audio"
            return problem("unsupported_value", param=param, event_id=event_id, reason=reason)
        adds.append(read)
        shown.append(_without_media(as_object(part)))
    joined = _joined(adds)
    if any(isinstance(add, Typed) and len(add.text) > _MOST for add in joined):
        reason = f"content: at most {_MOST} characters of text"
        return problem("invalid_value", param="item.content", event_id=event_id, reason=reason)
    return ReadItem(item_id, tuple(joined), {**item, "content": shown})


#: The roles of messages that are context, with the types of their parts and where the text is.
_OTHER_ROLES: Mapping[str, Mapping[str, str]] = {
    MessageRole.SYSTEM: {"input_text": "text"},
    MessageRole.ASSISTANT: {"output_text": "text", "output_audio": "transcript"},
}


def _read_context(item: Item, item_id: str, *, event_id: str) -> ReadItem | ServerProblem:
    """Read a message of the system or the agent: text alone."""
    role, content = MessageRole(str(item["role"])), item.get("content")
    parts = cast("list[object]", content) if isinstance(content, list) else []
    texts: list[str] = []
    for index, part in enumerate(parts):
        members = as_object(part)
        text = members.get(_OTHER_ROLES[role].get(str(members.get("type")), ""))
        if not isinstance(text, str) or not text:
            param = f"item.content[{index}]"
            reason = f"content: a message of {role} has text alone"
            return problem("invalid_value", param=param, event_id=event_id, reason=reason)
        texts.append(text)
    whole = "\n".join(texts)
    if not 0 < len(whole) <= _MOST:
        reason = f"content: 1 to {_MOST} characters of text"
        return problem("invalid_value", param="item.content", event_id=event_id, reason=reason)
    shown = [_without_media(as_object(part)) for part in parts]
    return ReadItem(item_id, (ContextGiven(role, whole, event_id),), {**item, "content": shown})


_MOST = openai_limits.MESSAGE_CHARACTERS.most


def _read_part(
    part: object, param: str, *, event_id: str, takes: Takes
) -> Typed | ImageShown | Chunk | ServerProblem:
    members = as_object(part)
    match members.get("type"):
        case "input_text":
            text = members.get("text")
            if not isinstance(text, str) or not text:
                reason = "text: not a text, or empty"
                return problem("invalid_value", param=param, event_id=event_id, reason=reason)
            return Typed(text, event_id)
        case "input_image" if not takes.images:
            return problem("image_input_unsupported", param=param, event_id=event_id)
        case "input_image":
            return _read_image(members, param, event_id=event_id)
        case "input_audio" if not takes.speech:
            reason = "audio of a message: with turn detection, append it to the input audio buffer"
            return problem("unsupported_value", param=param, event_id=event_id, reason=reason)
        case "input_audio":
            return _read_audio(members.get("audio"), param, event_id=event_id)
        case _:
            reason = "type: not input_text, input_image or input_audio"
            return problem("invalid_value", param=param, event_id=event_id, reason=reason)


def _read_image(members: Item, param: str, *, event_id: str) -> ImageShown | ServerProblem:
    detail = members.get("detail", "auto")
    if detail not in ("auto", "low", "high"):
        reason = "detail: not auto, low or high"
        return problem("invalid_value", param=param, event_id=event_id, reason=reason)
    url = members.get("image_url")
    wrong = check_image(ImageInput(url))
    if wrong is not None:
        return ServerProblem(wrong.code, wrong.message, param, event_id)
    return ImageShown(str(url), str(detail), "", event_id)


def _read_audio(audio: object, param: str, *, event_id: str) -> Chunk | ServerProblem:
    if not isinstance(audio, str) or not audio:
        reason = "audio: not a text, or empty"
        return problem("invalid_value", param=param, event_id=event_id, reason=reason)
    heard = SampleAligner(RATE_HZ).append(audio)
    if isinstance(heard, SessionProblem):
        return ServerProblem(heard.code, heard.message, param, event_id)
    if heard is None:
        reason = "audio: less than one sample"
        return problem("invalid_value", param=param, event_id=event_id, reason=reason)
    return heard


def _without_media(part: Item) -> Item:
    """Leave out what the client need not be sent back: it may have megabytes."""
    return {name: value for name, value in part.items() if name not in ("image_url", "audio")}


def _joined(adds: list[Added]) -> list[Added]:
    """Join texts that follow each other, by line breaks: they are one turn."""
    joined: list[Added] = []
    for add in adds:
        before = joined[-1] if joined else None
        if isinstance(add, Typed) and isinstance(before, Typed):
            joined[-1] = Typed(f"{before.text}\n{add.text}", add.request)
        else:
            joined.append(add)
    return joined
