"""The price list: the table in the package, or the operator's own (voices, 4)."""

from importlib.resources import files
from pathlib import Path

from ringline.config.variables import PREFIX, SettingsProblem
from ringline.domain import limits
from ringline.domain.prices import PriceList
from ringline.wire.prices import BadPrices, read_prices

_SETTING = f"{PREFIX}PRICES_FILE"


def load_prices(path: Path | None) -> PriceList:
    """Read a price list, by default the one in the package. Raises SettingsProblem."""
    if path is None:
        return read_prices(files(__package__ or "").joinpath("prices.toml").read_text("utf-8"))
    try:
        with path.open("rb") as file:
            content = file.read(limits.PRICES_BYTES.most + 1)
        if len(content) > limits.PRICES_BYTES.most:
            raise BadPrices("it is too large")
        return read_prices(content.decode("utf-8"))
    except BadPrices as problem:
        raise SettingsProblem(f"{_SETTING} is invalid: {problem}.") from None
    except UnicodeDecodeError:
        raise SettingsProblem(f"{_SETTING} is invalid: it is not text in UTF-8.") from None
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise SettingsProblem(f"{_SETTING} cannot be read: {reason}.") from None
