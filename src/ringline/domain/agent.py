"""Agents: the settings of an AI voice, and the one every workspace starts with."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from ringline.domain.members import means

LOCAL_MODEL = "local/attendant"


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function the voice may ask the client to run (realtime voice, 4)."""

    name: Annotated[str, means("its name for the model; not empty, and unique")]
    description: Annotated[str, means("what it does, for the model")] = ""
    parameters: Annotated[dict[str, object], means("a JSON Schema of its arguments")] = {}


class TurnDetectionType(StrEnum):
    """What ends the caller's turn."""

    SERVER_VAD = "server_vad"  # silence after it
    SEMANTIC_VAD = "semantic_vad"  # its meaning
    NONE = "none"  # the client, by `audio.commit`


class RequestedTurnDetection(msgspec.Struct, frozen=True, kw_only=True):
    """The turn detection that a client requests (realtime voice, 4).

    `type` is any text here: whether the model offers it is checked once the model is known.
    """

    type: Annotated[
        str,
        means(
            "`server_vad` ends a turn by the quiet after it, `semantic_vad` by its meaning, with "
            "`none` the client ends it by `audio.commit`; a model offers some of them"
        ),
    ] = TurnDetectionType.SERVER_VAD
    threshold: Annotated[
        float,
        means("0 to 1: how certain it must be that somebody speaks; higher is less sensitive"),
    ] = 0.5
    prefix_padding_ms: Annotated[
        int,
        means("0 to 10,000: how much audio before the detected speech belongs to the turn"),
    ] = 300
    silence_duration_ms: Annotated[int, means("0 to 10,000: how much silence ends a turn")] = 500


class TurnDetection(RequestedTurnDetection, frozen=True, kw_only=True):
    """How the end of the caller's turn is detected."""

    type: TurnDetectionType = TurnDetectionType.SERVER_VAD


class Phrase(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence the local voice understands, and the line of dialogue it leads to."""

    text: Annotated[str, means("the whole of what the caller says")]
    intent: Annotated[str, means("its meaning: the name of a reply")]


class LocalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the local voice: its phrases and its reply to each intent.

    `replies` maps an intent to a text. The intent `fallback` answers speech that was not
    understood, and the voice hangs up after the reply to `goodbye`.
    """

    phrases: Annotated[tuple[Phrase, ...], means("the phrases that are understood")] = ()
    replies: Annotated[dict[str, str], means("the reply to each intent, by its name")] = {}


class Language(StrEnum):
    """The languages that an agent speaks (live streams, 7.3)."""

    ENGLISH = "en"
    HAUSA = "ha"
    YORUBA = "yo"
    IGBO = "ig"
    NIGERIAN_PIDGIN = "pcm"
    FRENCH = "fr"
    ARABIC = "ar"
    PORTUGUESE = "pt"
    AUTO = "auto"  # whatever the caller speaks


#: The languages that recognisers know, by their codes; of the others they find out by themselves.
#: Nigerian Pidgin is heard as the English that most of its words are.
_HEARD_AS = {
    Language.ENGLISH: "en",
    Language.HAUSA: "ha",
    Language.YORUBA: "yo",
    Language.NIGERIAN_PIDGIN: "en",
    Language.FRENCH: "fr",
    Language.ARABIC: "ar",
    Language.PORTUGUESE: "pt",
}


def heard_as(language: Language) -> str:
    """Return the code that a recogniser is told (ISO 639-1); empty where it finds out."""
    return _HEARD_AS.get(language, "")


class BuiltinTool(StrEnum):
    """The tools that a call runs itself (live streams, 5)."""

    HANG_UP = "hang_up"
    TRANSFER_CALL = "transfer_call"
    HOLD_CALL = "hold_call"
    RESUME_CALL = "resume_call"


class Agent(msgspec.Struct, frozen=True):
    """A row of `agents`: who answers, with which model, and how.

    An agent that is not `enabled` starts no sessions; running ones continue. Its calls are
    recorded if `recording_enabled`, and only with consent if `consent_required`; the workspace's
    switch stands above both: `workspace_records` is no column of `agents`. The window in
    which it may place calls is two times of day, `HH:MM`, or open at any time. Without an
    `idle_timeout_seconds` nobody is told of a caller's silence.
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
    recording_enabled: bool = False
    consent_required: bool = True
    webhook_url: str | None = None
    language: Language = Language.AUTO
    pre_call_announcement: str = ""
    shareable: bool = False
    call_window_start: str | None = None
    call_window_end: str | None = None
    idle_timeout_seconds: int | None = None
    builtin_tools: tuple[BuiltinTool, ...] = ()
    workspace_records: bool = False
