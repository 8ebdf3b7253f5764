"""The sandbox's provider: it carries every message of a test key, to nobody."""

from ringline.domain.messages import SANDBOX
from ringline.ports import OutgoingMessage

#: What the provider is called in rows of messages.
NAME = SANDBOX


class SandboxProvider:
    """Accepts every message; its receipts are made by a timer (live streams, 1.9)."""

    name = NAME

    async def send(self, message: OutgoingMessage) -> str:
        """Accept a message; its own id is the provider's too."""
        return str(message.id)
