"""The models `mock/echo`, `mock/asym` and `mock/chat`, for tests of applications.

The first two open a `MockVoice`, which says back what it is told, the same to the same
(docs/howto/test-your-app.md); `mock/chat` is in the catalogue alone, a model that is not
realtime.
"""

from dataclasses import replace

from ringline.domain.agent import TurnDetectionType
from ringline.domain.config_members import Modality
from ringline.domain.model_list import Level, ModelAbout, Prices, TokenPrice
from ringline.domain.voice import VoiceCapabilities, VoiceOpening
from ringline.ports import VoiceListener
from ringline.voices.mock_sound import OUTPUT_HZ
from ringline.voices.mock_usage import HEARD_PER_S, SPOKEN_PER_S, USD_PER_MILLION
from ringline.voices.mock_voice import MockVoice

ECHO_MODEL = "mock/echo"
ASYM_MODEL = "mock/asym"
CHAT_MODEL = "mock/chat"

ECHO = VoiceCapabilities(
    input_hz=24_000,
    output_hz=OUTPUT_HZ,
    voices=("a", "b"),
    default_voice="a",
    modalities=frozenset({Modality.AUDIO, Modality.TEXT}),
    turn_detection=frozenset({TurnDetectionType.SERVER_VAD, TurnDetectionType.NONE}),
    reasoning_efforts=("low", "high"),
    tools=True,
    images=True,
)

ASYM = VoiceCapabilities(
    input_hz=16_000,
    output_hz=OUTPUT_HZ,
    voices=("a",),
    default_voice="a",
    turn_detection=frozenset({TurnDetectionType.SERVER_VAD}),
    tools=True,
)

_PRICES = tuple(TokenPrice(kind, USD_PER_MILLION) for kind in (Modality.AUDIO, Modality.TEXT))

#: About itself; a minute is taken to be 30 s heard and 30 s spoken.
ABOUT_ECHO = ModelAbout(
    provider_name="Test voices",
    name="Echo",
    description="For tests of apps: says back what it is told, and obeys commands.",
    speed=Level.HIGH,
    quality=Level.LOW,
    cost=30 * (HEARD_PER_S + SPOKEN_PER_S) * USD_PER_MILLION / 1_000_000,
    prices=Prices(input=_PRICES, output=_PRICES),
)
ABOUT_ASYM = replace(
    ABOUT_ECHO,
    name="Asymmetric echo",
    description="For tests of apps: like Echo, but hears at another rate and can do less.",
)
ABOUT_CHAT = ModelAbout(
    provider_name=ABOUT_ECHO.provider_name,
    name="Chat",
    description="For tests of apps: a model that is listed and is not realtime.",
)


async def open_echo(opening: VoiceOpening, listener: VoiceListener) -> MockVoice:
    """Open a conversation with `mock/echo` (`ports.OpenVoice`)."""
    return MockVoice(opening, listener, capabilities=ECHO)


async def open_asym(opening: VoiceOpening, listener: VoiceListener) -> MockVoice:
    """Open a conversation with `mock/asym` (`ports.OpenVoice`)."""
    return MockVoice(opening, listener, capabilities=ASYM)
