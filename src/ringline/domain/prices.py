"""What voices cost, by a table of list prices with its date (voices, 4). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from ringline.domain.voice import Usage, UsageKind

_MILLION = 1_000_000
_SECONDS_PER_MINUTE = 60


@dataclass(frozen=True, slots=True)
class ModelPrices:
    """A model's prices in USD: a million tokens of each kind, a minute, an item.

    Cached tokens without a price of their own cost as much as the others.
    """

    audio_in: float = 0.0
    audio_cached: float | None = None
    audio_out: float = 0.0
    text_in: float = 0.0
    text_cached: float | None = None
    text_out: float = 0.0
    minute: float = 0.0
    text_item: float = 0.0
    transcription_minute: float = 0.0

    def usd(self, kind: UsageKind, usage: Usage) -> float:
        """Return what a usage costs."""
        audio_cached = self.audio_in if self.audio_cached is None else self.audio_cached
        text_cached = self.text_in if self.text_cached is None else self.text_cached
        tokens = (
            usage.audio_in_tokens * self.audio_in
            + usage.audio_cached_tokens * audio_cached
            + usage.audio_out_tokens * self.audio_out
            + usage.text_in_tokens * self.text_in
            + usage.text_cached_tokens * text_cached
            + usage.text_out_tokens * self.text_out
        )
        minute = self.transcription_minute if kind is UsageKind.TRANSCRIPTION else self.minute
        time = usage.seconds / _SECONDS_PER_MINUTE * minute
        return tokens / _MILLION + time + usage.text_items * self.text_item


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices by model or by a prefix of models, and the day they were read on."""

    date: date
    rows: Mapping[str, ModelPrices]

    def find(self, model: str) -> ModelPrices | None:
        """Return a model's prices: its own row, else that of the longest prefix."""
        prefixes = (row for row in self.rows if model.startswith(row))
        longest = max(prefixes, key=len, default=None)
        return None if longest is None else self.rows[longest]
