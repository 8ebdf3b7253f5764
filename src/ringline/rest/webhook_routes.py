"""The rows of the routes of webhooks (live streams, 3.8; contract, 3, 6 and 12)."""

from dataclasses import replace

from ringline.domain import webhook_limits
from ringline.domain.credentials import Surface
from ringline.domain.ids import Prefix
from ringline.domain.log import parse_since
from ringline.domain.members import Member, Shape
from ringline.domain.webhooks import DeliveryStatus
from ringline.rest import webhook_actions as act
from ringline.rest import webhook_members as shown
from ringline.rest.route import Input, Paging, PathId, Route
from ringline.rpc.kinds import BadValue, Boolean, Choice, Id, Text, TextList, Timestamp
from ringline.services.recovery import From
from ringline.services.trial_sends import AGENT_TYPES, ENDPOINT_TYPES
from ringline.wire.webhook_signature import ROTATION_HOURS


class Since:
    """A time, a position of the log, or an event's id."""

    def cast(self, value: object) -> From:
        """Take a string in one of these forms."""
        since = parse_since(value) if isinstance(value, str) else None
        if since is not None:
            return since
        try:
            return Timestamp().cast(value)
        except BadValue:
            raise BadValue("must be a time with its offset, a position or an event id") from None


_TAG = "Webhooks"
_ENDPOINTS = "/v1/webhook-endpoints"
_ENDPOINT = f"{_ENDPOINTS}/{{endpoint_id}}"
_DELIVERIES = "/v1/webhooks/deliveries"

_ENDPOINT_ID = PathId("endpoint_id", Prefix.WEBHOOK_ENDPOINT, "the endpoint's id")
_DELIVERY_ID = PathId("delivery_id", Prefix.DELIVERY, "the delivery's id")
_EVENT_ID = PathId("event_id", Prefix.EVENT, "the event's id")

_URL = Input(
    Member("url", Shape.TEXT, "where events are sent: https, and a public address"),
    Text(max_length=webhook_limits.URL_CHARACTERS.most),
)
_EVENTS = Input(
    Member(
        "events",
        Shape.TEXT,
        "types, families (`call.*`), or `*` for everything",
        '["*"]',
        many=True,
    ),
    TextList(),
)
_ENABLED = Input(
    Member("enabled", Shape.BOOLEAN, "whether events are owed to it", "true"), Boolean()
)
_DESCRIPTION = Input(
    Member("description", Shape.TEXT, "your words about it", "null", null=True), Text()
)


_SINCE = Input(
    Member(
        "since",
        Shape.TEXT,
        "a time (`2026-11-20T09:15:00Z`), a position or an event id; `0` is the beginning",
    ),
    Since(),
)
_AGENT_TYPE = Input(
    Member("event_type", Shape.TEXT, "the type of the event", words=AGENT_TYPES),
    Choice(AGENT_TYPES),
)
_ENDPOINT_TYPE = Input(
    Member("event_type", Shape.TEXT, "the type of the event", words=ENDPOINT_TYPES),
    Choice(ENDPOINT_TYPES),
)
_FILTERS = (
    Input(Member("agent_id", Shape.TEXT, "only those for this agent", "none"), Id(Prefix.AGENT)),
    Input(
        Member("endpoint_id", Shape.TEXT, "only those for this endpoint", "none"),
        Id(Prefix.WEBHOOK_ENDPOINT),
    ),
    Input(Member("event_id", Shape.TEXT, "only those of this event", "none"), Id(Prefix.EVENT)),
    Input(Member("event_type", Shape.TEXT, "only those of this type, as sent", "none"), Text()),
    Input(
        Member("status", Shape.TEXT, "only those that stand so", "none", tuple(DeliveryStatus)),
        Choice(tuple(DeliveryStatus)),
    ),
)

_URLS = (_URL, _EVENTS, _ENABLED, _DESCRIPTION)


def _changed(one: Input) -> Input:
    """Return an input that stays as it is if it is not sent."""
    return replace(one, member=replace(one.member, default="unchanged"))


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        _ENDPOINTS,
        "createWebhookEndpoint",
        _TAG,
        "Create a webhook endpoint",
        act.create_endpoint,
        "The endpoint, with its secret",
        "It gets the workspace's events of this environment, signed by Standard Webhooks 1.0.",
        201,
        body=_URLS,
        answers=shown.CREATED,
        idempotent=True,
        secret=True,
    ),
    Route(
        "GET",
        _ENDPOINTS,
        "listWebhookEndpoints",
        _TAG,
        "List webhook endpoints",
        act.list_endpoints,
        "A page of endpoints",
        answers=shown.ENDPOINT,
        paging=Paging("webhook_endpoints", (Timestamp(), Id(Prefix.WEBHOOK_ENDPOINT))),
    ),
    Route(
        "GET",
        _ENDPOINT,
        "getWebhookEndpoint",
        _TAG,
        "Get a webhook endpoint",
        act.get_endpoint,
        "The endpoint",
        ids=(_ENDPOINT_ID,),
        answers=shown.ENDPOINT,
    ),
    Route(
        "PATCH",
        _ENDPOINT,
        "updateWebhookEndpoint",
        _TAG,
        "Change a webhook endpoint",
        act.update_endpoint,
        "The endpoint as it is now",
        "What is owed to an endpoint that is disabled is dead; `recover` sends it later.",
        ids=(_ENDPOINT_ID,),
        body=tuple(map(_changed, _URLS)),
        answers=shown.ENDPOINT,
    ),
    Route(
        "DELETE",
        _ENDPOINT,
        "deleteWebhookEndpoint",
        _TAG,
        "Delete a webhook endpoint",
        act.delete_endpoint,
        "It is deleted",
        "What is owed to it is dead. Its deliveries stay in the ledger.",
        204,
        ids=(_ENDPOINT_ID,),
    ),
    Route(
        "POST",
        f"{_ENDPOINT}/rotate-secret",
        "rotateWebhookEndpointSecret",
        _TAG,
        "Rotate a webhook endpoint's secret",
        act.rotate_endpoint_secret,
        "The endpoint, with its new secret",
        f"Both secrets sign for {ROTATION_HOURS} hours.",
        ids=(_ENDPOINT_ID,),
        answers=shown.ROTATED,
    ),
    Route(
        "POST",
        f"{_ENDPOINT}/pause",
        "pauseWebhookEndpoint",
        _TAG,
        "Pause a webhook endpoint",
        act.pause_endpoint,
        "The endpoint as it is now",
        "Events are owed to it meanwhile, and wait.",
        ids=(_ENDPOINT_ID,),
        answers=shown.ENDPOINT,
    ),
    Route(
        "POST",
        f"{_ENDPOINT}/resume",
        "resumeWebhookEndpoint",
        _TAG,
        "Resume a webhook endpoint",
        act.resume_endpoint,
        "The endpoint as it is now",
        "What has waited is sent, oldest first; its schedule begins now.",
        ids=(_ENDPOINT_ID,),
        answers=shown.ENDPOINT,
    ),
    Route(
        "POST",
        f"{_ENDPOINT}/test",
        "testWebhookEndpoint",
        _TAG,
        "Send a test event to a webhook endpoint",
        act.send_test_to_endpoint,
        "What became of it",
        "A realistic event, signed like any other. It is not attempted again.",
        ids=(_ENDPOINT_ID,),
        body=(_ENDPOINT_TYPE,),
        answers=shown.TRIAL,
    ),
    Route(
        "POST",
        f"{_ENDPOINT}/recover",
        "recoverWebhookEndpoint",
        _TAG,
        "Send a webhook endpoint again what it missed",
        act.recover_endpoint,
        "The events are being sent",
        "Everything since then that it has not answered with 2xx, what was missed while it was "
        "disabled included.",
        202,
        ids=(_ENDPOINT_ID,),
        body=(_SINCE,),
        answers=shown.RECOVERED,
    ),
    Route(
        "POST",
        "/v1/webhooks/test",
        "testWebhook",
        _TAG,
        "Send a test event to a URL or to an agent",
        act.send_test,
        "What became of it",
        "A realistic event in the envelope of agents, signed with the workspace's secret. It is "
        "not attempted again. One of `webhook_url` and `agent_id` is required.",
        body=(
            Input(
                Member("webhook_url", Shape.TEXT, "where to send it", "the agent's"),
                Text(max_length=webhook_limits.URL_CHARACTERS.most),
            ),
            Input(Member("agent_id", Shape.TEXT, "whose event it is", "none"), Id(Prefix.AGENT)),
            _AGENT_TYPE,
        ),
        answers=shown.TRIAL,
        errors=("NOT_FOUND",),
    ),
    Route(
        "GET",
        _DELIVERIES,
        "listWebhookDeliveries",
        _TAG,
        "List deliveries of webhooks",
        act.list_deliveries,
        "A page of deliveries",
        query=_FILTERS,
        answers=shown.DELIVERY,
        paging=Paging("deliveries", (Id(Prefix.DELIVERY),)),
    ),
    Route(
        "GET",
        f"{_DELIVERIES}/{{delivery_id}}",
        "getWebhookDelivery",
        _TAG,
        "Get a delivery with its attempts",
        act.get_delivery,
        "The delivery",
        ids=(_DELIVERY_ID,),
        answers=shown.LOGGED_DELIVERY,
    ),
    Route(
        "POST",
        f"{_DELIVERIES}/{{delivery_id}}/redeliver",
        "redeliverWebhook",
        _TAG,
        "Send a delivery again",
        act.redeliver,
        "The delivery, pending",
        "Its schedule starts over; it keeps its id and its count of attempts.",
        202,
        ids=(_DELIVERY_ID,),
        answers=shown.DELIVERY,
    ),
    Route(
        "GET",
        "/v1/events/{event_id}/deliveries",
        "listEventDeliveries",
        _TAG,
        "Find out where an event went",
        act.get_event_deliveries,
        "The event and its deliveries",
        "A management key may ask too, for the events of both environments.",
        ids=(_EVENT_ID,),
        answers=shown.EVENT_DELIVERIES,
        surface=Surface.EVENT_DELIVERIES,
    ),
    Route(
        "POST",
        "/v1/workspace/signing-secret/rotate",
        "rotateSigningSecret",
        _TAG,
        "Rotate the workspace's signing secret",
        act.rotate_signing_secret,
        "The new secret",
        "It signs the webhooks of agents, in both environments, so it takes a `sk_live_` key. Both "
        f"secrets sign for {ROTATION_HOURS} hours.",
        answers=shown.SIGNING_SECRET,
        live_only=True,
    ),
)
