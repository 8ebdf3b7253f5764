"""What the routes of numbers do (live streams, 6.6)."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from ringline.rest import number_members as shown
from ringline.rest.route import Listed, Refused, Request
from ringline.services.numbers import NoSuchAgent, NoSuchNumber, NumberTaken

Answer = Mapping[str, object]


async def create_number(request: Request) -> Answer:
    """Add a number."""
    given = dict(request.given)
    with _refusing():
        number = await request.services.numbers.create(
            request.caller.scope,
            given.pop("e164"),
            given=given,
            also=lambda rows, number: request.keep(rows, shown.show_number(number)),
        )
    return shown.show_number(number)


async def list_numbers(request: Request) -> Listed:
    """List the numbers."""
    size = request.page.size
    found = await request.services.numbers.listed(
        request.caller.scope, size + 1, after=request.page.after
    )
    page = found[:size]
    last = (page[-1].created_at, page[-1].id) if len(found) > size else None
    return Listed([shown.show_number(number) for number in page], last)


async def update_number(request: Request) -> Answer:
    """Change who answers a number, or what it is used for."""
    with _refusing():
        number = await request.services.numbers.change(
            request.caller.scope, request.ids["number_id"], changes=request.given
        )
    return shown.show_number(number)


async def delete_number(request: Request) -> None:
    """Release a number."""
    with _refusing():
        await request.services.numbers.delete(request.caller.scope, request.ids["number_id"])


@contextmanager
def _refusing() -> Generator[None]:
    """Refuse what the service refuses. Raises Refused."""
    try:
        yield
    except NoSuchNumber:
        raise Refused("NOT_FOUND") from None
    except NoSuchAgent:
        raise Refused("NOT_FOUND", "the agent was not found") from None
    except NumberTaken:
        raise Refused("ALREADY_EXISTS", "the workspace has this number already") from None
