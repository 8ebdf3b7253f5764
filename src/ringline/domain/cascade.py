"""A cascade: a voice made of three models behind HTTP endpoints.

One model writes down what the caller says, one answers, one speaks the answer. The endpoints
are the operator's, from a file (`config/voices_file.py`); a workspace cannot change them.
"""

from dataclasses import dataclass

from pydantic import SecretStr

from ringline.domain.config_members import Modality
from ringline.domain.model_list import ModelAbout
from ringline.domain.voice import VoiceCapabilities

#: What a cascade hears and speaks, in Hz (voices, 2).
HEARS_HZ = 16_000
SPEAKS_HZ = 24_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model of a cascade is asked: requests go to paths below `url`.

    Without a key, requests carry no `Authorization`.
    """

    url: str
    model: str
    key: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Cascade:
    """One cascade, by its name; the first of its voices is the default."""

    name: str
    voices: tuple[str, ...]
    transcription: Endpoint
    chat: Endpoint
    speech: Endpoint
    #: The callers' language as the transcription endpoint names it; empty lets it find out.
    language: str = ""

    @property
    def model(self) -> str:
        """Return the model's name in the catalogue."""
        return f"cascade/{self.name}"

    @property
    def capabilities(self) -> VoiceCapabilities:
        """Return what it can do; whether its chat model sees images, only that model knows."""
        return VoiceCapabilities(
            input_hz=HEARS_HZ,
            output_hz=SPEAKS_HZ,
            voices=self.voices,
            default_voice=self.voices[0],
            modalities=frozenset({Modality.AUDIO, Modality.TEXT}),
            tools=True,
            images=True,
            temperature=(0.0, 2.0),
        )

    @property
    def about(self) -> ModelAbout:
        """Return what the list of models says about it."""
        models = (self.transcription.model, self.chat.model, self.speech.model)
        return ModelAbout(
            provider_name="This server's own models",
            name=self.name,
            description="Transcription by {}, answers by {}, speech by {}.".format(*models),
        )
