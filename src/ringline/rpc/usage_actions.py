"""What a workspace has used, summed up (voices, 4)."""

from datetime import UTC, date

import sqlalchemy as sa

from ringline.domain.usage import UNITS
from ringline.rpc.context import ActionContext, Values
from ringline.schema.sql import Prepared
from ringline.schema.usage_tables import usage_months as months

#: A calendar month, as it is written.
MONTH = r"[1-9][0-9]{3}-(0[1-9]|1[0-2])"

_SHOWN = ("agent_id", "model", *UNITS, "usd")
_SUMS = Prepared(
    sa.select(*(months.c[name] for name in _SHOWN))
    .where(months.c.month == sa.bindparam("wanted", type_=sa.Date))
    .order_by(months.c.agent_id, months.c.model)
)


async def sum_usage(context: ActionContext, values: Values) -> object:
    """Sum up a month's usage by agent and model."""
    month: str = values.get("month") or context.now.astimezone(UTC).strftime("%Y-%m")
    arguments = _SUMS.arguments(wanted=date.fromisoformat(f"{month}-01"))
    async with context.services.repo.read(context.caller.scope) as rows:
        sums = await rows.fetch(_SUMS.text, arguments)
    return {"month": month, "totals": [{name: row[name] for name in _SHOWN} for row in sums]}
