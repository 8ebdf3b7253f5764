"""Phoenix Channels: frames as they were captured, and as they must be sent."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.domain import limits, socket_limits
from ringline.wire import phoenix
from ringline.wire.phoenix import PhoenixError, PhoenixMessage, Version

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
REF = st.none() | TEXT
MESSAGES = st.builds(
    PhoenixMessage,
    REF,
    REF,
    TEXT,
    TEXT,
    st.dictionaries(TEXT, TEXT | st.integers(-9, 9) | st.none()),
)


@pytest.mark.parametrize(
    ("vsn", "version"),
    [
        (None, Version.V1),
        ("1.0.0", Version.V1),
        ("1.0.7", Version.V1),
        ("2.0.0", Version.V2),
        ("2.0.3", Version.V2),
        ("2.0.0+build.7", Version.V2),
        ("2.0.1-rc.1", Version.V2),
        ("2.0.0-rc.1", None),  # comes before 2.0.0
        ("2.1.0", None),
        ("1.1.0", None),
        ("3.0.0", None),
        ("0.0.1", None),
        ("2.0", None),
        ("2", None),
        ("02.0.0", None),
        ("2.0.0\n", None),
        ("٢.0.0", None),
        ("", None),
        ("two", None),
    ],
)
def test_versions_are_negotiated(vsn: str | None, version: Version | None) -> None:
    assert phoenix.negotiate(vsn) is version


def test_a_v2_text_frame_is_an_array_of_five() -> None:
    frame = '["3","3","events","phx_join",{"since":"0"}]'
    assert phoenix.decode(frame, Version.V2) == PhoenixMessage(
        "3", "3", "events", "phx_join", {"since": "0"}
    )


def test_elements_after_the_fifth_are_ignored() -> None:
    message = phoenix.decode('[null,"1","phoenix","heartbeat",{},7,"x"]', Version.V2)
    assert message == PhoenixMessage(None, "1", "phoenix", "heartbeat", {})


def test_a_v1_text_frame_is_an_object() -> None:
    frame = '{"topic":"events","event":"phx_join","payload":{},"ref":"1"}'
    assert phoenix.decode(frame, Version.V1) == PhoenixMessage(None, "1", "events", "phx_join", {})


def test_a_captured_binary_push_is_read() -> None:
    frame = bytes.fromhex("0002020603323032326576656e747362696e010203")
    message = PhoenixMessage("20", "22", "events", "bin", b"\x01\x02\x03")
    assert phoenix.decode(frame, Version.V2) == message
    assert phoenix.encode_binary_push(message, b"\x01\x02\x03") == frame


@pytest.mark.parametrize(
    ("frame", "close_code"),
    [
        ("", 1011),
        ("{}", 1011),
        ("[]", 1011),
        ('["1","1","t","e"]', 1011),
        ('["1","1",null,"e",{}]', 1011),
        ('["1","1","t\\u0000","e",{}]', 1011),
        ('["1","1","t","e",' + "[" * 5000, 1011),
        ('["1","1","\ud800","e",{}]', 1007),
        (b"", 1011),
        (b"\x00\x01", 1011),
        (b"\x01\x00\x00\x00\x00", 1011),
        (b"\x00\x00\x00\x05\x00abc", 1011),
        (b"\x00\x00\x00\x02\x00\xff\xfe", 1007),
        (b"\x00\x00\x00\x01\x00\x00", 1011),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_what_cannot_be_decoded_closes_the_socket(frame: str | bytes, close_code: int) -> None:
    with pytest.raises(PhoenixError) as refused:
        phoenix.decode(frame, Version.V2)
    assert refused.value.close_code == close_code


@pytest.mark.parametrize("member", ["join_ref", "ref", "topic"])
@pytest.mark.parametrize("character", ["x", "\N{EURO SIGN}", "\N{SLIGHTLY SMILING FACE}"])
@pytest.mark.parametrize("version", list(Version))
def test_what_is_echoed_is_bounded(member: str, character: str, version: Version) -> None:
    most = (socket_limits.TOPIC_BYTES if member == "topic" else socket_limits.NAME_BYTES).most
    longest = character * (most // len(character.encode()))
    names: dict[str, str] = {"join_ref": "1", "ref": "2", "topic": "events", "event": "e"}
    for text in (longest, longest + character):
        given = {**names, member: text, "payload": {}}
        frame = json.dumps(given if version is Version.V1 else list(given.values()))
        if text == longest:
            assert getattr(phoenix.decode(frame, version), member) == text
        else:
            with pytest.raises(PhoenixError, match="at most 255 bytes, topic 1025") as refused:
                phoenix.decode(frame, version)
            assert refused.value.close_code == 1011


def test_only_a_client_s_members_are_counted() -> None:
    payload = {"notes": "," * (limits.JSON_MARKS.most + 1)}
    frame = json.dumps([None, None, "events", "contact_updated", payload])
    assert phoenix.decode_pushed(frame).payload == payload
    with pytest.raises(PhoenixError) as refused:
        phoenix.decode(frame, Version.V2)
    assert refused.value.close_code == 1011


def test_version_1_has_no_binary_frames() -> None:
    with pytest.raises(PhoenixError):
        phoenix.decode(b"\x00\x00\x00\x00\x00", Version.V1)


def test_a_broadcast_carries_its_payload_as_it_is() -> None:
    payload = b'{"callUuid":"c-1"}'
    assert (
        phoenix.encode_broadcast(Version.V2, "events", event="call_ended", payload=payload)
        == b'[null,null,"events","call_ended",{"callUuid":"c-1"}]'
    )
    assert json.loads(
        phoenix.encode_broadcast(Version.V1, "events", event="e", payload=payload)
    ) == {
        "topic": "events",
        "event": "e",
        "payload": {"callUuid": "c-1"},
        "ref": None,
    }


def test_replies_closes_and_errors() -> None:
    asked = PhoenixMessage("J", "R", "events", "x", {})
    v2 = Version.V2
    assert phoenix.encode_reply(v2, asked, ok=True) == (
        b'["J","R","events","phx_reply",{"status":"ok","response":{}}]'
    )
    assert phoenix.encode_reply(v2, asked, ok=False, response={"reason": "x"}, matched=False) == (
        b'[null,"R","events","phx_reply",{"status":"error","response":{"reason":"x"}}]'
    )
    assert phoenix.encode_close(v2, "J", "events") == b'["J","J","events","phx_close",{}]'
    assert phoenix.encode_error(v2, "J", "events") == (
        b'["J","J","events","phx_error",{"reason":"channel_crash"}]'
    )
    assert phoenix.encode_heartbeat(v2, "4") == b'[null,"4","phoenix","heartbeat",{}]'


@given(MESSAGES)
def test_v2_text_makes_the_round_trip(message: PhoenixMessage) -> None:
    assert phoenix.decode_pushed(phoenix.encode_message(message, Version.V2)) == message


@given(st.binary() | st.text(), st.sampled_from(Version))
def test_any_frame_is_a_message_or_an_error(frame: bytes | str, version: Version) -> None:
    try:
        assert isinstance(phoenix.decode(frame, version), PhoenixMessage)
    except PhoenixError as error:
        assert error.close_code in (1007, 1011)  # noqa: PT017


@pytest.mark.parametrize(
    ("header", "offer"),
    [
        (None, phoenix.SubprotocolOffer(None, None)),
        ("", phoenix.SubprotocolOffer(None, None)),
        ("phoenix", phoenix.SubprotocolOffer("phoenix", None)),
        ("chat", phoenix.SubprotocolOffer("phoenix", None)),
        # btoa("a.b-c_d"), then a token whose base64 has '+' and '/'
        (
            "phoenix, base64url.bearer.phx.YS5iLWNfZA",
            phoenix.SubprotocolOffer("phoenix", "a.b-c_d"),
        ),
        ("phoenix,base64url.bearer.phx.fn5+Pz8/", phoenix.SubprotocolOffer("phoenix", "~~~???")),
        ("phoenix,base64url.bearer.phx.fn5-Pz8_", phoenix.SubprotocolOffer("phoenix", "~~~???")),
        ("phoenix, base64url.bearer.phx.", phoenix.SubprotocolOffer("phoenix", None)),
        ("phoenix, base64url.bearer.phx.%%%", phoenix.SubprotocolOffer("phoenix", None)),
        ("phoenix, base64url.bearer.phx.é", phoenix.SubprotocolOffer("phoenix", None)),
        ("phoenix, base64url.bearer.phx._w", phoenix.SubprotocolOffer("phoenix", None)),
    ],
)
def test_subprotocols_are_read(header: str | None, offer: phoenix.SubprotocolOffer) -> None:
    assert phoenix.read_subprotocols(header) == offer


@given(st.text(st.characters(codec="ascii"), min_size=1, max_size=512))
def test_a_token_survives_the_subprotocol(token: str) -> None:
    header = ", ".join(phoenix.spell_subprotocols(token))
    assert phoenix.read_subprotocols(header) == phoenix.SubprotocolOffer("phoenix", token)
