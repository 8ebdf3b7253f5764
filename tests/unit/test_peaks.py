"""Peaks of recordings: the bytes of a few windows, and what a drawing must not miss."""

from array import array

from ringline.wire.peaks import PER_SECOND, peaks_of, window_bytes

RATE = 16_000
FRAMES = RATE // PER_SECOND


def pcm(*windows: tuple[int, int], frames: int = FRAMES) -> bytes:
    """Return windows in which each channel has one level, and its opposite."""
    samples = array("h")
    for left, right in windows:
        for number in range(frames):
            sign = 1 if number % 8 < 4 else -1
            samples.extend((sign * left, sign * right))
    return samples.tobytes()


def signed(peaks: bytes) -> list[int]:
    return list(memoryview(peaks).cast("b"))


def test_a_window_is_a_pair_for_each_channel() -> None:
    sound = pcm((0, 1_000), (32_767, 256))
    assert len(sound) == 2 * window_bytes(RATE, 2)
    assert signed(peaks_of(sound, rate_hz=RATE, channels=2)) == [
        *(0, 0, -4, 3),
        *(-128, 127, -1, 1),
    ]


def test_one_channel_and_the_lowest_sample() -> None:
    sound = array("h", [-32_768] * FRAMES).tobytes()
    assert signed(peaks_of(sound, rate_hz=RATE, channels=1)) == [-128, -128]


def test_what_is_left_over_is_a_window_and_half_a_frame_is_none() -> None:
    sound = pcm((512, 512), frames=12)
    assert signed(peaks_of(sound, rate_hz=RATE, channels=2)) == [-2, 2, -2, 2]
    assert signed(peaks_of(sound + b"xyz", rate_hz=RATE, channels=2)) == [-2, 2, -2, 2]
    assert peaks_of(b"", rate_hz=RATE, channels=2) == b""


def test_pieces_make_the_same_peaks_as_the_whole() -> None:
    windows = [(300 * number, 100 * number) for number in range(20)]
    whole, size = pcm(*windows), 5 * window_bytes(RATE, 2)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    made = b"".join(peaks_of(piece, rate_hz=RATE, channels=2) for piece in pieces)
    assert made == peaks_of(whole, rate_hz=RATE, channels=2)
