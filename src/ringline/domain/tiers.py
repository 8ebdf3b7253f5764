"""The tiers of workspaces, and how much each may use (live streams, 1.6)."""

from collections.abc import Mapping
from enum import StrEnum

from ringline.domain import v1_limits


class Tier(StrEnum):
    """What a workspace may use: how many requests and calls at once (live streams, 1.6)."""

    STARTER = "starter"
    BUILDER = "builder"
    SCALE = "scale"
    PAYG = "payg"


#: Requests to `/v1` in any minute.
REQUESTS_PER_MINUTE: Mapping[Tier, int] = {
    Tier.STARTER: v1_limits.PER_MINUTE_OF_STARTER.most,
    Tier.BUILDER: v1_limits.PER_MINUTE_OF_BUILDER.most,
    Tier.SCALE: v1_limits.PER_MINUTE.most,
    Tier.PAYG: v1_limits.PER_MINUTE_OF_BUILDER.most,
}

#: How many calls a workspace may have at once when it places another one.
CONCURRENT_CALLS: Mapping[Tier, int] = {
    Tier.STARTER: v1_limits.CALLS_OF_STARTER.most,
    Tier.BUILDER: v1_limits.CALLS_OF_BUILDER.most,
    Tier.SCALE: v1_limits.CALLS_OF_SCALE.most,
    Tier.PAYG: v1_limits.CALLS_OF_BUILDER.most,
}

#: How many agents an environment may have; a tier that is not here has no bound.
AGENTS: Mapping[Tier, int] = {
    Tier.STARTER: v1_limits.AGENTS_OF_STARTER.most,
    Tier.BUILDER: v1_limits.AGENTS_OF_BUILDER.most,
}
