"""Which provider carries a message: the sandbox's those of test keys, others one of the file."""

import asyncio
from collections.abc import Callable, Sequence

from ringline.domain.carriers import Carrier
from ringline.domain.conversations import ConversationChannel
from ringline.domain.log import Environment, Scope
from ringline.messaging.http import HttpProvider
from ringline.messaging.sandbox import SandboxProvider
from ringline.ports import MessageProvider


class Providers:
    """The providers of this server; `receipts_url` returns where a provider's receipts arrive."""

    def __init__(
        self,
        carriers: Sequence[Carrier] = (),
        receipts_url: Callable[[str], str] = str,
    ) -> None:
        self._sandbox = SandboxProvider()
        self._over_http = [
            (carrier, HttpProvider(carrier, _named(receipts_url, carrier.name)))
            for carrier in carriers
        ]

    def find(
        self, scope: Scope, channel: ConversationChannel, *, from_number: str
    ) -> MessageProvider | None:
        """Return the provider for messages of a channel from one of our numbers, if any.

        It is the first in the file that carries them.
        """
        if scope.environment is Environment.TEST:
            return self._sandbox
        for carrier, provider in self._over_http:
            if carrier.carries(channel, from_number):
                return provider
        return None

    async def close(self) -> None:
        """Close the connections to all of them."""
        await asyncio.gather(*(provider.close() for _, provider in self._over_http))


def _named(receipts_url: Callable[[str], str], name: str) -> Callable[[], str]:
    return lambda: receipts_url(name)
