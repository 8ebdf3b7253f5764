"""The tier of a workspace: it decides how much the workspace may do at once."""

import sqlalchemy as sa

from ringline.domain.log import Scope
from ringline.domain.tiers import Tier
from ringline.ports import Rows
from ringline.schema.sql import Prepared
from ringline.schema.tables import workspaces

_TIER = Prepared(
    sa.select(workspaces.c.tier).where(workspaces.c.id == sa.bindparam("wanted", type_=sa.Uuid))
)


async def find_tier(rows: Rows, scope: Scope) -> Tier:
    """Return the tier of a workspace, whose rows these are."""
    (row,) = await rows.fetch(_TIER.text, _TIER.arguments(wanted=scope.workspace_id))
    return Tier(row["tier"])
