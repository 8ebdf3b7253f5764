"""The bounds of webhooks: of their receivers, and of those who register them (live streams, 3).

`limits.py` says what a row means.
"""

from ringline.domain.limit import Limit

URL_CHARACTERS = Limit(
    "the URL of a webhook", 2_048, "characters", "400 `INVALID_ARGUMENT`; `invalid_attribute`"
)

ROWS = (URL_CHARACTERS,)
