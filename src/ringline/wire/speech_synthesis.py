"""`POST …/audio/speech`: requests, and answers of bare PCM16 at 24 kHz. Pure.

An endpoint that does not know `pcm` may answer in another format, which would be noise in a
caller's ear, so an answer that says or looks as if it were another one is refused.
"""

from ringline.domain.audio import BYTES_PER_SAMPLE
from ringline.wire.endpoint_answers import UnreadableAnswer
from ringline.wire.strict_json import encode

PATH = "/audio/speech"

#: Content types of bare samples; many servers name none, or just bytes.
_PCM_TYPES = (
    "",
    "application/octet-stream",
    "audio/l16",
    "audio/pcm",
    "audio/raw",
    "audio/x-pcm",
    "audio/x-raw",
)
_MAGIC = (b"RIFF", b"ID3", b"OggS", b"fLaC", b"caff", b"\x1aE\xdf\xa3")
_MAGIC_BYTES = 4


def encode_speech(text: str, voice: str, *, model: str) -> bytes:
    """Encode a request to speak a text."""
    return encode({"model": model, "voice": voice, "input": text, "response_format": "pcm"})


class SpeechReader:
    """Reads one answer: returns whole samples. Raises UnreadableAnswer."""

    def __init__(self, content_type: str) -> None:
        if content_type.partition(";")[0].strip().lower() not in _PCM_TYPES:
            raise UnreadableAnswer("the speech is not bare PCM")
        self._rest = b""
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """Add bytes of the answer; return the whole samples. Raises UnreadableAnswer."""
        audio = self._rest + data
        if not self._begun:
            if len(audio) < _MAGIC_BYTES:
                self._rest = audio
                return b""
            if audio.startswith(_MAGIC):
                raise UnreadableAnswer("the speech is a file, not bare PCM")
            self._begun = True
        whole = len(audio) - len(audio) % BYTES_PER_SAMPLE
        self._rest = audio[whole:]
        return audio[:whole]

    def end(self) -> bytes:
        """Return the samples of an answer that was too short to tell; half a one is dropped."""
        audio = b"" if self._begun else self._rest
        return audio[: len(audio) - len(audio) % BYTES_PER_SAMPLE]
