"""The three stages of a cascade: transcription, chat and speech, one request each.

A stage that fails before it gave anything is asked once more, if the failure may pass and the
conversation has a retry left; a completed response grants a new one (voices, 5).
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

import structlog

from ringline.domain import limits
from ringline.domain.cascade import Cascade
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.voice import Respond
from ringline.voices.cascade_history import Conversation
from ringline.voices.endpoints import CUT, EndpointFailed, Endpoints
from ringline.voices.parts import Heard, Outcome
from ringline.voices.sentences import SentenceSplitter
from ringline.wire import chat_completions, speech_synthesis, transcriptions
from ringline.wire.chat_completions import ChatCall, ChatReader
from ringline.wire.endpoint_answers import ReportedError, UnreadableAnswer
from ringline.wire.speech_synthesis import SpeechReader
from ringline.wire.transcriptions import TranscriptionReader
from ringline.wire.upstream_failures import UNREADABLE, Loss, ending_error

_log = structlog.get_logger()

#: The model calls a tool with arguments that are no JSON object, or names none.
_BAD_CALL = Loss("invalid_tool_arguments")

#: The pause before a request is repeated.
RETRY_S = 0.25

_T = TypeVar("_T")


class Stages:
    """The stages of one conversation: ears, brain and mouth of it (`parts.py`)."""

    def __init__(self, cascade: Cascade, endpoints: Endpoints, *, language: str = "") -> None:
        self._cascade = cascade
        #: What the caller speaks; the conversation knows better than the cascade.
        self._language = language or cascade.language
        self._endpoints = endpoints
        self._retry = True

    def grant_retry(self) -> None:
        """Allow one failure more: a response has been completed."""
        self._retry = True

    async def transcribe(
        self, pcm: bytes, on_partial: Callable[[str], None], *, config: SessionConfig
    ) -> Heard:
        """Transcribe a turn; report the text so far as it grows. Raises EndpointFailed."""

        async def attempt() -> AsyncGenerator[TranscriptionReader]:
            boundary = secrets.token_hex(16)
            endpoint = self._cascade.transcription
            body = transcriptions.encode_transcription(
                pcm, endpoint.model, language=self._language, boundary=boundary
            )
            async with self._endpoints.post(
                endpoint,
                transcriptions.PATH,
                body=body,
                content_type=transcriptions.content_type(boundary),
            ) as answer:
                reader = TranscriptionReader(answer.content_type)
                while piece := await answer.read():
                    reader.feed(piece)
                    if reader.complete:
                        await answer.finish()
                        break
                    on_partial(reader.text)
                reader.end()
            if not reader.complete:
                raise EndpointFailed(CUT)
            yield reader

        async with aclosing(self._attempts("transcription", attempt)) as results:
            reader = await anext(results)
            return Heard(reader.text.strip(), reader.usage)

    def answer(
        self, conversation: Conversation, order: Respond, *, config: SessionConfig, outcome: Outcome
    ) -> AsyncGenerator[str]:
        """Yield the chat model's answer; fill the outcome at its end.

        What is spoken comes in sentences, what is only written as it comes. Raises
        EndpointFailed.
        """
        spoken = Modality.AUDIO in config.modalities
        endpoint = self._cascade.chat
        messages = conversation.messages(config.instructions)
        body = chat_completions.encode_chat(
            messages, endpoint.model, tools=config.tools, temperature=config.temperature
        )

        async def attempt() -> AsyncGenerator[str]:
            splitter, used_before = SentenceSplitter(), outcome.usage
            cut = splitter.feed if spoken else _as_it_is
            async with self._endpoints.post(endpoint, chat_completions.PATH, body=body) as answer:
                reader = ChatReader(answer.content_type)
                left = limits.RESPONSE_CHARACTERS.most
                while piece := await answer.read():
                    text = reader.feed(piece)[:left]
                    left -= len(text)
                    for said in cut(text):
                        yield said
                    if reader.done:
                        await answer.finish()
                    if reader.done or not left:
                        break
                for said in cut(reader.end()[:left]):
                    yield said
            if left and not reader.complete:
                raise EndpointFailed(CUT)
            outcome.usage = used_before + reader.usage
            if rest := splitter.finish():
                yield rest
            if reader.complete:
                outcome.calls = _calls_of(reader)

        return self._attempts("chat", attempt)

    def speak(self, text: str, voice: str) -> AsyncGenerator[bytes]:
        """Yield the speech of a text as whole samples. Raises EndpointFailed."""
        endpoint = self._cascade.speech
        body = speech_synthesis.encode_speech(text, voice, model=endpoint.model)

        async def attempt() -> AsyncGenerator[bytes]:
            async with self._endpoints.post(endpoint, speech_synthesis.PATH, body=body) as answer:
                reader = SpeechReader(answer.content_type)
                while piece := await answer.read():
                    if pcm := reader.feed(piece):
                        yield pcm
                if pcm := reader.end():
                    yield pcm

        return self._attempts("speech", attempt)

    async def _attempts(
        self, stage: str, attempt: Callable[[], AsyncGenerator[_T]]
    ) -> AsyncGenerator[_T]:
        while True:
            given = False
            try:
                async with aclosing(attempt()) as results:
                    async for result in results:
                        given = True
                        yield result
                return
            except EndpointFailed as error:
                failed = error
            except UnreadableAnswer:
                failed = EndpointFailed(UNREADABLE)
            except ReportedError as error:
                failed = _reported(error.code)
            _log.warning(
                "voice_endpoint_failed",
                model=self._cascade.model,
                stage=stage,
                cause=failed.loss.cause,
            )
            if given or not failed.loss.again or not self._retry:
                raise EndpointFailed(failed.loss, passing=failed.passing or given)
            self._retry = False
            await asyncio.sleep(RETRY_S)


def _as_it_is(text: str) -> list[str]:
    return [text] if text else []


def _calls_of(reader: ChatReader) -> tuple[ChatCall, ...]:
    """Return the calls of an answer; what the model writes there says nothing of the endpoint."""
    try:
        return reader.calls()
    except UnreadableAnswer:
        raise EndpointFailed(_BAD_CALL, passing=True) from None


def _reported(code: str) -> EndpointFailed:
    """Return the failure for an error within an answer, by the provider's code."""
    ending = ending_error(code)
    if ending is not None:
        return EndpointFailed(ending)
    return EndpointFailed(Loss(code or "upstream_error", again=False), passing=True)
