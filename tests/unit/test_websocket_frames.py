"""Frames written by hand, against the examples and the rules of RFC 6455."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from ringline.wire.websocket_frames import (
    close_frame,
    masked,
    masked_text_frame,
    ping_frame,
    pong_frame,
    text_frame,
)
from ringline.wire.websocket_mask import mask
from ringline.wire.websocket_reader import MessageReader, Pong, unmask

KEY = bytes.fromhex("37fa213d")


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


def test_a_client_masks_as_in_the_example_of_the_rfc() -> None:
    hello = bytes.fromhex("818537fa213d7f9f4d5158")
    assert masked_text_frame(b"Hello", KEY, mask=mask) == hello
    assert masked(text_frame(b"Hello"), KEY, mask=unmask) == hello


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_a_client_masks_frames_of_every_length(length: int) -> None:
    frame = masked_text_frame(b"x" * length, KEY, mask=mask)
    assert frame == masked(text_frame(b"x" * length), KEY, mask=mask)
    reader = MessageReader(100_000)
    reader.receive_data(frame + masked(pong_frame(b"?"), KEY, mask=mask))
    assert [reader.next_event(), reader.next_event()] == ["x" * length, Pong()]


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_the_routine_in_c_masks_like_our_own(data: bytes, key: bytes) -> None:
    ours, theirs = bytearray(data), bytearray(data)
    unmask(key, ours)
    mask(key, theirs)
    assert ours == theirs
    assert masked(Frame(Opcode.PING, data[:125]).serialize(mask=False), key, mask=mask)[:2] == (
        bytes((0x89, 0x80 | len(data[:125])))
    )
