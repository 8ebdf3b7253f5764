"""The answer to an upgrade (RFC 6455, 4.2.2), read by a client written by others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.datastructures import Headers
from websockets.utils import accept_key as theirs
from websockets.utils import generate_key

from ringline.wire.websocket_handshake import accept_key, answer_upgrade

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def test_the_accepted_key_is_the_one_of_the_rfc() -> None:
    assert accept_key(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_any_key_is_accepted_as_others_do() -> None:
    for key in (generate_key() for _ in range(100)):
        assert accept_key(key) == theirs(key)


@pytest.mark.parametrize("subprotocol", [None, "opper-ticket.T", "phoenix"])
def test_the_answer_is_a_whole_head(subprotocol: str | None) -> None:
    head = answer_upgrade(KEY, subprotocol, headers={"Server": "Ringline", "X-Request-Id": "req_1"})
    assert head.endswith(b"\r\n\r\n")
    status, *lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")
    assert status == "HTTP/1.1 101 Switching Protocols"
    found = Headers([(name, value) for name, _, value in (line.partition(": ") for line in lines)])
    assert found["Upgrade"] == "websocket"
    assert found["Connection"] == "upgrade"
    assert found["Sec-WebSocket-Accept"] == accept_key(KEY)
    assert found["X-Request-Id"] == "req_1"
    assert found["Server"] == "Ringline"
    assert found.get("Sec-WebSocket-Protocol") == subprotocol


@given(st.sampled_from(("subprotocol", "header")), st.sampled_from(("\r", "\n", "\r\n")))
def test_nobody_breaks_out_of_a_header(place: str, mark: str) -> None:
    hostile = f"a{mark}Set-Cookie: b"
    with pytest.raises(ValueError, match="line break"):
        answer_upgrade(
            KEY,
            hostile if place == "subprotocol" else None,
            headers={"X": hostile if place == "header" else "x"},
        )
