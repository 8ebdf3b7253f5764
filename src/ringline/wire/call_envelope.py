"""The dialect of the call WebSocket: envelopes, and what an agent's webhook is asked for.

`tool.invocation` is mirrored for information, as the webhook got it; the answer is the webhook's
(live streams, 2.5 and 5).
"""

from ringline.domain.events import Event
from ringline.domain.log import Position, Scope
from ringline.wire.envelope import Envelope
from ringline.wire.receivers import encode_asked_tool


class CallEnvelope:
    """The dialect of those who watch one call."""

    name = "call_envelope"

    def __init__(self) -> None:
        self._envelope = Envelope()

    def encode(self, event: Event, position: Position, *, scope: Scope) -> bytes | None:
        """Encode an event; None if it is not shown."""
        return encode_asked_tool(event) or self._envelope.encode(event, position, scope=scope)
