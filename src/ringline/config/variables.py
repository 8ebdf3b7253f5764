"""Our environment variables, and their values as text.

Every `RINGLINE_` variable must be known: a misspelt one would silently leave its setting at
the default. Kubernetes sets variables of that form itself, for each service whose
name begins with `ringline` ("service links"); those are ignored.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher

PREFIX = "RINGLINE_"

#: Variables of the client commands, which a server ignores.
OF_THE_COMMAND_LINE = ("URL", "KEY")

_LINK_NAME = re.compile(
    r"_SERVICE_HOST\Z|_SERVICE_PORT(_|\Z)|_PORT_[0-9]+_(TCP|UDP|SCTP)(_|\Z)", re.ASCII
)
_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")
_QUOTES = ('"', "'")


class SettingsProblem(Exception):
    """An invalid setting; the text names it but does not quote its value."""


def cleaned(text: str) -> str:
    """Strip white space, line ends and quotes that surround a value.

    White space and line ends come from files with another system's line endings, quotes from
    tools that pass on the lines of an environment file unchanged.
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
        return text[1:-1].strip()
    return text


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return our variables without the prefix, in capitals and cleaned.

    Empty ones are left out. If a name exists in several cases, the one in capitals wins.
    """
    ours = sorted((name for name in environ if _is_ours(name)), key=lambda name: name.isupper())
    found = {_bare(name): cleaned(environ[name]) for name in ours if not _is_link(name, environ)}
    return {name: value for name, value in found.items() if value}


def service_links(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the variables that are Kubernetes' service links."""
    return tuple(sorted(name for name in environ if _is_ours(name) and _is_link(name, environ)))


def refuse_unknown(environ: Mapping[str, str], settings: Iterable[str]) -> None:
    """Reject an unknown variable with our prefix. Raises SettingsProblem.

    `settings` are the names that exist, without the prefix.
    """
    known = (*settings, *OF_THE_COMMAND_LINE)
    for name in sorted(environ):
        if not _is_ours(name) or _is_link(name, environ) or _bare(name) in known:
            continue
        nearest = max(known, key=lambda other: SequenceMatcher(None, _bare(name), other).ratio())
        raise SettingsProblem(f"{name} does not exist; did you mean {PREFIX}{nearest}?")


def _is_ours(name: str) -> bool:
    return name.upper().startswith(PREFIX)


def _bare(name: str) -> str:
    return name.upper().removeprefix(PREFIX)


def _is_link(name: str, environ: Mapping[str, str]) -> bool:
    name, value = name.upper(), environ[name]
    is_port = name.endswith("_PORT") and _LINK_VALUE.match(value) is not None
    return is_port or _LINK_NAME.search(name) is not None
