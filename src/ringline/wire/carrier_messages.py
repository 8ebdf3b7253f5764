"""What is said to a carrier, and what it says: requests, answers, inbound messages, receipts.

`domain/carriers.py` describes a carrier. Whatever comes from it is untrusted: a result, or a
sentence that does not quote it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

from ringline.domain import carrier_limits
from ringline.domain.carriers import BodyFormat, Carrier, Reading, Receipts, Sending
from ringline.domain.conversations import ConversationChannel, MessageType
from ringline.domain.messages import Report
from ringline.domain.phone_numbers import read_e164
from ringline.wire.carrier_templates import ABSENT, as_text, fill, find, written
from ringline.wire.strict_json import JsonProblem, StrictDecoder, as_object, encode

#: The placeholder without which a message of a type cannot be said.
NEEDS: Mapping[MessageType, str] = {
    MessageType.IMAGE: "media_url",
    MessageType.AUDIO: "media_url",
    MessageType.DOCUMENT: "media_url",
    MessageType.VIDEO: "media_url",
    MessageType.INTERACTIVE: "interactive",
    MessageType.TEMPLATE: "template_name",
}

_CONTENT_TYPES = {
    BodyFormat.JSON: "application/json",
    BodyFormat.FORM: "application/x-www-form-urlencoded",
}
#: The kinds of media that are a type of message of their own; all others are documents.
_MEDIA = {"image": MessageType.IMAGE, "audio": MessageType.AUDIO, "video": MessageType.VIDEO}
_MEDIA_URL_CHARACTERS = 2_048
_CODE_CHARACTERS = 64
_JSON: StrictDecoder[Any] = StrictDecoder(object)


class BadReport(ValueError):
    """A carrier's request cannot be understood; `problem` is a sentence without its content."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Accepted:
    """A carrier has taken a message; `id` is its own, None if the answer does not say it."""

    id: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A carrier refuses a message for good, with a code and a reason of its own.

    The reason is as it came: it may quote the message.
    """

    code: str
    reason: str


#: What an answer means; None if the carrier cannot serve now.
SendAnswer: TypeAlias = Accepted | Refusal | None


@dataclass(frozen=True, slots=True)
class CarrierArrival:
    """An inbound message; the numbers are in E.164."""

    message_id: str
    channel: ConversationChannel
    our_number: str
    remote_number: str
    message_type: MessageType
    text: str = field(repr=False)
    details: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CarrierReceipt:
    """What became of a message, by the carrier's id of it; `report` is None if nothing did yet."""

    message_id: str
    report: Report | None
    error_code: str


def write_body(sending: Sending, values: Mapping[str, object]) -> bytes:
    """Write the body of the request that hands a message over."""
    filled = fill(sending.body, values)
    if sending.format is BodyFormat.JSON:
        return encode({} if filled is ABSENT else filled)
    return urlencode({name: written(value) for name, value in filled.items()}).encode()


def content_type(sending: Sending) -> str:
    """Return the media type of that body."""
    return _CONTENT_TYPES[sending.format]


def read_answer(sending: Sending, status: int, *, body: bytes | None) -> SendAnswer:
    """Read the answer to that request; `body` is None if it was too long to read.

    A success is one whatever its body is: to hand the message over again would send it twice.
    """
    succeeded = 200 <= status < 300
    if not succeeded and status not in sending.refused_statuses:
        return None
    try:
        document = None if body is None else _JSON.decode(body)
    except JsonProblem:
        document = None
    if succeeded:
        found = as_text(find(document, sending.message_id))
        return Accepted(found if _is_id(found) else None)
    code = printable(as_text(find(document, sending.refused_code)), _CODE_CHARACTERS)
    return Refusal(code or f"HTTP_{status}", as_text(find(document, sending.refused_reason)))


def read_arrival(carrier: Carrier, body: bytes) -> CarrierArrival | None:
    """Read an inbound message; None if the request is about something else. Raises BadReport."""
    if carrier.inbound is None:
        raise AssertionError("a provider without the table has no such door")
    said = _read(carrier.inbound, body)
    if said is None:
        return None
    message_id = said["message_id"]
    if not _is_id(message_id):
        raise BadReport("the message has no id")
    channel, ours, theirs = _parties(carrier, said)
    details: dict[str, object] = {}
    message_type = MessageType.TEXT
    url = said.get("media_url", "")
    if url.startswith(("https://", "http://")) and len(url) <= _MEDIA_URL_CHARACTERS:
        kind = said.get("mime_type", "")
        details = {"media_url": url}
        if kind and len(kind) <= _CODE_CHARACTERS and kind.isprintable():
            details["mime_type"] = kind
        message_type = _MEDIA.get(kind.partition("/")[0], MessageType.DOCUMENT)
    return CarrierArrival(
        message_id, channel, ours, theirs, message_type, said.get("text", ""), details
    )


def read_receipt(receipts: Receipts, body: bytes) -> CarrierReceipt | None:
    """Read a receipt; None if the request is about something else. Raises BadReport."""
    said = _read(receipts.reading, body)
    if said is None:
        return None
    message_id = said["message_id"]
    if not _is_id(message_id):
        raise BadReport("the receipt names no message")
    code = printable(said.get("error_code", ""), _CODE_CHARACTERS)
    report = receipts.words.get(said["status"])
    return CarrierReceipt(message_id, report, "" if code == "0" else code)


def _read(reading: Reading, body: bytes) -> Mapping[str, str] | None:
    """Return what stands at the places, as texts; None if `when` does not hold."""
    try:
        said = _decode(reading.format, body)
    except ValueError:
        raise BadReport(f"the body is not the {reading.format.value} that was expected") from None

    def at(place: str) -> str:
        if reading.format is BodyFormat.FORM:
            return as_text(as_object(said).get(place))
        return as_text(find(said, place))

    if any(at(place) != value for place, value in reading.when.items()):
        return None
    return {name: at(place) for name, place in reading.places.items()}


def _decode(written_as: BodyFormat, body: bytes) -> Any:
    if written_as is BodyFormat.JSON:
        return _JSON.decode(body)
    fields = parse_qsl(
        body.decode(), keep_blank_values=True, max_num_fields=carrier_limits.FORM_FIELDS.most
    )
    if any("\0" in name or "\0" in value for name, value in fields):
        raise ValueError("a database cannot hold U+0000")
    # The first of a name counts.
    return dict(reversed(fields))


def _parties(carrier: Carrier, said: Mapping[str, str]) -> tuple[ConversationChannel, str, str]:
    """Return the channel whose addresses those of a message are, our number and theirs."""
    for channel in carrier.addresses:
        ours, theirs = (
            carrier.number_in(channel, said["to"]),
            carrier.number_in(channel, said["from"]),
        )
        if ours is None or theirs is None:
            continue
        our_number, remote_number = read_e164(ours), read_e164(theirs)
        if our_number is not None and remote_number is not None:
            return channel, our_number, remote_number
    raise BadReport("the message is not from and to numbers in E.164")


def _is_id(text: str) -> bool:
    return 0 < len(text) <= carrier_limits.ID_CHARACTERS.most and text.isprintable()


def printable(text: str, most: int) -> str:
    """Return the beginning of a text on one line, without control characters."""
    return "".join(one if one.isprintable() else " " for one in text[:most]).strip()
