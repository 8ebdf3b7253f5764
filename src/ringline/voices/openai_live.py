"""The models `openai/gpt-live-*` of OpenAI's Live sessions.

They hear and speak at once, decide themselves when they speak, and charge for the minute.
Reasoning and tools are the work of a backend model (`OPENAI_DELEGATION_MODEL`), whose tokens
are charged beside. Prices and abilities: OpenAI's list, as of November 2026.
"""

from collections.abc import Mapping
from dataclasses import replace

from ringline.domain.agent import TurnDetectionType
from ringline.domain.model_list import Level, ModelAbout, Prices
from ringline.domain.voice import VoiceCapabilities
from ringline.voices.upstream import UpstreamModel
from ringline.wire.openai_live import RATE_HZ

CAPABILITIES = VoiceCapabilities(
    input_hz=RATE_HZ,
    output_hz=RATE_HZ,
    voices=(
        "alloy",
        "ash",
        "ballad",
        "beacon",
        "bossa",
        "cedar",
        "cinder",
        "coral",
        "delta",
        "echo",
        "gleam",
        "marin",
        "meridian",
        "quartz",
        "ripple",
        "sage",
        "shida",
        "shimmer",
        "stone",
        "tempo",
        "verse",
        "vesper",
        "willow",
    ),
    default_voice="marin",
    # It hears the caller all the time: an order cannot end a turn there.
    turn_detection=frozenset({TurnDetectionType.SERVER_VAD}),
    # Of the backend model; these are the ones of the default.
    reasoning_efforts=("none", "low", "medium", "high", "xhigh"),
    tools=True,
    fixed_members=frozenset({"instructions", "voice"}),
    responds_by_itself=True,
    interrupts_by_itself=True,
    cancels=False,
)

ABOUT = ModelAbout(
    provider_name="OpenAI",
    name="GPT Live 1.1",
    description="Listens while it speaks; another model reasons and calls tools for it.",
    speed=Level.HIGH,
    quality=Level.HIGH,
    cost=0.05,
    prices=Prices(usd_per_minute=0.05),
)

#: The models, newest first.
MODELS: Mapping[str, UpstreamModel] = {
    "openai/gpt-live-1.1": UpstreamModel(CAPABILITIES, ABOUT),
    "openai/gpt-live-1": UpstreamModel(CAPABILITIES, replace(ABOUT, name="GPT Live 1")),
}
