"""The worker process that synthesises speech: espeak-ng, resampled to 16 kHz.

espeak-ng is licensed under the GPL 3. It is only loaded here, in a process that does nothing
else and communicates over pipes. `speech.py` runs this module.
A sentence takes a few milliseconds, so it is synthesised as a whole and streamed in pieces.

The library reads its files whenever the voice changes. The working directory holds them, so
that no path leads through its parents, which the worker's account may not be able to enter.
"""

import ctypes
import os
from collections.abc import Iterable, Iterator

import espeakng_loader
import msgspec
import numpy as np
import soxr
from numpy.typing import NDArray

from ringline.voices.endpointing import RATE_HZ
from ringline.voices.pipe import answer_requests
from ringline.voices.speech import VOICE_FILES, Sentence, Word

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: the callback gets the audio, in our thread
_DO_NOT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT
_FLAGS = 0x1 | 0x1000  # espeakCHARS_UTF8, espeakENDPAUSE
_BUFFER_MS = 200
_RATE_PARAMETER = 1  # espeakRATE, words per minute

_LIST_TERMINATED, _WORD = 0, 1  # espeak_EVENT_TYPE


class _Event(ctypes.Structure):
    """`espeak_EVENT`: what the library reports about the speech it synthesises."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # characters from the start of the text, from 1
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The library, used for one sentence at a time."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._data = espeakng_loader.get_data_path()
        os.chdir(self._data)
        self._rate_hz: int = self._library.espeak_Initialize(
            _SYNCHRONOUS, _BUFFER_MS, b".", _DO_NOT_EXIT
        )
        if self._rate_hz <= 0:
            raise RuntimeError("espeak-ng failed to initialise")
        self._callback = _Callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        self._pieces: list[bytes] = []
        self._words: list[Word] = []

    def _take(self, samples: int | None, count: int, events: Iterable[_Event]) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, count * 2))
        for event in events:
            if event.type == _LIST_TERMINATED:
                break
            if event.type == _WORD:
                self._words.append(Word(event.text_position - 1, event.audio_position))
        return 0

    def speak(self, sentence: Sentence) -> Iterator[bytes]:
        """Yield a sentence as 16 kHz PCM16, in whole samples."""
        file = VOICE_FILES[sentence.voice].encode()
        if self._library.espeak_SetVoiceByName(file) != 0:
            raise LookupError("espeak-ng has no such voice")
        self._library.espeak_SetParameter(_RATE_PARAMETER, sentence.words_per_minute, 0)
        text = sentence.text.replace("\0", " ").encode() + b"\0"
        self._pieces, self._words = [], []
        self._library.espeak_Synth(text, len(text), 0, 0, 0, _FLAGS, None, None)
        resampler = soxr.ResampleStream(self._rate_hz, RATE_HZ, 1, dtype="float32")
        pieces, self._pieces = self._pieces, []
        for piece in pieces:
            samples = np.frombuffer(piece, np.int16).astype(np.float32)
            if audio := _whole(resampler.resample_chunk(samples)):
                yield audio
        if audio := _whole(resampler.resample_chunk(np.empty(0, np.float32), last=True)):
            yield audio

    def rehearse(self) -> None:
        """Speak in every voice. Raises OSError for a file that we may not read."""
        try:
            # Without some files the library carries on, but sounds different.
            for folder, _, files in os.walk(".", onerror=_raise):
                for name in files:
                    with open(os.path.join(folder, name), "rb"):
                        pass
        except OSError as error:
            path = os.path.normpath(os.path.join(self._data, error.filename))
            raise OSError(error.errno, error.strerror, path) from None
        for voice in VOICE_FILES:
            for _ in self.speak(Sentence("One, two.", voice)):
                pass

    def work(self, body: bytes) -> Iterator[bytes]:
        """Answer a request: the positions of the sentence's words, then its audio."""
        audio = self.speak(msgspec.msgpack.decode(body, type=Sentence))
        first = next(audio, b"")  # fills `_words`
        yield msgspec.msgpack.encode(self._words)
        yield first
        yield from audio


def _raise(error: OSError) -> None:
    raise error


def _whole(samples: NDArray[np.float32]) -> bytes:
    """Round to whole samples here, since soxr would add random dither."""
    return samples.round().clip(-32_768, 32_767).astype(np.int16).tobytes()


if __name__ == "__main__":
    espeak = Espeak()
    answer_requests(espeak.work, espeak.rehearse)
