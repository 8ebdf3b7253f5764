"""Where a signal comes from and where an order goes to: the envelopes of a call.

Whatever enters a call names its sender, and whatever leaves it its receiver. So a call may
have several legs, and its voice may be replaced: what a leg or a voice that is gone still
reports comes from nobody whom the call knows.
"""

from dataclasses import dataclass
from typing import TypeAlias

from ringline.domain.bridge import BridgeOrder, BridgeSignal
from ringline.domain.leg import LegOrder, LegSignal
from ringline.domain.routes import LegId, VoiceId
from ringline.domain.voice import VoiceOrder, VoiceSignal


@dataclass(frozen=True, slots=True)
class FromLeg:
    """A leg reports something."""

    leg: LegId
    signal: LegSignal


@dataclass(frozen=True, slots=True)
class FromVoice:
    """A voice reports something."""

    voice: VoiceId
    signal: VoiceSignal


@dataclass(frozen=True, slots=True)
class FromBridge:
    """The bridge reports what the caller hears."""

    signal: BridgeSignal


@dataclass(frozen=True, slots=True)
class ToLeg:
    """A leg is told something."""

    leg: LegId
    order: LegOrder


@dataclass(frozen=True, slots=True)
class ToVoice:
    """A voice is told something."""

    voice: VoiceId
    order: VoiceOrder


@dataclass(frozen=True, slots=True)
class ToBridge:
    """The bridge is told something."""

    order: BridgeOrder


Addressed: TypeAlias = ToLeg | ToVoice | ToBridge
