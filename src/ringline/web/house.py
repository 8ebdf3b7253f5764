"""What all connections of a port share: bounds, shares, refusals, and how long they may wait."""

from dataclasses import dataclass, field

from ringline.domain import limits
from ringline.web.admission import Admission
from ringline.web.budget import ByteBudget
from ringline.web.fair_share import FairShare
from ringline.web.refusals import Refusals
from ringline.web.wheel import Wheel


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the server waits for a client, in seconds."""

    head_s: float = limits.HEAD_S.most
    body_idle_s: float = limits.BODY_IDLE_S.most
    body_s: float = limits.BODY_S.most
    linger_s: float = limits.LINGER_S.most
    idle_s: float = limits.IDLE_S.most
    answer_idle_s: float = limits.ANSWER_IDLE_S.most
    answer_s: float = limits.ANSWER_S.most
    stream_idle_s: float = limits.STREAM_IDLE_S.most


@dataclass(frozen=True, slots=True)
class House:
    """Admission, refusals, budget and fair shares; and the times of streams."""

    admission: Admission
    refusals: Refusals
    budget: ByteBudget = field(default_factory=ByteBudget)
    fair: FairShare = field(default_factory=FairShare)
    wheel: Wheel = field(default_factory=Wheel)
