"""What calls cost, by the price list; a model that it does not know is logged once."""

import structlog

from ringline.domain.prices import ModelPrices, PriceList
from ringline.domain.voice import Usage, UsageKind

_log = structlog.get_logger(__name__)

_FREE = ModelPrices()


class Pricing:
    """Prices the usage of voices."""

    def __init__(self, prices: PriceList) -> None:
        self.prices = prices
        self._unpriced: set[str] = set()  # bounded: only models of the catalogue get here

    def usd(self, model: str, kind: UsageKind, *, usage: Usage) -> float:
        """Return what a usage costs in USD; 0 for a model without a price."""
        prices = self.prices.find(model)
        if prices is None and model not in self._unpriced:
            self._unpriced.add(model)
            _log.warning("model_without_price", model=model)
        return (prices or _FREE).usd(kind, usage)
