"""What a check of `ringline doctor` results in."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """The result of a check."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and how to fix it."""

    check: str
    grade: Grade
    found: str
    advice: str = ""
