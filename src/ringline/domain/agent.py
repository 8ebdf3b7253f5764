"""Agents: the settings of an AI voice, and the one every workspace starts with."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import msgspec

LOCAL_MODEL = "local/attendant"


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function the voice may ask the client to run (realtime voice, 4)."""

    name: str
    description: str = ""
    parameters: dict[str, object] = {}


class TurnDetectionType(StrEnum):
    """What ends the caller's turn."""

    SERVER_VAD = "server_vad"  # silence after it
    SEMANTIC_VAD = "semantic_vad"  # its meaning
    NONE = "none"  # the client, by `audio.commit`


class RequestedTurnDetection(msgspec.Struct, frozen=True, kw_only=True):
    """How a client wants the end of the caller's turn found (realtime voice, 4).

    Its `type` is any text: a word that no model offers is refused where the model is known.
    """

    type: str = TurnDetectionType.SERVER_VAD
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500


class TurnDetection(RequestedTurnDetection, frozen=True, kw_only=True):
    """How the end of the caller's turn is found."""

    type: TurnDetectionType = TurnDetectionType.SERVER_VAD


class Phrase(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence the local voice understands, and the line of dialogue it leads to."""

    text: str
    intent: str


class LocalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the local voice: its phrases and what it says to each intent.

    `replies` maps an intent to what is said; the intent `fallback` answers what was not
    understood, and the intent `goodbye` is followed by hanging up.
    """

    phrases: tuple[Phrase, ...] = ()
    replies: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Agent:
    """A row of `agents`: who answers, with which model, and how.

    One that is not `enabled` begins no session; those it has go on.
    """

    id: UUID
    display_name: str
    model: str = LOCAL_MODEL
    instructions: str = ""
    voice: str = ""
    greeting: str = ""
    tools: tuple[Tool, ...] = ()
    local: LocalSettings | None = None
    enabled: bool = True
