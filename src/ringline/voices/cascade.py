"""A voice that is put together of parts, such as the endpoints of a model `cascade/<name>`.

The caller's turns are found here (`caller_turns.py`). A turn is transcribed as soon as it
ends; everything else is a job, and one task runs the jobs in order of arrival, so a response
always has the words that it answers, and the final `Transcribed` of a turn precedes its
`ResponseStarted`. Cancellation bypasses the queue. When the caller speaks again, the response
is cancelled at whatever stage it is; a transcription goes on, since its words were said.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog

from ringline.domain import voice_limits
from ringline.domain.audio import Chunk
from ringline.domain.cascade import HEARS_HZ, Cascade
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    Remember,
    Respond,
    ResponseDone,
    ResponseEnd,
    ToolResult,
    Transcribed,
    UpdateConfig,
    UpstreamLoss,
    Usage,
    UsageKind,
    UsageReported,
    VoiceCapabilities,
    VoiceFailed,
    VoiceFailure,
    VoiceOpening,
    VoiceOrder,
    VoiceSignal,
)
from ringline.ports import OpenVoice, VoiceListener, VoiceUnavailable
from ringline.voices.caller_turns import CallerTurns
from ringline.voices.cascade_history import Conversation
from ringline.voices.cascade_responses import Responses
from ringline.voices.cascade_stages import Stages
from ringline.voices.detectors import DetectorLibrary
from ringline.voices.endpointing import TurnLimits
from ringline.voices.endpoints import EndpointFailed, Endpoints
from ringline.voices.parts import NoPartials, Partials, Parts

_log = structlog.get_logger()

#: Jobs that may wait in one conversation; further ones are refused and reported.
JOBS_LIMIT = 64


@dataclass(frozen=True, slots=True)
class _Utterance:
    item_id: str
    #: Its words; empty if nobody could make them out.
    words: asyncio.Task[str]


_Job: TypeAlias = _Utterance | AddText | AddImage | Respond


class CascadeVoice:
    """A `Voice` (ports) made of ears, a brain and a mouth."""

    def __init__(
        self,
        parts: Parts,
        opening: VoiceOpening,
        *,
        listener: VoiceListener,
        detector: DetectorLibrary,
        turn_limits: TurnLimits | None = None,
    ) -> None:
        self._parts = parts
        self._listener = listener
        self._config = opening.config
        self._turns = CallerTurns(
            listener,
            opening.config.turn_detection,
            new_detector=detector.new_detector,
            turn_limits=turn_limits or TurnLimits(),
            on_start=self._turn_started,
            on_end=self._turn_ended,
        )
        self._partials: Partials = parts.new_partials(
            listener, self._turns.utterance, config=lambda: self._config
        )
        self._conversation = Conversation(opening.history)
        self._responses = Responses(
            listener,
            parts,
            conversation=self._conversation,
            config=lambda: self._config,
            on_failure=self._fail,
        )
        self._jobs: deque[_Job] = deque()
        self._job_came = asyncio.Event()
        self._transcribing: set[asyncio.Task[str]] = set()
        self._over = False
        working = asyncio.create_task(self._work())
        working.add_done_callback(self._on_work_done)
        self._working = [working]

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return rates and abilities."""
        return self._parts.capabilities

    def send_audio(self, chunk: Chunk) -> None:
        """Take the caller's audio at 16 kHz."""
        if self._over:
            return
        assert chunk.rate_hz == HEARS_HZ, "audio is resampled before it gets here"
        self._turns.hear(chunk.pcm)

    def send(self, order: VoiceOrder) -> None:
        """Take an order."""
        if self._over:
            return
        match order:
            case UpdateConfig(config):
                self._config = config
                self._turns.use(config.turn_detection)
            case EndTurn():
                self._turns.end()
            case ClearInput():
                self._partials.stop()
                self._turns.clear()
            case AddText() | AddImage() | Respond():
                self._add(order)
            case Cancel(response_id, played_ms):
                self._cancel(response_id, played_ms)
            case ToolResult(tool_call_id, result):
                self._conversation.answer(tool_call_id, result)
            case Remember(items):
                self._conversation.remember(items)

    async def close(self) -> None:
        """End the conversation, and all requests under way."""
        self._stop()
        tasks: list[asyncio.Task[Any]] = [*self._working, *self._transcribing]
        self._working.clear()  # a cancelled task refers to its voice
        await asyncio.gather(*tasks, return_exceptions=True)
        self._turns.close()
        self._responses.close()

    def _stop(self) -> None:
        self._over = True
        self._partials.stop()
        self._partials = NoPartials()  # it refers to the voice
        self._turns.stop()
        self._jobs.clear()
        self._responses.stop()
        for task in (*self._working, *self._transcribing):
            task.cancel()

    def _report(self, signal: VoiceSignal) -> None:
        if not self._over:
            self._listener.on_voice_signal(signal)

    # The caller's turns.

    def _turn_started(self, item_id: str) -> None:
        self._partials.start(item_id)

    def _turn_ended(self, item_id: str, pcm: bytes) -> None:
        self._partials.stop()
        if len(self._transcribing) >= voice_limits.CASCADE_TURNS.most:
            self._refuse_work()
            self._report(Transcribed(item_id, "", final=True))
            return
        words = asyncio.create_task(self._transcribe(item_id, pcm))
        self._transcribing.add(words)
        words.add_done_callback(self._on_words)
        self._add(_Utterance(item_id, words))

    async def _transcribe(self, item_id: str, pcm: bytes) -> str:
        heard = ""

        def on_partial(text: str) -> None:
            nonlocal heard
            if text != heard and text.startswith(heard):  # a second attempt may begin anew
                heard = text
                self._report(Transcribed(item_id, text, final=False))

        try:
            made_out = await self._parts.ears.transcribe(pcm, on_partial, config=self._config)
        except EndpointFailed as failed:
            self._fail(failed)
            return ""
        if made_out.usage != Usage():
            self._report(UsageReported(UsageKind.TRANSCRIPTION, made_out.usage))
        return made_out.text

    def _on_words(self, words: asyncio.Task[str]) -> None:
        self._transcribing.discard(words)
        if not words.cancelled():
            words.exception()  # seen by whoever waits for the words, unless nobody does any more

    # Jobs.

    def _add(self, job: _Job) -> None:
        if len(self._jobs) < JOBS_LIMIT and self._has_room(job):
            self._jobs.append(job)
            self._job_came.set()
            return
        self._refuse_work()
        match job:
            case Respond(response_id):
                self._report(ResponseDone(response_id, ResponseEnd.FAILED))
            case _Utterance(item_id, words):
                words.cancel()
                self._report(Transcribed(item_id, "", final=True))
            case AddText() | AddImage():
                pass

    def _has_room(self, job: _Job) -> bool:
        """Return whether the pictures that wait stay within their bound."""
        if not isinstance(job, AddImage):
            return True
        waiting = sum(len(other.image_url) for other in self._jobs if isinstance(other, AddImage))
        return waiting + len(job.image_url) <= voice_limits.CASCADE_IMAGE_BYTES.most

    def _refuse_work(self) -> None:
        message = "The voice has too much to do."
        self._report(VoiceFailed(VoiceFailure.OVERLOADED, message, recoverable=True))

    async def _work(self) -> None:
        while True:
            await self._job_came.wait()
            if not self._jobs:
                self._job_came.clear()
                continue
            match self._jobs.popleft():
                case _Utterance(item_id, words):
                    text = await words
                    self._conversation.add_text(text)
                    self._report(Transcribed(item_id, text, final=True))
                case AddText(text):
                    self._conversation.add_text(text, typed=True)
                case AddImage() as image:
                    self._conversation.add_image(image)
                case Respond() as order:
                    await self._responses.run(order)

    def _cancel(self, response_id: str, played_ms: int) -> None:
        for job in self._jobs:
            if isinstance(job, Respond) and job.response_id == response_id:
                self._jobs.remove(job)
                return
        self._conversation.interrupt(response_id, played_ms)
        self._responses.cancel(response_id)

    # Failures.

    def _fail(self, failed: EndpointFailed) -> bool:
        """Report a failure of an endpoint; return whether the conversation goes on."""
        cause = failed.loss.cause
        if failed.passing:
            message = f"An endpoint of {self._parts.model} failed: {cause}."
            self._report(
                VoiceFailed(VoiceFailure.UPSTREAM_ERROR, message, recoverable=True, details=cause)
            )
            return not self._over
        # Its request was repeated already, as far as that may help.
        model = self._parts.model
        lost = UpstreamLoss(model, cause, again=False)
        self._end(VoiceFailure.UPSTREAM_CLOSED, f"{model} was lost: {cause}.", lost=lost)
        return False

    def _end(
        self, failure: VoiceFailure, message: str, *, lost: UpstreamLoss | None = None
    ) -> None:
        if not self._over:
            self._stop()
            self._listener.on_voice_signal(
                VoiceFailed(failure, message, recoverable=False, lost=lost)
            )

    def _on_work_done(self, working: asyncio.Task[None]) -> None:
        if working.cancelled() or self._over:
            return
        error = working.exception()
        _log.error("voice_failed", error=type(error).__name__)
        self._end(VoiceFailure.INTERNAL_ERROR, "The voice failed.")


class Cascades:
    """Opens conversations with cascades; they share a client and a detector's library."""

    def __init__(
        self,
        endpoints: Endpoints,
        detector: DetectorLibrary,
        *,
        turn_limits: TurnLimits | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._detector = detector
        self._turn_limits = turn_limits

    def opener(self, cascade: Cascade) -> OpenVoice:
        """Return what opens conversations with a cascade.

        It raises VoiceUnavailable if no detector is installed.
        """

        async def open_cascade(opening: VoiceOpening, listener: VoiceListener) -> CascadeVoice:
            if not self._detector.installed:
                raise VoiceUnavailable(
                    "The detector of speech is not installed; run `ringline doctor` on the server "
                    "to see how."
                )
            stages = Stages(cascade, self._endpoints, language=opening.language)
            parts = Parts(
                cascade.model,
                cascade.capabilities,
                ears=stages,
                brain=stages,
                mouth=stages,
                completed=stages.grant_retry,
            )
            return CascadeVoice(
                parts,
                opening,
                listener=listener,
                detector=self._detector,
                turn_limits=self._turn_limits,
            )

        return open_cascade

    async def close(self) -> None:
        """Close the connections; the conversations must be closed already."""
        await self._endpoints.close()
