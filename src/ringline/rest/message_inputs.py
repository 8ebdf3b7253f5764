"""What the routes of messages take (live streams, 6.4).

A message's type says which members it has: a text a `body`, media a `media_url`, an interactive
message an object that WhatsApp defines, which is passed through.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from ringline.domain import v1_limits
from ringline.domain.conversations import MESSAGE_CHANNELS, ConversationChannel, MessageType
from ringline.domain.ids import Prefix
from ringline.domain.members import Member, Shape
from ringline.rest.reading import bad
from ringline.rest.route import Input
from ringline.rpc.kinds import BadValue, Choice, Id, Map, PhoneNumber, Text, TextList

CHANNELS = tuple(channel.value for channel in MESSAGE_CHANNELS)
#: The types that a client may send; templates have a route of their own.
SENT_TYPES = tuple(one.value for one in MessageType if one is not MessageType.TEMPLATE)
_MEDIA = (MessageType.IMAGE, MessageType.AUDIO, MessageType.DOCUMENT, MessageType.VIDEO)


class Written:
    """A text that somebody has written, kept as it is; blank is none."""

    def __init__(self, most: int) -> None:
        self._text = Text(most, trim=False)

    def cast(self, value: object) -> str | None:
        """Take a string that is not too long."""
        text = self._text.cast(value)
        return text if text and not text.isspace() else None


class MediaUrl:
    """Where a provider fetches media from: an `http` or `https` URL."""

    def cast(self, value: object) -> str | None:
        """Take a URL with a host."""
        text = Text(v1_limits.MEDIA_URL.most).cast(value)
        if text is None:
            return None
        try:
            parts = urlsplit(text)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            usable = False
        if not usable or not text.isprintable() or " " in text:
            raise BadValue("must be an http or https URL")
        return text


class Interactive:
    """An object that WhatsApp defines."""

    def cast(self, value: object) -> Mapping[str, object]:
        """Take an object that is not too large."""
        Map(v1_limits.INTERACTIVE_BYTES.most).cast(value)
        return cast("Mapping[str, object]", value)


class Parameters:
    """What a template's gaps are filled with."""

    def cast(self, value: object) -> list[str]:
        """Take a list of texts that is not too long."""
        texts = TextList(Text(v1_limits.TEMPLATE_PARAMETER.most, trim=False)).cast(value)
        if len(texts) > v1_limits.TEMPLATE_PARAMETERS.most:
            raise BadValue(
                "must have at most %{max} members", max=v1_limits.TEMPLATE_PARAMETERS.most
            )
        return texts


AGENT = Input(Member("agent_id", Shape.TEXT, "the agent whose thread it is"), Id(Prefix.AGENT))
CHANNEL = Input(
    Member("channel", Shape.TEXT, "how it is carried", words=CHANNELS), Choice(CHANNELS)
)
FROM = Input(
    Member(
        "from_number",
        Shape.TEXT,
        "the number of yours that it comes from, in E.164; any number in the sandbox",
    ),
    PhoneNumber(),
)
TO = Input(Member("to_number", Shape.TEXT, "whom it is for, in E.164"), PhoneNumber())
BODY = Input(
    Member("body", Shape.TEXT, "its text", "none; required of a text"),
    Written(v1_limits.MESSAGE_BODY.most),
)
TYPE = Input(
    Member(
        "message_type",
        Shape.TEXT,
        "what it holds; an SMS holds text",
        MessageType.TEXT.value,
        words=SENT_TYPES,
    ),
    Choice(SENT_TYPES),
)
MEDIA_URL = Input(
    Member(
        "media_url",
        Shape.TEXT,
        "where its media is, http or https; required of media",
        "none",
    ),
    MediaUrl(),
)
CAPTION = Input(
    Member("media_caption", Shape.TEXT, "what is written below its media", "none"),
    Written(v1_limits.MEDIA_CAPTION.most),
)
INTERACTIVE = Input(
    Member(
        "interactive",
        Shape.OBJECT,
        "the object that WhatsApp defines, passed through; required of an interactive message",
        "none",
    ),
    Interactive(),
)
TEMPLATE_NAME = Input(
    Member("template_name", Shape.TEXT, "the template, as WhatsApp knows it"),
    Text(v1_limits.TEMPLATE_NAME.most),
)
LANGUAGE_CODE = Input(
    Member("language_code", Shape.TEXT, "its language: `en`, `en_US`"),
    Text(v1_limits.LANGUAGE_CODE.most),
)
PARAMETERS = Input(
    Member("parameters", Shape.TEXT, "what its gaps are filled with", "[]", many=True),
    Parameters(),
)
#: What comes in in the sandbox.
INBOUND_BODY = Input(Member("body", Shape.TEXT, "its text"), Written(v1_limits.MESSAGE_BODY.most))


@dataclass(frozen=True, slots=True)
class Content:
    """What a message holds."""

    message_type: MessageType
    text: str = field(repr=False)
    details: Mapping[str, object] | None = field(default=None, repr=False)


def read_content(given: Mapping[str, Any]) -> Content:
    """Return what a message to be sent holds. Raises Refused."""
    type_ = MessageType(given.get("message_type", MessageType.TEXT))
    if type_ is not MessageType.TEXT and given["channel"] == ConversationChannel.SMS:
        raise bad("message_type", "must be text of an SMS")
    text = given.get("body", "")
    details: dict[str, object] = {}
    if type_ in _MEDIA:
        details["media_url"] = _required(given, "media_url")
        text = given.get("media_caption", text)
    elif unfit := next((name for name in ("media_url", "media_caption") if name in given), None):
        raise bad(unfit, f"is for media: message_type {', '.join(_MEDIA)}")
    if type_ is MessageType.INTERACTIVE:
        details["interactive"] = _required(given, "interactive")
    elif "interactive" in given:
        raise bad("interactive", "is for message_type interactive")
    if type_ is MessageType.TEXT:
        _required(given, "body")
    return Content(type_, text, details or None)


def _required(given: Mapping[str, Any], name: str) -> object:
    if name not in given:
        raise bad(name, "is required")
    return given[name]
