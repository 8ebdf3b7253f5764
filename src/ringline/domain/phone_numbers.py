"""Phone numbers in E.164: `+`, the country's code, and at most 15 digits in all. Pure."""

import re

#: The same for a JSON Schema.
PATTERN = r"\+[1-9][0-9]{1,14}"

_E164 = re.compile(PATTERN)


def is_e164(text: str) -> bool:
    """Return whether a text is a number in E.164; whether it exists is another question."""
    return _E164.fullmatch(text) is not None
