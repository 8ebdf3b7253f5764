"""Patterns that clients write: RE2's, which never backtrack (live streams, 6.7). Pure.

A search takes time in proportion to the text and to the compiled pattern, so both are bounded.
There are no look-arounds and no back-references: RE2 refuses them.
"""

from functools import lru_cache

import re2

from ringline.domain import v1_limits

#: How many compiled patterns are kept; they are some KiB each.
_KEPT = 256


class BadPattern(ValueError):
    """A pattern is none, or its program would be too large; `problem` does not quote it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def check_pattern(pattern: str) -> None:
    """Check that a pattern can be searched for. Raises BadPattern."""
    _compiled(pattern)


def is_found(pattern: str, text: str) -> bool:
    """Return whether a pattern is somewhere in a text. Raises BadPattern."""
    return _compiled(pattern).search(text) is not None


@lru_cache(maxsize=_KEPT)
def _compiled(pattern: str) -> "re2.Pattern":
    if len(pattern) > v1_limits.MATCH_VALUE.most:
        raise BadPattern("is too long")
    options = re2.Options()
    options.max_mem = v1_limits.PATTERN_KIB.most * 1024
    options.log_errors = False  # RE2 would write the pattern to stderr
    options.never_capture = True
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeError):
        raise BadPattern("is no pattern of RE2, or one of too many states") from None
