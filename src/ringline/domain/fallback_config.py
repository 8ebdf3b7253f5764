"""The config of a session as another model than its own can have it (voices, 5). Pure."""

import msgspec

from ringline.domain.agent import TurnDetectionType
from ringline.domain.config_members import Modality, SessionConfig
from ringline.domain.voice import VoiceCapabilities


def config_for(config: SessionConfig, model: str, *, can: VoiceCapabilities) -> SessionConfig:
    """Return a config for a model that takes over; for the config's own model, as it stands.

    What the model does not offer becomes its default: the client has been told its own
    model's voices and abilities, and keeps what it asked for once that model is back.
    """
    if model == config.model:
        return config
    detection = config.turn_detection
    if detection.type not in can.turn_detection:
        detection = msgspec.structs.replace(detection, type=TurnDetectionType.SERVER_VAD)
    modalities = tuple(kind for kind in config.modalities if kind in can.modalities)
    return msgspec.structs.replace(
        config,
        model=model,
        voice=_voice(config.voice, can),
        modalities=modalities or (Modality.AUDIO,),
        temperature=_temperature(config.temperature, can),
        reasoning_effort=(
            config.reasoning_effort if config.reasoning_effort in can.reasoning_efforts else ""
        ),
        input_transcription_model="",  # its name is the provider's
        turn_detection=detection,
        tools=config.tools if can.tools else (),
        local=config.local if can.dialogue else None,
    )


def _voice(asked: str, can: VoiceCapabilities) -> str:
    spellings = {voice.casefold(): voice for voice in can.voices}
    return spellings.get(asked.casefold(), can.default_voice)


def _temperature(asked: float | None, can: VoiceCapabilities) -> float | None:
    if asked is None or can.temperature is None:
        return None
    low, high = can.temperature
    return min(max(asked, low), high)
