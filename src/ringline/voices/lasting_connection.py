"""One of the connections that a lasting voice has, one after the other.

It is what the inner voice reports to, and passes everything on with itself as the sender, so
that late reports of a connection that was left go nowhere. What it has used is reported apart,
at any time and with its model: it must be paid for whether or not it came of use.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from ringline.domain.audio import Chunk
from ringline.domain.config_members import SessionConfig
from ringline.domain.recollection import Knowledge
from ringline.domain.rollover import RolloverTimes
from ringline.domain.voice import (
    EndTurn,
    ResponseDone,
    UsageReported,
    VoiceCapabilities,
    VoiceFailed,
    VoiceOrder,
    VoiceSignal,
    used_in,
)
from ringline.ports import NewResampler, Voice


class ConnectionOwner(Protocol):
    """What a connection passes its voice's reports to."""

    def on_signal(self, connection: "Connection", signal: VoiceSignal) -> None:
        """Receive a signal."""
        ...

    def on_audio(self, connection: "Connection", response_id: str, *, chunk: Chunk) -> None:
        """Receive speech."""
        ...

    def on_text(self, connection: "Connection", response_id: str, *, delta: str) -> None:
        """Receive a piece of text."""
        ...


@dataclass(eq=False, slots=True)
class OpenTurn:
    """A turn of the caller without a final transcript: where its audio begins and ends.

    Positions are in milliseconds of the caller's audio. It has not ended while `end_ms` is
    None.
    """

    item_id: str
    start_ms: float
    end_ms: float | None = None
    text: str = ""
    #: The text is final, though the turn may go on.
    is_final: bool = False
    #: A response that began after it was heard.
    answered: bool = False


class Connection:
    """A connection to a model (ports.VoiceListener), and what its voice knows."""

    def __init__(
        self,
        owner: ConnectionOwner,
        model: str,
        *,
        knows: Knowledge,
        new_resampler: NewResampler,
        charge: Callable[[UsageReported], None],
    ) -> None:
        self.model = model
        self._charge = charge
        #: What it was told of the conversation, or has said or heard itself.
        self.knows = knows
        #: The config that it was opened with.
        self.config: SessionConfig | None = None
        #: Why it was lost, before or after it was opened.
        self.lost: VoiceFailed | None = None
        self.opened_at = 0.0
        self.times: RolloverTimes | None = None
        #: Turns that began at another connection and are heard here once more, oldest first.
        self.replayed: deque[OpenTurn] = deque()
        self.renamed: dict[str, OpenTurn] = {}
        self._owner: ConnectionOwner | None = owner
        self._voice: Voice | None = None
        self._new_resampler = new_resampler
        #: Takes the caller's audio; once it is used, this is the voice itself if it can be.
        self.hear: Callable[[Chunk], None] = _hear_nothing

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return what the model can do."""
        assert self._voice is not None, "a connection is used once it is open"
        return self._voice.capabilities

    def attach(self, voice: Voice) -> None:
        """Take the voice that was opened; it hears nothing until `hear_at`."""
        self._voice = voice

    def hear_at(self, rate_hz: int) -> None:
        """Pass the caller's audio on from now on; it comes at this rate."""
        assert self._voice is not None, "a connection is used once it is open"
        send_audio, input_hz = self._voice.send_audio, self._voice.capabilities.input_hz
        if rate_hz == input_hz:
            self.hear = send_audio
            return
        resample = self._new_resampler(rate_hz, input_hz)

        def hear(chunk: Chunk) -> None:
            pcm = resample(chunk.pcm)
            if pcm:
                send_audio(Chunk(pcm, input_hz))

        self.hear = hear

    def hear_again(self, item: Chunk | EndTurn) -> None:
        """Send audio that another connection has heard, or the end of a turn in it."""
        if isinstance(item, Chunk):
            self.hear(item)
        else:
            self.send(item)

    def send(self, order: VoiceOrder) -> None:
        """Send an order."""
        if self._voice is not None:
            self._voice.send(order)

    def part(self) -> Voice | None:
        """Pass nothing on from here on; return the voice, which must be closed."""
        voice, self._voice, self._owner = self._voice, None, None
        self.hear = _hear_nothing
        return voice

    # From the voice.

    def on_voice_signal(self, signal: VoiceSignal) -> None:
        """Pass a signal on, after what it reports as used: the end of a response tells it."""
        if (used := used_in(signal)) is not None:
            self._charge(replace(used, model=self.model))
            if isinstance(signal, ResponseDone):
                signal = replace(signal, is_charged=True)
        if self._owner is not None and not isinstance(signal, UsageReported):
            self._owner.on_signal(self, signal)

    def on_voice_audio(self, response_id: str, chunk: Chunk) -> None:
        """Pass speech on."""
        if self._owner is not None:
            self._owner.on_audio(self, response_id, chunk=chunk)

    def on_voice_text(self, response_id: str, delta: str) -> None:
        """Pass text on."""
        if self._owner is not None:
            self._owner.on_text(self, response_id, delta=delta)


def _hear_nothing(_: Chunk) -> None:
    """Take the audio for a connection that is not open."""
