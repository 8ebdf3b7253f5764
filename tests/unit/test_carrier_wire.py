"""What is said to a provider of messages and what it says: templates, signatures, reports."""

import hashlib
import hmac
import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ringline.domain.carriers import (
    BodyFormat,
    Carrier,
    Reading,
    Receipts,
    Sending,
    Signature,
    SignatureScheme,
)
from ringline.domain.conversations import ConversationChannel, MessageType
from ringline.domain.messages import Report
from ringline.wire.carrier_messages import (
    Accepted,
    BadReport,
    CarrierArrival,
    CarrierReceipt,
    Refusal,
    read_answer,
    read_arrival,
    read_receipt,
    write_body,
)
from ringline.wire.carrier_signatures import Signed, is_signed, spellings
from ringline.wire.carrier_templates import check_template, fill, find, is_pointer
from tests.carriers import a_carrier

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


def sending(body: Any, how: BodyFormat = BodyFormat.JSON) -> Sending:
    return Sending(
        "https://x.example", "POST", how, body, "/id", refused_code="/code", refused_reason="/why"
    )


@given(TEXT)
def test_any_text_survives_a_template_of_json(text: str) -> None:
    template = {"a": "{text}", "b": ["so: {text}!", {"{text}": 1}], "c": 5}
    body = write_body(sending(template), {"text": text})
    assert json.loads(body) == {"a": text, "b": [f"so: {text}!", {"{text}": 1}], "c": 5}


@given(TEXT)
def test_any_text_survives_a_form(text: str) -> None:
    body = write_body(sending({"Body": "{text}", "To": "{to}"}, BodyFormat.FORM), {"text": text})
    assert parse_qsl(body.decode(), keep_blank_values=True) == [("Body", text)]


def test_values_keep_their_shape_and_absent_ones_their_place_empty() -> None:
    values = {"parameters": ["a", "b"], "text": None, "numbered_parameters": {"1": "a"}}
    template = {
        "whole": "{parameters}",
        "part": "p={parameters}",
        "gone": "{text}",
        "also_gone": "{media_url}",
        "list": ["{text}", "x"],
        "empty": "<{text}>",
        "braces": "{{text}}",
        "true": True,
    }
    assert fill(template, values) == {
        "whole": ["a", "b"],
        "part": 'p=["a","b"]',
        "list": ["x"],
        "empty": "<>",
        "braces": "{text}",
        "true": True,
    }
    form = sending({"ContentVariables": "{numbered_parameters}"}, BodyFormat.FORM)
    assert parse_qsl(write_body(form, values).decode()) == [("ContentVariables", '{"1":"a"}')]


@pytest.mark.parametrize("text", ["{", "}", "a{b", "{Text}", "{text", "{{text}", "{nobody}", "{}"])
def test_templates_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"brace|placeholder"):
        check_template({"a": [text]})


# The examples of RFC 6901, 5.
DOCUMENT = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, 'k"l': 6, " ": 7, "m~n": 8}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
        ("/foo/2", None),
        ("/foo/00", None),
        ("/foo/-", None),
        ("/foo/0/x", None),
        ("/nothing/here", None),
    ],
)
def test_pointers(pointer: str, value: object) -> None:
    assert is_pointer(pointer)
    assert find(DOCUMENT, pointer) == value


def test_what_is_no_pointer() -> None:
    assert [text for text in ("", "foo", "/a~", "/a~2", "#/foo") if is_pointer(text)] == []


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (200, b'{"id": "m1"}', Accepted("m1")),
        (201, b'{"id": 17}', Accepted("17")),
        (202, b"<html>", Accepted(None)),
        (200, b'{"id": true}', Accepted(None)),
        (200, b'{"id": ""}', Accepted(None)),
        (200, json.dumps({"id": "x" * 256}).encode(), Accepted(None)),
        (200, b'{"id": "a\\nb"}', Accepted(None)),
        (200, None, Accepted(None)),
        (400, b'{"code": 21211, "why": "Invalid\\nnumber"}', Refusal("21211", "Invalid\nnumber")),
        (422, b"", Refusal("HTTP_422", "")),
        (400, None, Refusal("HTTP_400", "")),
        (401, b'{"code": 1}', None),
        (404, b"{}", None),
        (429, b"{}", None),
        (503, b"{}", None),
        (302, b'{"id": "m1"}', None),
    ],
)
def test_answers(status: int, body: bytes | None, answer: object) -> None:
    assert read_answer(sending({}), status, body=body) == answer


@given(st.integers(100, 599), st.binary(max_size=60))
def test_any_answer_means_something(status: int, body: bytes) -> None:
    answer = read_answer(sending({}), status, body=body)
    assert isinstance(answer, Accepted) == (200 <= status < 300)


# Signatures


def signature(scheme: SignatureScheme, secret: str, **more: str) -> Signature:
    return Signature(scheme, "X-Signature", SecretStr(secret), **more)


def signed(body: bytes, url: str = "https://voice.example.com/v1/x", **headers: str) -> Signed:
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Signed(url, lambda name: named.get(name.lower()), body)


# The example of Twilio's guide to validating requests, in the documentation of its libraries.
TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWILIO_FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
TWILIO_SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_twilios_published_example() -> None:
    twilio = signature(SignatureScheme.TWILIO, "12345")
    body = urlencode(TWILIO_FORM).encode()
    request = signed(body, TWILIO_URL, X_Signature=TWILIO_SIGNATURE)
    assert is_signed(request, twilio, now=NOW)
    # A proxy that adds the port, and fields in another order.
    assert is_signed(replace(request, url=TWILIO_URL.replace(".com", ".com:443")), twilio, now=NOW)
    turned = urlencode(list(reversed(TWILIO_FORM.items()))).encode()
    assert is_signed(replace(request, body=turned), twilio, now=NOW)
    for other in (
        replace(request, url=TWILIO_URL.replace("foo=1", "foo=2")),
        replace(request, url=TWILIO_URL.replace("https", "http")),
        replace(request, body=body.replace(b"1234&", b"1235&")),
        replace(request, body=body + b"&More="),
        replace(request, body=b"\xff"),
        replace(request, body=b"&".join(b"a%d=" % at for at in range(1001))),
        replace(request, header=lambda _: None),
        replace(request, header=lambda _: "é" + TWILIO_SIGNATURE),
    ):
        assert not is_signed(other, twilio, now=NOW)
    assert not is_signed(request, signature(SignatureScheme.TWILIO, "12346"), now=NOW)


def test_the_port_of_a_url_may_be_there_or_not() -> None:
    assert spellings("https://a.example/x") == ("https://a.example/x", "https://a.example:443/x")
    assert spellings("http://a.example:8080/x?y") == (
        "http://a.example:8080/x?y",
        "http://a.example/x?y",
    )
    assert spellings("http://[::1]/") == ("http://[::1]/", "http://[::1]:80/")


# RFC 4231, 4.3 (test case 2).
RFC_KEY, RFC_DATA = "Jefe", b"what do ya want for nothing?"
RFC_HEX = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_hmac_of_the_body() -> None:
    by_hex = signature(SignatureScheme.HMAC_SHA256_HEX, RFC_KEY, prefix="sha256=")
    assert is_signed(signed(RFC_DATA, X_Signature=f"sha256={RFC_HEX}"), by_hex, now=NOW)
    assert not is_signed(signed(RFC_DATA, X_Signature=RFC_HEX), by_hex, now=NOW)
    assert not is_signed(signed(RFC_DATA + b"!", X_Signature=f"sha256={RFC_HEX}"), by_hex, now=NOW)
    in_base64 = b64encode(bytes.fromhex(RFC_HEX)).decode()
    by_base64 = signature(SignatureScheme.HMAC_SHA256_BASE64, RFC_KEY)
    assert is_signed(signed(RFC_DATA, X_Signature=in_base64), by_base64, now=NOW)


@pytest.mark.parametrize(
    ("off_s", "right"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_an_old_signature_is_none(off_s: int, right: bool) -> None:
    dated = signature(SignatureScheme.HMAC_SHA256_HEX, "k", timestamp_header="X-Timestamp")
    stamp = str(int((NOW + timedelta(seconds=off_s)).timestamp()))
    digest = hmac.new(b"k", f"{stamp}.body".encode(), hashlib.sha256).hexdigest()
    request = signed(b"body", X_Signature=digest, X_Timestamp=stamp)
    assert is_signed(request, dated, now=NOW) is right


@pytest.mark.parametrize("stamp", [None, "", "soon", "-1", "1e9", "9" * 40, "²"])
def test_a_time_that_is_none(stamp: str | None) -> None:
    dated = signature(SignatureScheme.HMAC_SHA256_HEX, "k", timestamp_header="X-Timestamp")
    digest = hmac.new(b"k", f"{stamp}.".encode(), hashlib.sha256).hexdigest()
    headers = {"X_Signature": digest} | ({} if stamp is None else {"X_Timestamp": stamp})
    assert not is_signed(signed(b"", **headers), dated, now=NOW)


# Inbound messages and receipts


@pytest.fixture
def acme(tmp_path: Path) -> Carrier:
    return a_carrier(tmp_path)


def arrival(acme: Carrier, body: object) -> CarrierArrival | None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_arrival(acme, data)


def inbound(**payload: object) -> dict[str, object]:
    said = {"id": "m1", "from": "+44 7700 900123", "to": "+14155550100", "text": "Hi"}
    return {"event": "message.received", "payload": said | payload}


def test_an_inbound_message(acme: Carrier) -> None:
    assert arrival(acme, inbound()) == CarrierArrival(
        "m1",
        ConversationChannel.SMS,
        "+14155550100",
        "+447700900123",
        MessageType.TEXT,
        "Hi",
        {},
    )
    assert arrival(acme, inbound() | {"event": "message.sent"}) is None
    assert arrival(acme, b"[]") is None
    assert "Hi" not in repr(arrival(acme, inbound()))


@pytest.mark.parametrize(
    ("kind", "message_type"),
    [
        ("image/png", MessageType.IMAGE),
        ("audio/ogg", MessageType.AUDIO),
        ("video/mp4", MessageType.VIDEO),
        ("application/pdf", MessageType.DOCUMENT),
        (None, MessageType.DOCUMENT),
    ],
)
def test_media(acme: Carrier, kind: str | None, message_type: MessageType) -> None:
    media = [{"url": "https://media.acme.example/1", "content_type": kind}]
    found = arrival(acme, inbound(media=media, text=None))
    assert found is not None
    assert (found.message_type, found.text) == (message_type, "")
    expected = {"media_url": "https://media.acme.example/1"} | ({"mime_type": kind} if kind else {})
    assert found.details == expected
    script = arrival(acme, inbound(media=[{"url": "javascript:alert(1)"}]))
    assert script is not None
    assert script.details == {}


@pytest.mark.parametrize(
    "body",
    [
        inbound(id=None),
        inbound(id=""),
        inbound(id="x" * 256),
        inbound(id={"a": 1}),
        inbound(to="nobody"),
        inbound(to=None),
        inbound(**{"from": "ACME"}),
        b"",
        b"{",
        b"\xff",
        b'{"event": "\\u0000"}',
        b"[" * 10_000,
    ],
)
def test_inbound_messages_that_cannot_be_understood(acme: Carrier, body: object) -> None:
    with pytest.raises(BadReport) as caught:
        arrival(acme, body)
    assert "ACME" not in str(caught.value)


def test_receipts(acme: Carrier) -> None:
    assert acme.receipts is not None

    def receipt(**payload: object) -> CarrierReceipt | None:
        assert acme.receipts is not None
        return read_receipt(acme.receipts, json.dumps({"payload": payload}).encode())

    assert receipt(id="m1", status="delivered") == CarrierReceipt("m1", Report.DELIVERED, "")
    assert receipt(id="m1", status="seen", error=0) == CarrierReceipt("m1", Report.READ, "")
    failed = receipt(id="m1", status="undeliverable", error=30003)
    assert failed == CarrierReceipt("m1", Report.FAILED, "30003")
    assert receipt(id="m1", status="sending") == CarrierReceipt("m1", None, "")
    for payload in ({"status": "delivered"}, {"id": True, "status": "seen"}):
        with pytest.raises(BadReport):
            receipt(**payload)


@given(st.binary(max_size=200))
def test_any_body_is_understood_or_not(body: bytes) -> None:
    for how, place in ((BodyFormat.JSON, "/{}"), (BodyFormat.FORM, "{}")):
        places = {name: place.format(name) for name in ("message_id", "status")}
        try:
            found = read_receipt(Receipts(Reading(how, places), {}), body)
        except BadReport:
            continue
        assert found is not None
        assert found.message_id


def test_the_first_field_of_a_name_counts_in_a_form() -> None:
    reading = Reading(BodyFormat.FORM, {"message_id": "Sid", "status": "Status"})
    found = read_receipt(Receipts(reading, {}), b"Sid=a&Sid=b&Status=x")
    assert found == CarrierReceipt("a", None, "")
    with pytest.raises(BadReport, match="not the form"):
        read_receipt(Receipts(reading, {}), b"Sid=%00&Status=x")
