"""The models `openai/*` that speak OpenAI's realtime protocol, as generally available.

The provider detects the caller's turns, and the call decides when it answers: so a paused
agent costs nothing, and one rule holds for every voice. The recogniser cannot be changed while
the session runs. Prices and abilities: OpenAI's list, as of November 2026.
"""

from collections.abc import Mapping
from dataclasses import replace

from ringline.domain.agent import TurnDetectionType
from ringline.domain.config_members import Modality
from ringline.domain.model_list import Level, ModelAbout, Prices, TokenPrice
from ringline.domain.voice import VoiceCapabilities
from ringline.voices.upstream import UpstreamModel
from ringline.wire.openai_realtime import OPENAI, RATE_HZ

DIALECT = OPENAI

CAPABILITIES = VoiceCapabilities(
    input_hz=RATE_HZ,
    output_hz=RATE_HZ,
    voices=(
        "alloy",
        "ash",
        "ballad",
        "coral",
        "echo",
        "sage",
        "shimmer",
        "verse",
        "marin",
        "cedar",
    ),
    default_voice="marin",
    modalities=frozenset({Modality.AUDIO, Modality.TEXT}),
    turn_detection=frozenset(TurnDetectionType),
    reasoning_efforts=("minimal", "low", "medium", "high", "xhigh"),
    tools=True,
    images=True,
    fixed_members=frozenset({"input_transcription", "input_transcription_model"}),
)


def _prices(*, audio: tuple[float, float, float], text: tuple[float, float, float]) -> Prices:
    """Return the prices of a million tokens: in, cached, out."""
    kinds = {Modality.AUDIO: audio, Modality.TEXT: text}
    into, cached, out = (
        tuple(TokenPrice(kind, usd[column]) for kind, usd in kinds.items()) for column in range(3)
    )
    return Prices(input=into, cached_input=cached, output=out)


ABOUT = ModelAbout(
    provider_name="OpenAI",
    name="GPT Realtime 2.1",
    description="Speech to speech, with tools, images and a choice of reasoning effort.",
    speed=Level.MEDIUM,
    quality=Level.HIGH,
    # 30 s heard at 10 tokens a second, 30 s spoken at 20.
    cost=(300 * 32.0 + 600 * 64.0) / 1_000_000,
    context_window=128_000,
    prices=_prices(audio=(32.0, 0.40, 64.0), text=(4.0, 0.40, 24.0)),
)

#: The models, newest first.
MODELS: Mapping[str, UpstreamModel] = {
    "openai/gpt-realtime-2.1": UpstreamModel(CAPABILITIES, ABOUT),
    "openai/gpt-realtime-2.1-mini": UpstreamModel(
        CAPABILITIES,
        replace(
            ABOUT,
            name="GPT Realtime 2.1 mini",
            description="The smaller and cheaper of OpenAI's speech models.",
            speed=Level.HIGH,
            quality=Level.MEDIUM,
            cost=(300 * 10.0 + 600 * 20.0) / 1_000_000,
            prices=_prices(audio=(10.0, 0.30, 20.0), text=(0.60, 0.06, 2.40)),
        ),
    ),
    "openai/gpt-realtime-2": UpstreamModel(CAPABILITIES, replace(ABOUT, name="GPT Realtime 2")),
}
