"""What a call's voices use, as it is accounted for (voices, 4). Pure."""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite

from ringline.domain import voice_limits
from ringline.domain.voice import Usage

#: A provider that reports more of anything at once is not believed.
MOST = voice_limits.REPORTED_UNITS.most

#: The units, and what they count; no token is in two of them.
UNITS: Mapping[str, str] = {
    "audio_in_tokens": "tokens of audio that the model was given",
    "audio_cached_tokens": "tokens of audio that the provider took from its cache",
    "audio_out_tokens": "tokens of speech that the model produced",
    "text_in_tokens": "tokens of text that the model was given, tools included",
    "text_cached_tokens": "tokens of text that the provider took from its cache",
    "text_out_tokens": "tokens of text that the model produced, thoughts included",
    "seconds": "seconds that are billed by time",
    "text_items": "texts that are billed by the item",
}


def plausible(usage: Usage) -> Usage:
    """Return a usage whose every unit is between 0 and `MOST`."""
    if all(0 <= getattr(usage, unit) <= MOST for unit in UNITS):
        return usage
    return replace(usage, **{unit: _bounded(getattr(usage, unit)) for unit in UNITS})


def _bounded(value: float) -> float:
    if isinstance(value, float) and not isfinite(value):
        return 0.0
    return max(type(value)(0), min(type(value)(MOST), value))
