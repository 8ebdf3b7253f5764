"""How the test voices speak: one response at a time, at the pace of real time.

A piece is reported when the one before it has been played, and the first at once. What a
response says is composed when its turn comes; how long it waits before it begins is part of
that. Any report may lead to the response's end, so each is made only while it still runs.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

import structlog

from ringline.domain.audio import BYTES_PER_SAMPLE, Chunk
from ringline.domain.voice import (
    Respond,
    ResponseDone,
    ResponseEnd,
    ResponseStarted,
    UsageKind,
    UsageReported,
    VoiceFailed,
    VoiceFailure,
    used_in,
)
from ringline.ports import VoiceListener
from ringline.voices.mock_script import Answer, CallTool, Piece, Unanswered, spread
from ringline.voices.mock_sound import OUTPUT_HZ
from ringline.voices.mock_usage import Meter

_log = structlog.get_logger()

#: Most responses that wait for the one that is spoken; further ones are refused and reported.
QUEUED_LIMIT = 64

#: Composes the answer of a requested response, given what it answers.
Compose: TypeAlias = Callable[[Respond, Sequence[Unanswered]], Answer]


@dataclass(eq=False, slots=True)
class _Response:
    """A response that was requested, and what it answers."""

    order: Respond
    items: Sequence[Unanswered]
    task: asyncio.Task[None] | None = None
    #: Its answer is composed: its items count as answered.
    composed: bool = False
    #: Its start was reported.
    begun: bool = False

    @property
    def id(self) -> str:
        return self.order.response_id

    def abandon(self) -> None:
        """Cancel its task and forget it: a cancelled task refers to the response."""
        if self.task is not None:
            self.task.cancel()
            self.task = None


def _ask_nobody(*_: object) -> NoReturn:
    raise AssertionError("a speaker that has stopped asks for nothing")


class Speaker:
    """Speaks the responses of one conversation, in the order of their requests."""

    def __init__(
        self,
        listener: VoiceListener,
        meter: Meter,
        *,
        compose: Compose,
        call_tool: Callable[[str, CallTool], None],
        on_defect: Callable[[], None],
    ) -> None:
        self._listener = listener
        self._meter = meter
        self._compose = compose
        self._call_tool = call_tool
        self._on_defect = on_defect
        self._loop = asyncio.get_running_loop()
        self._queued: deque[_Response] = deque()
        self._running: _Response | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False

    def request(self, order: Respond, items: Sequence[Unanswered]) -> None:
        """Speak a response that answers these items, after those requested before."""
        if len(self._queued) < QUEUED_LIMIT:
            self._queued.append(_Response(order, items))
            self._run_next()
            return
        message = "The test voice has too much to do."
        self._listener.on_voice_signal(
            VoiceFailed(VoiceFailure.OVERLOADED, message, recoverable=True)
        )
        self._listener.on_voice_signal(ResponseDone(order.response_id, ResponseEnd.FAILED))

    def cancel(self, response_id: str) -> Sequence[Unanswered]:
        """Cancel a response; return what it did not come to answer."""
        for queued in self._queued:
            if queued.id == response_id:
                self._queued.remove(queued)
                return queued.items
        running = self._running
        if running is None or running.id != response_id:
            return ()
        self._running = None
        running.abandon()
        if running.begun:
            usage = self._meter.take(OUTPUT_HZ)
            done = ResponseDone(response_id, ResponseEnd.CANCELLED, usage=usage)
            self._listener.on_voice_signal(done)
        self._run_next()
        return () if running.composed else running.items

    def stop(self) -> None:
        """Say nothing more; report what was used since the last response."""
        if not self._over:
            begun = self._running is not None and self._running.begun
            kind = UsageKind.RESPONSE if begun else UsageKind.SESSION
            used = UsageReported(kind, self._meter.take(OUTPUT_HZ))
            if used_in(used) is not None:
                self._listener.on_voice_signal(used)
        self._over = True
        if self._running is not None:
            self._running.abandon()
            self._running = None
        self._queued.clear()
        for task in self._tasks:
            task.cancel()

    async def stopped(self) -> None:
        """Wait until nothing runs any more, and forget the voice, which refers to this."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._compose = self._call_tool = self._on_defect = _ask_nobody

    def _run_next(self) -> None:
        if self._running is None and self._queued and not self._over:
            self._running = running = self._queued.popleft()
            running.task = asyncio.create_task(self._speak(running))
            self._tasks.add(running.task)
            running.task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._over:
            _log.error("voice_failed", error=type(error).__name__)
            self._on_defect()

    async def _speak(self, response: _Response) -> None:
        answer = self._compose(response.order, response.items)
        response.composed = True
        if answer.wait_ms:
            await asyncio.sleep(answer.wait_ms / 1000)
        response.begun = True
        self._listener.on_voice_signal(ResponseStarted(response.id))
        due = self._loop.time()
        for step in answer.steps:
            if isinstance(step, CallTool):
                if self._running is response:
                    self._call_tool(response.id, step)
                continue
            for piece in spread(step):
                if (wait_s := due - self._loop.time()) > 0:
                    await asyncio.sleep(wait_s)
                due += len(piece.pcm) / BYTES_PER_SAMPLE / OUTPUT_HZ
                self._say(response, piece, spoken=answer.spoken)
        if self._running is response:
            self._running = None
            usage = self._meter.take(OUTPUT_HZ)
            self._listener.on_voice_signal(ResponseDone(response.id, usage=usage))
            self._run_next()

    def _say(self, response: _Response, piece: Piece, *, spoken: bool) -> None:
        """Report a piece, its text before its audio."""
        if piece.text and self._running is response:
            self._meter.said_characters += len(piece.text)
            self._listener.on_voice_text(response.id, piece.text)
        if spoken and piece.pcm and self._running is response:
            self._meter.spoken_samples += len(piece.pcm) // BYTES_PER_SAMPLE
            self._listener.on_voice_audio(response.id, Chunk(piece.pcm, OUTPUT_HZ))
