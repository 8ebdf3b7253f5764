"""24 kHz audio made 16 kHz for a detector of speech."""

from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ringline.voices.thinning import Thinning
from tests.voice_desk import hum, quiet


def test_of_three_samples_two_are_made() -> None:
    assert Thinning()(array("h", [3, 4, 6, -3, -5, -8]).tobytes()) == (
        array("h", [3, 5, -3, -7]).tobytes()
    )


def test_it_keeps_time_and_loudness() -> None:
    thin = Thinning()(hum(100, 24_000))
    assert len(thin) == len(hum(100, 16_000))
    assert 4_500 < max(array("h", thin)) <= 5_000
    assert Thinning()(quiet(100, 24_000)) == quiet(100, 16_000)


@given(st.lists(st.integers(0, 480)))
def test_it_does_not_matter_how_a_stream_is_cut(cuts: list[int]) -> None:
    pcm = hum(20, 24_000)
    places = sorted({2 * cut for cut in cuts} | {0, len(pcm)})
    thinning = Thinning()
    pieces = [thinning(pcm[start:end]) for start, end in pairwise(places)]
    assert b"".join(pieces) == Thinning()(pcm)


def test_the_loudest_samples_do_not_overflow() -> None:
    thin = array("h", Thinning()(array("h", [32_767] * 3 + [-32_768] * 3).tobytes()))
    assert list(thin) == [32_767, 32_767, -32_768, -32_768]
