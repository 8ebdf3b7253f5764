"""Sounds to detect speech in: synthesised sentences, noise and tones, the same in every run.

Samples are floats of ±1 at 16 kHz. Noise comes from a seeded generator, speech from the local
voice's own synthesiser, so nothing here was recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ringline.voices import speech
from ringline.voices.endpointing import RATE_HZ
from ringline.voices.speech import VOICE_FILES, Sentence, Speech
from ringline.voices.workers import WorkerPool

Sound: TypeAlias = NDArray[np.float64]

#: The level that speech is brought to, and that tones have: what a headset delivers.
SPEECH_DB = -26.0

#: What lies around each sentence.
PAUSE_MS = 2_000

#: The least level of speech, under its loudest 10 ms; what is below it is its tail.
SPOKEN_DB = -35.0

SENTENCES = (
    "my order has not arrived yet and i would like to know where it is",
    "can you tell me when the next train to the airport leaves",
    "i need to change my appointment from tuesday to friday",
    "please send the invoice to my new address",
    "how much would it cost to have the window repaired",
    "the heating in my flat stopped working last night",
    "i forgot my password and cannot log in any more",
    "could i speak to somebody about my insurance",
    "we would like two rooms with a view of the harbour",
    "is there still a seat left on the early flight",
    "thank you very much for your help",
    "yes that is right",
)

#: What the babble's speakers say; none of it is detected for itself.
BABBLE = (
    "and then they told us that the road was closed until the end of the month",
    "she said she would be there around noon but nobody has seen her since",
    "in the evening we went down to the river and watched the boats go by",
    "he keeps his old bicycle in the cellar next to the boxes of books",
    "most of the guests had left by the time the music began to play",
    "there was nothing on the table except a cup and a yellow envelope",
)
BABBLE_VOICES = 8

#: Equal temperament: a scale of two octaves from A3, of which chords are made.
_SCALE_HZ = [220.0 * 2 ** (step / 12) for step in (0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19)]
_NOTE_MS = 400
_OVERTONES = 5


@dataclass(frozen=True, slots=True)
class Spoken:
    """Where a sentence is in a track, in ms."""

    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Track:
    """Sentences with pauses around them, at a level of `SPEECH_DB`."""

    sound: Sound
    spoken: Sequence[Spoken]


async def synthesise(texts: Sequence[str]) -> list[Sound]:
    """Speak texts, by all voices in turn and at several speeds."""
    pool = WorkerPool(speech.MODULE)
    found: list[Sound] = []
    try:
        mouth = Speech(pool)
        for number, (text, voice) in enumerate(zip(texts, cycle(VOICE_FILES), strict=False)):
            asked = Sentence(text, voice, 145 + number % 7 * 8)
            pcm = b"".join([piece.chunk.pcm async for piece in mouth.speak(asked)])
            found.append(np.frombuffer(pcm, "<i2") / 32_768)
    finally:
        await pool.close()
    return found


def track_of(sentences: Sequence[Sound]) -> Track:
    """Lay sentences behind each other, with pauses before, between and after them."""
    pause = np.zeros(_samples(PAUSE_MS))
    parts, spoken, at = [pause], list[Spoken](), float(PAUSE_MS)
    for sentence in sentences:
        levelled, (first, last) = at_level(sentence, SPEECH_DB), bounds(sentence)
        spoken.append(Spoken(at + first, at + last))
        parts += [levelled, pause]
        at += len(levelled) * 1000 / RATE_HZ + PAUSE_MS
    return Track(np.concatenate(parts), spoken)


def bounds(sentence: Sound) -> tuple[float, float]:
    """Return where a sentence begins and ends, in ms, without the silence around it."""
    levels = _levels(sentence)
    loud = np.flatnonzero(levels >= levels.max() * 10 ** (SPOKEN_DB / 20))
    return float(loud[0]) * 10, float(loud[-1] + 1) * 10


def white(length: int, seed: int = 1) -> Sound:
    """Return noise with the same power at every frequency."""
    return np.random.default_rng(seed).standard_normal(length)


def pink(length: int, seed: int = 2) -> Sound:
    """Return noise that loses 3 dB an octave, as rooms and streets do; none below 50 Hz."""
    spectrum = np.fft.rfft(white(length, seed))
    hertz = np.fft.rfftfreq(length, 1 / RATE_HZ)
    heard = hertz >= 50
    spectrum[~heard] = 0
    spectrum[heard] /= np.sqrt(hertz[heard])
    return np.fft.irfft(spectrum, length)


def babble(length: int, sentences: Sequence[Sound], seed: int = 3) -> Sound:
    """Return the voices of `BABBLE_VOICES` people who all talk without a pause."""
    random = np.random.default_rng(seed)
    together = np.zeros(length)
    for _ in range(BABBLE_VOICES):
        said = [at_level(sentences[index], 0) for index in random.permutation(len(sentences))]
        one = np.concatenate(said)
        copies = -(-2 * length // len(one))
        start = int(random.integers(length))
        together += np.concatenate(list(islice(cycle([one]), copies)))[start : start + length]
    return together


def music(length: int, seed: int = 4) -> Sound:
    """Return chords of three notes with overtones, each struck and fading."""
    random = np.random.default_rng(seed)
    note = _samples(_NOTE_MS)
    seconds = np.arange(note) / RATE_HZ
    fading = np.minimum(seconds / 0.01, 1) * np.exp(-3 * seconds)
    chords: list[Sound] = []
    for _ in range(-(-length // note)):
        pitches = random.choice(_SCALE_HZ, 3, replace=False)
        waves = [
            np.sin(2 * np.pi * pitch * overtone * seconds) / overtone
            for pitch in pitches
            for overtone in range(1, _OVERTONES + 1)
        ]
        chords.append(np.sum(waves, axis=0) * fading)
    return np.concatenate(chords)[:length]


def at_level(sound: Sound, level_db: float) -> Sound:
    """Bring a sound to a level, in dB of full scale (RMS); its quiet parts do not count."""
    levels = _levels(sound)
    spoken = levels[levels >= levels.max() * 10 ** (SPOKEN_DB / 20)]
    return sound * (10 ** (level_db / 20) / np.sqrt(np.mean(spoken**2)))


def pcm_of(sound: Sound) -> bytes:
    """Return a sound as PCM16; what is too loud is clipped."""
    return (sound * 32_768).round().clip(-32_768, 32_767).astype("<i2").tobytes()


def _levels(sound: Sound) -> Sound:
    """Return the RMS of each 10 ms."""
    part = _samples(10)
    whole = sound[: len(sound) // part * part].reshape(-1, part)
    return np.sqrt(np.mean(whole**2, axis=1))


def _samples(ms: int) -> int:
    return ms * RATE_HZ // 1000
