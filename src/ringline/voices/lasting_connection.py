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
from ringline.ports import NewResampler, Resampler, Voice


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
        self._input_hz = 0
        self._new_resampler = new_resampler
        self._resample: Resampler | None = None
        self._from_hz = 0

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return what the model can do."""
        assert self._voice is not None, "a connection is used once it is open"
        return self._voice.capabilities

    def attach(self, voice: Voice) -> None:
        """Take the voice that was opened."""
        self._voice = voice
        self._input_hz = voice.capabilities.input_hz

    def hear(self, chunk: Chunk) -> None:
        """Send the caller's audio, at the rate of the voice."""
        if self._voice is None:
            return
        if chunk.rate_hz != self._input_hz:
            if self._resample is None or self._from_hz != chunk.rate_hz:
                self._from_hz = chunk.rate_hz
                self._resample = self._new_resampler(chunk.rate_hz, self._input_hz)
            chunk = Chunk(self._resample(chunk.pcm), self._input_hz)
            if not chunk.pcm:
                return
        self._voice.send_audio(chunk)

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
