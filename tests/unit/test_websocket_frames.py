"""Frames written by hand, against the examples and the rules of RFC 6455."""

import pytest

from ringline.wire.websocket_frames import close_frame, ping_frame, pong_frame, text_frame


def test_the_examples_of_the_rfc() -> None:
    assert text_frame(b"Hello") == bytes.fromhex("810548656c6c6f")
    assert pong_frame(b"Hello") == bytes.fromhex("8a0548656c6c6f")
    assert ping_frame(b"Hello") == bytes.fromhex("890548656c6c6f")


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, "8100"),
        (125, "817d"),
        (126, "817e007e"),
        (65_535, "817effff"),
        (65_536, "817f0000000000010000"),
    ],
)
def test_lengths_take_the_shortest_form(length: int, head: str) -> None:
    assert text_frame(b"x" * length) == bytes.fromhex(head) + b"x" * length


def test_a_close_says_why_within_125_bytes() -> None:
    assert close_frame(1000) == bytes.fromhex("880203e8")
    assert close_frame(4001, "resume") == bytes.fromhex("88080fa1") + b"resume"
    long = close_frame(1011, "ä" * 100)
    assert long[:2] == bytes.fromhex("887c")  # 61 characters of two bytes, none cut in half
    assert long[4:].decode() == "ä" * 61
