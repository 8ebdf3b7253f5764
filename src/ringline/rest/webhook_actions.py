"""What the routes of webhooks do: endpoints, deliveries, tests and signing secrets.

Live streams, 3.8; contract, 3, 6 and 12.
"""

from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from ringline.domain import webhook_limits
from ringline.domain.credentials import KeyKind
from ringline.domain.webhook_addresses import UrlRefused, read_webhook_url
from ringline.domain.webhook_types import unknown_filters
from ringline.rest import webhook_members as shown
from ringline.rest.reading import bad
from ringline.rest.route import Listed, Refused, Request
from ringline.services.delivery_ledger import (
    NoSuchDelivery,
    NoSuchEvent,
    NoTarget,
    environments_of,
)
from ringline.services.recovery import EndpointDisabled, NotOfThisLog, TooMuchToRecover
from ringline.services.slots import NoSlot
from ringline.services.trial_sends import NoSuchAgent, NoWebhook
from ringline.services.webhook_endpoints import (
    NoSuchEndpoint,
    TooManyEndpoints,
    WebhookEndpoint,
)
from ringline.wire.times import seconds

Result = TypeVar("Result")
Answer = Mapping[str, object]

#: The parameters that filter deliveries; each is a column of its name.
FILTERS = ("agent_id", "endpoint_id", "event_id", "event_type", "status")


# -- endpoints --------------------------------------------------------------------------------


async def create_endpoint(request: Request) -> Answer:
    """Create an endpoint."""
    given = request.given
    try:
        created = await request.services.endpoints.create(
            request.caller.scope,
            _read_url(request, "url"),
            events=_read_filters(given.get("events", ["*"])),
            enabled=given.get("enabled", True),
            description=given.get("description"),
        )
    except TooManyEndpoints:
        most = webhook_limits.ENDPOINTS.most
        raise Refused("INVALID_ARGUMENT", f"there are {most} webhook endpoints already") from None
    return shown.show_secret(created)


async def list_endpoints(request: Request) -> Listed:
    """List the endpoints."""
    size = request.page.size
    found = await request.services.endpoints.listed(
        request.caller.scope, size + 1, after=request.page.after
    )
    page = found[:size]
    last = (page[-1].created_at, page[-1].id) if len(found) > size else None
    return Listed([shown.show_endpoint(endpoint) for endpoint in page], last)


async def get_endpoint(request: Request) -> Answer:
    """Return an endpoint."""
    scope, endpoint_id = _asked(request)
    return await _endpoint(request.services.endpoints.find(scope, endpoint_id))


async def update_endpoint(request: Request) -> Answer:
    """Change an endpoint's settings."""
    scope, endpoint_id = _asked(request)
    changes: dict[str, object] = dict(request.given)
    if "url" in changes:
        changes["url"] = _read_url(request, "url")
    if "events" in changes:
        changes["events"] = _read_filters(request.given["events"])
    return await _endpoint(request.services.endpoints.change(scope, endpoint_id, changes=changes))


async def delete_endpoint(request: Request) -> None:
    """Delete an endpoint."""
    scope, endpoint_id = _asked(request)
    await _found(request.services.endpoints.delete(scope, endpoint_id))


async def rotate_endpoint_secret(request: Request) -> Answer:
    """Give an endpoint another secret."""
    scope, endpoint_id = _asked(request)
    rotating = request.services.endpoints.rotate_secret(scope, endpoint_id)
    return shown.show_secret(await _found(rotating))


async def pause_endpoint(request: Request) -> Answer:
    """Let what is owed to an endpoint wait."""
    scope, endpoint_id = _asked(request)
    return await _endpoint(request.services.endpoints.pause(scope, endpoint_id))


async def resume_endpoint(request: Request) -> Answer:
    """Send what has waited."""
    scope, endpoint_id = _asked(request)
    return await _endpoint(request.services.endpoints.resume(scope, endpoint_id))


async def send_test_to_endpoint(request: Request) -> Answer:
    """Send an endpoint a test event."""
    scope, endpoint_id = _asked(request)
    event_type = request.given["event_type"]
    endpoint = await _found(request.services.endpoints.find(scope, endpoint_id))
    try:
        result = await request.services.trials.to_endpoint(scope, endpoint, event_type=event_type)
    except NoSlot:
        raise _too_many_trials() from None
    return shown.show_trial(result)


async def recover_endpoint(request: Request) -> Answer:
    """Send an endpoint again what it has not answered with 2xx."""
    scope, endpoint_id = _asked(request)
    recovering = request.services.recovery.recover(scope, endpoint_id, since=request.given["since"])
    try:
        return {"count": await _found(recovering)}
    except EndpointDisabled:
        raise Refused("INVALID_ARGUMENT", "the endpoint is not enabled") from None
    except NotOfThisLog:
        raise bad("since", "is no event or position of this environment's log") from None
    except TooMuchToRecover:
        most = webhook_limits.RECOVERED_EVENTS.most
        raise bad("since", f"is before more than {most:,} such events; give a later one") from None


# -- deliveries -------------------------------------------------------------------------------


async def list_deliveries(request: Request) -> Listed:
    """List deliveries."""
    query, page = request.query, request.page
    filters = {name: query[name] for name in FILTERS if name in query}
    found = await request.services.ledger.listed(
        request.caller.scope,
        filters,
        size=page.size + 1,
        after=None if page.after is None else page.after[0],
    )
    rows = found[: page.size]
    last = (rows[-1].id,) if len(found) > page.size else None
    return Listed([shown.show_delivery(delivery) for delivery in rows], last)


async def get_delivery(request: Request) -> Answer:
    """Return a delivery with its attempts."""
    try:
        delivery, logged = await request.services.ledger.find(
            request.caller.scope, request.ids["delivery_id"]
        )
    except NoSuchDelivery:
        raise Refused("NOT_FOUND") from None
    return shown.show_logged(delivery, logged)


async def redeliver(request: Request) -> Answer:
    """Send a delivery again."""
    try:
        delivery = await request.services.ledger.send_again(
            request.caller.scope, request.ids["delivery_id"]
        )
    except NoSuchDelivery:
        raise Refused("NOT_FOUND") from None
    except NoTarget:
        raise Refused(
            "INVALID_ARGUMENT", "its agent or endpoint is gone, disabled, or has no URL any more"
        ) from None
    return shown.show_delivery(delivery)


async def get_event_deliveries(request: Request) -> Answer:
    """Return an event's deliveries; a management key finds those of both environments."""
    scope = request.caller.scope
    spans = request.kind is KeyKind.MANAGEMENT
    scopes = environments_of(scope.workspace_id) if spans else [scope]
    try:
        found = await request.services.ledger.of_event(scopes, request.ids["event_id"])
    except NoSuchEvent:
        raise Refused("NOT_FOUND") from None
    answer = shown.show_event(found)
    if spans:
        streams = request.services.house.streams.deliveries_of(found.logged)
        answer["subscriptions"] = shown.show_streams(streams)
    return answer


# -- tests and secrets ------------------------------------------------------------------------


async def send_test(request: Request) -> Answer:
    """Send a test event to a URL, or to an agent's."""
    given = request.given
    url = _read_url(request, "webhook_url") if "webhook_url" in given else None
    agent_id: UUID | None = given.get("agent_id")
    if url is None and agent_id is None:
        raise Refused("INVALID_ARGUMENT", "webhook_url or agent_id is required")
    try:
        result = await request.services.trials.to_agent(
            request.caller.scope, given["event_type"], agent_id=agent_id, url=url
        )
    except NoSuchAgent:
        raise Refused("NOT_FOUND", "the agent was not found") from None
    except NoWebhook:
        raise Refused("INVALID_ARGUMENT", "the agent has no webhook_url") from None
    except NoSlot:
        raise _too_many_trials() from None
    return shown.show_trial(result)


async def rotate_signing_secret(request: Request) -> Answer:
    """Give the workspace another signing secret."""
    secret, expires_at = await request.services.secrets.rotate_workspace(request.caller.scope)
    return {"signing_secret": secret, "previous_expires_at": seconds(expires_at)}


# -- what they share --------------------------------------------------------------------------


def _asked(request: Request) -> tuple[Any, UUID]:
    return request.caller.scope, request.ids["endpoint_id"]


async def _endpoint(finding: Awaitable[WebhookEndpoint]) -> Answer:
    return shown.show_endpoint(await _found(finding))


async def _found(finding: Awaitable[Result]) -> Result:
    try:
        return await finding
    except NoSuchEndpoint:
        raise Refused("NOT_FOUND") from None


def _read_url(request: Request, name: str) -> str:
    """Check a URL as far as it shows by itself whether it may be sent to. Raises Refused."""
    try:
        return read_webhook_url(
            request.given[name], allow_private=request.services.house.allow_private
        )
    except UrlRefused as refused:
        raise Refused("INVALID_ARGUMENT", f"{name} is refused: {refused.why}") from None


def _read_filters(filters: list[str]) -> list[str]:
    """Check the types that an endpoint is to get. Raises Refused."""
    if not filters:
        raise bad("events", "must name at least one type")
    if len(filters) > webhook_limits.FILTER_ENTRIES.most:
        raise bad("events", f"must name at most {webhook_limits.FILTER_ENTRIES.most}")
    unknown = unknown_filters(filters)
    if unknown:
        raise bad("events", f"names what does not exist: {unknown[0][:64]}")
    return list(dict.fromkeys(filters))


def _too_many_trials() -> Refused:
    most = webhook_limits.TRIALS.most
    return Refused("RATE_LIMITED", f"{most} tests of the workspace are under way")
