"""What a client prefers among representations (RFC 9110, 12.4 and 12.5)."""

import re

_WEIGHT_ZERO = re.compile(r";\s*q=0(?:\.0{0,3})?\s*(?:;|$)", re.IGNORECASE)


def is_named(field: str, name: str) -> bool:
    """Return whether an `Accept…` field names a value, with a weight above 0.

    Wildcards do not count: a browser names what it understands.
    """
    for element in field.split(","):
        value, _, parameters = element.partition(";")
        if value.strip().lower() == name:
            return _WEIGHT_ZERO.search(f";{parameters}") is None
    return False
