"""The members of a voice session's config, as one table (realtime voice, 4).

The same object is `config` of the mint and of `session.start`. No source but this table
states a default.
"""

from ringline.domain.members import Member, Shape

AUDIO_FORMAT = "pcm16"

_TURN_DETECTION = (
    Member(
        "type",
        Shape.TEXT,
        "`server_vad` ends a turn by the quiet after it, `semantic_vad` by its meaning, with "
        "`none` the client ends it by `audio.commit`; a model offers some of them",
        '"server_vad"',
    ),
    Member(
        "threshold",
        Shape.NUMBER,
        "0 to 1: how sure it must be that somebody speaks; more is less sensitive",
        "0.5",
    ),
    Member(
        "prefix_padding_ms",
        Shape.INTEGER,
        "0 to 10,000: how much sound before the detected speech belongs to the turn",
        "300",
    ),
    Member(
        "silence_duration_ms",
        Shape.INTEGER,
        "0 to 10,000: how much quiet ends a turn",
        "500",
    ),
)
_TOOL = (
    Member("name", Shape.TEXT, "what the model calls it; not empty, and given once"),
    Member("description", Shape.TEXT, "what it is for, told to the model", '""'),
    Member("parameters", Shape.OBJECT, "a JSON Schema of its arguments", "{}"),
)
_PHRASE = (
    Member("text", Shape.TEXT, "what the caller says, whole"),
    Member("intent", Shape.TEXT, "what it means: the name of a reply"),
)
_LOCAL = (
    Member("phrases", Shape.OBJECT, "what is understood", "[]", members=_PHRASE, many=True),
    Member("replies", Shape.OBJECT, "what is said to each intent, by its name", "{}"),
)

MEMBERS: tuple[Member, ...] = (
    Member(
        "model",
        Shape.TEXT,
        "the model that speaks, as `provider/model`; fixed for the session, and required "
        "unless the ticket or an agent brings one",
    ),
    Member("instructions", Shape.TEXT, "what the model is told to be and to do", '""'),
    Member(
        "voice",
        Shape.TEXT,
        "a voice that the model offers, in upper or lower case",
        "the model's default voice",
    ),
    Member(
        "modalities",
        Shape.TEXT,
        "what the agent answers with, `audio` or `text` or both; `text` sends `text.delta` "
        "whatever `output_transcription` says",
        '["audio"]',
        many=True,
    ),
    Member(
        "temperature",
        Shape.NUMBER,
        "how freely the model chooses its words, within its own range; passed over by a "
        "model that has no such choice",
        "the provider's",
    ),
    Member(
        "reasoning_effort",
        Shape.TEXT,
        "how long the model thinks, in a word that it offers; refused by a model that offers none",
        '""',
    ),
    Member("input_audio_format", Shape.TEXT, "of `audio.append`; there is no other", '"pcm16"'),
    Member("output_audio_format", Shape.TEXT, "of `audio.delta`; there is no other", '"pcm16"'),
    Member(
        "input_transcription",
        Shape.BOOLEAN,
        "send `transcript.committed`, what the caller said; without it the client gets none",
        "false",
    ),
    Member(
        "input_transcription_model",
        Shape.TEXT,
        "which of its recognisers the provider uses; empty is its own choice",
        '""',
    ),
    Member(
        "output_transcription",
        Shape.BOOLEAN,
        "send `text.delta`, what the agent says; without it the client gets speech alone",
        "false",
    ),
    Member(
        "turn_detection",
        Shape.OBJECT,
        "how the end of the caller's turn is found",
        '{"type":"server_vad"}',
        members=_TURN_DETECTION,
    ),
    Member(
        "tools",
        Shape.OBJECT,
        "functions that the model may ask the client to run; refused by a model that calls none",
        "[]",
        members=_TOOL,
        many=True,
    ),
    Member(
        "local",
        Shape.OBJECT,
        "what `local/attendant` understands and says (local-voice.md); on other models it does "
        "nothing, which `warnings` say",
        "none",
        members=_LOCAL,
    ),
    Member(
        "translation_target_language",
        Shape.TEXT,
        "for a translation model, the language it speaks; refused by every other model",
        '""',
    ),
)
NAMES: frozenset[str] = frozenset(member.name for member in MEMBERS)
