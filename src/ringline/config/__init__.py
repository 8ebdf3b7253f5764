"""Settings: an operator's choices, read from the environment (contract, 8).

They are read once and passed on as values: only the command line and `app` know about the
environment. `settings` is the table, `readings` parses its texts, and `variables` decides
which environment variables are ours. `prices` reads the file that a setting names.
"""

from ringline.config.prices import load_prices
from ringline.config.readings import read_web_url
from ringline.config.settings import (
    LEAST_SECRET_BYTES,
    REQUIRED_TO_SERVE,
    ROOTS_DATA,
    Provider,
    Settings,
    python_environment,
    secret_command,
)
from ringline.config.variables import (
    PREFIX,
    SettingsProblem,
    cleaned,
    refuse_unknown,
    service_links,
)
from ringline.config.voices_file import VoicesFile

__all__ = [
    "LEAST_SECRET_BYTES",
    "PREFIX",
    "REQUIRED_TO_SERVE",
    "ROOTS_DATA",
    "Provider",
    "Settings",
    "SettingsProblem",
    "VoicesFile",
    "cleaned",
    "load_prices",
    "python_environment",
    "read_web_url",
    "refuse_unknown",
    "secret_command",
    "service_links",
]
