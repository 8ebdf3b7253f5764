"""The answer to an upgrade (RFC 6455, 4.2.2), read by a client written by others."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.utils import accept_key as theirs
from websockets.utils import generate_key

from ringline.wire.websocket_handshake import (
    UpgradeAnswer,
    accept_key,
    answer_upgrade,
    ask_upgrade,
    read_answer,
)

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPTED = UpgradeAnswer(101, accepts=True)


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


# What a client asks, and reads.


def test_a_server_written_by_others_accepts_what_is_asked() -> None:
    asked = ask_upgrade("example.com:81", "/a?b=c", key=KEY, headers={"Authorization": "Bearer k"})
    server = ServerProtocol()
    server.receive_data(asked)
    (request,) = server.events_received()
    assert isinstance(request, Request)
    assert request.path == "/a?b=c"
    assert request.headers["Host"] == "example.com:81"
    assert request.headers["Authorization"] == "Bearer k"
    server.send_response(server.accept(request))
    assert read_answer(b"".join(server.data_to_send()), KEY) == ACCEPTED


def test_our_own_answer_is_read() -> None:
    assert read_answer(answer_upgrade(KEY, None, headers={}), KEY) == ACCEPTED


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("HTTP/1.1 401 Unauthorized", 401),
        ("HTTP/1.0 503", 503),
        ("HTTP/1.1 302 ", 302),
        ("HTTP/1.1 103 Early Hints", 103),
    ],
)
def test_a_refusal_has_a_status(line: str, status: int) -> None:
    head = f"{line}\r\nUpgrade: other\r\n\r\n".encode()
    assert read_answer(head, KEY) == UpgradeAnswer(status, accepts=False)


GOOD = {"Upgrade": "WebSocket", "connection": "Upgrade", "Sec-WebSocket-Accept": accept_key(KEY)}


@pytest.mark.parametrize(
    "changed",
    [
        {"Sec-WebSocket-Accept": accept_key("another")},
        {"Sec-WebSocket-Accept": ""},
        {"Upgrade": "h2c"},
        {"Sec-WebSocket-Extensions": "permessage-deflate"},
        {"Sec-WebSocket-Protocol": "phoenix"},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_an_answer_that_accepts_something_else(changed: dict[str, str]) -> None:
    def answer(headers: dict[str, str]) -> bytes:
        lines = [f"{name}:  {value} \r\n" for name, value in headers.items()]
        return f"HTTP/1.1 101 Switching\r\n{''.join(lines)}\r\n".encode()

    assert read_answer(answer(GOOD), KEY) == ACCEPTED
    assert read_answer(answer(GOOD | changed), KEY) == UpgradeAnswer(101, accepts=False)


@pytest.mark.parametrize("head", [b"", b"SSH-2.0\r\n\r\n", b"HTTP/2 101 x\r\n\r\n", b"HTTP/1.1 1"])
def test_what_is_no_answer(head: bytes) -> None:
    with pytest.raises(ValueError, match="no answer"):
        read_answer(head, KEY)


@given(st.binary(max_size=200))
def test_any_head_is_read_or_refused(head: bytes) -> None:
    with suppress(ValueError):
        assert 100 <= read_answer(head, KEY).status <= 999


@pytest.mark.parametrize("mark", ["\r", "\n", "\r\nX: y"])
def test_no_header_of_a_request_breaks_out_of_its_line(mark: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        ask_upgrade("example.com", "/", key=KEY, headers={"Authorization": f"a{mark}"})
