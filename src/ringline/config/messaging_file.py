"""The file that `MESSAGING_FILE` names: providers of messages that are reached over HTTP.

`docs/reference/messaging.md` has every key. What it says becomes a `Carrier`
(`domain/carriers.py`); a mistake refuses the start and is told without a value.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from ringline.config import messaging_keys
from ringline.config.readings import is_loopback, read_web_url
from ringline.config.toml_file import Table, load_toml
from ringline.config.variables import PREFIX
from ringline.domain.carriers import (
    DIGITS,
    EVERY_NUMBER,
    NUMBER,
    REFUSED_STATUSES,
    BodyFormat,
    Carrier,
    Numbers,
    Reading,
    Receipts,
    Sending,
    Signature,
    SignatureScheme,
)
from ringline.domain.conversations import MESSAGE_CHANNELS, ConversationChannel
from ringline.domain.messages import Report
from ringline.domain.phone_numbers import read_e164
from ringline.wire.carrier_templates import check_template, is_pointer, placeholders_in

#: The setting that names the file.
FILE = "MESSAGING_FILE"

#: A name is a part of a URL.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_A_NAME = (
    "a provider's name has up to 32 lower-case letters, digits and dashes, and begins with a "
    "letter or a digit"
)
#: The provider that every server has.
_RESERVED = "sandbox"

_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_A_HEADER = "a header's name has up to 64 letters, digits and dashes"
#: Headers that are ours to set.
_OUR_HEADERS = frozenset({"content-type", "content-length", "host", "transfer-encoding"})
_PREFIX = re.compile(r"\+[0-9]{0,15}\*")
_METHODS = ("POST", "PUT")
_CREDENTIALS = ("password_env", "bearer_env", "key_env")
_DEFAULT_HEADERS = {SignatureScheme.TWILIO: "X-Twilio-Signature"}

#: The places that must be said; the other keys are places too, but for these tables.
_INBOUND = ("from", "to", "message_id")
_RECEIPTS = ("message_id", "status")
_NO_PLACES = ("when", "words")
#: What a receipt can tell; that a message was sent is the answer to its request.
WORDS = tuple(report for report in Report if report is not Report.SENT)


def read_messaging_file(
    path: Path, environ: Mapping[str, str], *, has_public_url: bool
) -> tuple[Carrier, ...]:
    """Read a file. Raises SettingsProblem.

    `environ` holds the secrets that the file names; `has_public_url` is whether the carriers can
    know this server's URL.
    """
    document = Table("", load_toml(path, FILE), file=FILE)
    document.refuse_others("providers")
    providers = document.table("providers")
    carriers = tuple(
        _read_carrier(providers.table(name), name, environ=environ)
        for name in providers.names(_NAME.fullmatch, _A_NAME)
    )
    if not carriers:
        raise providers.refused("it has no provider")
    for carrier in carriers:
        if carrier.name == _RESERVED:
            raise providers.refused(f"{_RESERVED} is the provider of test keys")
        if not has_public_url and _needs_public_url(carrier):
            raise providers.table(carrier.name).refused(
                f"{PREFIX}PUBLIC_URL must be set: the provider must know this server's URL"
            )
    return carriers


def _needs_public_url(carrier: Carrier) -> bool:
    signed = carrier.signature
    return (
        signed is not None and signed.scheme is SignatureScheme.TWILIO
    ) or "receipts_url" in placeholders_in(carrier.sending.body)


def _read_carrier(table: Table, name: str, *, environ: Mapping[str, str]) -> Carrier:
    table.refuse_others(*messaging_keys.PROVIDER)
    inbound = receipts = signature = None
    if table.has("inbound"):
        inbound = _read_reading(table.table("inbound"), _INBOUND, known=messaging_keys.INBOUND)
    if table.has("receipts"):
        receipts = _read_receipts(table.table("receipts"))
    if table.has("signature"):
        signature = _read_signature(table.table("signature"), environ)
    elif inbound or receipts:
        raise table.refused(
            f"the table [{table.path}.signature] is missing: it is the credential of inbound and "
            "receipts"
        )
    sending = _read_sending(table.table("send"), environ)
    if receipts and not sending.message_id:
        raise table.table("send").refused("message_id is missing, which receipts refer to")
    return Carrier(
        name,
        _read_addresses(table),
        _read_numbers(table),
        sending,
        inbound=inbound,
        receipts=receipts,
        signature=signature,
    )


def _read_addresses(table: Table) -> Mapping[ConversationChannel, str]:
    channels: list[ConversationChannel] = []
    for text in table.texts("channels"):
        if text not in MESSAGE_CHANNELS:
            raise table.refused(f"channels may have {', '.join(MESSAGE_CHANNELS)}")
        channels.append(ConversationChannel(text))
    forms = table.table_or_none("addresses")
    forms.refuse_others(*channels)
    addresses = {channel: forms.text_or_none(channel) or NUMBER for channel in channels}
    for channel, form in addresses.items():
        if form.count(NUMBER) + form.count(DIGITS) != 1:
            raise forms.refused(f"{channel} must have {NUMBER} or {DIGITS} in it, once")
    if len(set(addresses.values())) < len(addresses):
        raise table.refused(
            f"two channels write numbers alike; [{table.path}.addresses] tells them apart"
        )
    return MappingProxyType(addresses)


def _read_numbers(table: Table) -> Numbers:
    if not table.has("numbers"):
        return EVERY_NUMBER
    exact: set[str] = set()
    prefixes: list[str] = []
    for text in table.texts("numbers"):
        if _PREFIX.fullmatch(text):
            prefixes.append(text.removesuffix("*"))
        elif (number := read_e164(text)) is not None:
            exact.add(number)
        else:
            raise table.refused(
                'numbers may have numbers in E.164, and beginnings such as "+1415*"'
            )
    return Numbers(frozenset(exact), tuple(prefixes))


def _read_sending(table: Table, environ: Mapping[str, str]) -> Sending:
    table.refuse_others(*messaging_keys.SEND)
    method = table.text_or_none("method") or _METHODS[0]
    if method not in _METHODS:
        raise table.refused(f"method must be {' or '.join(_METHODS)}")
    body_format, body = _read_body(table)
    credentials, secrets = _read_credentials(table, environ)
    refused = table.table_or_none("refused")
    refused.refuse_others(*messaging_keys.REFUSED)
    return Sending(
        _read_url(table),
        method,
        body_format,
        body,
        message_id=_pointer_or_none(table, "message_id"),
        headers=MappingProxyType({**_read_headers(table), **credentials}),
        secrets=secrets,
        refused_statuses=_read_statuses(refused),
        refused_code=_pointer_or_none(refused, "code"),
        refused_reason=_pointer_or_none(refused, "reason"),
    )


def _read_url(table: Table) -> str:
    try:
        url = read_web_url(table.text("url"))
    except ValueError as error:
        raise table.refused(f"url is not allowed: {error}") from None
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise table.refused("url is not allowed: http is for loopback addresses alone; use https")
    return url


def _read_body(table: Table) -> tuple[BodyFormat, Any]:
    given = [form for form in BodyFormat if table.has(form)]
    if len(given) != 1:
        raise table.refused("it must have either json or form, the body of the request")
    (body_format,) = given
    body = table.value(body_format)
    if not isinstance(body, dict) or not _is_json(cast("object", body)):
        raise table.refused(f"{body_format} must be a table of texts, numbers, lists and tables")
    fields = cast("dict[str, object]", body)
    try:
        check_template(fields)
    except ValueError as error:
        raise table.refused(f"{body_format}: {error}") from None
    if body_format is BodyFormat.FORM and not all(isinstance(one, str) for one in fields.values()):
        raise table.refused("form must be a table of texts")
    if "to" not in placeholders_in(fields):
        raise table.refused(f"{body_format} has no {{to}}")
    return body_format, fields


def _read_headers(table: Table) -> Mapping[str, str]:
    headers = table.table_or_none("headers")
    found = {name: headers.text(name) for name in headers.names(_HEADER.fullmatch, _A_HEADER)}
    for name, value in found.items():
        if name.lower() in _OUR_HEADERS or not value.isascii():
            raise headers.refused(f"{name} cannot be set, or not to that")
        if name.lower() == "authorization":
            raise headers.refused(f"{name} is a credential: use {', '.join(_CREDENTIALS)}")
    return found


def _read_credentials(
    table: Table, environ: Mapping[str, str]
) -> tuple[Mapping[str, str], tuple[SecretStr, ...]]:
    """Return the headers that hold the credential, and the secrets in them."""
    given = [name for name in _CREDENTIALS if table.has(name)]
    if len(given) > 1:
        raise table.refused(f"it may have one of {', '.join(_CREDENTIALS)}")
    for name, with_name in (("user", "password_env"), ("key_header", "key_env")):
        if table.has(name) != table.has(with_name):
            raise table.refused(f"{name} and {with_name} belong together")
    if not given:
        return {}, ()
    secret = table.secret_or_none(given[0], environ)
    if secret is None:
        raise AssertionError("the key is there")
    text = secret.get_secret_value()
    if given[0] == "bearer_env":
        return {"Authorization": f"Bearer {text}"}, (secret,)
    if given[0] == "key_env":
        header = table.text("key_header")
        if not _HEADER.fullmatch(header) or header.lower() in _OUR_HEADERS:
            raise table.refused(f"key_header: {_A_HEADER}")
        return {header: text}, (secret,)
    user = table.text("user")
    if ":" in user:
        raise table.refused("user must have no colon")
    encoded = b64encode(f"{user}:{text}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}, (secret, SecretStr(encoded))


def _read_statuses(table: Table) -> frozenset[int]:
    if not table.has("statuses"):
        return REFUSED_STATUSES
    values = table.value("statuses")
    found = cast("list[object]", values) if isinstance(values, list) else []
    statuses = {
        one for one in found if isinstance(one, int) and one in range(400, 500) and one in _KNOWN
    }
    if not statuses or len(statuses) != len(found):
        raise table.refused("statuses must be a list of HTTP statuses from 400 to 499")
    if HTTPStatus.TOO_MANY_REQUESTS in statuses:
        raise table.refused("statuses cannot have 429, which passes")
    return frozenset(statuses)


_KNOWN = frozenset(HTTPStatus)


def _read_receipts(table: Table) -> Receipts:
    words = table.table("words")
    reading = _read_reading(table, _RECEIPTS, known=messaging_keys.RECEIPTS)
    found: dict[str, Report] = {}
    for word in words.names(str.isprintable, "a word must be printable"):
        means = words.text(word)
        if means not in WORDS:
            raise words.refused(f"each word must mean one of {', '.join(WORDS)}")
        found[word] = Report(means)
    if not found:
        raise words.refused("it has no word")
    return Receipts(reading, MappingProxyType(found))


def _read_reading(table: Table, needed: tuple[str, ...], *, known: Mapping[str, str]) -> Reading:
    table.refuse_others(*known)
    named = [name for name in known if name not in _NO_PLACES]
    places = {name: table.text(name) for name in named if name in needed or table.has(name)}
    when = table.table_or_none("when")
    conditions = {name: when.text(name) for name in when.names(_is_place, "a place is a text")}
    pointers = [place.startswith("/") for place in (*places.values(), *conditions)]
    if any(pointers) and not all(pointers):
        raise table.refused(
            "its places must all be JSON pointers, which begin with /, or all names of form fields"
        )
    body_format = BodyFormat.JSON if all(pointers) else BodyFormat.FORM
    if body_format is BodyFormat.JSON:
        for name, place in places.items():
            if not is_pointer(place):
                raise table.refused(f"{name} is no JSON pointer")
        if not all(is_pointer(place) for place in conditions):
            raise when.refused("one of its keys is no JSON pointer")
    return Reading(body_format, MappingProxyType(places), MappingProxyType(conditions))


def _read_signature(table: Table, environ: Mapping[str, str]) -> Signature:
    table.refuse_others(*messaging_keys.SIGNATURE)
    scheme = table.text("scheme")
    if scheme not in list(SignatureScheme):
        raise table.refused(f"scheme must be one of {', '.join(SignatureScheme)}")
    found = SignatureScheme(scheme)
    default = _DEFAULT_HEADERS.get(found)
    if default is not None and (table.has("prefix") or table.has("timestamp_header")):
        raise table.refused(f"{found} has neither prefix nor timestamp_header")
    header = table.text("header") if default is None or table.has("header") else default
    timestamp = table.text_or_none("timestamp_header")
    if not _HEADER.fullmatch(header) or (timestamp and not _HEADER.fullmatch(timestamp)):
        raise table.refused(_A_HEADER)
    secret = table.secret_or_none("secret_env", environ)
    if secret is None:
        raise table.refused("secret_env is missing")
    return Signature(
        found, header, secret, prefix=table.text_or_none("prefix"), timestamp_header=timestamp
    )


def _pointer_or_none(table: Table, name: str) -> str:
    place = table.text_or_none(name)
    if place and not is_pointer(place):
        raise table.refused(f"{name} must be a JSON pointer, which begins with /")
    return place


def _is_place(text: str) -> bool:
    return bool(text) and text.isprintable()


def _is_json(value: object) -> bool:
    """Return whether JSON can say it: TOML has times too."""
    match value:
        case dict():
            return all(_is_json(one) for one in cast("dict[str, object]", value).values())
        case list():
            return all(_is_json(one) for one in cast("list[object]", value))
        case float():
            return value - value == 0  # neither infinite nor NaN
        case _:
            return isinstance(value, str | int | bool)
