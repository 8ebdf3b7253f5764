"""`ringline why`: where an event went, what was answered, and what comes next."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from cyclopts import Parameter

from ringline.cli.options import ApiKey, DataDir, Json, Url, find_target
from ringline.cli.outcome import fail, run
from ringline.cli.terminal import show, show_json
from ringline.client.http import ApiProblem, open_api
from ringline.client.webhooks import (
    Attempt,
    Delivery,
    EventDeliveries,
    Subscriptions,
    deliveries_of,
)
from ringline.domain.ids import Prefix, parse_id
from ringline.domain.webhook_words import ERROR_MEANS
from ringline.domain.webhooks import AttemptError

#: How many attempts of a delivery fit on a screen: the latest.
_ATTEMPTS = 5
_BODY_CHARACTERS = 80
#: How many subscriptions are shown: those that lost it first.
_LISTENERS = 20


def why(
    event_id: Annotated[str, Parameter(help="The event's id, evt_….")],
    /,
    *,
    json: Json = False,
    url: Url = None,
    key: ApiKey = None,
    data_dir: DataDir = None,
) -> None:
    """Show where an event was sent, what was answered, and what comes next.

    Without --key, the management key of `ringline dev` finds events of both environments.
    """
    if parse_id(Prefix.EVENT, event_id) is None:
        fail(f"{event_id} is no event's id: they begin with evt_.")
    target = find_target(url, key, data_dir=data_dir, management=True)

    async def work() -> EventDeliveries:
        async with open_api(target.url, target.key) as api:
            return await deliveries_of(api, event_id)

    try:
        found = run(work())
    except ApiProblem as problem:
        if problem.status == 404:
            fail(f"There is no event {event_id} here: the key's workspace does not know it.")
        fail(str(problem))
    if json:
        show_json(msgspec.to_builtins(found))
    else:
        for line in _lines(found):
            show(line)


def _lines(found: EventDeliveries) -> Iterator[str]:
    yield f"{found.event_type}  {found.event_id}"
    yield f"  happened {moment(found.occurred_at)}, at position {found.position}"
    if not found.webhooks:
        yield "  It was not owed to any receiver: no enabled endpoint wanted it when it happened,"
        yield "  and no agent with a URL was on the call. An endpoint's `recover` still sends it."
    for delivery in found.webhooks:
        yield ""
        yield f"  {describe_delivery(delivery)}"
        shown = delivery.attempt_log[-_ATTEMPTS:]
        if len(shown) < delivery.attempts:
            yield f"    … {delivery.attempts - len(shown)} earlier attempts"
        for attempt in shown:
            yield f"    {describe_attempt(attempt)}"
            yield from _hints(attempt)
        if not delivery.is_pending:
            yield f"    again: ringline webhooks redeliver {delivery.delivery_id}"
    if found.subscriptions is not None:
        yield ""
        yield from _live(found.subscriptions)


def _live(live: Subscriptions) -> Iterator[str]:
    """Yield what is known of an event's live deliveries."""
    if not live.sent and not live.dropped:
        yield "  This server knows of no listener."
    else:
        yield f"  live: sent to {live.sent}, dropped for {live.dropped}"
    for outcome in live.recent[:_LISTENERS]:
        reason = "" if outcome.reason is None else f", {outcome.reason}"
        yield (
            f"    {moment(outcome.at)}: {outcome.outcome}{reason}: "
            f"{outcome.surface} {outcome.topic} of {outcome.subject}"
        )
    yield f"    (known since {moment(live.kept_since)})"


def _hints(attempt: Attempt) -> Iterator[str]:
    """Yield what an attempt's error means, or what was said with a refusal."""
    if attempt.error is not None:
        try:
            yield f"       {ERROR_MEANS[AttemptError(attempt.error)]}"
        except ValueError:
            return  # a word of a newer server
    body = " ".join((attempt.response_body or "").split())
    if body and (attempt.response_code or 0) // 100 != 2:
        cut = "…" if len(body) > _BODY_CHARACTERS else ""
        yield f"       “{body[:_BODY_CHARACTERS]}{cut}”"


def describe_delivery(delivery: Delivery, *, where: bool = True) -> str:
    """Describe a delivery on one line: to whom and where, how it stands, what comes next."""
    target = (
        f"agent {delivery.agent_id}" if delivery.agent_id else f"endpoint {delivery.endpoint_id}"
    )
    place = f"{delivery.delivery_id} to {target} → {delivery.url or '(gone)'}: " if where else ""
    if not delivery.is_pending:
        return f"{place}{delivery.status}"
    if delivery.next_attempt_at is None:
        return f"{place}pending, being attempted or paused"
    return f"{place}pending, next attempt {moment(delivery.next_attempt_at)}"


def describe_attempt(attempt: Attempt) -> str:
    """Describe an attempt on one line: which, when, what was answered, how long it took."""
    answered = "" if attempt.response_code is None else f" {attempt.response_code}"
    error = "" if attempt.error is None else f" {attempt.error}"
    began = moment(attempt.started_at)
    return f"attempt {attempt.attempt}, {began}:{answered}{error}, {attempt.duration_ms} ms"


def moment(timestamp: str) -> str:
    """Return the local date and time of an ISO 8601 time, to the second."""
    try:
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        return "–"
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
