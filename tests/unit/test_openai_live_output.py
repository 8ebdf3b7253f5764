"""The audio of a Live session: what of it is silence, and the phases of its output."""

import itertools
from array import array
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.voices.openai_live_output import GATE_PEAK, PHASES, Output, Phase, Step, move
from ringline.wire.openai_realtime_events import Unreadable
from tests.voice_desk import hum, quiet

RATE_HZ = 24_000


def in_base64(pcm: bytes) -> str:
    return b64encode(pcm).decode()


@pytest.mark.parametrize(("phase", "step"), [*itertools.product(Phase, Step)])
def test_a_phase_moves_by_the_table_alone(phase: Phase, step: Step) -> None:
    assert move(phase, step) is PHASES.get((phase, step), phase)


@given(st.lists(st.sampled_from(Step)))
def test_what_was_stopped_is_not_heard_before_a_pause(steps: list[Step]) -> None:
    phase, muted = Phase.PAUSED, False
    for step in steps:
        before, phase = phase, move(phase, step)
        if before is Phase.RUNNING and step is Step.STOPPED:
            muted = True
        elif step is Step.PAUSE:
            assert phase is Phase.PAUSED
            muted = False
        assert not (muted and phase is Phase.RUNNING)


def test_silence_adds_up_and_sound_ends_it() -> None:
    output = Output()
    for quiet_ms in (100, 200, 300):
        output.take(in_base64(quiet(100, RATE_HZ)))
        assert (output.sounds, output.quiet_ms) == (False, quiet_ms)
    output.take(in_base64(hum(100, RATE_HZ)))
    assert (output.sounds, output.quiet_ms) == (True, 0)
    output.take(in_base64(hum(100, RATE_HZ) + quiet(60, RATE_HZ)))
    assert (output.sounds, output.quiet_ms) == (True, 60)
    output.take(in_base64(quiet(40, RATE_HZ)))
    assert (output.sounds, output.quiet_ms) == (False, 100)


@pytest.mark.parametrize(("peak", "sounds"), [(GATE_PEAK // 2, False), (GATE_PEAK * 2, True)])
def test_a_faint_hiss_is_silence(peak: int, sounds: bool) -> None:
    output = Output()
    output.take(in_base64(hum(100, RATE_HZ, peak)))
    assert output.sounds is sounds


@given(st.integers(0, 2_399), st.sampled_from((GATE_PEAK, -GATE_PEAK, 32_767, -32_768)))
def test_a_single_loud_sample_is_found_wherever_it_is(at: int, sample: int) -> None:
    samples = array("h", bytes(2 * 2_400))
    samples[at] = sample
    output = Output()
    output.take(in_base64(samples.tobytes()))
    windows_behind = (2_399 - at) // 480
    assert (output.sounds, output.quiet_ms) == (True, 20 * windows_behind)


@given(st.lists(st.integers(0, 999)))
def test_no_byte_is_lost_however_the_stream_is_cut(cuts: list[int]) -> None:
    pcm = hum(40, RATE_HZ)
    places = sorted({cut * len(pcm) // 999 for cut in cuts} | {0, len(pcm)})
    output, heard = Output(), b""
    for start, end in itertools.pairwise(places):
        chunk = output.take(in_base64(pcm[start:end]))
        if chunk is not None:
            assert chunk.as_base64().decode() == in_base64(chunk.pcm)
            heard += chunk.pcm
    assert heard == pcm


@pytest.mark.parametrize("audio", ["####", "AAA", "AAA=\u00e9", "AA==AA=="])
def test_what_is_no_base64_is_unreadable(audio: str) -> None:
    with pytest.raises(Unreadable):
        Output().take(audio)


def test_nothing_is_nothing() -> None:
    output = Output()
    assert output.take("") is None
    assert output.take(in_base64(b"\x01")) is None
    chunk = output.take(in_base64(b"\x02"))
    assert chunk is not None
    assert chunk.pcm == b"\x01\x02"
