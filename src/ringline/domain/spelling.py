"""Spelling of names: clients of RPC and the socket read camelCase, ours are snake_case."""

import re

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")
_STEP = re.compile(r"_([a-z0-9])")


def snake(name: str) -> str:
    """Return `phone_e164` for `phoneE164`."""
    return _HUMP.sub(r"_\1", name).lower()


def camel(name: str) -> str:
    """Return `phoneE164` for `phone_e164`; a camelCase name stays unchanged."""
    return _STEP.sub(lambda match: match[1].upper(), name)
