"""The script of a sandbox call: what its caller does, and when. Pure.

A call that is placed with a `sk_test_` key reaches nobody and costs nothing (live streams, 1.9;
contract, 5). Its caller follows this table, and is polite: while the agent speaks, or owes an
answer, they neither speak nor hang up. So the times are the earliest ones, and the order is
the same whatever the clock's scale is.
"""

from dataclasses import dataclass
from typing import TypeAlias

from ringline.domain.voice import VoiceCapabilities


@dataclass(frozen=True, slots=True)
class Speaks:
    """The caller speaks: the words of their turn so far, and whether the turn is over."""

    text: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class HangsUp:
    """The caller hangs up."""


Act: TypeAlias = Speaks | HangsUp


@dataclass(frozen=True, slots=True)
class Cue:
    """What the caller does, and how long after the answer, in seconds at a scale of 1."""

    at_s: float
    act: Act


#: The first words are as a recogniser has them before it is sure; the final text revises them.
SCRIPT = (
    Cue(1.0, Speaks("hello are you open")),
    Cue(2.0, Speaks("Hello, are you open on Saturdays?", final=True)),
    Cue(5.0, HangsUp()),
)

#: What the agent says, unless its own receiver answers.
ANSWER = "Yes, on Saturdays we are open from nine to five."

#: The rate of a telephone, in Hz; nobody is heard at it.
RATE_HZ = 8_000

#: What the agent of a sandbox call can do, whatever its model is: it says lines, as text.
CAPABILITIES = VoiceCapabilities(RATE_HZ, RATE_HZ, ("script",), "script", tools=True)
