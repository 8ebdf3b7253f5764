"""What the words in the ledger of webhooks mean, as tables (live streams, 3.8)."""

from collections.abc import Mapping

from ringline.domain.webhooks import AttemptError, DeliveryStatus

#: How a delivery stands.
STATUS_MEANS: Mapping[DeliveryStatus, str] = {
    DeliveryStatus.PENDING: "it is attempted at `next_attempt_at`, or waits for a paused endpoint",
    DeliveryStatus.DELIVERED: "the receiver has answered with 2xx",
    DeliveryStatus.DEAD: (
        "it is not attempted again: the schedule is over, the receiver answered 410, or the agent "
        "or endpoint is gone, disabled, or has no URL; it can be sent again"
    ),
}

#: Why an attempt has no complete answer; an answer in full has a code and no error.
ERROR_MEANS: Mapping[AttemptError, str] = {
    AttemptError.TIMEOUT: "no whole answer came within 10 s",
    AttemptError.DNS: "the name has no address",
    AttemptError.REFUSED: "nothing listens there, or there is no route to it",
    AttemptError.RESET: "the connection was reset",
    AttemptError.TLS: "the certificate is not valid for the name, or it is no TLS",
    AttemptError.ADDRESS_NOT_ALLOWED: (
        "the URL or the name's address is not public (`RINGLINE_WEBHOOK_ALLOW_PRIVATE`)"
    ),
    AttemptError.REDIRECT: "the answer was 3xx, which is not followed",
    AttemptError.CLOSED: "the connection ended before the answer did, or the answer is no HTTP",
}
