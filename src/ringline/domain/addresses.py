"""Envelopes: the sender of a signal and the receiver of an order.

Every signal names its sender and every order its receiver. So a call can have several legs,
and its voice can be replaced: signals of a detached leg or a replaced voice have an unknown
sender and are ignored.
"""

from dataclasses import dataclass
from typing import TypeAlias

from ringline.domain.agent_tools import ToolOrder
from ringline.domain.bridge import BridgeOrder, BridgeSignal
from ringline.domain.leg import LegOrder, LegSignal
from ringline.domain.routes import LegId, VoiceId
from ringline.domain.voice import VoiceOrder, VoiceSignal


@dataclass(frozen=True, slots=True)
class FromLeg:
    """A signal from a leg."""

    leg: LegId
    signal: LegSignal


@dataclass(frozen=True, slots=True)
class FromVoice:
    """A signal from a voice."""

    voice: VoiceId
    signal: VoiceSignal


@dataclass(frozen=True, slots=True)
class FromBridge:
    """A signal from the bridge, about playback."""

    signal: BridgeSignal


@dataclass(frozen=True, slots=True)
class ToLeg:
    """An order to a leg."""

    leg: LegId
    order: LegOrder


@dataclass(frozen=True, slots=True)
class ToVoice:
    """An order to a voice."""

    voice: VoiceId
    order: VoiceOrder


@dataclass(frozen=True, slots=True)
class ToBridge:
    """An order to the bridge."""

    order: BridgeOrder


@dataclass(frozen=True, slots=True)
class ToWebhook:
    """An order to whoever asks the agent's webhook."""

    order: ToolOrder


Addressed: TypeAlias = ToLeg | ToVoice | ToBridge | ToWebhook
