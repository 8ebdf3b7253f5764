"""A session of the events socket whose client polls for its frames (events socket, 3.8).

It carries what a WebSocket would: `write` is called while a poll waits, so while none does, the
session's outbox queues within its bounds. A poll is answered at the end of the turn in which
something was written. The answer is kept until the next poll acknowledges it, by its token; so a
client that never received it asks again, and no frame is lost or comes twice.

A session has no task and no timer: the wheel answers a poll that waited in vain, and ends a
session whose client no longer polls.
"""

import asyncio
from collections.abc import Callable, Collection, Hashable, Sequence
from time import perf_counter

from ringline.domain import socket_limits
from ringline.web.budget import OverBudget, Share
from ringline.web.events_session import EventsSession
from ringline.web.fair_share import BYTE_OUT_S, REPLAY_S
from ringline.web.frame_gate import HANDFUL, WATCHER, FrameGate
from ringline.web.house import House
from ringline.web.limits import SocketLimits
from ringline.web.stream_connection import nothing
from ringline.web.watchers import InPolls, Viewer
from ringline.wire import long_poll
from ringline.wire.dialect import Dialect
from ringline.wire.long_poll import PollToken

_MOST_BYTES = socket_limits.POLL_BYTES.most


class LongPollSession:
    """Carries a session's frames in the answers to polls (events_session.Carrier)."""

    __slots__ = (
        "_answer",
        "_answers",
        "_answers_soon",
        "_gate",
        "_held",
        "_held_bytes",
        "_house",
        "_limits",
        "_loop",
        "_on_resumed",
        "_poll",
        "_polled",
        "_session",
        "_share",
        "_turn",
        "_when_ended",
        "_who",
        "allowed_origins",
        "name",
        "over",
        "viewer",
        "wake_tick",
    )

    def __init__(
        self,
        name: str,
        session: EventsSession,
        *,
        viewer: Viewer,
        house: House,
        bounds: SocketLimits,
        allowed_origins: Collection[str] = (),
    ) -> None:
        #: The secret half of its tokens.
        self.name = name
        self.viewer = viewer
        #: The origins that the workspace allows.
        self.allowed_origins = allowed_origins
        #: Once it has ended: the status for whoever asks now.
        self.over: int | None = None
        self.wake_tick: int | None = None
        self._session = session
        self._house = house
        self._limits = bounds
        self._loop = asyncio.get_running_loop()
        self._who: Hashable = viewer.scope.workspace_id
        self._share = Share(house.budget, house.fair, key_id=viewer.key_id, workspace_id=self._who)
        self._gate = FrameGate(WATCHER, house.fair, who=self._who)
        self._turn = asyncio.Lock()  # of bodies, which are taken in order
        self._on_resumed: Callable[[], None] = nothing
        self._when_ended: tuple[Callable[[], None], ...] = (session.left,)
        self._poll: asyncio.Future[bytes] | None = None  # the one that waits
        self._polled = asyncio.Event()
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._answers = 0  # how many had messages
        self._answer = b""  # the last one, until it is acknowledged
        self._answers_soon = False

    # -- from the door ----------------------------------------------------------------------

    @property
    def token(self) -> PollToken:
        """Return the token that acknowledges every answer so far."""
        return PollToken(self.name, self._answers)

    def when_ended(self, callback: Callable[[], None]) -> None:
        """Call back once when the session has ended."""
        self._when_ended = (*self._when_ended, callback)

    def begin(self) -> None:
        """Begin the session, which waits for its first poll."""
        self._house.wheel.set(self, self._loop.time() + self._limits.poll_gone_s)
        self._session.begin(self)

    def poll(self, acknowledged: int) -> asyncio.Future[bytes] | None:
        """Return the answer to come; None if the client cannot have this token.

        `leave_poll` must follow. A poll that waits already is answered: its client gave it up.
        """
        if self.over is not None:
            return None
        if self._answer and acknowledged == self._answers - 1:  # it was never received
            again: asyncio.Future[bytes] = self._loop.create_future()
            again.set_result(self._answer)
            self._rest()
            return again
        if acknowledged != self._answers:
            return None
        self._answer_poll(long_poll.NOTHING)
        self._answer = b""
        self._count()
        poll = self._poll = self._loop.create_future()
        self._house.wheel.set(self, self._loop.time() + self._limits.poll_window_s)
        self._polled.set()
        if self._held:
            self._answer_soon()
        else:
            self._on_resumed()
        return poll

    def leave_poll(self, poll: asyncio.Future[bytes]) -> None:
        """Forget a poll, answered or not."""
        if self._poll is poll:
            self._poll = None
            self._rest()

    async def send(self, frames: Sequence[str | bytes]) -> int:
        """Handle a body's frames, as fast as they may come; return the status."""
        until = self._loop.time() + self._limits.poll_window_s
        try:
            async with asyncio.timeout_at(until):
                await self._turn.acquire()
        except TimeoutError:
            return long_poll.LATE
        try:
            return await self._take(frames, until)
        finally:
            self._turn.release()

    async def _take(self, frames: Sequence[str | bytes], until: float) -> int:
        for number, frame in enumerate(frames):
            if number and number % HANDFUL == 0:
                await self._let_poll(until)
            while self.over is None and not self._gate.room():  # noqa: ASYNC110, time ends it
                await asyncio.sleep(self._gate.wait_s())
            if self.over is not None:
                break
            began = perf_counter()
            self._session.take(frame)
            self._gate.handled(1, perf_counter() - began)
        if self.over is None:
            return long_poll.OK
        return long_poll.BAD_BODY if self.over == long_poll.FAILED else self.over

    async def _let_poll(self, until: float) -> None:
        """Let the client fetch the replies so far, or a long body would overrun their bound."""
        await asyncio.sleep(0)  # others have their turn; and what was written is answered
        if not self.paused or self.over is not None:
            return
        self._polled.clear()
        try:
            async with asyncio.timeout_at(until):
                await self._polled.wait()
        except TimeoutError:
            pass  # a client that does not poll meets the bound

    # -- from the session (Carrier) ---------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Return whether no poll waits for more frames."""
        return self._poll is None or self._poll.done() or self._held_bytes >= _MOST_BYTES

    def when_resumed(self, callback: Callable[[], None]) -> None:
        """Call back whenever bytes are accepted again."""
        self._on_resumed = callback

    def write(self, data: bytes) -> None:
        """Put frames into the next answer."""
        self._house.fair.charge(self._who, len(data) * BYTE_OUT_S)
        self.write_shared(data)

    def write_shared(self, data: bytes) -> None:
        """Put frames into the next answer, which the hub has charged for."""
        if self.over is not None:
            return
        self._held.append(data)
        self._held_bytes += len(data)
        self._count()
        if self._poll is not None:
            self._answer_soon()

    def frame(self, payload: bytes) -> bytes:
        """Frame a message's payload."""
        return long_poll.spell_message(payload)

    def framed(self, dialect: Dialect) -> Dialect:
        """Return a dialect in messages of a list."""
        return InPolls(dialect)

    async def begin_replay(self) -> None:
        """Wait for the workspace's turn to read history."""
        await self._house.fair.begin(self._who, REPLAY_S)

    def say_goodbye(self, code: int, reason: str) -> None:
        """End the session; what a WebSocket's close code says, the poll's status does."""
        self._end(long_poll.ENDS[code])

    def abort(self) -> None:
        """End the session: its client fetches too little."""
        self._end(long_poll.GONE)

    # -- answers and time ---------------------------------------------------------------------

    def wake(self, now: float) -> None:
        """Answer a poll that has waited in vain, or end a session without one (wheel.Sleeper)."""
        if self._poll is None:
            self._end(long_poll.GONE)
        else:
            self._answer_poll(long_poll.NOTHING)
            self._rest()

    def _rest(self) -> None:
        """Count the time from here until the next poll."""
        if self.over is None:
            self._house.wheel.set(self, self._loop.time() + self._limits.poll_gone_s)

    def _answer_soon(self) -> None:
        if not self._answers_soon:
            self._answers_soon = True
            self._loop.call_soon(self._answer_held)

    def _answer_held(self) -> None:
        """Answer the poll that waits with what is held."""
        self._answers_soon = False
        poll = self._poll
        if poll is None or poll.done() or not self._held:
            return
        messages, rest = long_poll.split_messages(b"".join(self._held), _MOST_BYTES)
        self._held = [rest] if rest else []
        self._held_bytes = len(rest)
        self._answers += 1
        self._answer = long_poll.write_answer(long_poll.OK, self.token, messages=messages)
        self._poll = None
        poll.set_result(self._answer)
        self._rest()

    def _answer_poll(self, status: int) -> None:
        """Answer the poll that waits, if one does, with a status and no messages."""
        poll, self._poll = self._poll, None
        if poll is not None and not poll.done():
            token = self.token if self.over is None else None
            poll.set_result(long_poll.write_answer(status, token))

    def _count(self) -> None:
        """Count the bytes that are held for the client; end the session if they are too many."""
        try:
            self._share.settle(self._held_bytes + len(self._answer))
        except OverBudget:
            self._loop.call_soon(self.abort)  # not within what writes

    def _end(self, status: int) -> None:
        if self.over is not None:
            return
        self._answer_held()  # like a close frame, the end comes behind what was written
        self.over = status
        self._answer_poll(status)
        self._house.wheel.remove(self)
        self._held, self._held_bytes, self._answer = [], 0, b""
        self._share.close()
        self._polled.set()
        self._on_resumed = nothing
        callbacks, self._when_ended = self._when_ended, ()
        for callback in callbacks:
            callback()
