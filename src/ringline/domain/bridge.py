"""The signals and orders between a call and its bridge.

The bridge routes all audio of a call. It sends a response's speech to the leg only a little
ahead of playback, so it alone knows what has been sent and what has been played.
"""

from dataclasses import dataclass
from typing import TypeAlias

from ringline.domain.latency import Latency
from ringline.domain.routes import LegId, Routes, VoiceId


@dataclass(frozen=True, slots=True)
class Played:
    """How much of a response was played, by the playback clock of the caller's leg.

    `characters` is how much of its sent text goes with what was played.
    """

    response_id: str = ""
    ms: int = 0
    characters: int = 0


#: Nothing was played.
NOTHING = Played()

# Signals.


@dataclass(frozen=True, slots=True)
class CallerSpoke:
    """The caller began to speak `ago_ms` ago; playback was stopped."""

    played: Played
    item_id: str
    ago_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class CallerSpokeOver:
    """The caller began to speak `ago_ms` ago; playback goes on (`leg.SpeechInterrupts`)."""

    item_id: str
    ago_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ClientCancelled:
    """The client cancelled the response; playback was stopped."""

    played: Played
    request: str = ""


@dataclass(frozen=True, slots=True)
class ResponseAudible:
    """The first speech of a response was sent to the caller.

    `came_at_ms` is when the voice produced it, by the event loop's clock.
    """

    response_id: str
    came_at_ms: float = 0.0
    latency: Latency | None = None


@dataclass(frozen=True, slots=True)
class TextSent:
    """A piece of text was sent, with the speech that it belongs to."""

    response_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class ResponseSent:
    """The last chunk of a response was sent.

    `playing` says that the leg still plays some of it: `PlaybackFinished` follows, unless an
    interruption comes first. `characters` is how much of its text goes with speech.
    """

    response_id: str
    playing: bool = False
    characters: int = 0


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """The leg has played everything that was sent, by its playback clock."""


BridgeSignal: TypeAlias = (
    CallerSpoke
    | CallerSpokeOver
    | ClientCancelled
    | ResponseAudible
    | TextSent
    | ResponseSent
    | PlaybackFinished
)


# Orders.


@dataclass(frozen=True, slots=True)
class SetRoutes:
    """Replace the routes; the voice is paced by the playback of the caller's leg."""

    routes: Routes
    caller: LegId | None


@dataclass(frozen=True, slots=True)
class AttachVoice:
    """Connect a voice to the caller, buffered audio first; replace any other."""

    voice: VoiceId


@dataclass(frozen=True, slots=True)
class DetachLeg:
    """Disconnect a leg that has left; the call continues without it."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class PlayResponse:
    """Play this response: what the voice has produced so far, and the rest."""

    response_id: str


@dataclass(frozen=True, slots=True)
class FinishResponse:
    """End this response with what is buffered: its voice was replaced."""

    response_id: str


@dataclass(frozen=True, slots=True)
class DropResponse:
    """Discard this response; nothing more of it is sent."""

    response_id: str


BridgeOrder: TypeAlias = (
    SetRoutes | AttachVoice | DetachLeg | PlayResponse | FinishResponse | DropResponse
)
