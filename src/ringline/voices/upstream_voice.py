"""The voices of providers that speak OpenAI's realtime protocol, in any dialect.

`UpstreamVoices` opens conversations with one provider; a provider's own file has its dialect
and its models (`openai.py`, `xai.py`). `UpstreamVoice` is the shell around a `Conversation`:
it reads and writes the socket and watches the clock.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import structlog

from ringline.domain import limits
from ringline.domain.audio import Chunk
from ringline.domain.model_list import ModelAbout
from ringline.domain.voice import (
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
from ringline.ports import VoiceListener, VoiceUnavailable
from ringline.voices.heard_clock import HeardClock
from ringline.voices.upstream_conversation import Conversation
from ringline.voices.upstream_socket import UpstreamLost, UpstreamSocket
from ringline.wire import openai_realtime as frames
from ringline.wire.openai_realtime import Dialect
from ringline.wire.openai_realtime_events import (
    ErrorReported,
    Opened,
    Unreadable,
    UpstreamEvent,
    read_event,
)
from ringline.wire.upstream_failures import STALLED, TIMEOUT, UNREADABLE, Loss, ending_error

_log = structlog.get_logger(__name__)

#: How long a provider that answers by itself has to begin, and the call to claim its answer.
ANSWER_S = 2.0
#: How often the time of a conversation that is billed by time is reported.
BILLED_EVERY_S = 10.0
#: The window of `UPSTREAM_UNREADABLE`.
WINDOW_S = 10.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a provider is reached, with which key, and how long it may take (voices, 1)."""

    url: str
    api_key: str = field(repr=False)
    ready_s: float = 15.0
    stall_s: float = 20.0
    pong_s: float = 20.0

    def socket_url(self, model_id: str) -> str:
        """Return the URL of a conversation's socket."""
        return f"{self.url.replace('http', 'ws', 1)}/realtime?model={quote(model_id, safe='')}"


@dataclass(frozen=True, slots=True)
class UpstreamModel:
    """A model of a provider: what it can do, and what the list of models says about it."""

    capabilities: VoiceCapabilities
    about: ModelAbout


class UpstreamVoices:
    """Opens conversations with one provider; its `open` is an `OpenVoice` (ports)."""

    def __init__(
        self, upstream: Upstream, dialect: Dialect, *, models: Mapping[str, UpstreamModel]
    ) -> None:
        self._upstream = upstream
        self._dialect = dialect
        self._models = models

    async def open(self, opening: VoiceOpening, listener: VoiceListener) -> "UpstreamVoice":
        """Open a conversation and wait until its config is confirmed.

        Raises VoiceUnavailable.
        """
        model = opening.config.model
        try:
            async with asyncio.timeout(self._upstream.ready_s):
                return await self._connect(opening, listener)
        except TimeoutError:
            raise _unavailable(model, TIMEOUT) from None
        except UpstreamLost as lost:
            raise _unavailable(model, lost.loss) from None

    async def _connect(self, opening: VoiceOpening, listener: VoiceListener) -> "UpstreamVoice":
        model = opening.config.model
        upstream, dialect = self._upstream, self._dialect
        socket = await UpstreamSocket.dial(
            upstream.socket_url(model.partition("/")[2]),
            {"Authorization": f"Bearer {upstream.api_key}"},
            pong_s=upstream.pong_s,
        )
        try:
            reader = _Reader(socket, model)
            await reader.until(dialect.opens_with)
            session = frames.session_of(opening.config, dialect)
            socket.send(frames.update_session(session, dialect))
            await reader.until("session.updated")
            for turn in opening.history:
                if turn.text:
                    socket.send(frames.add_past_turn(turn))
            return UpstreamVoice(
                opening,
                listener,
                socket=socket,
                reader=reader,
                dialect=dialect,
                capabilities=self._models[model].capabilities,
                stall_s=upstream.stall_s,
            )
        except BaseException:
            await socket.close()
            raise


def _unavailable(model: str, loss: Loss) -> VoiceUnavailable:
    _log.warning("upstream_lost", model=model, cause=loss.cause)
    lost = UpstreamLoss(model, loss.cause)
    return VoiceUnavailable(f"{model} is not available now.", lost)


class _Reader:
    """Reads the events of a connection; single frames that cannot be read are dropped."""

    def __init__(self, socket: UpstreamSocket, model: str) -> None:
        self._socket = socket
        self._model = model
        self._loop = asyncio.get_running_loop()
        self._unreadable: deque[float] = deque()

    async def next(self) -> UpstreamEvent | None:
        """Return the next event; None if it is of no interest. Raises UpstreamLost."""
        try:
            return read_event(await self._socket.receive())
        except Unreadable as unreadable:
            self.drop(unreadable)
            return None

    async def until(self, opening: str) -> None:
        """Wait for one of the events that open a session. Raises UpstreamLost."""
        while (event := await self.next()) != Opened(opening):
            if isinstance(event, ErrorReported):
                raise UpstreamLost(ending_error(event.code) or Loss(event.code, again=False))

    def drop(self, unreadable: Unreadable) -> None:
        """Count a frame that cannot be read. Raises UpstreamLost after too many."""
        _log.warning("upstream_frame_dropped", model=self._model, kind=unreadable.kind)
        now = self._loop.time()
        self._unreadable.append(now)
        while self._unreadable[0] <= now - WINDOW_S:
            self._unreadable.popleft()
        if len(self._unreadable) >= limits.UPSTREAM_UNREADABLE.most:
            raise UpstreamLost(UNREADABLE)


class UpstreamVoice:
    """A conversation with a provider's model (ports.Voice)."""

    def __init__(
        self,
        opening: VoiceOpening,
        listener: VoiceListener,
        *,
        socket: UpstreamSocket,
        reader: _Reader,
        dialect: Dialect,
        capabilities: VoiceCapabilities,
        stall_s: float,
    ) -> None:
        self._model = opening.config.model
        self._capabilities = capabilities
        self._listener = listener
        self._socket = socket
        self._reader = reader
        self._stall_s = stall_s
        self._loop = asyncio.get_running_loop()
        self._over = False
        self._clock = HeardClock(self._loop.time)
        self._told_at = self._loop.time()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._conversation = Conversation(
            dialect,
            self,
            config=opening.config,
            clock=self._clock,
            send=socket.send,
            lose=self._lose,
        )
        self._billed_at = self._loop.time()
        if dialect.bills_time:
            self._arm("bill", waited_for=True, after_s=BILLED_EVERY_S)
        self._reading = asyncio.create_task(self._read())

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return rates and abilities."""
        return self._capabilities

    def send_audio(self, chunk: Chunk) -> None:
        """Send the caller's audio."""
        if self._over:
            return
        assert chunk.rate_hz == self._capabilities.input_hz, "audio is resampled before"
        self._clock.give(chunk.duration_ms)
        self._socket.send_audio(frames.append_audio(chunk.as_base64()), chunk.duration_ms)

    def send(self, order: VoiceOrder) -> None:
        """Carry out an order."""
        if not self._over:
            self._conversation.order(order)
            self._watch()
            if self._socket.overrun:
                self._lose(STALLED)

    async def close(self) -> None:
        """End the conversation."""
        self._stop()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._socket.close()

    # What the conversation reports, until it is over (ports.VoiceListener).

    def on_voice_signal(self, signal: VoiceSignal) -> None:
        """Pass a signal on."""
        if not self._over:
            self._listener.on_voice_signal(signal)

    def on_voice_audio(self, response_id: str, chunk: Chunk) -> None:
        """Pass speech on."""
        if not self._over:
            self._listener.on_voice_audio(response_id, chunk)

    def on_voice_text(self, response_id: str, delta: str) -> None:
        """Pass text on."""
        if not self._over:
            self._listener.on_voice_text(response_id, delta)

    # The socket.

    async def _read(self) -> None:
        try:
            while True:
                event = await self._reader.next()
                if event is None:
                    continue
                self._told_at = self._loop.time()
                try:
                    self._conversation.take(event)
                except Unreadable as unreadable:
                    self._reader.drop(unreadable)
                self._watch()
        except UpstreamLost as lost:
            self._lose(lost.loss)
        except Exception as error:  # a defect must end only this voice, and be logged
            _log.error("voice_failed", error=type(error).__name__)
            self._fail(VoiceFailure.INTERNAL_ERROR, "The voice failed.")

    def _lose(self, loss: Loss) -> None:
        if not self._over:
            _log.warning("upstream_lost", model=self._model, cause=loss.cause)
            lost = UpstreamLoss(self._model, loss.cause)
            self._fail(VoiceFailure.UPSTREAM_CLOSED, "The voice ended the conversation.", lost=lost)

    def _fail(
        self, failure: VoiceFailure, message: str, *, lost: UpstreamLoss | None = None
    ) -> None:
        """Report a failure that ends the conversation."""
        if not self._over:
            self._stop()
            failed = VoiceFailed(failure, message, recoverable=False, lost=lost)
            self._listener.on_voice_signal(failed)

    def _stop(self) -> None:
        self._over = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    # The clock.

    def _watch(self) -> None:
        """Keep a timer for each thing that is waited for."""
        conversation = self._conversation
        self._arm("silence", waited_for=conversation.turns.lasts, after_s=self._longest_silence_s)
        self._arm("answer", waited_for=conversation.answer_due, after_s=ANSWER_S)
        self._arm("stall", waited_for=conversation.owed, after_s=self._stall_s)

    @property
    def _longest_silence_s(self) -> float:
        return 2 * self._conversation.turns.silence_ms / 1000

    def _arm(self, name: str, *, waited_for: bool, after_s: float) -> None:
        if not waited_for or self._over:
            if name in self._timers:
                self._timers.pop(name).cancel()
        elif name not in self._timers:
            if name == "stall":
                self._told_at = self._loop.time()  # from when it owes something
            self._timers[name] = self._loop.call_later(after_s, self._ring, name)

    def _ring(self, name: str) -> None:
        del self._timers[name]
        now = self._loop.time()
        match name:
            case "answer":
                self._conversation.answer_overdue()
            case "bill":
                used = Usage(seconds=now - self._billed_at)
                self._billed_at = now
                self.on_voice_signal(UsageReported(UsageKind.SESSION, used))
                self._arm(name, waited_for=True, after_s=BILLED_EVERY_S)
            case "silence":
                # The provider hears no time pass while the caller sends nothing at all.
                left_s = self._clock.last_at + self._longest_silence_s - now
                if left_s > 0:
                    self._timers[name] = self._loop.call_later(left_s, self._ring, name)
                    return
                self._conversation.end_turn()
            case _:
                left_s = self._told_at + self._stall_s - now
                if left_s > 0:
                    self._timers[name] = self._loop.call_later(left_s, self._ring, name)
                    return
                self._lose(STALLED)
        self._watch()
