"""The voices of Gemini Live: opening a conversation, its socket and its clock.

What is said on the socket is decided in `gemini_conversation.py`; the models are in `gemini.py`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from ringline.domain.audio import Chunk
from ringline.domain.providers import ProviderKey
from ringline.domain.voice import (
    Resumption,
    VoiceCapabilities,
    VoiceOpening,
    VoiceOrder,
)
from ringline.ports import VoiceListener
from ringline.voices.detectors import DetectorLibrary
from ringline.voices.endpointing import NewDetector
from ringline.voices.gemini_conversation import Conversation
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
from ringline.wire import gemini_live as frames
from ringline.wire.gemini_live import Dialect
from ringline.wire.gemini_reports import Report, SetUp, Unreadable, read_message
from ringline.wire.upstream_failures import STALLED


@dataclass(frozen=True, slots=True)
class GeminiModel(UpstreamModel):
    """A model of Gemini Live."""

    dialect: Dialect


class GeminiVoices:
    """Opens conversations with Gemini Live; its `open` is an `OpenVoice` (ports)."""

    def __init__(
        self,
        upstream: Upstream,
        models: Mapping[str, GeminiModel],
        *,
        detector: DetectorLibrary,
    ) -> None:
        self._upstream = upstream
        self._models = models
        self._new_detector = detector.if_installed

    async def open(self, opening: VoiceOpening, listener: VoiceListener) -> "GeminiVoice":
        """Open a conversation and wait until its `setup` is confirmed.

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
    ) -> "GeminiVoice":
        """Resume the conversation if its provider may know it; else tell it the history."""
        resumption = opening.resumption
        dialect = self._models[opening.config.model].dialect
        if resumption is not None and not (resumption.unknown and dialect.types_in_realtime):
            try:
                return await self._dial(opening, listener, key=key, resumption=resumption)
            except UpstreamLost:
                pass  # a handle may be refused, however new it is
        return await self._dial(opening, listener, key=key)

    async def _dial(
        self,
        opening: VoiceOpening,
        listener: VoiceListener,
        *,
        key: ProviderKey,
        resumption: Resumption | None = None,
    ) -> "GeminiVoice":
        config, model = opening.config, self._models[opening.config.model]
        past = opening.history if resumption is None else resumption.unknown
        contents = frames.past_contents(past)
        socket = await dial(
            self._upstream.socket_url + frames.PATH,
            {frames.KEY_HEADER: key.text},
            pong_s=self._upstream.pong_s,
        )
        try:
            reader = _Reader(config.model)
            name = config.model.partition("/")[2]
            body = frames.setup(
                name,
                config,
                dialect=model.dialect,
                history=bool(contents) and resumption is None,
                handle="" if resumption is None else resumption.handle,
            )
            socket.send(frames.setup_frame(body))
            while SetUp() not in reader.read(await socket.receive()):
                pass
            if contents:
                answer = resumption is None  # which ends the history, and is not answered
                socket.send(frames.contents_frame(contents, answer=answer))
            return GeminiVoice(
                opening,
                listener,
                key=key,
                socket=socket,
                reader=reader,
                model=model,
                new_detector=self._new_detector,
                stall_s=self._upstream.stall_s,
            )
        except BaseException:
            await socket.close()
            raise


class _Reader:
    """Reads the messages of a connection; single ones that cannot be read are dropped."""

    def __init__(self, model: str) -> None:
        self._unreadables = Unreadables(model)

    def read(self, message: bytes) -> tuple[Report, ...]:
        """Return the reports of a message. Raises UpstreamLost."""
        try:
            return read_message(message)
        except Unreadable as unreadable:
            self._unreadables.drop(unreadable.kind)
            return ()


class GeminiVoice:
    """A conversation with a model of Gemini Live (ports.Voice)."""

    def __init__(
        self,
        opening: VoiceOpening,
        listener: VoiceListener,
        *,
        key: ProviderKey,
        socket: UpstreamSocket,
        reader: _Reader,
        model: GeminiModel,
        new_detector: NewDetector,
        stall_s: float,
    ) -> None:
        self._capabilities = model.capabilities
        self._outlet = Outlet(listener, opening.config.model, key=key, on_end=self._stop)
        self._socket = socket
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._stall = StallWatch(stall_s, self._outlet)
        self._conversation = Conversation(
            model.dialect,
            self._outlet,
            config=opening.config,
            new_detector=new_detector,
            send=socket.send,
            send_audio=socket.send_audio,
            lose=self._outlet.lose,
        )
        self._conversation.expect_results(opening.history)
        self._tasks = [asyncio.create_task(self._read())]

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return rates and abilities."""
        return self._capabilities

    def send_audio(self, chunk: Chunk) -> None:
        """Take the caller's audio at 16 kHz."""
        if not self._outlet.over:
            assert chunk.rate_hz == self._capabilities.input_hz, "audio is resampled before"
            self._conversation.hear(chunk)

    def send(self, order: VoiceOrder) -> None:
        """Take an order."""
        if not self._outlet.over:
            self._conversation.order(order)
            self._stall.watch(owed=self._conversation.owed)
            if self._socket.overrun:
                self._outlet.lose(STALLED)

    async def close(self) -> None:
        """End the conversation, once the service has said what it has used last."""
        owed = self._conversation.owed
        self._outlet.end()
        tasks, self._tasks = self._tasks, []  # a cancelled task refers to its voice
        if tasks and owed:
            await asyncio.wait(tasks, timeout=FINISH_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._socket.close()
        if tasks:
            self._conversation.release()

    async def _read(self) -> None:
        try:
            await self._socket.receive_all(self._take)
        except UpstreamLost as lost:
            self._outlet.lose(lost.loss)
        except Exception as error:
            self._outlet.break_down(error)

    def _take(self, frame: bytes) -> None:
        """Take what the service has sent. Raises UpstreamLost."""
        message = self._reader.read(frame)
        if self._outlet.over:
            if self._conversation.settle(message):
                self._socket.stop_receiving()
            return
        self._stall.heard_at = self._loop.time()
        self._conversation.take(message)
        self._stall.watch(owed=self._conversation.owed)

    def _stop(self) -> None:
        self._conversation.close()
        self._stall.stop()
