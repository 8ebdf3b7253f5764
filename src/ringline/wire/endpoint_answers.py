"""Answers of OpenAI-compatible HTTP endpoints: streams of events, or one JSON document. Pure.

Both come as a sequence of JSON objects: the data of each server-sent event, or the document
as the only one. Endpoints differ in which they send, so the content type decides.
"""

import re

import msgspec

from ringline.domain import voice_limits
from ringline.wire.sse import SseDecoder, SseProblem

#: The data of the event that ends a stream.
DONE = "[DONE]"

#: What a provider's error code may look like to be shown: no credential does.
_CODE = re.compile(r"[a-z]+(?:_[a-z]+){0,8}")
_CODE_CHARACTERS = 64


class UnreadableAnswer(ValueError):
    """An answer is not what the endpoint's protocol says; the text is for developers."""


class ReportedError(Exception):
    """The endpoint reports an error within its answer; `code` is its own, or ""."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AnswerEvents:
    """Cuts an answer into its JSON texts, given its content type."""

    def __init__(self, content_type: str) -> None:
        self._sse: SseDecoder | None = None
        if content_type.partition(";")[0].strip().lower() == "text/event-stream":
            self._sse = SseDecoder(max_event_bytes=voice_limits.CASCADE_EVENT_BYTES.most)
        self._document = bytearray()

    def feed(self, data: bytes) -> list[str | bytes]:
        """Add bytes; return the texts that they complete. Raises UnreadableAnswer."""
        if self._sse is not None:
            try:
                return [event.data for event in self._sse.feed(data)]
            except SseProblem:
                raise UnreadableAnswer("an event is larger than allowed") from None
        self._document += data
        if len(self._document) > voice_limits.CASCADE_EVENT_BYTES.most:
            raise UnreadableAnswer("a document is larger than allowed")
        return []

    def end(self) -> list[str | bytes]:
        """Return the text that the end of the answer completes."""
        return [bytes(self._document)] if self._document else []


class ProviderError(msgspec.Struct, frozen=True):
    """What is read of an error object; some servers send other types, or a bare text."""

    code: str | int | None = None
    type: str | None = None

    @property
    def shown(self) -> str:
        """Return the provider's own code if it may be shown, else ""."""
        for code in (self.code, self.type):
            if isinstance(code, str) and len(code) <= _CODE_CHARACTERS and _CODE.fullmatch(code):
                return code
        return ""


def refuse_error(error: ProviderError | str | None) -> None:
    """Raise ReportedError if an event is an error."""
    if error is not None:
        raise ReportedError(error.shown if isinstance(error, ProviderError) else "")


class _ErrorBody(msgspec.Struct, frozen=True):
    error: ProviderError


_error_body = msgspec.json.Decoder(_ErrorBody)


def error_code(body: bytes) -> str:
    """Return the provider's code in an error's body, or "" if it has none to be shown."""
    try:
        return _error_body.decode(body).error.shown
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return ""
