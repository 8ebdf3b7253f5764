"""The voices of all providers that are reached with a key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ringline.domain.providers import VoiceProvider
from ringline.ports import OpenVoice
from ringline.voices import gemini, openai, openai_live, xai
from ringline.voices.detectors import DetectorLibrary
from ringline.voices.gemini_voice import GeminiVoices
from ringline.voices.openai_live_voice import LiveVoices
from ringline.voices.upstream import Upstream, UpstreamModel, with_further
from ringline.voices.upstream_voice import UpstreamVoices

#: The providers that speak OpenAI's realtime protocol, each in its dialect.
OF_OPENAIS_PROTOCOL = (
    (VoiceProvider.OPENAI, openai.DIALECT, openai.MODELS),
    (VoiceProvider.XAI, xai.DIALECT, xai.MODELS),
)

#: The names of all models of providers.
MODELS = frozenset(
    name
    for models in (*(row[2] for row in OF_OPENAIS_PROTOCOL), openai_live.MODELS, gemini.MODELS)
    for name in models
)


@dataclass(frozen=True, slots=True)
class Voices:
    """Models of a provider, and what opens a conversation with any of them."""

    provider: VoiceProvider
    models: Mapping[str, UpstreamModel]
    open: OpenVoice


def voices_of_providers(
    upstreams: Mapping[VoiceProvider, Upstream],
    *,
    detector: DetectorLibrary,
    delegation_model: str,
    further: Mapping[str, str],
) -> Sequence[Voices]:
    """Return the voices of all providers; `further` are models like others, by their names."""
    found: list[Voices] = []
    for provider, dialect, models in OF_OPENAIS_PROTOCOL:
        all_models = with_further(models, further)
        voices = UpstreamVoices(upstreams[provider], dialect, models=all_models)
        found.append(Voices(provider, all_models, voices.open))
    live_models = with_further(openai_live.MODELS, further)
    live = LiveVoices(
        upstreams[VoiceProvider.OPENAI],
        live_models,
        delegation_model=delegation_model,
        detector=detector,
    )
    gemini_models = with_further(gemini.MODELS, further)
    google = GeminiVoices(upstreams[VoiceProvider.GEMINI], gemini_models, detector=detector)
    return [
        *found,
        Voices(VoiceProvider.OPENAI, live_models, live.open),
        Voices(VoiceProvider.GEMINI, gemini_models, google.open),
    ]
