"""What the voices of all providers share: where one is reached, and how it is lost."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from ringline.domain import voice_limits
from ringline.domain.audio import Chunk
from ringline.domain.model_list import ModelAbout
from ringline.domain.voice import (
    UpstreamLoss,
    VoiceCapabilities,
    VoiceFailed,
    VoiceFailure,
    VoiceSignal,
)
from ringline.ports import VoiceListener, VoiceUnavailable
from ringline.voices.upstream_socket import UpstreamLost
from ringline.wire.upstream_failures import UNREADABLE, Loss

_log = structlog.get_logger(__name__)

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

    @property
    def socket_url(self) -> str:
        """Return the URL with the scheme of sockets."""
        return self.url.replace("http", "ws", 1)


@dataclass(frozen=True, slots=True)
class UpstreamModel:
    """A model of a provider: what it can do, and what the list of models says about it."""

    capabilities: VoiceCapabilities
    about: ModelAbout


class Unreadables:
    """Counts the frames of a connection that cannot be read; each is dropped."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._loop = asyncio.get_running_loop()
        self._dropped: deque[float] = deque()

    def drop(self, kind: str) -> None:
        """Drop a frame, by what is wrong with it. Raises UpstreamLost after too many."""
        _log.warning("upstream_frame_dropped", model=self._model, kind=kind)
        now = self._loop.time()
        self._dropped.append(now)
        while self._dropped[0] <= now - WINDOW_S:
            self._dropped.popleft()
        if len(self._dropped) >= voice_limits.UPSTREAM_UNREADABLE.most:
            raise UpstreamLost(UNREADABLE)


def unavailable(model: str, loss: Loss) -> VoiceUnavailable:
    """Log that a model's provider could not be reached, and return that as an error."""
    _log.warning("upstream_lost", model=model, cause=loss.cause)
    return VoiceUnavailable(f"{model} is not available now.", UpstreamLoss(model, loss.cause))


class Outlet:
    """Passes the reports of a conversation on until it is over (ports.VoiceListener)."""

    def __init__(self, listener: VoiceListener, model: str, *, on_end: Callable[[], None]) -> None:
        self._listener = listener
        self._model = model
        self._on_end = on_end
        self.over = False

    def on_voice_signal(self, signal: VoiceSignal) -> None:
        """Pass a signal on."""
        if not self.over:
            self._listener.on_voice_signal(signal)

    def on_voice_audio(self, response_id: str, chunk: Chunk) -> None:
        """Pass speech on."""
        if not self.over:
            self._listener.on_voice_audio(response_id, chunk)

    def on_voice_text(self, response_id: str, delta: str) -> None:
        """Pass text on."""
        if not self.over:
            self._listener.on_voice_text(response_id, delta)

    def lose(self, loss: Loss) -> None:
        """Report that the provider was lost, as the last thing."""
        if not self.over:
            _log.warning("upstream_lost", model=self._model, cause=loss.cause)
            self._fail(
                VoiceFailed(
                    VoiceFailure.UPSTREAM_CLOSED,
                    "The voice ended the conversation.",
                    recoverable=False,
                    lost=UpstreamLoss(self._model, loss.cause),
                )
            )

    def break_down(self, defect: Exception) -> None:
        """Report a defect, as the last thing: it must end only this voice, and be logged."""
        _log.error("voice_failed", error=type(defect).__name__)
        if not self.over:
            message = "The voice failed."
            self._fail(VoiceFailed(VoiceFailure.INTERNAL_ERROR, message, recoverable=False))

    def end(self) -> None:
        """Report nothing from here on."""
        self.over = True
        self._on_end()

    def _fail(self, failed: VoiceFailed) -> None:
        self.end()
        self._listener.on_voice_signal(failed)
