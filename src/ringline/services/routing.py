"""Which agent answers what comes in for a number of ours, with the rows that say so.

`domain/routing.py` chooses; RPC, `/v1`, messages and whatever answers calls ask here.
"""

import asyncio
from uuid import UUID

import sqlalchemy as sa

from ringline.domain.numbers import NumberChannel
from ringline.domain.routing import MatchType, Route, RoutedNumber, RoutingRule, choose
from ringline.ports import Row, Rows
from ringline.schema.routing_tables import routing_rules as rules
from ringline.schema.sql import Prepared
from ringline.schema.tables import agents
from ringline.schema.tables import phone_numbers as numbers
from ringline.services.numbers import NoSuchNumber

_enabled = sa.func.coalesce(agents.c.enabled, sa.false()).label("enabled")
_NUMBER = sa.select(
    numbers.c.id,
    numbers.c.agent_id,
    numbers.c.channels,
    numbers.c.inbound_enabled,
    _enabled,
).select_from(
    numbers.outerjoin(
        agents,
        sa.and_(
            agents.c.workspace_id == numbers.c.workspace_id,
            agents.c.environment == numbers.c.environment,
            agents.c.id == numbers.c.agent_id,
        ),
    )
)
_BY_ID = Prepared(_NUMBER.where(numbers.c.id == sa.bindparam("wanted", type_=sa.Uuid)))
_BY_E164 = Prepared(_NUMBER.where(numbers.c.phone_e164 == sa.bindparam("wanted", type_=sa.Text)))
_RULES = Prepared(
    sa.select(
        rules.c.id,
        rules.c.priority,
        rules.c.match_type,
        rules.c.match_value,
        rules.c.target_agent_id,
        _enabled,
    )
    .select_from(
        rules.outerjoin(
            agents,
            sa.and_(
                agents.c.workspace_id == rules.c.workspace_id,
                agents.c.environment == rules.c.environment,
                agents.c.id == rules.c.target_agent_id,
            ),
        )
    )
    .where(rules.c.number_id == sa.bindparam("wanted", type_=sa.Uuid))
    .order_by(rules.c.priority)
)


async def find_route(
    rows: Rows, number: UUID | str, *, utterance: str | None, channel: NumberChannel
) -> Route:
    """Return who answers what comes in for a number: its id, or itself in E.164.

    `utterance` is None as long as it is not known, and empty if nothing was said in time.
    Raises NoSuchNumber, Unavailable.
    """
    routed = await _load(rows, number)
    if any(rule.match_type is MatchType.REGEX for rule in routed.rules):
        # RE2 lets other threads run; fifty bad patterns take a tenth of a second.
        return await asyncio.to_thread(choose, routed, utterance, channel=channel)
    return choose(routed, utterance, channel=channel)


async def _load(rows: Rows, number: UUID | str) -> RoutedNumber:
    find = _BY_ID if isinstance(number, UUID) else _BY_E164
    found = await rows.fetch(find.text, find.arguments(wanted=number))
    if not found:
        raise NoSuchNumber
    row = found[0]
    listed = await rows.fetch(_RULES.text, _RULES.arguments(wanted=row["id"]))
    enabled = {rule["target_agent_id"] for rule in listed if rule["enabled"]}
    if row["enabled"]:
        enabled.add(row["agent_id"])
    return RoutedNumber(
        id=row["id"],
        agent_id=row["agent_id"],
        channels=frozenset(map(NumberChannel, row["channels"])),
        inbound_enabled=row["inbound_enabled"],
        rules=tuple(map(_rule, listed)),
        enabled=frozenset(enabled),
    )


def _rule(row: Row) -> RoutingRule:
    return RoutingRule(
        id=row["id"],
        priority=row["priority"],
        match_type=MatchType(row["match_type"]),
        match_value=row["match_value"],
        agent_id=row["target_agent_id"],
    )
