"""Which provider carries a message: the sandbox's those of test keys, and all others by a table."""

from ringline.domain.conversations import ConversationChannel
from ringline.domain.log import Environment, Scope
from ringline.messaging.sandbox import SandboxProvider
from ringline.ports import MessageProvider


class Providers:
    """The providers of this server."""

    def __init__(self) -> None:
        self._sandbox = SandboxProvider()

    def find(
        self, scope: Scope, channel: ConversationChannel, *, from_number: str
    ) -> MessageProvider | None:
        """Return the provider for messages of a channel from one of our numbers, if any."""
        if scope.environment is Environment.TEST:
            return self._sandbox
        return None
