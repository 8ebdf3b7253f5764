"""Settings: what an operator may choose, read from the environment (contract, 8).

Read here once, handed on as values: only the command line and `app` know that there is an
environment. `settings` is the table, `readings` how its texts are understood, `variables`
which variables of the environment are ours.
"""

from ringline.config.readings import read_web_url
from ringline.config.settings import (
    LEAST_SECRET_BYTES,
    REQUIRED_TO_SERVE,
    ROOTS_DATA,
    Settings,
    line_that_makes,
    python_environment,
)
from ringline.config.variables import (
    PREFIX,
    SettingsProblem,
    cleaned,
    refuse_unknown,
    service_links,
)

__all__ = [
    "LEAST_SECRET_BYTES",
    "PREFIX",
    "REQUIRED_TO_SERVE",
    "ROOTS_DATA",
    "Settings",
    "SettingsProblem",
    "cleaned",
    "line_that_makes",
    "python_environment",
    "read_web_url",
    "refuse_unknown",
    "service_links",
]
