"""The models `gemini/*` of Gemini Live, as Google's Developer API offers them.

The service answers by itself and is interrupted by itself, takes one config for a whole
conversation, and cannot be told to stop. Prices and abilities: Google's list, as of November
2026. Audio is 25 tokens a second both ways, and what a caller says is billed as long as the
session lasts.
"""

from collections.abc import Mapping
from dataclasses import replace

from ringline.domain.agent import TurnDetectionType
from ringline.domain.config_members import Modality
from ringline.domain.model_list import Level, ModelAbout, Prices, TokenPrice
from ringline.domain.voice import VoiceCapabilities
from ringline.voices.gemini_voice import GeminiModel
from ringline.wire.gemini_live import INPUT_HZ, Dialect
from ringline.wire.gemini_reports import OUTPUT_HZ

CAPABILITIES = VoiceCapabilities(
    input_hz=INPUT_HZ,
    output_hz=OUTPUT_HZ,
    voices=(
        "Achernar",
        "Achird",
        "Algenib",
        "Algieba",
        "Alnilam",
        "Aoede",
        "Autonoe",
        "Callirrhoe",
        "Charon",
        "Despina",
        "Enceladus",
        "Erinome",
        "Fenrir",
        "Gacrux",
        "Iapetus",
        "Kore",
        "Laomedeia",
        "Leda",
        "Orus",
        "Puck",
        "Pulcherrima",
        "Rasalgethi",
        "Sadachbia",
        "Sadaltager",
        "Schedar",
        "Sulafat",
        "Umbriel",
        "Vindemiatrix",
        "Zephyr",
        "Zubenelgenubi",
    ),
    default_voice="Aoede",
    turn_detection=frozenset({TurnDetectionType.SERVER_VAD, TurnDetectionType.NONE}),
    tools=True,
    images=True,
    # What it is set up with. Transcripts are always on: the others decide what a client gets.
    fixed_members=frozenset(
        {"instructions", "voice", "temperature", "reasoning_effort", "turn_detection", "tools"}
    ),
    temperature=(0.0, 2.0),
    responds_by_itself=True,
    interrupts_by_itself=True,
    cancels=False,
)

_AUDIO_USD, _SPEECH_USD = 3.00, 12.00
_TEXT_USD, _WORDS_USD = 0.75, 4.50

ABOUT = ModelAbout(
    provider_name="Google",
    name="Gemini 3.8 Live",
    description="Speech to speech, with tools and images.",
    speed=Level.HIGH,
    quality=Level.HIGH,
    # 30 s heard and 30 s spoken, at 25 tokens a second.
    cost=750 * (_AUDIO_USD + _SPEECH_USD) / 1_000_000,
    context_window=131_072,
    prices=Prices(
        input=(TokenPrice(Modality.AUDIO, _AUDIO_USD), TokenPrice(Modality.TEXT, _TEXT_USD)),
        output=(TokenPrice(Modality.AUDIO, _SPEECH_USD), TokenPrice(Modality.TEXT, _WORDS_USD)),
    ),
)

#: The models, newest first.
MODELS: Mapping[str, GeminiModel] = {
    "gemini/gemini-3.8-live": GeminiModel(CAPABILITIES, ABOUT, Dialect()),
    "gemini/gemini-3.8-live-extended-thinking": GeminiModel(
        CAPABILITIES,
        replace(
            ABOUT,
            name="Gemini 3.8 Live, extended thinking",
            description="Speech to speech, with tools and images; reasons while it speaks.",
            speed=Level.MEDIUM,
        ),
        Dialect(works_in_background=True),
    ),
    "gemini/gemini-3.1-flash-live-preview": GeminiModel(
        replace(CAPABILITIES, reasoning_efforts=("minimal", "low", "medium", "high")),
        replace(
            ABOUT,
            name="Gemini 3.1 Flash Live Preview",
            description="The predecessor of Gemini 3.8 Live.",
            quality=Level.MEDIUM,
            deprecated=True,
        ),
        Dialect(tools_block=True, thinks_on_demand=True, types_in_realtime=True),
    ),
}
