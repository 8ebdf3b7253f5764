"""The leg of a sandbox call: at its other end, a caller follows a script.

There is no line and no sound. What the caller says goes to the call's voice as words
(`voices/sandbox.py`); what the agent says reaches the leg as notifications, by which the caller
knows when it is their turn (`domain/sandbox_script.py`).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from ringline.domain import v1_limits
from ringline.domain.audio import Chunk
from ringline.domain.leg import (
    ALL_CONTROLS,
    AgentFinished,
    AgentStarted,
    HangUp,
    Hold,
    Left,
    LegOrder,
    Resume,
    SessionStarted,
)
from ringline.domain.sandbox_script import RATE_HZ, SCRIPT, Act, HangsUp, Speaks
from ringline.ports import LegListener

#: How long the caller waits for the agent to finish; then they go on. On hold they hang up.
PATIENCE_S = v1_limits.SANDBOX_PATIENCE_S.most

#: Takes what the caller says.
Hear: TypeAlias = Callable[[Speaks], None]


class SandboxLeg:
    """A leg whose caller follows the script (ports.Leg).

    `clock_scale` multiplies the script's times. A caller who `is_greeted` lets the agent speak
    first. On hold the caller waits, and hangs up when that takes too long.
    """

    input_hz = RATE_HZ
    output_hz = RATE_HZ
    controls = ALL_CONTROLS

    def __init__(self, hear: Hear, clock_scale: float, *, is_greeted: bool) -> None:
        self._hear = hear
        self._scale = clock_scale
        self._loop = asyncio.get_running_loop()
        self._listener: LegListener | None = None
        self._agent_silent = asyncio.Event()
        if not is_greeted:
            self._agent_silent.set()
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._caller: asyncio.Task[None] | None = None
        self._over = False

    def report_to(self, listener: LegListener) -> None:
        """Set the listener that this leg reports to."""
        self._listener = listener

    # From the call (ports.Leg).

    def play(self, chunk: Chunk) -> None:
        """Take speech, which nobody hears."""
        assert chunk.rate_hz == RATE_HZ, "speech is resampled before it gets here"

    def flush(self) -> float | None:
        """Discard nothing: the playback clock alone knows what would have been played."""
        return None

    def send(self, order: LegOrder) -> None:
        """Let the caller know what happens in the call."""
        match order:
            case SessionStarted() if self._caller is None:
                self._caller = asyncio.create_task(self._follow_script())
            case AgentStarted():
                self._agent_silent.clear()
            case AgentFinished():
                self._agent_silent.set()
            case Hold():
                self._resumed.clear()
            case Resume():
                self._resumed.set()
            case HangUp():
                self._over = True
                if self._caller is not None:
                    self._caller.cancel()
            case _:
                pass  # a transfer is followed by the end; nobody hears digits

    # The caller.

    async def _follow_script(self) -> None:
        answered_at = self._loop.time()
        for cue in SCRIPT:
            await asyncio.sleep(answered_at + cue.at_s * self._scale - self._loop.time())
            await self._wait_for_turn()
            if not self._over:
                self._act(cue.act if self._resumed.is_set() else HangsUp())
            if self._over:
                return

    async def _wait_for_turn(self) -> None:
        """Wait until the agent is silent and no hold is on, as long as the patience lasts."""
        changes = (self._resumed, self._agent_silent)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not all(change.is_set() for change in changes):
                    for change in changes:
                        await change.wait()

    def _act(self, act: Act) -> None:
        assert self._listener is not None, "a call has a listener before it is answered"
        self._listener.on_leg_frame()
        match act:
            case Speaks(final=final) as words:
                if final:
                    self._agent_silent.clear()  # the agent owes an answer
                self._hear(words)
            case HangsUp():
                self._over = True
                self._listener.on_leg_signal(Left())
