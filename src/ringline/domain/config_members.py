"""The config of a voice session: its members, their meanings and their defaults.

The same object is `config` of the mint and of `session.start` (realtime voice, 4), and a
voice is opened with it. Its members are listed nowhere else: decoding, warnings about unknown
members, the reference and the SDK all use these classes.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

from ringline.domain.agent import LocalSettings, RequestedTurnDetection, Tool, TurnDetection
from ringline.domain.members import REQUIRED, Member, means, members_of

AUDIO_FORMAT = "pcm16"


class Modality(StrEnum):
    """What a voice answers with."""

    AUDIO = "audio"
    TEXT = "text"


class RequestedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The config as a client asks for it; its model may not offer all of it."""

    model: Annotated[
        str,
        means(
            "the model that speaks, as `provider/model`; fixed for the session, and required "
            "unless the ticket or an agent brings one",
            REQUIRED,
        ),
    ] = ""
    instructions: Annotated[str, means("the model's system prompt")] = ""
    voice: Annotated[
        str,
        means("a voice that the model offers, in upper or lower case", "the model's default voice"),
    ] = ""
    modalities: Annotated[
        tuple[str, ...],
        means(
            "how the agent answers: `audio`, `text` or both; with `text`, `text.delta` is sent "
            "whatever `output_transcription` says"
        ),
    ] = (Modality.AUDIO,)
    temperature: Annotated[
        float | None,
        means(
            "how freely the model chooses its words, within its own range; ignored by a model "
            "without this setting",
            "the provider's",
        ),
    ] = None
    reasoning_effort: Annotated[
        str,
        means(
            "how long the model reasons, as one of its levels; refused by a model without levels"
        ),
    ] = ""
    input_audio_format: Annotated[str, means("of `audio.append`; the only one")] = AUDIO_FORMAT
    output_audio_format: Annotated[str, means("of `audio.delta`; the only one")] = AUDIO_FORMAT
    input_transcription: Annotated[
        bool,
        means("whether to send `transcript.committed`, what the caller said"),
    ] = False
    input_transcription_model: Annotated[
        str, means("which recogniser the provider uses; empty leaves the choice to it")
    ] = ""
    output_transcription: Annotated[
        bool,
        means("whether to send `text.delta`, what the agent says"),
    ] = False
    turn_detection: Annotated[
        RequestedTurnDetection,
        means("how the end of the caller's turn is detected", '{"type":"server_vad"}'),
    ] = RequestedTurnDetection()
    tools: Annotated[
        tuple[Tool, ...],
        means(
            "functions that the model may ask the client to run; refused by a model without tools"
        ),
    ] = ()
    local: Annotated[
        LocalSettings | None,
        means(
            "what `local/attendant` understands and says (local-voice.md); other models ignore "
            "it, which `warnings` reports",
            "none",
        ),
    ] = None
    translation_target_language: Annotated[
        str,
        means("for a translation model, the language it speaks; refused by every other model"),
    ] = ""


class SessionConfig(RequestedConfig, frozen=True, kw_only=True):
    """The config as a session runs with it: whole, and valid for its model."""

    modalities: tuple[Modality, ...] = (Modality.AUDIO,)
    turn_detection: TurnDetection = TurnDetection()


def plain_config(config: SessionConfig) -> dict[str, object]:
    """Return a config as JSON's values, without the members that have none."""
    members: dict[str, object] = msgspec.to_builtins(config)
    return {name: value for name, value in members.items() if value is not None}


MEMBERS: tuple[Member, ...] = members_of(RequestedConfig)
NAMES: frozenset[str] = frozenset(member.name for member in MEMBERS)
