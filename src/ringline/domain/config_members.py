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
    instructions: Annotated[str, means("what the model is told to be and to do")] = ""
    voice: Annotated[
        str,
        means("a voice that the model offers, in upper or lower case", "the model's default voice"),
    ] = ""
    modalities: Annotated[
        tuple[str, ...],
        means(
            "what the agent answers with, `audio` or `text` or both; `text` sends `text.delta` "
            "whatever `output_transcription` says"
        ),
    ] = (Modality.AUDIO,)
    temperature: Annotated[
        float | None,
        means(
            "how freely the model chooses its words, within its own range; passed over by a "
            "model that has no such choice",
            "the provider's",
        ),
    ] = None
    reasoning_effort: Annotated[
        str,
        means(
            "how long the model thinks, in a word that it offers; refused by a model that "
            "offers none"
        ),
    ] = ""
    input_audio_format: Annotated[str, means("of `audio.append`; there is no other")] = AUDIO_FORMAT
    output_audio_format: Annotated[str, means("of `audio.delta`; there is no other")] = AUDIO_FORMAT
    input_transcription: Annotated[
        bool,
        means("send `transcript.committed`, what the caller said; without it the client gets none"),
    ] = False
    input_transcription_model: Annotated[
        str, means("which of its recognisers the provider uses; empty is its own choice")
    ] = ""
    output_transcription: Annotated[
        bool,
        means("send `text.delta`, what the agent says; without it the client gets speech alone"),
    ] = False
    turn_detection: Annotated[
        RequestedTurnDetection,
        means("how the end of the caller's turn is found", '{"type":"server_vad"}'),
    ] = RequestedTurnDetection()
    tools: Annotated[
        tuple[Tool, ...],
        means(
            "functions that the model may ask the client to run; refused by a model that calls none"
        ),
    ] = ()
    local: Annotated[
        LocalSettings | None,
        means(
            "what `local/attendant` understands and says (local-voice.md); on other models it "
            "does nothing, which `warnings` say",
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


MEMBERS: tuple[Member, ...] = members_of(RequestedConfig)
NAMES: frozenset[str] = frozenset(member.name for member in MEMBERS)
