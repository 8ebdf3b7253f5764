"""What a bridge reports and what it is told: the words between a call and its bridge.

The bridge is the only place where a call's audio meets. It gives a response's speech to
the leg at most a little ahead of what the caller can have heard, so it alone knows what
has left and what has been played.
"""

from dataclasses import dataclass
from typing import TypeAlias

from ringline.domain.routes import LegId, Routes, VoiceId

# Signals: what a bridge reports.


@dataclass(frozen=True, slots=True)
class CallerSpoke:
    """The voice heard the caller begin; playing has stopped after `played_ms`."""

    played_ms: int


@dataclass(frozen=True, slots=True)
class ClientCancelled:
    """The client asked to stop the response; playing has stopped after `played_ms`."""

    played_ms: int


@dataclass(frozen=True, slots=True)
class ResponseAudible:
    """The first speech of a response has left for the caller."""

    response_id: str


@dataclass(frozen=True, slots=True)
class TextSent:
    """A piece of text has left, with the speech that it belongs to."""

    response_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class ResponseSent:
    """The last chunk of a response has left the bridge."""

    response_id: str


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """By the leg's playback clock, the caller has heard everything that was sent."""


BridgeSignal: TypeAlias = (
    CallerSpoke | ClientCancelled | ResponseAudible | TextSent | ResponseSent | PlaybackFinished
)


# Orders: what a bridge is told.


@dataclass(frozen=True, slots=True)
class SetRoutes:
    """Connect everybody to those who hear them; the voice is paced by the caller's leg."""

    routes: Routes
    caller: LegId | None


@dataclass(frozen=True, slots=True)
class AttachVoice:
    """Let a voice hear: what the caller said until now first, then as it comes.

    A voice that it replaces is unplugged.
    """

    voice: VoiceId


@dataclass(frozen=True, slots=True)
class DetachLeg:
    """Let go of a leg that has left; the call goes on without it."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class PlayResponse:
    """Play this response: what the voice has made of it already, and the rest."""

    response_id: str


@dataclass(frozen=True, slots=True)
class FinishResponse:
    """Expect nothing more of this response: its voice is gone."""

    response_id: str


@dataclass(frozen=True, slots=True)
class DropResponse:
    """Forget this response: nothing more of it may leave."""

    response_id: str


BridgeOrder: TypeAlias = (
    SetRoutes | AttachVoice | DetachLeg | PlayResponse | FinishResponse | DropResponse
)
