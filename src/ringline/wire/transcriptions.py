"""`POST …/audio/transcriptions`: requests, and answers with or without partial texts. Pure.

The request asks for a stream. An endpoint that has none ignores this and answers with one
document, `{"text"}`. A stream has `transcript.text.delta` events and one
`transcript.text.done`; vLLM streams chunks like those of a chat instead, until `[DONE]`.
"""

import msgspec

from ringline.domain import limits, voice_limits
from ringline.domain.cascade import HEARS_HZ
from ringline.domain.voice import Usage
from ringline.wire.endpoint_answers import (
    DONE,
    AnswerEvents,
    ProviderError,
    UnreadableAnswer,
    refuse_error,
)
from ringline.wire.strict_json import JsonProblem, StrictDecoder
from ringline.wire.wav import Wav, write_wav

PATH = "/audio/transcriptions"

#: The shortest audio that is sent; recognisers refuse less, so it is padded with silence.
LEAST_BYTES = HEARS_HZ * 2 // 2


def encode_transcription(pcm: bytes, model: str, *, language: str, boundary: str) -> bytes:
    """Encode a request for 16 kHz PCM16 as multipart/form-data (RFC 7578).

    The boundary must not occur in the audio: 16 random bytes do not.
    """
    fields = {"model": model, "response_format": "json", "stream": "true"}
    if language:
        fields["language"] = language
    delimiter = b"--" + boundary.encode()
    parts = [
        b'%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        % (delimiter, name.encode(), value.encode())
        for name, value in fields.items()
    ]
    wav = write_wav(Wav(HEARS_HZ, 1, pcm.ljust(LEAST_BYTES, b"\0")))
    parts.append(
        b'%b\r\nContent-Disposition: form-data; name="file"; filename="turn.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n%b\r\n" % (delimiter, wav)
    )
    return b"".join(parts) + delimiter + b"--\r\n"


def content_type(boundary: str) -> str:
    """Return the content type of a request with this boundary."""
    return f'multipart/form-data; boundary="{boundary}"'


class _InputDetails(msgspec.Struct, frozen=True):
    audio_tokens: int = 0
    text_tokens: int = 0


class _Usage(msgspec.Struct, frozen=True):
    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: _InputDetails | None = None
    seconds: float = 0.0


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta = _Delta()


class _Event(msgspec.Struct, frozen=True):
    """An event of a stream, or the document."""

    type: str = ""
    delta: str = ""
    text: str | None = None
    choices: tuple[_Choice, ...] | None = None
    usage: _Usage | None = None
    error: ProviderError | str | None = None


_decoder = StrictDecoder(_Event)


class TranscriptionReader:
    """Reads one answer: `text` is what is known so far, `complete` whether that is all."""

    def __init__(self, content_type: str) -> None:
        self._events = AnswerEvents(content_type)
        self._unreadable = 0
        self.text = ""
        self.complete = False
        self.usage = Usage()

    def feed(self, data: bytes) -> None:
        """Add bytes of the answer. Raises UnreadableAnswer, ReportedError."""
        for text in self._events.feed(data):
            self._take(text)

    def end(self) -> None:
        """Take the end of the answer. Raises UnreadableAnswer, ReportedError."""
        for text in self._events.end():
            self._take(text)
            if not self.complete:
                raise UnreadableAnswer("the document has no text")

    def _take(self, text: str | bytes) -> None:
        if self.complete:
            return
        if text == DONE:
            self.complete = True
            return
        try:
            event = _decoder.decode(text)
        except JsonProblem:
            self._unreadable += 1
            if self._unreadable > voice_limits.CASCADE_UNREADABLE_EVENTS.most:
                raise UnreadableAnswer("too many events cannot be read") from None
            return
        refuse_error(event.error)
        if event.usage is not None:
            self.usage = _read_usage(event.usage)
        if event.text is not None and event.type in ("", "transcript.text.done"):
            self.text = event.text
            self.complete = True
        elif event.type == "transcript.text.delta":
            self._append(event.delta)
        for choice in event.choices or ():
            self._append(choice.delta.content or "")

    def _append(self, delta: str) -> None:
        self.text += delta
        if len(self.text) > limits.RESPONSE_CHARACTERS.most:
            raise UnreadableAnswer("a transcript is longer than anybody speaks")


def _read_usage(usage: _Usage) -> Usage:
    details = usage.input_token_details
    heard = usage.input_tokens if details is None else details.audio_tokens
    return Usage(
        audio_in_tokens=max(0, heard),
        text_in_tokens=0 if details is None else max(0, details.text_tokens),
        text_out_tokens=max(0, usage.output_tokens),
        seconds=max(0.0, usage.seconds),
    )
