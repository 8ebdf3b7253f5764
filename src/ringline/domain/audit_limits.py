"""The bounds of the audit log. `limits.py` says what a row means."""

from ringline.domain.limit import Limit

REFUSALS_PER_MINUTE = Limit(
    "refused deeds of one actor that the audit log of a workspace keeps in a minute",
    30,
    "entries",
    "refused all the same, without an entry",
)

ROWS = (REFUSALS_PER_MINUTE,)
