"""The models `xai/*`: a dialect of OpenAI's realtime protocol.

xAI answers each turn by itself and stops when the caller speaks; the call claims those answers
for the responses that it asks for. It detects turns by silence alone, speaks a given text as
it stands, and charges for the minute. Prices and abilities: xAI's list, as of November 2026.
"""

from collections.abc import Mapping
from dataclasses import replace

from ringline.domain.agent import TurnDetectionType
from ringline.domain.model_list import Level, ModelAbout, Prices
from ringline.domain.voice import VoiceCapabilities
from ringline.voices.upstream import UpstreamModel
from ringline.wire.openai_realtime import RATE_HZ, Dialect

DIALECT = Dialect(
    opens_with="conversation.created",
    transcription_model="grok-transcribe",
    flat_session=True,
    thresholds=(0.1, 0.9),
    answers_turns=True,
    speaks_scripts=True,
    names_responses=False,
    voice_is_fixed=False,
    bills_time=True,
)

CAPABILITIES = VoiceCapabilities(
    input_hz=RATE_HZ,
    output_hz=RATE_HZ,
    voices=("ara", "eve", "leo", "rex", "sal"),
    default_voice="ara",
    turn_detection=frozenset({TurnDetectionType.SERVER_VAD}),
    tools=True,
    interrupts_by_itself=True,
)

ABOUT = ModelAbout(
    provider_name="xAI",
    name="Grok Voice",
    description="Speech to speech, with tools, at a price by the minute.",
    speed=Level.HIGH,
    quality=Level.HIGH,
    cost=0.08,
    prices=Prices(usd_per_minute=0.08),
)

#: The models, newest first.
MODELS: Mapping[str, UpstreamModel] = {
    "xai/grok-voice-latest": UpstreamModel(CAPABILITIES, ABOUT),
    "xai/grok-voice-3.0": UpstreamModel(CAPABILITIES, replace(ABOUT, name="Grok Voice 3.0")),
}
