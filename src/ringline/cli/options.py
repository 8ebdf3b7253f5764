"""Options that several commands share, and how their values are read."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn, TypeAlias

from cyclopts import Parameter

from ringline.cli.files import DEV_KEYS, read_key_ring
from ringline.cli.outcome import fail
from ringline.config import PREFIX, Settings, cleaned, read_web_url, refuse_unknown

DataDir: TypeAlias = Annotated[
    Path | None,
    Parameter(
        name="--data-dir",
        help="The directory of the embedded database and of `ringline dev`'s keys. "
        "[default: RINGLINE_DATA_DIR, else the platform's directory for data; for root "
        "/var/lib/ringline]",
    ),
]
Url: TypeAlias = Annotated[
    str | None,
    Parameter(
        name="--url",
        help="The server's address. [default: RINGLINE_URL, else that of `ringline dev`]",
    ),
]
ApiKey: TypeAlias = Annotated[
    str | None,
    Parameter(
        name="--key",
        help="A secret key (sk_…). Other users of this machine may see it here: prefer "
        "RINGLINE_KEY. [default: RINGLINE_KEY, else the key of `ringline dev`]",
    ),
]
Json: TypeAlias = Annotated[
    bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON for programs.")
]

URL_VARIABLE = f"{PREFIX}URL"
KEY_VARIABLE = f"{PREFIX}KEY"


@dataclass(frozen=True, slots=True)
class Target:
    """The server that a command talks to, and the key for it."""

    url: str
    key: str

    def __repr__(self) -> str:
        return f"Target({self.url!r})"


def find_target(
    url: str | None, key: str | None, *, data_dir: Path | None, management: bool = False
) -> Target:
    """Choose server and key: options, else the environment, else `DIR/dev-keys.json`.

    `management` takes the management key of that file. Raises CommandProblem, SettingsProblem.
    """
    refuse_unknown(os.environ, Settings.names())
    url = _read_url(cleaned(url or os.environ.get(URL_VARIABLE, "")))
    key = cleaned(key or os.environ.get(KEY_VARIABLE, "")) or None
    if url is not None and key is not None:
        return Target(url, key)
    path = Settings.read(data_dir=data_dir).data_dir / DEV_KEYS
    ring = read_key_ring(path)
    kept = "" if ring is None else ring.management_key if management else ring.secret_key
    if ring is None or not kept:
        lacking = " and ".join(
            name
            for name, value in (
                (f"--url or {URL_VARIABLE}", url),
                (f"--key or {KEY_VARIABLE}", key),
            )
            if value is None
        )
        fail(f"No server is known: pass {lacking}, or start `ringline dev` (there is no {path}).")
    # Never send the key stored here to a server that was named elsewhere.
    if url is not None and url != ring.base_url:
        fail(f"No key is known for {url}: pass --key or set {KEY_VARIABLE}.")
    return Target(ring.base_url, key or kept)


def _read_url(url: str) -> str | None:
    if not url:
        return None
    try:
        return read_web_url(url)
    except ValueError as error:
        fail(f"{url} is not a server's URL: {error}.")


def read_json(option: str, text: str | None, *, or_text: bool = False) -> object:
    """Read an option's JSON; with `or_text`, other text is returned unchanged.

    Raises CommandProblem.
    """
    if text is None:
        return None
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        fail(f"{option} is not valid JSON: it is nested too deeply.")
    except ValueError as error:
        if or_text:
            return text
        fail(f"{option} is not valid JSON: {str(error)[:1].lower()}{str(error)[1:]}.")


def read_names(option: str, text: str | None) -> object:
    """Read a list of names: separated by commas, or as JSON. Raises CommandProblem."""
    if text is None or text.lstrip().startswith("["):
        return read_json(option, text)
    return [name.strip() for name in text.split(",") if name.strip()]


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(f"no number is {name}")
