"""What a Live session of OpenAI sends as audio, cut into responses. Pure.

The service has no responses: its audio never ends, and is silence while the model says
nothing. A response is a stretch of output without a pause of 500 ms (voices, 5). One that was
stopped here goes on there, so what is left of it is swallowed, up to the pause.
"""

import sys
from array import array
from enum import StrEnum

import msgspec

from ringline.domain.audio import BYTES_PER_SAMPLE, Chunk, bytes_of_ms
from ringline.wire.openai_live import RATE_HZ
from ringline.wire.openai_realtime_events import Unreadable

#: The pause that ends a response.
PAUSE_MS = 500.0

#: Samples below this peak are silence (-54 dB of full scale): the service's own is zeros, and
#: its quietest speech ten times as loud.
GATE_PEAK = 64

#: The windows in which a piece is searched for its last sound.
_WINDOW_BYTES = bytes_of_ms(20, RATE_HZ)
_STRIDE = 8


class Phase(StrEnum):
    """What the model's output is."""

    PAUSED = "paused"
    RUNNING = "running"  # a response
    MUTED = "muted"  # the rest of one that was stopped here


class Step(StrEnum):
    """What moves it."""

    OUTPUT = "output"
    UNWANTED = "unwanted"  # output of a response that was cancelled before it began
    STOPPED = "stopped"  # by us
    PAUSE = "pause"


#: The next phase for each step. Steps that are not listed are ignored.
PHASES: dict[tuple[Phase, Step], Phase] = {
    (Phase.PAUSED, Step.OUTPUT): Phase.RUNNING,
    (Phase.PAUSED, Step.UNWANTED): Phase.MUTED,
    (Phase.RUNNING, Step.STOPPED): Phase.MUTED,
    (Phase.RUNNING, Step.PAUSE): Phase.PAUSED,
    (Phase.MUTED, Step.PAUSE): Phase.PAUSED,
}


def move(phase: Phase, step: Step) -> Phase:
    """Return the phase after a step."""
    return PHASES.get((phase, step), phase)


class Output:
    """The model's audio as one stream: its chunks, and how long it has been silent."""

    def __init__(self) -> None:
        self._spare = b""
        #: Whether the last piece held sound.
        self.sounds = False
        self.quiet_ms = 0.0

    def take(self, audio: str) -> Chunk | None:
        """Take a piece, in base64; None if it completes no sample. Raises Unreadable."""
        try:
            pcm = msgspec.convert(audio, bytes)  # as strict as binascii, and a third of its time
        except ValueError:
            raise Unreadable("bad_audio") from None
        whole = not self._spare and len(pcm) % BYTES_PER_SAMPLE == 0
        pcm = self._spare + pcm
        end = len(pcm) - len(pcm) % BYTES_PER_SAMPLE
        pcm, self._spare = pcm[:end], pcm[end:]
        if not pcm:
            return None
        chunk = Chunk(pcm, RATE_HZ, audio.encode() if whole else None)
        tail_ms = _quiet_tail_ms(pcm)
        self.sounds = tail_ms is not None
        self.quiet_ms = self.quiet_ms + chunk.duration_ms if tail_ms is None else tail_ms
        return chunk


def _quiet_tail_ms(pcm: bytes) -> float | None:
    """Return how long a piece is silent at its end; None if it is silent throughout."""
    # Of 25 pieces a second nearly all are speech to their end, which a few samples tell.
    if pcm and _is_sound(_samples(pcm[-_WINDOW_BYTES:])[::_STRIDE]):
        return 0.0
    if pcm.count(0) == len(pcm):
        return None
    samples = _samples(pcm)
    window = _WINDOW_BYTES // BYTES_PER_SAMPLE
    for end in range(len(samples), 0, -window):
        if _is_sound(samples[max(0, end - window) : end]):
            return (len(samples) - end) * 1000 / RATE_HZ
    return None


def _samples(pcm: bytes) -> "array[int]":
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _is_sound(samples: "array[int]") -> bool:
    return max(max(samples), -min(samples)) >= GATE_PEAK
