"""Voices and legs: the parties of a call, and what hears it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from ringline.domain.audio import Chunk
from ringline.domain.leg import LegControl, LegOrder, LegSignal
from ringline.domain.voice import (
    UpstreamLoss,
    VoiceCapabilities,
    VoiceOpening,
    VoiceOrder,
    VoiceSignal,
)


class VoiceListener(Protocol):
    """Receives what a voice reports; the bridge is one. Never blocks or raises.

    A voice reports from the event loop's thread, in order: a response's chunks and texts
    come between its `ResponseStarted` and its `ResponseDone`.
    """

    def on_voice_signal(self, signal: VoiceSignal) -> None:
        """Receive a signal."""
        ...

    def on_voice_audio(self, response_id: str, chunk: Chunk) -> None:
        """Receive speech at the voice's output rate, as fast as the voice produces it."""
        ...

    def on_voice_text(self, response_id: str, delta: str) -> None:
        """Receive a piece of text; the speech that it belongs to follows."""
        ...


class Voice(Protocol):
    """One conversation with one speaking model, opened by an `OpenVoice`.

    `send_audio` and `send` never block and never raise: failures are reported as
    `VoiceFailed`. After `close` the voice reports nothing.
    """

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return rates and abilities; constant for the life of the conversation."""
        ...

    def send_audio(self, chunk: Chunk) -> None:
        """Send the caller's audio at the input rate; drop audio over 10 s late."""
        ...

    def send(self, order: VoiceOrder) -> None:
        """Send an order; orders are carried out first in, first out."""
        ...

    async def close(self) -> None:
        """End the conversation and release its resources."""
        ...


class VoiceUnavailable(Exception):
    """Raised when a voice cannot be opened now; `message` is for the client.

    `lost` says why, if its provider is to blame.
    """

    def __init__(self, message: str, lost: UpstreamLoss | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.lost = lost


#: Open a voice for a conversation. It may report at once. Raises VoiceUnavailable.
OpenVoice: TypeAlias = Callable[[VoiceOpening, VoiceListener], Awaitable[Voice]]


class LegListener(Protocol):
    """Receives what a leg reports; the bridge is one. Never blocks or raises."""

    def on_leg_signal(self, signal: LegSignal) -> None:
        """Receive a signal."""
        ...

    def on_leg_audio(self, chunk: Chunk) -> None:
        """Receive audio from the leg, at its input rate."""
        ...

    def on_leg_frame(self) -> None:
        """Learn that the other side sent something, whatever it is: it is not idle."""
        ...


#: Convert a stream of PCM16 mono audio chunk by chunk; output may lag behind input.
Resampler: TypeAlias = Callable[[bytes], bytes]

#: Make a resampler for one speaker: from one rate to another, both in Hz.
NewResampler: TypeAlias = Callable[[int, int], Resampler]


class Tap(Protocol):
    """Receives the audio of a call's parties: a recorder or a detector. Never blocks or raises.

    Speech for the caller comes when it is sent to their leg, which plays it then or once all
    earlier speech has been played.
    """

    def sink(self, *, from_caller: bool) -> Callable[[Chunk], None]:
        """Return what takes a party's audio, at the rate of its speaker or of the caller's leg.

        The bridge asks again whenever it may be another party that is the caller.
        """
        ...

    def on_flush(self, unplayed_ms: float | None) -> None:
        """Learn that the caller's leg has discarded what it had not played.

        `unplayed_ms` is how much that was by the leg's own figure; None if it cannot know.
        """
        ...


class Leg(Protocol):
    """One connection of a party to a call. No method blocks or raises.

    A leg reports `Left` or `LegFailed` at most once, and nothing after `HangUp`.
    """

    @property
    def input_hz(self) -> int:
        """Return the rate of the audio that the leg reports; constant."""
        ...

    @property
    def output_hz(self) -> int:
        """Return the rate of the audio that the leg plays; constant."""
        ...

    @property
    def controls(self) -> frozenset[LegControl]:
        """Return what the leg can do with its line; constant, the same for legs of its kind."""
        ...

    def play(self, chunk: Chunk) -> None:
        """Play speech at the output rate; a leg that lags drops the oldest first."""
        ...

    def flush(self) -> float | None:
        """Discard speech that has not been played.

        Returns how much that was, in milliseconds, or None if the leg cannot know. At least
        as much as the playback clock knows to be unplayed counts.
        """
        ...

    def send(self, order: LegOrder) -> None:
        """Send an order or a notification; it keeps its position relative to the speech.

        `Hold`, `Resume`, `Transfer` and `SendDigits` come only if `controls` has them.
        """
        ...
