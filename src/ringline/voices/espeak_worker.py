"""The process that speaks: espeak-ng, resampled from its rate to 16 kHz.

espeak-ng is licensed under the GPL 3. It is loaded here and nowhere else, in a process
that does nothing else and is spoken to over pipes. Run as a module by `speech.py`.
A sentence takes a few milliseconds, so it is spoken whole and then passed on in pieces.
"""

import ctypes
from collections.abc import Callable, Iterator

import espeakng_loader  # pyright: ignore[reportMissingTypeStubs]
import msgspec
import numpy as np
import soxr

from ringline.voices.endpointing import RATE_HZ
from ringline.voices.pipe import serve
from ringline.voices.speech import VOICE_FILES, Sentence

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: audio comes by the callback, in our thread
_DO_NOT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT
_FLAGS = 0x1 | 0x1000  # espeakCHARS_UTF8, espeakENDPAUSE
_BUFFER_MS = 200
_RATE_PARAMETER = 1  # espeakRATE, words per minute

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Espeak:
    """The library, spoken with one sentence at a time."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self._rate_hz: int = self._library.espeak_Initialize(
            _SYNCHRONOUS, _BUFFER_MS, data, _DO_NOT_EXIT
        )
        if self._rate_hz <= 0:
            raise RuntimeError("espeak-ng does not start")
        self._callback = _Callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        self._pieces: list[bytes] = []

    def _take(self, samples: "ctypes._Pointer[ctypes.c_short] | None", count: int, _: int) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, count * 2))
        return 0

    def speak(self, sentence: Sentence) -> Iterator[bytes]:
        """Yield 16 kHz PCM16 of a sentence, whole samples."""
        file = VOICE_FILES[sentence.voice].encode()
        if self._library.espeak_SetVoiceByName(file) != 0:
            raise LookupError("espeak-ng has no such voice")
        self._library.espeak_SetParameter(_RATE_PARAMETER, sentence.words_per_minute, 0)
        text = sentence.text.replace("\0", " ").encode() + b"\0"
        self._pieces = []
        self._library.espeak_Synth(text, len(text), 0, 0, 0, _FLAGS, None, None)
        resample: Callable[..., np.ndarray] = soxr.ResampleStream(
            self._rate_hz, RATE_HZ, 1, dtype="int16"
        ).resample_chunk
        pieces, self._pieces = self._pieces, []
        for piece in pieces:
            if audio := resample(np.frombuffer(piece, np.int16)).tobytes():
                yield audio
        if audio := resample(np.empty(0, np.int16), last=True).tobytes():
            yield audio

    def work(self, body: bytes) -> Iterator[bytes]:
        """Answer a request."""
        return self.speak(msgspec.msgpack.decode(body, type=Sentence))


if __name__ == "__main__":
    serve(Espeak().work)
