"""What the routes of routing rules do (live streams, 6.7)."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from ringline.domain import v1_limits
from ringline.domain.numbers import NumberChannel
from ringline.rest import routing_members as shown
from ringline.rest.reading import bad
from ringline.rest.route import Listed, Refused, Request
from ringline.services.numbers import NoSuchAgent, NoSuchNumber
from ringline.services.routing import find_route
from ringline.services.routing_rules import (
    BadMatchValue,
    NoSuchRule,
    PriorityTaken,
    TooManyRules,
)

Answer = Mapping[str, object]


async def create_rule(request: Request) -> Answer:
    """Create a rule."""
    with _refusing():
        rule = await request.services.rules.create(
            request.caller.scope,
            request.given,
            also=lambda rows, rule: request.keep(rows, shown.show_rule(rule)),
        )
    return shown.show_rule(rule)


async def list_rules(request: Request) -> Listed:
    """List rules."""
    size = request.page.size
    found = await request.services.rules.listed(
        request.caller.scope,
        size + 1,
        number_id=request.query.get("number_id"),
        after=request.page.after,
    )
    page = found[:size]
    last = (page[-1].number_id, page[-1].priority) if len(found) > size else None
    return Listed([shown.show_rule(rule) for rule in page], last)


async def update_rule(request: Request) -> Answer:
    """Change a rule."""
    with _refusing():
        rule = await request.services.rules.change(
            request.caller.scope, request.ids["rule_id"], changes=request.given
        )
    return shown.show_rule(rule)


async def delete_rule(request: Request) -> None:
    """Delete a rule."""
    with _refusing():
        await request.services.rules.delete(request.caller.scope, request.ids["rule_id"])


async def explain_route(request: Request) -> Answer:
    """Return who would answer a number, and why."""
    query = request.query
    silent = query.get("silent", False)
    if silent and "utterance" in query:
        raise bad("silent", "cannot be true with an utterance")
    async with request.services.repo.read(request.caller.scope) as rows:
        with _refusing():
            route = await find_route(
                rows,
                request.ids["number_id"],
                utterance="" if silent else query.get("utterance"),
                channel=NumberChannel(query.get("channel", NumberChannel.VOICE)),
            )
    return shown.show_route(route)


@contextmanager
def _refusing() -> Generator[None]:
    """Refuse what the services refuse. Raises Refused."""
    try:
        yield
    except NoSuchRule:
        raise Refused("NOT_FOUND") from None
    except NoSuchNumber:
        raise Refused("NOT_FOUND", "the number was not found") from None
    except NoSuchAgent:
        raise Refused("NOT_FOUND", "the agent was not found") from None
    except PriorityTaken:
        raise Refused("ALREADY_EXISTS", "another rule of the number has this priority") from None
    except TooManyRules:
        most = v1_limits.ROUTING_RULES.most
        raise Refused("INVALID_ARGUMENT", f"the number has {most} rules already") from None
    except BadMatchValue as value:
        raise bad("match_value", value.problem) from None
