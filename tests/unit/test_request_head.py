"""Heads of requests for streams: whatever two readers could understand differently is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.wire.request_head import (
    MOST_BYTES,
    has_bare_line_feed,
    read_head,
    read_target,
)

GET = b"GET /socket/websocket?vsn=2.0.0&a=b%20c HTTP/1.1\r\nHost: x\r\n"


def test_a_head_is_read_as_it_was_sent() -> None:
    head = read_head(
        GET + b"X-Api-Key:\t sk \r\nconnection: keep-alive\r\nConnection: Upgrade\r\n"
        b"Origin: https://caf\xc3\xa9.example\r\nEmpty:\r\n\r\n"
    )
    assert head is not None
    assert (head.method, head.path, head.is_http11) == ("GET", "/socket/websocket", True)
    assert list(head.query.items()) == [("vsn", "2.0.0"), ("a", "b c")]
    assert head.headers["x-api-key"] == "sk"
    assert head.headers.getall("Connection") == ["keep-alive", "Upgrade"]
    assert head.headers["Origin"] == "https://café.example"
    assert head.headers["Empty"] == ""
    assert "sk" not in repr(head)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/v1/calls/call_1/stream", "/v1/calls/call_1/stream", {}),
        ("/v1/calls/%63all_1/stream?token=a%2Bb&token=", "/v1/calls/call_1/stream", None),
        ("http://host:80/socket/websocket?x", "/socket/websocket", {"x": ""}),
        ("HTTPS://host?x=1", "/", {"x": "1"}),
        ("/a?b#c", "/a", {"b": ""}),
        ("*", "/", {}),
    ],
)
def test_addresses_of_any_form(target: str, path: str, query: dict[str, str] | None) -> None:
    text = f"GET {target} HTTP/1.0\r\n\r\n".encode()
    head = read_head(text)
    if target == "*":
        assert head is None or head.path != "/socket/websocket"
        return
    assert head is not None
    assert (head.path, read_target(text)) == (path, path)
    if query is None:
        assert head.query.getall("token") == ["a+b", ""]
    else:
        assert dict(head.query) == query


REFUSED = {
    "a bare line feed": GET[:-2] + b"\nX: y\r\n\r\n",
    "a bare carriage return": GET + b"X: a\rb\r\n\r\n",
    "a folded field": GET + b"X: a\r\n b\r\n\r\n",
    "a blank before the colon": GET + b"X : a\r\n\r\n",
    "a field without a colon": GET + b"nothing\r\n\r\n",
    "a name that is none": GET + b"X(y): a\r\n\r\n",
    "an empty name": GET + b": a\r\n\r\n",
    "a control character": GET + b"X: a\x00\r\n\r\n",
    "two hosts": GET + b"host: y\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "a body": GET + b"Content-Length: 4\r\n\r\n",
    "two lengths": GET + b"Content-Length: 0\r\ncontent-length: 0\r\n\r\n",
    "a length that is none": GET + b"Content-Length: +0\r\n\r\n",
    "chunks": GET + b"Transfer-Encoding: chunked\r\n\r\n",
    "a length and chunks": GET + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two upgrades": GET + b"Upgrade: websocket\r\nUpgrade: h2c\r\n\r\n",
    "two keys": GET + b"Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: a\r\n\r\n",
    "two versions": GET + b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n\r\n",
    "another version": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "two blanks": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a blank line before": b"\r\n" + GET + b"\r\n",
    "a line after the end": GET + b"\r\nX: y\r\n\r\n",
    "an address with bytes": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "too many bytes": GET + b"X: " + b"y" * MOST_BYTES + b"\r\n\r\n",
    "no end": GET,
}


@pytest.mark.parametrize("head", REFUSED.values(), ids=REFUSED)
def test_what_is_refused(head: bytes) -> None:
    assert read_head(head) is None


def test_the_largest_head_is_read() -> None:
    rest = MOST_BYTES - len(GET) - len(b"X: \r\n\r\n")
    assert read_head(GET + b"X: " + b"y" * rest + b"\r\n\r\n") is not None
    assert read_head(GET + b"X: " + b"y" * (rest + 1) + b"\r\n\r\n") is None


def test_a_target_is_known_with_the_first_line() -> None:
    for end in range(GET.index(b"\r\n") + 2):
        assert read_target(GET[:end]) is None
    assert read_target(GET) == "/socket/websocket"
    assert not has_bare_line_feed(GET)
    assert has_bare_line_feed(GET + b"\n")


_MARKS = b"GET |/socket/websocket| HTTP/1.1|\r\n|\n|\r|Host: x|: | |Content-Length: 0|\t|%|?|#|\x80"
_PIECES = st.sampled_from(_MARKS.split(b"|"))


@given(st.lists(st.one_of(_PIECES, st.binary(max_size=8)), max_size=20).map(b"".join))
def test_any_bytes_are_a_head_or_none(data: bytes) -> None:
    """A fuzz target: a result or a refusal, and never anything but `None` with a bare LF."""
    head = read_head(data)
    read_target(data)
    if head is not None:
        assert not has_bare_line_feed(data)
        assert data.endswith(b"\r\n\r\n")
        assert all("\r" not in value and "\n" not in value for value in head.headers.values())
        assert head.query is not None
