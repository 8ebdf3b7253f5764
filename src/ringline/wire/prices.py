"""The price table as TOML (voices, 4): `RINGLINE_PRICES_FILE`, and the table in the package.

    date = "2026-11-28"

    ["openai/gpt-realtime-2.1"]
    audio_in = 32

A mistake is reported by its table and key, never by its value.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from math import isfinite
from typing import Any, cast

from ringline.domain.prices import ModelPrices, PriceList

DATE = "date"

_KEYS = frozenset(field.name for field in fields(ModelPrices))
_LINE = re.compile(r"at line (\d+)")


class BadPrices(ValueError):
    """A price table cannot be read; the text is a clause that says why."""


def read_prices(text: str) -> PriceList:
    """Read a price table. Raises BadPrices."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = _LINE.search(str(error))  # the rest of the message quotes the file
        where = f" at line {line[1]}" if line else ""
        raise BadPrices(f"it is not valid TOML{where}") from None
    except RecursionError:
        raise BadPrices("it is nested too deeply") from None
    day = _date(tables.pop(DATE, None))
    return PriceList(day, {model: _prices(model, table) for model, table in tables.items()})


def _date(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise BadPrices(f'{DATE} must be a day, such as {DATE} = "2026-11-28"') from None


def _prices(model: str, table: object) -> ModelPrices:
    if not isinstance(table, dict):
        raise BadPrices(f'{model} must be a table of a model or a prefix, such as ["openai/"]')
    prices = cast("Mapping[str, Any]", table)
    for key, price in prices.items():
        if key not in _KEYS:
            known = ", ".join(field.name for field in fields(ModelPrices))
            raise BadPrices(f'["{model}"] has no price "{key}"; the prices are {known}')
        if isinstance(price, bool) or not isinstance(price, int | float) or not _is_price(price):
            raise BadPrices(f'["{model}"] {key} must be a number of US dollars from 0')
    return ModelPrices(**{key: float(price) for key, price in prices.items()})


def _is_price(price: float) -> bool:
    try:
        return isfinite(price) and price >= 0
    except OverflowError:  # an integer that no float can hold
        return False
