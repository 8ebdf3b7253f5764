"""A conversation of the local voice: endpointing, recognition, dialogue, speech.

Speech is detected as audio arrives, on the event loop (`detectors.py`). Anything that
takes longer is a job: an utterance to recognise, a typed text, a response. One task runs the
jobs in order of arrival, so a response always has the words that it answers, and the final
`Transcribed` of a turn precedes its `ResponseStarted`. Cancellation bypasses the queue.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from ringline.domain import limits
from ringline.domain.agent import LocalSettings
from ringline.domain.audio import Chunk
from ringline.domain.call_vocabulary import TurnRole
from ringline.domain.config_members import SessionConfig
from ringline.domain.voice import (
    AddImage,
    AddText,
    Cancel,
    ClearInput,
    EndTurn,
    PastTurn,
    Remember,
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    ToolResult,
    Transcribed,
    UpdateConfig,
    VoiceCapabilities,
    VoiceFailed,
    VoiceFailure,
    VoiceOpening,
    VoiceOrder,
    past_turns,
)
from ringline.ports import VoiceListener
from ringline.voices.caller_turns import CallerTurns
from ringline.voices.dialogue import Reply, reply_to, script_of, sentences, unanswered
from ringline.voices.endpointing import RATE_HZ, NewDetector, TurnLimits
from ringline.voices.local_parts import PhrasePartials, voice_of
from ringline.voices.parts import NoPartials, Partials
from ringline.voices.recognition import Recognition, grammar_of
from ringline.voices.speech import DEFAULT_VOICE, VOICE_FILES, Sentence, Speech
from ringline.voices.workers import PoolBusy, WorkerLost, WorkFailed

_log = structlog.get_logger()

CAPABILITIES = VoiceCapabilities(
    input_hz=RATE_HZ,
    output_hz=RATE_HZ,
    voices=tuple(VOICE_FILES),
    default_voice=DEFAULT_VOICE,
    dialogue=True,
)

#: The longest response; the rest of a longer one is not spoken.
RESPONSE_MS = 60_000
RESPONSE_CHARACTERS = limits.RESPONSE_CHARACTERS.most

#: Jobs that may wait in one conversation; further ones are refused and reported.
JOBS_LIMIT = 64

#: The caller's lines that may wait for an answer; beyond it the oldest is dropped.
UNANSWERED_LIMIT = 64


@dataclass(frozen=True, slots=True)
class _Utterance:
    item_id: str
    pcm: bytes
    phrases: tuple[str, ...]


_Job: TypeAlias = _Utterance | AddText | Respond


class Attendant:
    """A `Voice` (ports) that understands an agent's phrases and speaks its replies."""

    def __init__(
        self,
        opening: VoiceOpening,
        listener: VoiceListener,
        *,
        new_detector: NewDetector,
        recognition: Recognition,
        speech: Speech,
        turn_limits: TurnLimits,
    ) -> None:
        self._listener = listener
        self._recognition = recognition
        self._speech = speech
        self._next_config: SessionConfig | None = None
        self._use(opening.config)
        self._turns = CallerTurns(
            listener,
            opening.config.turn_detection,
            new_detector=new_detector,
            turn_limits=turn_limits,
            on_start=self._turn_started,
            on_end=self._turn_ended,
        )
        self._jobs: deque[_Job] = deque()
        self._job_came = asyncio.Event()
        self._unanswered: deque[str] = deque(
            unanswered(past_turns(opening.history)), maxlen=UNANSWERED_LIMIT
        )
        self._partials: Partials = PhrasePartials(
            listener,
            self._turns.utterance,
            phrases=lambda: self._phrases,
            recognition=recognition,
        )
        self._responding: tuple[str, asyncio.Task[None]] | None = None
        self._closed = False
        working = asyncio.create_task(self._work())
        working.add_done_callback(self._on_work_done)
        self._tasks = [asyncio.create_task(recognition.prepare(self._phrases)), working]

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return rates and abilities."""
        return CAPABILITIES

    def send_audio(self, chunk: Chunk) -> None:
        """Take the caller's audio at 16 kHz."""
        if self._closed:
            return
        assert chunk.rate_hz == RATE_HZ, "audio is resampled before it gets here"
        self._take_next_config()
        self._turns.hear(chunk.pcm)

    def send(self, order: VoiceOrder) -> None:
        """Take an order."""
        if self._closed:
            return
        match order:
            case UpdateConfig(config):
                self._next_config = config
                self._take_next_config()
            case EndTurn():
                self._turns.end()
            case ClearInput():
                self._partials.stop()
                self._turns.clear()
            case AddText() | Respond():
                self._add(order)
            case Cancel(response_id):
                self._cancel(response_id)
            case Remember(items):
                self._remember(past_turns(items))
            case ToolResult() | AddImage():
                pass  # it calls no tools and sees nothing

    async def close(self) -> None:
        """End the conversation."""
        self._closed = True
        self._turns.close()
        tasks, self._tasks = self._tasks, []  # a cancelled task refers to its voice
        self._partials.stop()
        self._partials = NoPartials()  # it refers to the voice
        if self._responding is not None:
            tasks.append(self._responding[1])
            self._responding = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _remember(self, turns: Iterable[PastTurn]) -> None:
        for turn in turns:
            if turn.role is TurnRole.AGENT:
                self._unanswered.clear()
            else:
                self._unanswered.extend(turn.text.split("\n"))

    # The caller's turn.

    def _use(self, config: SessionConfig) -> None:
        self._script = script_of(config.local or LocalSettings())
        self._phrases = grammar_of(self._script)
        self._voice = voice_of(config.voice)

    def _take_next_config(self) -> None:
        """Switch to a new config unless a turn is in progress."""
        if self._next_config is not None and not self._turns.in_turn:
            self._use(self._next_config)
            self._turns.use(self._next_config.turn_detection)
            self._next_config = None

    def _turn_started(self, item_id: str) -> None:
        self._partials.start(item_id)

    def _turn_ended(self, item_id: str, pcm: bytes) -> None:
        self._partials.stop()
        self._add(_Utterance(item_id, pcm, self._phrases))

    # Jobs.

    def _add(self, job: _Job) -> None:
        if len(self._jobs) >= JOBS_LIMIT:
            self._listener.on_voice_signal(
                VoiceFailed(
                    VoiceFailure.OVERLOADED, "The voice has too much to do.", recoverable=True
                )
            )
            match job:
                case Respond(response_id):
                    self._listener.on_voice_signal(ResponseDone(response_id, ResponseEnd.FAILED))
                case _Utterance(item_id):
                    self._listener.on_voice_signal(Transcribed(item_id, "", final=True))
                case AddText():
                    pass
            return
        self._jobs.append(job)
        self._job_came.set()

    async def _work(self) -> None:
        while True:
            await self._job_came.wait()
            if not self._jobs:
                self._job_came.clear()
                continue
            match self._jobs.popleft():
                case _Utterance(item_id, pcm, phrases):
                    text = await self._recognition.final(pcm, phrases) if phrases else ""
                    self._unanswered.append(text)
                    self._listener.on_voice_signal(Transcribed(item_id, text, final=True))
                case AddText(text):
                    self._unanswered.extend(text.split("\n"))
                case Respond(response_id, say):
                    await self._respond(response_id, say)

    def _on_work_done(self, working: asyncio.Task[None]) -> None:
        if working.cancelled() or self._closed:
            return
        error = working.exception()
        _log.error("voice_failed", error=type(error).__name__)
        message = "The local voice failed."
        self._listener.on_voice_signal(
            VoiceFailed(VoiceFailure.INTERNAL_ERROR, message, recoverable=False)
        )

    async def _respond(self, response_id: str, say: str | None) -> None:
        if say is not None:
            reply = Reply(say)
        else:
            reply = reply_to(self._script, tuple(self._unanswered))
            self._unanswered.clear()
        speaking = asyncio.create_task(self._speak(response_id, reply))
        self._responding = response_id, speaking
        self._listener.on_voice_signal(ResponseStarted(response_id))
        await asyncio.wait([speaking])
        self._responding = None
        if not speaking.cancelled():
            speaking.result()

    def _is_speaking(self, response_id: str) -> bool:
        """Return whether a response is still spoken; any report may have cancelled it."""
        return self._responding is not None and self._responding[0] == response_id

    def _cancel(self, response_id: str) -> None:
        if self._responding is not None and self._responding[0] == response_id:
            self._responding[1].cancel()
            self._responding = None
            self._listener.on_voice_signal(ResponseDone(response_id, ResponseEnd.CANCELLED))
            return
        for job in self._jobs:
            if isinstance(job, Respond) and job.response_id == response_id:
                self._jobs.remove(job)
                return

    async def _speak(self, response_id: str, reply: Reply) -> None:
        reason = ResponseEnd.COMPLETED
        try:
            await self._speak_sentences(response_id, sentences(reply.text[:RESPONSE_CHARACTERS]))
        except (WorkerLost, WorkFailed, PoolBusy) as error:
            reason = ResponseEnd.FAILED
            _log.warning("voice_not_spoken", error=type(error).__name__)
        if not self._is_speaking(response_id):
            return
        self._responding = None
        if reason is ResponseEnd.FAILED:
            message = "The voice could not speak."
            self._listener.on_voice_signal(
                VoiceFailed(VoiceFailure.SPEECH_FAILED, message, recoverable=True)
            )
        self._listener.on_voice_signal(ResponseDone(response_id, reason, reply.hang_up))

    async def _speak_sentences(self, response_id: str, texts: Iterable[str]) -> None:
        spoken_ms = 0.0
        for text in texts:
            if not self._is_speaking(response_id) or spoken_ms >= RESPONSE_MS:
                return
            async with aclosing(self._speech.speak(Sentence(text, self._voice))) as pieces:
                async for piece in pieces:
                    if not self._is_speaking(response_id):
                        return
                    if piece.text:
                        self._listener.on_voice_text(response_id, piece.text)
                    if piece.chunk.pcm:
                        self._listener.on_voice_audio(response_id, piece.chunk)
                    spoken_ms += piece.chunk.duration_ms
