"""DTMF digits as clients write them: `0-9`, `A-D`, `*` and `#`; a `,` is a pause. Pure."""

import re

from ringline.domain.v1_limits import DIGITS

#: The same for a JSON Schema.
PATTERN = rf"[0-9A-D*#,]{{1,{DIGITS.most}}}"

_DIGITS = re.compile(PATTERN)


def are_digits(text: str) -> bool:
    """Return whether a text can be sent as digits."""
    return _DIGITS.fullmatch(text) is not None
