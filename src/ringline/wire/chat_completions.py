"""`POST …/chat/completions` with `stream: true`: requests, and their answers. Pure.

Streams of compatible servers differ: calls of tools come in pieces by `index`, or whole and
without one, or several under the same index with different ids; the last chunk may hold the
usage; `[DONE]` may be missing. A server without streams answers with one document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from ringline.domain import voice_limits
from ringline.domain.agent import Tool
from ringline.domain.voice import Usage
from ringline.wire.endpoint_answers import (
    DONE,
    AnswerEvents,
    ProviderError,
    UnreadableAnswer,
    refuse_error,
)
from ringline.wire.strict_json import JsonProblem, StrictDecoder, encode

PATH = "/chat/completions"


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A call of a tool, as the model made it; the id may be empty or used before."""

    id: str
    name: str
    arguments: Mapping[str, object]


def encode_chat(
    messages: Sequence[Mapping[str, object]],
    model: str,
    *,
    tools: Sequence[Tool] = (),
    temperature: float | None = None,
) -> bytes:
    """Encode a request for a streamed answer with its usage."""
    body: dict[str, object] = {
        "model": model,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if tools:
        body["tools"] = [_describe(tool) for tool in tools]
    if temperature is not None:
        body["temperature"] = temperature
    return encode(body)


def _describe(tool: Tool) -> dict[str, object]:
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | dict[str, object] | None = None


class _Call(msgspec.Struct, frozen=True):
    index: int | None = None
    id: str | None = None
    function: _Function = _Function()


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None
    tool_calls: tuple[_Call, ...] | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None


class _Chunk(msgspec.Struct, frozen=True):
    choices: tuple[_Choice, ...] | None = None
    usage: _Usage | None = None
    error: ProviderError | str | None = None


@dataclass(slots=True)
class _OpenCall:
    index: int | None
    id: str
    name: str = ""
    arguments: str = ""


_chunk = StrictDecoder(_Chunk)
_arguments: StrictDecoder[dict[str, object]] = StrictDecoder(dict[str, object])


class ChatReader:
    """Reads one answer: `feed` returns text as it comes; the rest is known at the end."""

    def __init__(self, content_type: str) -> None:
        self._events = AnswerEvents(content_type)
        self._calls: list[_OpenCall] = []
        self._argument_characters = 0
        self._unreadable = 0
        #: The answer is whole; its usage may still follow.
        self.complete = False
        #: Nothing follows any more.
        self.done = False
        self.usage = Usage()

    def feed(self, data: bytes) -> str:
        """Add bytes of the answer; return the text in them.

        Raises UnreadableAnswer, ReportedError.
        """
        return "".join([self._take(text) for text in self._events.feed(data)])

    def end(self) -> str:
        """Take the end of the answer; return the text that it completes.

        Raises UnreadableAnswer, ReportedError.
        """
        said = ""
        for text in self._events.end():
            said += self._take(text)
            if not self.complete:
                raise UnreadableAnswer("the document is no answer of a chat model")
        return said

    def calls(self) -> tuple[ChatCall, ...]:
        """Return the calls of a complete answer. Raises UnreadableAnswer, ReportedError."""
        return tuple(ChatCall(call.id, call.name, _parse(call)) for call in self._calls)

    def _take(self, text: str | bytes) -> str:
        if self.done or text == DONE:
            self.complete = self.done = True
            return ""
        try:
            chunk = _chunk.decode(text)
        except JsonProblem:
            self._unreadable += 1
            if self._unreadable > voice_limits.CASCADE_UNREADABLE_EVENTS.most:
                raise UnreadableAnswer("too many events cannot be read") from None
            return ""
        refuse_error(chunk.error)
        if chunk.usage is not None:
            self.usage = _read_usage(chunk.usage)
        said = ""
        for choice in (chunk.choices or ())[:1]:  # one answer was asked for
            message = choice.delta or choice.message
            if message is not None:
                said += message.content or ""
                for call in message.tool_calls or ():
                    self._add(call)
            if choice.finish_reason:
                self.complete = True
        return said

    def _add(self, piece: _Call) -> None:
        call = self._find(piece)
        if call is None:
            if len(self._calls) >= voice_limits.CASCADE_TOOL_CALLS.most:
                raise UnreadableAnswer("the model calls too many tools")
            call = _OpenCall(piece.index, piece.id or "")
            self._calls.append(call)
        call.id = call.id or piece.id or ""
        call.name = call.name or piece.function.name or ""
        arguments = piece.function.arguments
        if isinstance(arguments, dict):
            arguments = encode(arguments).decode()
        call.arguments += arguments or ""
        self._argument_characters += len(arguments or "")
        if self._argument_characters > voice_limits.CASCADE_ARGUMENTS_CHARACTERS.most:
            raise UnreadableAnswer("the arguments of the tools are too long")

    def _find(self, piece: _Call) -> _OpenCall | None:
        """Return the call that a piece continues; an id of its own makes it another call."""
        for call in reversed(self._calls):
            if piece.index is None or call.index == piece.index:
                return call if not piece.id or piece.id == call.id else None
        return None


def _parse(call: _OpenCall) -> Mapping[str, object]:
    """Parse a call's arguments; a model leaves them out for a tool that takes none."""
    if not call.name:
        raise UnreadableAnswer("a call names no tool")
    try:
        return _arguments.decode(call.arguments) if call.arguments.strip() else {}
    except JsonProblem:
        raise UnreadableAnswer("a tool's arguments are no JSON object") from None


def _read_usage(usage: _Usage) -> Usage:
    details = usage.prompt_tokens_details
    prompt = max(0, usage.prompt_tokens)
    cached = min(prompt, max(0, (details.cached_tokens if details else 0) or 0))
    return Usage(
        text_in_tokens=prompt - cached,
        text_cached_tokens=cached,
        text_out_tokens=max(0, usage.completion_tokens),
    )
