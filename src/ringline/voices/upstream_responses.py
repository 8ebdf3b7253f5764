"""The responses of a conversation with a provider: which is ours, and what of it was heard. Pure.

A provider runs one response at a time, under ids of its own. A response is asked for, then
begun by the provider, then done; some providers begin one by themselves, and the oldest asked
one takes its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ringline.domain.audio import BYTES_PER_SAMPLE, Chunk
from ringline.wire.openai_realtime import delete_item, truncate_item
from ringline.wire.openai_realtime_events import SpeechDelta, UpstreamEvent

#: How many finished responses are remembered, as they may still be playing.
REMEMBERED = 8


@dataclass(slots=True)
class UpstreamResponse:
    """A response, from when it is asked for until it has been played."""

    #: Ours; "" for one that nobody asked for.
    id: str
    say: str | None = None
    upstream_id: str = ""
    #: It was requested from the provider, which is not needed where that answers by itself.
    requested: bool = False
    cancelled: bool = False
    #: The caller speaks over it, and its provider stops it for that. To cancel it as well could
    #: stop the next one, where responses have no names.
    stops_by_itself: bool = False
    #: The milliseconds of speech that came, by item, in the sequence of playback.
    came_ms: dict[str, float] = field(default_factory=dict[str, float])
    #: Items that need not be trimmed: they are, or they are text alone.
    settled: set[str] = field(default_factory=set[str])
    #: What came before it was known whose response it is.
    unclaimed: list[UpstreamEvent] = field(default_factory=list[UpstreamEvent])
    _spare: bytes = b""

    def speech(self, delta: SpeechDelta, rate_hz: int) -> Chunk | None:
        """Take a piece of speech; None if it holds no sample."""
        pcm, item_id = delta.pcm, delta.item_id
        if self._spare or len(pcm) % BYTES_PER_SAMPLE:
            pcm = self._spare + pcm
            end = len(pcm) - len(pcm) % BYTES_PER_SAMPLE
            pcm, self._spare = pcm[:end], pcm[end:]
            chunk = Chunk(pcm, rate_hz)
        else:
            chunk = Chunk(pcm, rate_hz, delta.base64)
        if not pcm:
            return None
        self.came_ms[item_id] = self.came_ms.get(item_id, 0.0) + chunk.duration_ms
        return chunk

    def trim(self, played_ms: int, *, running: bool) -> Iterator[bytes]:
        """Yield the requests that make the provider forget what was not played.

        An item of which nothing was played is deleted, as it cannot be truncated to nothing.
        """
        left_ms = float(played_ms)
        for item_id, came_ms in self.came_ms.items():
            if item_id in self.settled:
                continue
            kept_ms = min(left_ms, came_ms)
            left_ms -= kept_ms
            if int(kept_ms) < 1:
                yield delete_item(item_id)
            elif kept_ms < came_ms or running:  # more of it may be on its way
                yield truncate_item(item_id, int(kept_ms))
            self.settled.add(item_id)
