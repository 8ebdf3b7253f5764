"""How well and at which cost speech is detected, in silence and in noise.

Every detector hears the same tracks through the endpointer that the voices use, with the turn
detection that a session has by default. What is measured is therefore what a caller notices:
turns, not frames.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks import sounds
from benchmarks.report import Grid, Row, Section, percentile
from benchmarks.sounds import SPEECH_DB, Sound, Spoken, Track
from ringline.domain.agent import TurnDetection
from ringline.voices.detectors import DETECTORS, DetectorLibrary
from ringline.voices.endpointing import (
    FRAME_BYTES,
    FRAME_MS,
    RATE_HZ,
    Edge,
    Endpointer,
    NewDetector,
)

SNR_DB = (20, 10, 5, 0)
RUNS = 5

#: How often every sentence is spoken, each time by another voice.
REPEATS, TINY_SENTENCES = 4, 3

#: How much nothing but noise is heard, and its level.
ALONE_S, TINY_ALONE_S = 120, 10
ALONE_DB = SPEECH_DB - 10

#: The condition in which CPU is measured, for a minute at most.
COST_OF = "pink noise, 10 dB"

#: How much earlier than its sentence a turn may start: quiet sounds come before what we take
#: for the first one.
EARLY_MS = 100.0

#: The columns, each of which there is once for every detector.
HEADS = ("missed", "false starts / min", "start, ms", "end, ms")


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that was detected, in ms from the start of the track; maybe still open."""

    start_ms: float
    end_ms: float | None = None


@dataclass(slots=True)
class Score:
    """What of a track's sentences was detected."""

    sentences: int = 0
    missed: int = 0
    false_starts: int = 0
    minutes: float = 0
    start_ms: list[float] = field(default_factory=list[float])
    end_ms: list[float] = field(default_factory=list[float])

    def cells(self) -> list[str]:
        """Return its cells of the grid; delays are median and p90."""
        missed = f"{self.missed} of {self.sentences}" if self.sentences else "–"
        rate = f"{self.false_starts / self.minutes:.1f}"
        return [missed, rate, _delays(self.start_ms), _delays(self.end_ms)]


@dataclass(frozen=True, slots=True)
class Condition:
    """A row: its name, and what is heard."""

    name: str
    pcm: bytes
    spoken: Sequence[Spoken]


def detection(*, tiny: bool = False) -> Section:
    """Compare the detectors that are installed."""
    track, others = asyncio.run(_speech(TINY_SENTENCES if tiny else None))
    conditions = conditions_of(track, others, TINY_ALONE_S if tiny else ALONE_S)
    libraries = {name: library for name, library in DETECTORS.items() if library.installed}
    rows: list[tuple[str, list[str]]] = []
    for condition in conditions:
        scores = [hear(library.new_detector, condition) for library in libraries.values()]
        cells = zip(*(one.cells() for one in scores), strict=True)
        rows.append((condition.name, [cell for pair in cells for cell in pair]))
    noisy = next(one.pcm for one in conditions if one.name == COST_OF)[: 60 * 2 * RATE_HZ]
    costs = [
        row
        for name, library in libraries.items()
        for row in _costs(name, library, noisy, 1 if tiny else RUNS)
    ]
    heads = [f"{head}: {name}" for head in HEADS for name in libraries]
    return Section(
        "detection",
        "Detecting speech in noise",
        f"{len(track.spoken)} sentences by the voices of espeak-ng, at {SPEECH_DB:.0f} dB of full "
        f"scale with {sounds.PAUSE_MS / 1000:.0f} s of pause between them, and noise beneath; then "
        f"noise alone at {ALONE_DB:.0f} dB, tones at {SPEECH_DB:.0f} dB. Babble is "
        f"{sounds.BABBLE_VOICES} voices at once. Turn detection as a session has it by default: "
        "threshold 0.5, 500 ms of silence end a turn. *Missed* is a sentence without a turn of "
        "its own: none that began with it, or none that ended before the next. A *false start* "
        "is any other turn's. *Start* is from the first sound of a sentence until the turn is "
        "reported, *end* from its last sound, with the 500 ms; median (p90). CPU is that of the "
        "whole process, all threads, while the detector hears every frame; the endpointer "
        "spares it silence.",
        costs,
        Grid(heads, rows),
    )


async def _speech(count: int | None) -> tuple[Track, list[Sound]]:
    texts = list(sounds.SENTENCES * REPEATS)[:count]
    return sounds.track_of(await sounds.synthesise(texts)), await sounds.synthesise(sounds.BABBLE)


def conditions_of(track: Track, others: Sequence[Sound], alone_s: int) -> list[Condition]:
    """Return what is heard: speech alone, in noise of each kind, then noise alone."""
    length, alone = len(track.sound), alone_s * RATE_HZ
    makers: dict[str, Callable[[int], Sound]] = {
        "white noise": sounds.white,
        "pink noise": sounds.pink,
        "babble": lambda length: sounds.babble(length, others),
    }
    found = [Condition("speech alone", sounds.pcm_of(track.sound), track.spoken)]
    for name, make in makers.items():
        noise = make(length)
        for snr in SNR_DB:
            mixed = track.sound + _loud(noise, SPEECH_DB - snr)
            found.append(Condition(f"{name}, {snr} dB", sounds.pcm_of(mixed), track.spoken))
    for name, make in makers.items():
        noise = _loud(make(alone), ALONE_DB)
        found.append(Condition(f"no speech, {name}", sounds.pcm_of(noise), ()))
    tones = _loud(sounds.music(alone), SPEECH_DB)
    return [*found, Condition("no speech, chords", sounds.pcm_of(tones), ())]


def hear(new_detector: NewDetector, condition: Condition) -> Score:
    """Let an endpointer hear a condition, and score its turns."""
    endpointer = Endpointer(new_detector, TurnDetection())
    turns: list[Turn] = []
    for start in range(0, len(condition.pcm), FRAME_BYTES):
        now_ms = float(start // FRAME_BYTES + 1) * FRAME_MS
        for edge in endpointer.hear(condition.pcm[start : start + FRAME_BYTES]):
            if edge is Edge.STARTED:
                turns.append(Turn(now_ms))
            else:
                turns[-1] = Turn(turns[-1].start_ms, now_ms)
                endpointer.finish()
    return score(turns, condition.spoken, len(condition.pcm) / 2 / RATE_HZ / 60)


def score(turns: Sequence[Turn], spoken: Sequence[Spoken], minutes: float) -> Score:
    """Match turns with sentences; the first that begins with a sentence is its own.

    A sentence that was taken for several turns ends with the last of them; the others count
    as false starts.
    """
    found = Score(sentences=len(spoken), minutes=minutes)
    own: set[Turn] = set()
    followers = [*spoken, None][1:]
    for sentence, follower in zip(spoken, followers, strict=True):
        until = float("inf") if follower is None else follower.start_ms - EARLY_MS
        within = [
            turn
            for turn in turns
            if sentence.start_ms - EARLY_MS <= turn.start_ms <= sentence.end_ms
        ]
        if not within:
            found.missed += 1
            continue
        own.add(within[0])
        ended = within[-1].end_ms
        if ended is None or ended > until:
            found.missed += 1
            continue
        found.start_ms.append(within[0].start_ms - sentence.start_ms)
        found.end_ms.append(ended - sentence.end_ms)
    found.false_starts = len(turns) - len(own)
    return found


def _costs(name: str, library: DetectorLibrary, pcm: bytes, runs: int) -> list[Row]:
    whole = len(pcm) - len(pcm) % FRAME_BYTES
    frames = [pcm[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES)]
    seconds = len(frames) * FRAME_MS / 1000
    library.load()
    making: list[float] = []
    hearing: list[float] = []
    dearest: list[float] = []
    for _ in range(runs):
        begun = time.thread_time()
        detector = library.new_detector(0.5)
        detector.holds_speech(frames[0])
        detector.holds_speech(frames[1])
        making.append((time.thread_time() - begun) * 1000)
        used, each = time.process_time(), list[float]()
        for frame in frames:
            begun = time.thread_time()
            detector.holds_speech(frame)
            each.append((time.thread_time() - begun) * 1000)
        hearing.append((time.process_time() - used) * 1000 / seconds)
        dearest.append(percentile(each, 99))
    return [
        Row(f"{name}: CPU per second of audio", hearing, "ms"),
        Row(f"{name}: CPU of a frame of 20 ms, p99", dearest, "ms"),
        Row(f"{name}: CPU of a new detector's first frames", making, "ms"),
    ]


def _loud(noise: Sound, level_db: float) -> Sound:
    return noise * (10 ** (level_db / 20) / np.sqrt(np.mean(noise**2)))


def _delays(values: Sequence[float]) -> str:
    if not values:
        return "–"
    return f"{statistics.median(values):.0f} ({percentile(values, 90):.0f})"
