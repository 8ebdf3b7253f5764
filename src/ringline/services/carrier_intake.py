"""What providers of messages say: inbound messages, and receipts of ours.

A provider knows no workspace. An inbound message is for the one that owns the number it came to,
a receipt for the one whose message has the provider's id; what is nobody's is refused, and so is
what could be two workspaces'. A provider may say everything twice, late and out of order.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ringline.domain.conversations import ConversationChannel, ReceiptStatus
from ringline.domain.messages import Report
from ringline.ports import CarriedMessages
from ringline.services.inbound_messages import Arrival, InboundMessages, NobodyTakes
from ringline.services.messages import Messages, NoSuchMessage, ProviderReport
from ringline.wire.carrier_messages import CarrierArrival, CarrierReceipt

#: The final receipt of an SMS for each report, in SMPP's words.
RECEIPTS: Mapping[Report, ReceiptStatus] = MappingProxyType(
    {
        Report.DELIVERED: ReceiptStatus.DELIVERED,
        Report.FAILED: ReceiptStatus.UNDELIVERABLE,
        Report.REJECTED: ReceiptStatus.REJECTED,
        Report.EXPIRED: ReceiptStatus.EXPIRED,
    }
)


class NotOurs(Exception):
    """No workspace, or more than one, has the number or the message."""


class CarrierIntake:
    """Takes in what providers say, for whichever workspace it is."""

    def __init__(
        self, carried: CarriedMessages, inbound: InboundMessages, *, messages: Messages
    ) -> None:
        self._carried = carried
        self._inbound = inbound
        self._messages = messages

    async def receive(self, provider: str, arrival: CarrierArrival) -> None:
        """Take in an inbound message, once. Raises NotOurs, Unavailable."""
        scope = await self._carried.owner_of(arrival.our_number, arrival.channel)
        if scope is None:
            raise NotOurs
        taken = Arrival(
            provider,
            arrival.message_id,
            arrival.channel,
            our_number=arrival.our_number,
            remote_number=arrival.remote_number,
            message_type=arrival.message_type,
            text=arrival.text,
            details=arrival.details or None,
        )
        try:
            await self._inbound.receive(scope, taken)
        except NobodyTakes:
            raise NotOurs from None

    async def report(self, provider: str, receipt: CarrierReceipt) -> None:
        """Apply a receipt; one that tells nothing new changes nothing.

        Raises NotOurs, Unavailable. A receipt that overtakes the answer to the request that sent
        its message is NotOurs until that is recorded: its provider repeats it.
        """
        found = await self._carried.find(provider, receipt.message_id)
        if found is None:
            raise NotOurs
        if receipt.report is None:
            return
        sms = found.channel is ConversationChannel.SMS
        reported = ProviderReport(
            receipt.report,
            RECEIPTS.get(receipt.report) if sms else None,
            error_code=receipt.error_code,
        )
        try:
            await self._messages.report(found.scope, found.id, reported=reported)
        except NoSuchMessage:
            raise NotOurs from None
