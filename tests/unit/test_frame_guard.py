"""What stands before the parser of frames: what it passes on, and what it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.web.frame_guard import PROTOCOL_ERROR, TOO_LARGE, FrameGuard
from tests.realtime_session import frame

TEXT, CLOSE, PING = 0x1, 0x8, 0x9
GOOD = [
    frame(TEXT, b"hello"),
    frame(TEXT, b"x" * 126),
    frame(TEXT, b"x" * 70_000),
    frame(PING),
    frame(TEXT, b"he", fin=False) + frame(PING, b"!") + frame(0x0, b"llo"),
    frame(CLOSE, b"\x03\xe8"),
]


@given(st.permutations(GOOD), st.lists(st.integers(1, 1_000), max_size=200))
def test_good_frames_pass_however_they_are_cut(frames: list[bytes], cuts: list[int]) -> None:
    guard, whole, passed, at = FrameGuard(70_000), b"".join(frames), b"", 0
    for cut in cuts:
        passed += guard.feed(whole[at : at + cut])
        at += cut
    passed += guard.feed(whole[at:])
    assert passed == whole
    assert guard.violation is None


def test_nothing_passes_from_an_unmasked_frame_on() -> None:
    guard = FrameGuard(100)
    good = frame(TEXT, b"hello")
    assert guard.feed(good + frame(TEXT, b"x", masked=False) + good) == good
    assert guard.violation == PROTOCOL_ERROR
    assert guard.feed(good + frame(CLOSE)) == b""


@pytest.mark.parametrize(
    "large",
    [
        frame(TEXT, b"x" * 101),
        frame(TEXT, b"x" * 60, fin=False) + frame(PING) + frame(0x0, b"x" * 41),
        frame(TEXT, b"x" * 60, fin=False) + frame(0x0, fin=False) + frame(0x0, b"x" * 41),
    ],
)
def test_after_a_message_that_is_too_large_only_the_close_passes(large: bytes) -> None:
    guard = FrameGuard(100)
    at_most = frame(TEXT, b"x" * 60, fin=False) + frame(0x0, b"x" * 40)
    assert guard.feed(at_most) == at_most
    for at in range(len(large)):
        guard.feed(large[at : at + 1])
    assert guard.violation == TOO_LARGE
    close = frame(CLOSE, b"\x03\xf1")
    assert guard.feed(frame(TEXT, b"more") + frame(PING) + close) == close


@given(st.lists(st.binary(max_size=50), max_size=50))
def test_any_bytes_pass_or_are_a_violation(pieces: list[bytes]) -> None:
    guard = FrameGuard(100)
    passed = b"".join(guard.feed(piece) for piece in pieces)
    assert guard.violation in (None, PROTOCOL_ERROR, TOO_LARGE)
    assert len(passed) <= sum(map(len, pieces))
