"""One voice session, from the 101 to the close, whichever protocol its client speaks."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import structlog

from ringline.domain import limits
from ringline.domain.endings import EndCause
from ringline.domain.session_config import EffectiveConfig
from ringline.ports import Leg, LegListener
from ringline.services.live_call import LiveCall
from ringline.services.reception import Offer, Reception
from ringline.services.sessions import Permit, Sessions
from ringline.web.limits import RealtimeLimits
from ringline.web.stream_connection import CLOSE_TIMEOUT_S, nothing
from ringline.web.websocket import Message, WebSocket
from ringline.wire.realtime_errors import ERRORS, RealtimeError, SessionProblem
from ringline.wire.websocket_reader import CloseCode

_log = structlog.get_logger(__name__)

#: The largest message that is no image.
_MOST_BYTES = limits.SESSION_FRAME_BYTES.most


class SessionLeg(Leg, Protocol):
    """A leg whose client's frames the session reads."""

    @property
    def hung_up(self) -> asyncio.Future[RealtimeError]:
        """Return a future of the session's end."""
        ...

    def report_to(self, listener: LegListener) -> None:
        """Set the listener that this leg reports to."""
        ...

    def receive(self, frame: str) -> None:
        """Handle a text frame from the client."""
        ...

    def receive_audio(self, frame: bytearray) -> bool:
        """Handle a text frame if it is plainly audio; return whether it was. It may be no UTF-8."""
        ...

    def receive_binary(self) -> None:
        """Handle a binary frame."""
        ...

    def receive_oversized(self) -> None:
        """End the session because of a frame that is too large."""
        ...

    def lost(self) -> None:
        """Report that the client's connection is gone."""
        ...

    def drained(self) -> None:
        """Send queued frames, now that the socket takes bytes again."""
        ...


@dataclass(frozen=True, slots=True)
class Begun:
    """A session whose call may begin: its config, its leg, and a frame that the leg is to read.

    `usage_events`: the client asks to be told what it uses.
    """

    config: EffectiveConfig
    leg: SessionLeg
    unread: Message | None = None
    usage_events: bool = False


class Beginning(Protocol):
    """How a session of a surface begins: its first frames, and how it refuses."""

    async def begin(
        self, session: "VoiceSession", socket: WebSocket
    ) -> Begun | SessionProblem | None:
        """Begin the session; None if the client left first. Raises Unavailable."""
        ...

    def encode_refusal(self, problem: SessionProblem) -> bytes:
        """Encode the last frame of a session that does not start."""
        ...

    def may_be_large(self, frame: str) -> bool:
        """Return whether a frame may be as large as an image."""
        ...


class VoiceSession:
    """One session, from the 101 to the close."""

    def __init__(self, sessions: Sessions, reception: Reception, *, bounds: RealtimeLimits) -> None:
        self._sessions = sessions
        self._reception = reception
        self._bounds = bounds
        self._live: LiveCall | None = None
        loop = asyncio.get_running_loop()
        #: Why there will be no call, once that is known; a running call is ended directly.
        self._refused: asyncio.Future[SessionProblem] = loop.create_future()
        #: Done when the socket is closed.
        self.closed: asyncio.Future[None] = loop.create_future()

    @property
    def refusal(self) -> SessionProblem | None:
        """Return why there will be no call, if that is known."""
        return self._refused.result() if self._refused.done() else None

    def key_revoked(self) -> None:
        """End the session: the key that opened it was revoked."""
        if self._live is not None:
            self._live.end(EndCause.KEY_REVOKED)
        self._refuse("revoked")

    def revoked(self) -> None:
        """End the session: somebody who may has asked for it."""
        if self._live is not None:
            self._live.end(EndCause.SESSION_REVOKED)
        self._refuse("revoked", EndCause.SESSION_REVOKED)

    def server_stops(self) -> None:
        """End the session unless it is a call: calls are ended separately."""
        self._refuse("server_shutdown")

    def _refuse(self, code: str, cause: EndCause | None = None) -> None:
        if not self._refused.done():
            self._refused.set_result(SessionProblem(code, cause=cause))

    async def serve(self, socket: WebSocket, permit: Permit, *, beginning: Beginning) -> None:
        """Talk to the client until either side closes. Raises nothing but cancellation."""
        socket.keep_alive(self._bounds.ping_every_s, self._bounds.silent_s)
        try:
            await self._speak(socket, permit, beginning=beginning)
        except Exception as error:  # a bug ends only this session, and is logged
            _log.error("session_failed", error=type(error).__name__)
            await _close(socket, ERRORS["internal_error"])

    async def first_frame(
        self, socket: WebSocket, within_s: float, *, beginning: Beginning
    ) -> Message | SessionProblem | None:
        """Wait for the first frame; None if the client left, `start_timeout` if none came."""
        first = asyncio.create_task(socket.receive())
        try:
            await asyncio.wait(
                {first, self._refused},
                timeout=within_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
        if self._refused.done():
            return self._refused.result()
        if first.cancelled():
            return SessionProblem("start_timeout")
        message = first.result()
        if socket.violation == CloseCode.TOO_LARGE or (
            message is not None and _is_too_large(message, beginning)
        ):
            return SessionProblem("frame_too_large")
        return message

    async def _speak(self, socket: WebSocket, permit: Permit, *, beginning: Beginning) -> None:
        begun = await beginning.begin(self, socket)
        if isinstance(begun, SessionProblem):
            socket.send_text(beginning.encode_refusal(begun))
            await _close(socket, begun.ending)
        elif begun is not None:
            asked = begun.usage_events
            offer = self._sessions.offer(permit, begun.config, usage_events=asked)
            await self._run(socket, begun, offer=offer, beginning=beginning)

    async def _run(
        self, socket: WebSocket, begun: Begun, *, offer: Offer, beginning: Beginning
    ) -> None:
        leg = begun.leg
        socket.on_resumed = leg.drained
        self._live = self._reception.accept(offer, leg)
        leg.report_to(self._live.listener)
        if isinstance(begun.unread, str):
            leg.receive(begun.unread)
        elif begun.unread is not None:
            leg.receive_binary()
        reading = asyncio.create_task(_read(socket, leg, beginning=beginning))
        try:
            await asyncio.wait({reading, leg.hung_up}, return_when=asyncio.FIRST_COMPLETED)
            if socket.violation == CloseCode.TOO_LARGE:
                leg.receive_oversized()
                await asyncio.wait({leg.hung_up}, timeout=CLOSE_TIMEOUT_S)
        finally:
            leg.lost()  # before any await: a lost connection cancels this task
            socket.on_resumed = nothing
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if leg.hung_up.done():
            await _close(socket, leg.hung_up.result())
        elif not reading.cancelled():
            reading.result()  # raises the reader's exception


async def _close(socket: WebSocket, error: RealtimeError) -> None:
    await socket.close(error.close_code, error.code)


async def _read(socket: WebSocket, leg: SessionLeg, *, beginning: Beginning) -> None:
    """Give the client's messages to its leg until there are no more."""

    def take(message: Message) -> None:
        if 4 * len(message) > _MOST_BYTES and _is_too_large(message, beginning):
            socket.refuse(CloseCode.TOO_LARGE)  # a character has at most four bytes
        elif isinstance(message, str):
            leg.receive(message)
        else:
            leg.receive_binary()

    await socket.receive_all(take, leg.receive_audio)


def _is_too_large(message: Message, beginning: Beginning) -> bool:
    """Return whether a message is too large for anything but an image."""
    if isinstance(message, bytes):
        return len(message) > _MOST_BYTES
    return len(message.encode()) > _MOST_BYTES and not beginning.may_be_large(message)
