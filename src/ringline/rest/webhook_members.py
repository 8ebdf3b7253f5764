"""The objects of webhooks, as `/v1` shows them (live streams, 3.8; contract, 3 and 12)."""

from collections.abc import Mapping, Sequence

from ringline.domain.ids import Prefix, format_id
from ringline.domain.members import Member, Shape
from ringline.domain.webhooks import AttemptError, DeliveryStatus
from ringline.rest.route import Members
from ringline.services.delivery_ledger import Delivery, EventDeliveries, LoggedAttempt
from ringline.services.stream_ledger import DropReason, StreamDeliveries, StreamSurface, topic_name
from ringline.services.trial_sends import TrialResult
from ringline.services.webhook_endpoints import ShownSecret, WebhookEndpoint
from ringline.wire.times import millis, seconds

#: How an endpoint stands: paused, else failing, else active.
ENDPOINT_STATUSES = ("active", "failing", "paused")

_EVENT_ID = Member("event_id", Shape.TEXT, "the event, `evt_…`: the same on every surface")
_URL = Member("url", Shape.TEXT, "where events are sent")

ENDPOINT: Members = (
    Member("endpoint_id", Shape.TEXT, "the endpoint, `whe_…`"),
    _URL,
    Member("events", Shape.TEXT, "the types, families (`call.*`) or `*` that it gets", many=True),
    Member("enabled", Shape.BOOLEAN, "whether anything is owed to it"),
    Member("description", Shape.TEXT, "its owner's words about it", null=True),
    Member(
        "status",
        Shape.TEXT,
        "`paused`: what is owed waits; `failing`: nothing was answered with 2xx for a day, and "
        "each new event has one attempt",
        words=ENDPOINT_STATUSES,
    ),
    Member("created_at", Shape.TIME, "when it was created"),
)
SECRET = Member(
    "secret", Shape.TEXT, "`whsec_…`, which signs (Standard Webhooks 1.0); shown only here"
)
PREVIOUS_EXPIRES_AT = Member(
    "previous_expires_at", Shape.TIME, "until when the previous secret signs as well"
)
CREATED: Members = (*ENDPOINT, SECRET)
ROTATED: Members = (*ENDPOINT, SECRET, PREVIOUS_EXPIRES_AT)
SIGNING_SECRET: Members = (
    Member(
        "signing_secret", Shape.TEXT, "`rlsec_…`, which signs agents' webhooks; shown only here"
    ),
    PREVIOUS_EXPIRES_AT,
)

DELIVERY: Members = (
    Member("delivery_id", Shape.TEXT, "the delivery, `del_…`"),
    _EVENT_ID,
    Member("event_type", Shape.TEXT, "the event's type, as it is sent there"),
    Member("agent_id", Shape.TEXT, "the agent whose `webhook_url` it is for", null=True),
    Member("endpoint_id", Shape.TEXT, "the endpoint that it is for", null=True),
    Member("url", Shape.TEXT, "where the next attempt goes; null if that is gone", null=True),
    Member("status", Shape.TEXT, "where it stands", words=tuple(DeliveryStatus)),
    Member("attempts", Shape.INTEGER, "how many attempts were made"),
    Member(
        "last_response_code",
        Shape.INTEGER,
        "the status of the last answer; null if there was none",
        null=True,
    ),
    Member(
        "next_attempt_at",
        Shape.TIME,
        "when it is attempted next; null if never, or if an attempt is under way",
        null=True,
    ),
    Member("created_at", Shape.TIME, "when it was owed"),
)
_ERROR = Member(
    "error",
    Shape.TEXT,
    "why there was no answer, or none that counts",
    words=tuple(AttemptError),
    null=True,
)
ATTEMPT_LOG = Member(
    "attempt_log",
    Shape.OBJECT,
    "its latest attempts, oldest first",
    members=(
        Member("attempt", Shape.INTEGER, "which attempt, from 1"),
        Member("started_at", Shape.TIME, "when it began"),
        Member("duration_ms", Shape.INTEGER, "how long it took, in milliseconds"),
        Member("response_code", Shape.INTEGER, "the answer's status", null=True),
        _ERROR,
        Member("response_body", Shape.TEXT, "the beginning of the answer", null=True),
    ),
    many=True,
)
LOGGED_DELIVERY: Members = (*DELIVERY, ATTEMPT_LOG)
EVENT_DELIVERIES: Members = (
    _EVENT_ID,
    Member("event_type", Shape.TEXT, "its canonical type"),
    Member("position", Shape.TEXT, "its position in the log"),
    Member("occurred_at", Shape.TIME, "when it happened"),
    Member(
        "webhooks",
        Shape.OBJECT,
        "its deliveries; empty if no agent or endpoint was owed it",
        members=LOGGED_DELIVERY,
        many=True,
    ),
    Member(
        "subscriptions",
        Shape.OBJECT,
        "its live deliveries by this process; for a management key alone",
        members=(
            Member("sent", Shape.INTEGER, "how many subscriptions were sent it"),
            Member("dropped", Shape.INTEGER, "how many were not"),
            Member(
                "recent",
                Shape.OBJECT,
                "what became of it, latest first: every loss, and who was sent it, unless they "
                "were many",
                members=(
                    Member(
                        "surface", Shape.TEXT, "what was subscribed", words=tuple(StreamSurface)
                    ),
                    Member("topic", Shape.TEXT, "`events`, `call:<id>` or `conversation:<id>`"),
                    Member("subject", Shape.TEXT, "the key's id, or the operator's"),
                    Member("outcome", Shape.TEXT, "what became of it", words=("sent", "dropped")),
                    Member(
                        "reason",
                        Shape.TEXT,
                        "why it was dropped",
                        words=tuple(DropReason),
                        null=True,
                    ),
                    Member("at", Shape.TIME, "when"),
                ),
                many=True,
            ),
            Member("kept_since", Shape.TIME, "earlier deliveries are not known any more"),
        ),
        optional=True,
    ),
)
TRIAL: Members = (
    Member("delivery_id", Shape.TEXT, "`del_test_…`, as the test's header says"),
    Member("status", Shape.TEXT, "what became of it", words=("delivered", "failed")),
    Member("event_type", Shape.TEXT, "the type that was sent"),
    Member("response_code", Shape.INTEGER, "the answer's status; null without one", null=True),
    Member("response_time_ms", Shape.INTEGER, "how long it took, in milliseconds"),
    _ERROR,
)
RECOVERED: Members = (Member("count", Shape.INTEGER, "how many events are sent again"),)


def show_endpoint(endpoint: WebhookEndpoint) -> dict[str, object]:
    """Return an endpoint's members."""
    status = "paused" if endpoint.paused else "failing" if endpoint.failing else "active"
    return {
        "endpoint_id": format_id(Prefix.WEBHOOK_ENDPOINT, endpoint.id),
        "url": endpoint.url,
        "events": endpoint.events,
        "enabled": endpoint.enabled,
        "description": endpoint.description,
        "status": status,
        "created_at": seconds(endpoint.created_at),
    }


def show_secret(shown: ShownSecret) -> dict[str, object]:
    """Return an endpoint's members with its new secret."""
    answer = show_endpoint(shown.endpoint) | {"secret": shown.secret}
    if shown.previous_expires_at is not None:
        answer["previous_expires_at"] = seconds(shown.previous_expires_at)
    return answer


def show_delivery(delivery: Delivery) -> dict[str, object]:
    """Return a delivery's members."""
    agent, endpoint, next_at = delivery.agent_id, delivery.endpoint_id, delivery.next_attempt_at
    return {
        "delivery_id": format_id(Prefix.DELIVERY, delivery.id),
        "event_id": format_id(Prefix.EVENT, delivery.event_id),
        "event_type": delivery.event_type,
        "agent_id": None if agent is None else format_id(Prefix.AGENT, agent),
        "endpoint_id": None if endpoint is None else format_id(Prefix.WEBHOOK_ENDPOINT, endpoint),
        "url": delivery.url,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "last_response_code": delivery.last_response_code,
        "next_attempt_at": None if next_at is None else seconds(next_at),
        "created_at": seconds(delivery.created_at),
    }


def show_logged(delivery: Delivery, logged: Sequence[LoggedAttempt]) -> dict[str, object]:
    """Return a delivery's members with its attempts."""
    return show_delivery(delivery) | {
        "attempt_log": [
            {
                "attempt": attempt.attempt,
                "started_at": millis(attempt.started_at),
                "duration_ms": attempt.duration_ms,
                "response_code": attempt.response_code,
                "error": attempt.error,
                "response_body": attempt.response_body,
            }
            for attempt in logged
        ]
    }


def show_streams(found: StreamDeliveries) -> Mapping[str, object]:
    """Return the members of an event's live deliveries."""
    return {
        "sent": found.sent,
        "dropped": found.dropped,
        "recent": [
            {
                "surface": outcome.subscriber.surface,
                "topic": topic_name(outcome.topic),
                "subject": outcome.subscriber.subject,
                "outcome": "sent" if outcome.reason is None else "dropped",
                "reason": outcome.reason,
                "at": millis(outcome.at),
            }
            for outcome in found.recent
        ],
        "kept_since": millis(found.kept_since),
    }


def show_event(found: EventDeliveries) -> dict[str, object]:
    """Return an event's members with its deliveries."""
    return {
        "event_id": format_id(Prefix.EVENT, found.event_id),
        "event_type": found.type,
        "position": str(found.position),
        "occurred_at": seconds(found.occurred_at),
        "webhooks": [show_logged(delivery, logged) for delivery, logged in found.deliveries],
    }


def show_trial(result: TrialResult) -> Mapping[str, object]:
    """Return the members of a test's result."""
    return {
        "delivery_id": result.delivery_id,
        "status": "delivered" if result.delivered else "failed",
        "event_type": result.event_type,
        "response_code": result.response_code,
        "response_time_ms": result.duration_ms,
        "error": result.error,
    }
