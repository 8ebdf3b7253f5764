"""The envelope's events that nothing produces yet, as tables (live streams, 3.7).

Receivers may prepare for them; they are as the envelope is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ringline.domain.members import Member, Shape
from ringline.wire.payload_members import Members


@dataclass(frozen=True, slots=True)
class ComingEvent:
    """An event of a later version: when it happens, and its payload."""

    means: str
    payload: Members


def _text(name: str, means: str, *, words: tuple[str, ...] = (), null: bool = False) -> Member:
    return Member(name, Shape.TEXT, means, words=words, null=null)


def _integer(name: str, means: str) -> Member:
    return Member(name, Shape.INTEGER, means)


def _number(name: str, means: str) -> Member:
    return Member(name, Shape.NUMBER, means)


_CALL_ID = _text("call_id", "`call_…`: the call")
_MOS = _number("mos", "the audio quality, 1 to 5")

#: Each by its `event_type`.
COMING: Mapping[str, ComingEvent] = {
    "call.quality": ComingEvent(
        "the audio's statistics, at the end of a call",
        (
            _CALL_ID,
            _MOS,
            _number("jitter_ms", "the jitter"),
            _number("packet_loss_pct", "lost packets, in percent"),
            _number("rtt_ms", "the round trip"),
            _integer("packets_received", "packets that came"),
            _integer("packets_lost", "packets that did not"),
            _text("mno_used", "the carrier", null=True),
        ),
    ),
    "call.quality_degraded": ComingEvent(
        "packets are lost or late, during a call",
        (
            _CALL_ID,
            _text("metric", "what is bad", words=("packet_loss", "jitter", "rtt")),
            _number("value", "how bad it is"),
            _number("threshold", "from where on it is bad"),
            _MOS,
            Member("at", Shape.TIME, "when it was measured"),
        ),
    ),
}
