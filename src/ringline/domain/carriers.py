"""Carriers: providers of messages that are reached over HTTP, as an operator's file describes them.

`config/messaging_file.py` reads the file (`MESSAGING_FILE`); what is said to a carrier and what it
says is written and read in `wire/carrier_messages.py`. A workspace cannot change any of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import SecretStr

from ringline.domain.conversations import ConversationChannel
from ringline.domain.messages import Report

#: What stands for a number in an address: in E.164, or without its `+`.
NUMBER, DIGITS = "{number}", "{digits}"

#: The statuses that refuse a message for good, unless the file names others: another try would be
#: refused too. Of all others (a wrong password, a rate) the cause may pass.
REFUSED_STATUSES = frozenset({400, 410, 413, 422})


class BodyFormat(StrEnum):
    """How a body is written."""

    JSON = "json"
    FORM = "form"


class SignatureScheme(StrEnum):
    """How a carrier signs its requests (`wire/carrier_signatures.py`)."""

    HMAC_SHA256_HEX = "hmac-sha256-hex"
    HMAC_SHA256_BASE64 = "hmac-sha256-base64"
    TWILIO = "twilio"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers in E.164: each of `exact`, and those that begin with one of `prefixes`."""

    exact: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    def __contains__(self, number: str) -> bool:
        return number in self.exact or number.startswith(self.prefixes)


#: The `+` that every number begins with.
EVERY_NUMBER = Numbers(prefixes=("+",))


@dataclass(frozen=True, slots=True)
class Sending:
    """The request that hands a message over, and how its answer is read.

    `body` is a template of JSON, or the fields of a form. `headers` hold the credentials, and
    `secrets` are the ones among their values. Places in the answer are JSON pointers; an empty
    one says nothing.
    """

    url: str
    method: str
    format: BodyFormat
    body: Any
    message_id: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    secrets: tuple[SecretStr, ...] = ()
    refused_statuses: frozenset[int] = REFUSED_STATUSES
    refused_code: str = ""
    refused_reason: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the members of a request of the carrier's stand.

    `places` are JSON pointers, or names of a form's fields. A request that has not `when`'s values
    at its places is about something else.
    """

    format: BodyFormat
    places: Mapping[str, str]
    when: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Receipts:
    """How receipts are read: `words` are what the carrier calls what became of a message."""

    reading: Reading
    words: Mapping[str, Report]


@dataclass(frozen=True, slots=True)
class Signature:
    """How the carrier's requests are signed; `timestamp_header` is empty if they are not dated."""

    scheme: SignatureScheme
    header: str
    secret: SecretStr
    prefix: str = ""
    timestamp_header: str = ""


@dataclass(frozen=True, slots=True)
class Carrier:
    """One carrier, by its name; `addresses` are how it writes numbers, by channel."""

    name: str
    addresses: Mapping[ConversationChannel, str]
    numbers: Numbers
    sending: Sending
    inbound: Reading | None = None
    receipts: Receipts | None = None
    signature: Signature | None = None

    def carries(self, channel: ConversationChannel, from_number: str) -> bool:
        """Return whether messages of a channel from one of our numbers take this carrier."""
        return channel in self.addresses and from_number in self.numbers

    def address_of(self, channel: ConversationChannel, number: str) -> str:
        """Return a number as the carrier writes it."""
        address = self.addresses[channel]
        return address.replace(NUMBER, number).replace(DIGITS, number.removeprefix("+"))

    def number_in(self, channel: ConversationChannel, address: str) -> str | None:
        """Return what stands for the number in an address; None if it has another form."""
        form = self.addresses[channel]
        before, found, after = form.partition(NUMBER)
        plus = ""
        if not found:
            before, _, after = form.partition(DIGITS)
            plus = "+"
        if len(address) <= len(before) + len(after):
            return None
        if not (address.startswith(before) and address.endswith(after)):
            return None
        return plus + address[len(before) : len(address) - len(after)]
