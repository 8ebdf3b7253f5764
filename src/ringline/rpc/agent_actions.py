"""The rules of the actions on agents (events socket, 5.2)."""

from ringline.domain.webhook_addresses import UrlRefused, read_webhook_url
from ringline.rpc.context import ActionContext, Values
from ringline.wire.rpc import refuse

_WINDOW = ("callWindowStart", "callWindowEnd")


def check_agent(context: ActionContext, values: Values) -> None:
    """Check an agent's webhook and the window in which it may place calls."""
    _check_webhook(context, values)
    given = [values.get(name) for name in _WINDOW]
    if sum(name in values for name in _WINDOW) == 1 or given.count(None) == 1:
        raise refuse(
            "invalid_attribute",
            "both ends of the window are given, or neither",
            fields=_WINDOW,
        )


def _check_webhook(context: ActionContext, values: Values) -> None:
    """Check that an agent's webhook is one that may be called (live streams, 3.1)."""
    url = values.get("webhookUrl")
    if url is None:
        return
    try:
        read_webhook_url(url, allow_private=context.services.private_webhooks)
    except UrlRefused as refused:
        raise refuse(
            "invalid_attribute",
            f"cannot be called: {refused.why}",
            variables={"field": "webhookUrl"},
            fields=("webhookUrl",),
        ) from None
