"""The voices of OpenAI's Live sessions: opening a conversation, its socket and its clock.

What is said on the socket is decided in `openai_live_conversation.py`; the models are in
`openai_live.py`.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

from ringline.domain.audio import Chunk
from ringline.domain.providers import ProviderKey
from ringline.domain.voice import GoingAway, VoiceCapabilities, VoiceOpening, VoiceOrder
from ringline.ports import VoiceListener
from ringline.voices.deadline import Deadline
from ringline.voices.detectors import DetectorLibrary
from ringline.voices.endpointing import NewDetector
from ringline.voices.openai_live_conversation import Conversation
from ringline.voices.upstream import (
    FINISH_S,
    Outlet,
    StallWatch,
    Unreadables,
    Upstream,
    UpstreamModel,
    open_within,
)
from ringline.voices.upstream_dial import dial
from ringline.voices.upstream_socket import UpstreamLost, UpstreamSocket
from ringline.wire import openai_live as frames
from ringline.wire.openai_live_events import Closed, Report, Started, read_event
from ringline.wire.openai_realtime_events import ErrorReported, Unreadable
from ringline.wire.upstream_failures import STALLED, Loss, ended_session, ending_error

#: How long before the end of a session its end is announced.
WARNING_S = 60.0


class LiveVoices:
    """Opens conversations in Live sessions; its `open` is an `OpenVoice` (ports)."""

    def __init__(
        self,
        upstream: Upstream,
        models: Mapping[str, UpstreamModel],
        *,
        delegation_model: str,
        detector: DetectorLibrary,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._upstream = upstream
        self._models = models
        self._delegation_model = delegation_model
        self._new_detector = detector.if_installed
        self._now = now

    async def open(self, opening: VoiceOpening, listener: VoiceListener) -> "LiveVoice":
        """Open a conversation and wait until the session has started.

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
    ) -> "LiveVoice":
        config, upstream = opening.config, self._upstream
        socket = await dial(
            upstream.socket_url + frames.PATH,
            {"Authorization": f"Bearer {key.text}"},
            pong_s=upstream.pong_s,
        )
        try:
            reader = _Reader(socket, config.model)
            start = frames.start(
                config.model.partition("/")[2],
                config,
                delegation_model=self._delegation_model,
                history=opening.history,
            )
            socket.send(start)
            started = await reader.until_started()
            return LiveVoice(
                opening,
                listener,
                key=key,
                socket=socket,
                reader=reader,
                capabilities=self._models[config.model].capabilities,
                new_detector=self._new_detector,
                stall_s=upstream.stall_s,
                left_s=started.expires_at - self._now(),
            )
        except BaseException:
            await socket.close()
            raise


class _Reader:
    """Reads the events of a connection; single frames that cannot be read are dropped."""

    def __init__(self, socket: UpstreamSocket, model: str) -> None:
        self._socket = socket
        self._unreadables = Unreadables(model)

    def read(self, frame: bytes) -> Report | None:
        """Read a frame's report; None if it is of no interest. Raises UpstreamLost."""
        try:
            return read_event(frame)
        except Unreadable as unreadable:
            self.drop(unreadable)
            return None

    async def until_started(self) -> Started:
        """Wait until the session has started. Raises UpstreamLost."""
        while True:
            match self.read(await self._socket.receive()):
                case Started() as started:
                    return started
                case ErrorReported(code):
                    raise UpstreamLost(ending_error(code) or Loss(code, again=False))
                case Closed(reason):
                    raise UpstreamLost(ended_session(reason))
                case _:
                    pass

    def drop(self, unreadable: Unreadable) -> None:
        """Count a frame that cannot be read. Raises UpstreamLost after too many."""
        self._unreadables.drop(unreadable.kind)


class LiveVoice:
    """A conversation in a Live session (ports.Voice)."""

    def __init__(
        self,
        opening: VoiceOpening,
        listener: VoiceListener,
        *,
        key: ProviderKey,
        socket: UpstreamSocket,
        reader: _Reader,
        capabilities: VoiceCapabilities,
        new_detector: NewDetector,
        stall_s: float,
        left_s: float,
    ) -> None:
        self._capabilities = capabilities
        self._outlet = Outlet(listener, opening.config.model, key=key, on_end=self._stop)
        self._socket = socket
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._stall = StallWatch(stall_s, self._outlet)
        self._ends_at = self._loop.time() + left_s
        self._warning = Deadline(self._warn)
        self._warning.start(max(0.0, left_s - WARNING_S))
        self._conversation = Conversation(
            self._outlet,
            config=opening.config,
            new_detector=new_detector,
            send=socket.send,
            send_audio=socket.send_audio,
            lose=self._outlet.lose,
        )
        self._conversation.expect_results(opening.history)
        self._closed = False
        self._reading = asyncio.create_task(self._read())

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return rates and abilities."""
        return self._capabilities

    def send_audio(self, chunk: Chunk) -> None:
        """Send the caller's audio."""
        if not self._outlet.over:
            assert chunk.rate_hz == self._capabilities.input_hz, "audio is resampled before"
            self._conversation.hear(chunk)

    def send(self, order: VoiceOrder) -> None:
        """Carry out an order."""
        if not self._outlet.over:
            self._conversation.order(order)
            self._stall.watch(owed=self._conversation.owed)
            if self._socket.overrun:
                self._outlet.lose(STALLED)

    async def close(self) -> None:
        """End the conversation, and the session at the service: it costs by its time."""
        if self._closed:
            return
        self._closed = True
        self._outlet.end()
        self._socket.send(frames.CLOSE)
        await asyncio.wait([self._reading], timeout=FINISH_S)
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._socket.close()
        self._conversation.release()
        del self._warning

    async def _read(self) -> None:
        try:
            await self._socket.receive_all(self._take)
        except UpstreamLost as lost:
            self._outlet.lose(lost.loss)
        except Exception as error:
            self._outlet.break_down(error)

    def _take(self, frame: bytes) -> None:
        """Take what the service has sent. Raises UpstreamLost."""
        report = self._reader.read(frame)
        if report is None:
            return
        if self._outlet.over:  # only the end of the session is waited for, and its bill
            self._conversation.settle(report)
            if isinstance(report, Closed):
                self._socket.stop_receiving()
            return
        self._stall.heard_at = self._loop.time()
        try:
            self._conversation.take(report)
        except Unreadable as unreadable:
            self._reader.drop(unreadable)
        self._stall.watch(owed=self._conversation.owed)

    # The clock.

    def _warn(self) -> None:
        left_s = self._ends_at - self._loop.time()
        self._outlet.on_voice_signal(GoingAway(max(0, round(left_s * 1000))))

    def _stop(self) -> None:
        self._conversation.stop()
        self._stall.stop()
        self._warning.stop()
