"""The voices of providers that speak OpenAI's realtime protocol, in any dialect.

`UpstreamVoices` opens conversations with one provider; a provider's own file has its dialect
and its models (`openai.py`, `xai.py`). `UpstreamVoice` is the shell around a `Conversation`:
it reads and writes the socket and watches the clock.
"""

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import quote

from ringline.domain.audio import Chunk
from ringline.domain.providers import ProviderKey
from ringline.domain.voice import (
    GoingAway,
    Usage,
    UsageKind,
    UsageReported,
    VoiceCapabilities,
    VoiceOpening,
    VoiceOrder,
)
from ringline.ports import VoiceListener
from ringline.voices.heard_clock import HeardClock
from ringline.voices.upstream import (
    FINISH_S,
    Outlet,
    StallWatch,
    Unreadables,
    Upstream,
    UpstreamModel,
    open_within,
)
from ringline.voices.upstream_conversation import Conversation
from ringline.voices.upstream_dial import dial
from ringline.voices.upstream_socket import UpstreamLost, UpstreamSocket
from ringline.wire import openai_realtime as frames
from ringline.wire.openai_realtime import Dialect
from ringline.wire.openai_realtime_events import (
    ErrorReported,
    Opened,
    SpeechDelta,
    Unreadable,
    UpstreamEvent,
    read_event,
)
from ringline.wire.upstream_failures import STALLED, Loss, ending_error

#: How long a provider that answers by itself has to begin, and the call to claim its answer.
ANSWER_S = 2.0
#: How often the time of a conversation that is billed by time is reported.
BILLED_EVERY_S = 10.0


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
        return await open_within(
            self._upstream,
            opening,
            listener=listener,
            connect=lambda key: self._connect(opening, listener, key=key),
        )

    async def _connect(
        self, opening: VoiceOpening, listener: VoiceListener, *, key: ProviderKey
    ) -> "UpstreamVoice":
        model = opening.config.model
        upstream, dialect = self._upstream, self._dialect
        socket = await dial(
            f"{upstream.socket_url}/realtime?model={quote(model.partition('/')[2], safe='')}",
            {"Authorization": f"Bearer {key.text}"},
            pong_s=upstream.pong_s,
        )
        try:
            reader = _Reader(socket, model)
            await reader.until(dialect.opens_with)
            session = frames.session_of(opening.config, dialect, language=opening.language)
            socket.send(frames.update_session(session, dialect))
            await reader.until("session.updated")
            return UpstreamVoice(
                opening,
                listener,
                key=key,
                socket=socket,
                reader=reader,
                dialect=dialect,
                capabilities=self._models[model].capabilities,
                upstream=upstream,
            )
        except BaseException:
            await socket.close()
            raise


class _Reader:
    """Reads the events of a connection; single frames that cannot be read are dropped."""

    def __init__(self, socket: UpstreamSocket, model: str) -> None:
        self._socket = socket
        self._unreadables = Unreadables(model)
        #: When the provider will close the session, in Unix seconds, if it has said so.
        self.expires_at: float | None = None

    def read(self, frame: bytes) -> UpstreamEvent | None:
        """Read a frame's event; None if it is of no interest. Raises UpstreamLost."""
        try:
            return read_event(frame)
        except Unreadable as unreadable:
            self.drop(unreadable)
            return None

    async def until(self, opening: str) -> None:
        """Wait for one of the events that open a session. Raises UpstreamLost."""
        while True:
            match self.read(await self._socket.receive()):
                case Opened(event, expires_at):
                    self.expires_at = expires_at or self.expires_at
                    if event == opening:
                        return
                case ErrorReported(code):
                    raise UpstreamLost(ending_error(code) or Loss(code, again=False))
                case _:
                    pass

    def drop(self, unreadable: Unreadable) -> None:
        """Count a frame that cannot be read. Raises UpstreamLost after too many."""
        self._unreadables.drop(unreadable.kind)


class UpstreamVoice:
    """A conversation with a provider's model (ports.Voice)."""

    def __init__(
        self,
        opening: VoiceOpening,
        listener: VoiceListener,
        *,
        key: ProviderKey,
        socket: UpstreamSocket,
        reader: _Reader,
        dialect: Dialect,
        capabilities: VoiceCapabilities,
        upstream: Upstream,
    ) -> None:
        self._capabilities = capabilities
        self._outlet = Outlet(listener, opening.config.model, key=key, on_end=self._stop)
        self._socket = socket
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._clock = HeardClock(self._loop.time)
        self._stall = StallWatch(upstream.stall_s, self._outlet)
        self._transcript_s = upstream.transcript_s
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._conversation = Conversation(
            dialect,
            self._outlet,
            config=opening.config,
            language=opening.language,
            clock=self._clock,
            send=socket.send,
            lose=self._outlet.lose,
        )
        self._conversation.remember(opening.history)
        if reader.expires_at is not None and (left_s := reader.expires_at - time.time()) > 0:
            self._outlet.on_voice_signal(GoingAway(int(left_s * 1000)))
        #: Until when the conversation's time is reported, if it is billed by time.
        self._billed_at = self._loop.time() if dialect.bills_time else None
        if dialect.bills_time:
            self._arm("bill", waited_for=True, after_s=BILLED_EVERY_S)
        self._tasks = [asyncio.create_task(self._read())]

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return rates and abilities."""
        return self._capabilities

    def send_audio(self, chunk: Chunk) -> None:
        """Send the caller's audio."""
        if self._outlet.over:
            return
        assert chunk.rate_hz == self._capabilities.input_hz, "audio is resampled before"
        duration_ms = chunk.duration_ms
        self._clock.give(duration_ms)
        audio = chunk.base64 or chunk.as_base64()
        self._socket.send_audio(frames.append_audio(audio), duration_ms)

    def send(self, order: VoiceOrder) -> None:
        """Carry out an order."""
        if not self._outlet.over:
            self._conversation.order(order)
            self._watch()
            if self._socket.overrun:
                self._outlet.lose(STALLED)

    async def close(self) -> None:
        """End the conversation, once the provider has said what it has used last."""
        self._outlet.end()
        tasks, self._tasks = self._tasks, []  # a cancelled task refers to its voice
        if tasks and not tasks[0].done():
            self._conversation.stop()
            if self._conversation.unpaid:
                await asyncio.wait(tasks, timeout=FINISH_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if tasks:
            self._bill()
        await self._socket.close()

    # The socket.

    async def _read(self) -> None:
        try:
            await self._socket.receive_all(self._take)
        except UpstreamLost as lost:
            self._conversation.settle()
            self._bill()
            self._billed_at = None
            self._outlet.lose(lost.loss)
        except Exception as error:
            self._outlet.break_down(error)

    def _take(self, frame: bytes) -> None:
        """Take what the provider has sent. Raises UpstreamLost."""
        conversation = self._conversation
        try:
            event = read_event(frame)
            if type(event) is SpeechDelta:  # most are, and nothing else waits for it
                self._stall.heard_at = self._loop.time()
                conversation.spoke(event)
            elif event is not None:
                self._stall.heard_at = self._loop.time()
                conversation.take(event)
                self._watch()
        except Unreadable as unreadable:
            self._reader.drop(unreadable)
        if self._outlet.over and not conversation.unpaid:
            self._socket.stop_receiving()

    def _stop(self) -> None:
        self._stall.stop()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _bill(self) -> None:
        """Report the conversation's time since it was reported last."""
        if self._billed_at is not None:
            now = self._loop.time()
            used = Usage(seconds=now - self._billed_at)
            self._billed_at = now
            self._outlet.on_voice_signal(UsageReported(UsageKind.SESSION, used))

    # The clock.

    def _watch(self) -> None:
        """Keep a timer for each thing that is waited for."""
        conversation = self._conversation
        self._arm("silence", waited_for=conversation.turns.lasts, after_s=self._longest_silence_s)
        self._arm("answer", waited_for=conversation.answer_due, after_s=ANSWER_S)
        unread = conversation.turns.unread_since is not None
        self._arm("text", waited_for=unread, after_s=self._transcript_s)
        self._stall.watch(owed=conversation.owed)

    @property
    def _longest_silence_s(self) -> float:
        return 2 * self._conversation.turns.silence_ms / 1000

    def _arm(self, name: str, *, waited_for: bool, after_s: float) -> None:
        if not waited_for or self._outlet.over:
            if name in self._timers:
                self._timers.pop(name).cancel()
        elif name not in self._timers:
            self._timers[name] = self._loop.call_later(after_s, self._ring, name)

    def _ring(self, name: str) -> None:
        del self._timers[name]
        now = self._loop.time()
        match name:
            case "answer":
                self._conversation.answer_overdue()
            case "text":
                turns = self._conversation.turns
                since = now if turns.unread_since is None else turns.unread_since
                if self._ring_later(name, left_s=since + self._transcript_s - now):
                    return
                turns.give_up()
            case "bill":
                self._bill()
                self._arm(name, waited_for=True, after_s=BILLED_EVERY_S)
            case _:
                # The provider hears no time pass while the caller sends nothing at all.
                left_s = self._clock.last_at + self._longest_silence_s - now
                if self._ring_later(name, left_s=left_s):
                    return
                self._conversation.end_turn()
        self._watch()

    def _ring_later(self, name: str, *, left_s: float) -> bool:
        """Set a timer again whose time has not come, as it began anew; return whether it was."""
        if left_s > 0:
            self._timers[name] = self._loop.call_later(left_s, self._ring, name)
        return left_s > 0
