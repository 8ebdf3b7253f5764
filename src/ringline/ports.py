"""What Ringline needs from the world, as Protocols of at most seven methods.

Each method tells its duty, its ordering and its failures. Adapters live in `storage/`,
`bus/`, `legs/` and `voices/` and are known to `app.py` alone.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from ringline.domain.audio import Chunk
from ringline.domain.leg import LegOrder, LegSignal
from ringline.domain.voice import VoiceCapabilities, VoiceConfig, VoiceOrder, VoiceSignal


class VoiceListener(Protocol):
    """Who hears what a voice reports; the bridge is one. No method blocks or raises.

    A voice reports from the event loop's thread, in order: a response's chunks and texts
    come between its `ResponseStarted` and its `ResponseDone`.
    """

    def voice_reports(self, signal: VoiceSignal) -> None:
        """Take a signal."""
        ...

    def voice_speaks(self, response_id: str, chunk: Chunk) -> None:
        """Take speech at the voice's output rate, as fast as it is made."""
        ...

    def voice_says(self, response_id: str, delta: str) -> None:
        """Take the text that belongs to the speech following it."""
        ...


class Voice(Protocol):
    """One conversation with one speaking model, opened by an `OpenVoice`.

    `hear` and `tell` never block and never raise: what fails is reported as
    `VoiceFailed`. After `close` nothing is reported any more.
    """

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Tell rates and abilities; constant for the life of the conversation."""
        ...

    def hear(self, chunk: Chunk) -> None:
        """Take the caller's audio at the input rate; late audio is dropped after 10 s."""
        ...

    def tell(self, order: VoiceOrder) -> None:
        """Take an order; orders are carried out in the order they are given."""
        ...

    async def close(self) -> None:
        """End the conversation and free what it holds."""
        ...


class VoiceUnavailable(Exception):
    """A voice cannot be opened now; its text is a sentence for the client."""


#: Open a voice with a config; raises VoiceUnavailable. The listener must exist before.
OpenVoice: TypeAlias = Callable[[VoiceConfig, VoiceListener], Awaitable[Voice]]


class LegListener(Protocol):
    """Who hears what a leg reports; the bridge is one. No method blocks or raises."""

    def leg_reports(self, signal: LegSignal) -> None:
        """Take a signal."""
        ...

    def leg_hears(self, chunk: Chunk) -> None:
        """Take the caller's audio at the leg's rate."""
        ...


class Leg(Protocol):
    """One line into a call. No method blocks or raises.

    `Left` or `Overrun` is reported at most once; after `HangUp` nothing is reported.
    """

    def play(self, chunk: Chunk) -> None:
        """Send speech; a leg that does not read loses the oldest audio first."""
        ...

    def flush(self) -> None:
        """Throw away speech that has not left yet."""
        ...

    def tell(self, order: LegOrder) -> None:
        """Take an order or a piece of news, in order with the speech."""
        ...
