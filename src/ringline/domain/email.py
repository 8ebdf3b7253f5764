"""Patterns of email addresses, in any script (RFC 6531), deliberately permissive.

Only a message can prove that an address exists. So the pattern asks for one `@` with
something on both sides, and for no whitespace or control characters.
"""

import re

from ringline.domain import limits

#: Characters that no address contains, for a set in a regular expression.
_BLANKS = r"\s\x00-\x1f\x7f-\x9f"

#: Patterns of a whole text: a person's id of the client's own, and an email address.
PRINTABLE = rf"[^{_BLANKS}]+"
EMAIL = rf"[^{_BLANKS}@]+@[^{_BLANKS}@]+"

_EMAIL = re.compile(EMAIL)


def is_email(text: str) -> bool:
    """Return whether a text can be an email address, and is no longer than one may be."""
    return len(text) <= limits.EMAIL_CHARACTERS.most and bool(_EMAIL.fullmatch(text))
