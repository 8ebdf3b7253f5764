"""The rule of the actions on agents (events socket, 5.2)."""

from ringline.domain.webhook_addresses import UrlRefused, read_webhook_url
from ringline.rpc.context import ActionContext, Values
from ringline.wire.rpc import refuse


def check_webhook(context: ActionContext, values: Values) -> None:
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
