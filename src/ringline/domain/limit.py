"""One bound on a client or a provider, as a row of the tables of limits."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limit:
    """One bound: what is bounded, the maximum, and what happens beyond it."""

    what: str
    most: int
    unit: str
    beyond: str
    #: The setting that changes it, without its prefix; empty if there is none.
    setting: str = ""
