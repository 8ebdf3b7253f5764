"""What the voices of all providers share: where one is reached, and how it is lost."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import structlog

from ringline.domain import voice_limits
from ringline.domain.audio import Chunk
from ringline.domain.log import Scope
from ringline.domain.model_list import ModelAbout
from ringline.domain.providers import ProviderKey
from ringline.domain.voice import (
    KeyRefused,
    UpstreamLoss,
    VoiceCapabilities,
    VoiceFailed,
    VoiceFailure,
    VoiceOpening,
    VoiceSignal,
    used_in,
)
from ringline.ports import StoreUnavailable, VoiceListener, VoiceUnavailable
from ringline.voices.upstream_socket import UpstreamLost
from ringline.wire.upstream_failures import (
    KEY_UNAVAILABLE,
    NO_KEY,
    STALLED,
    TIMEOUT,
    UNREADABLE,
    Loss,
)

_log = structlog.get_logger(__name__)

_Opened = TypeVar("_Opened")

_NO_KEY = ProviderKey("")

#: How long a conversation that is closed may take to say what it has used last.
FINISH_S = voice_limits.UPSTREAM_LAST_USAGE_S.most

#: The window of `UPSTREAM_UNREADABLE`.
WINDOW_S = 10.0


#: Find the key with which a workspace's environment reaches the provider, None if it has
#: none; nobody's is the server's. Raises StoreUnavailable.
FindKey: TypeAlias = Callable[[Scope | None], Awaitable[ProviderKey | None]]


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a provider is reached, with whose key, and how long it may take (voices, 1)."""

    url: str
    find_key: FindKey
    ready_s: float = 15.0
    stall_s: float = 20.0
    pong_s: float = 20.0
    transcript_s: float = voice_limits.UPSTREAM_TRANSCRIPT_S.most

    @property
    def socket_url(self) -> str:
        """Return the URL with the scheme of sockets."""
        return self.url.replace("http", "ws", 1)

    async def key_for(self, opening: VoiceOpening) -> ProviderKey:
        """Return the key to open a conversation with. Raises UpstreamLost if there is none."""
        try:
            key = await self.find_key(opening.scope)
        except StoreUnavailable:
            raise UpstreamLost(KEY_UNAVAILABLE) from None
        if key is None:
            raise UpstreamLost(NO_KEY)
        return key


@dataclass(frozen=True, slots=True)
class UpstreamModel:
    """A model of a provider: what it can do, and what the list of models says about it."""

    capabilities: VoiceCapabilities
    about: ModelAbout


_Model = TypeVar("_Model", bound=UpstreamModel)


def with_further(models: Mapping[str, _Model], further: Mapping[str, str]) -> dict[str, _Model]:
    """Return a provider's models and further ones, each like one of them in all but its name."""
    added = {
        name: replace(models[like], about=replace(models[like].about, name=name.partition("/")[2]))
        for name, like in further.items()
        if like in models
    }
    return {**models, **added}


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
    return VoiceUnavailable(
        f"{model} is not available now.", UpstreamLoss(model, loss.cause, loss.again)
    )


async def open_within(
    upstream: Upstream,
    opening: VoiceOpening,
    *,
    listener: VoiceListener,
    connect: Callable[[ProviderKey], Awaitable[_Opened]],
) -> _Opened:
    """Find the key and open a conversation with it, within a bounded time.

    Raises VoiceUnavailable.
    """
    model, key = opening.config.model, _NO_KEY
    try:
        async with asyncio.timeout(upstream.ready_s):
            key = await upstream.key_for(opening)
            return await connect(key)
    except TimeoutError:
        raise unavailable(model, TIMEOUT) from None
    except UpstreamLost as lost:
        _blame_key(lost.loss, listener, model=model, key=key)
        raise unavailable(model, lost.loss) from None


def _blame_key(loss: Loss, listener: VoiceListener, *, model: str, key: ProviderKey) -> None:
    """Report a refused key, if it is the workspace's own: the server's is not its business."""
    if loss.of_key and key.last_four:
        listener.on_voice_signal(KeyRefused(model, loss.cause, key.last_four))


class Outlet:
    """Passes the reports of a conversation on until it is over (ports.VoiceListener)."""

    def __init__(
        self,
        listener: VoiceListener,
        model: str,
        *,
        key: ProviderKey,
        on_end: Callable[[], None],
    ) -> None:
        self._listener = listener
        self._model = model
        self._key = key
        self._on_end = on_end
        self.over = False

    def on_voice_signal(self, signal: VoiceSignal) -> None:
        """Pass a signal on; once it is over, only what it reports as used."""
        told = used_in(signal) if self.over else signal
        if told is not None:
            self._listener.on_voice_signal(told)

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
            _blame_key(loss, self._listener, model=self._model, key=self._key)
            self._fail(
                VoiceFailed(
                    VoiceFailure.UPSTREAM_CLOSED,
                    "The voice ended the conversation.",
                    recoverable=False,
                    lost=UpstreamLoss(self._model, loss.cause, loss.again),
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
        on_end, self._on_end = self._on_end, lambda: None  # it refers to the voice
        on_end()

    def _fail(self, failed: VoiceFailed) -> None:
        self.end()
        self._listener.on_voice_signal(failed)


class StallWatch:
    """Loses a provider that owes something and stays silent for too long (voices, 1)."""

    def __init__(self, stall_s: float, outlet: Outlet) -> None:
        self._stall_s = stall_s
        self._outlet = outlet
        self._loop = asyncio.get_running_loop()
        #: When the provider last sent something, by the event loop's clock.
        self.heard_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, *, owed: bool) -> None:
        """Keep a timer while the provider owes something."""
        if not owed or self._outlet.over:
            self.stop()
        elif self._timer is None:
            self.heard_at = self._loop.time()  # its time begins when it first owes something
            self._timer = self._loop.call_later(self._stall_s, self._check)

    def stop(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        left_s = self.heard_at + self._stall_s - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._check)
        else:
            self._timer = None
            self._outlet.lose(STALLED)
