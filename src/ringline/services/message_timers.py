"""What else is due in a thread: receipts of the sandbox, and the end of WhatsApp's window."""

from datetime import datetime
from uuid import UUID

from ringline.domain.conversations import ConversationChannel, ReceiptStatus
from ringline.domain.events import WindowClosing
from ringline.domain.messages import CLOSING, Report
from ringline.domain.timers import Timer
from ringline.ports import Clock, NewId, Transaction
from ringline.services.messages import Messages, NoSuchMessage, ProviderReport
from ringline.services.repo import Repo
from ringline.services.threads import NoSuchThread, lock_thread, report

_DELIVERED = ProviderReport(Report.DELIVERED)
_SMS_DELIVERED = ProviderReport(Report.DELIVERED, ReceiptStatus.DELIVERED, error_code="000")


class SimulatedReceipts:
    """Serves the timers `MESSAGE_RECEIPT`: every message of the sandbox is delivered."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    async def serve(self, timer: Timer) -> None:
        """Report a message as delivered; an SMS has a receipt too. Raises StoreUnavailable."""
        message_id = UUID(timer.subject)
        try:
            message = await self._messages.find(timer.scope, message_id)
            sms = message.channel is ConversationChannel.SMS
            reported = _SMS_DELIVERED if sms else _DELIVERED
            await self._messages.report(timer.scope, message_id, reported=reported)
        except NoSuchMessage:
            return


class WindowEnds:
    """Serves the timers `WINDOW_CLOSING`."""

    def __init__(self, repo: Repo, *, now: Clock, new_id: NewId) -> None:
        self._repo = repo
        self._now = now
        self._new_id = new_id

    async def serve(self, timer: Timer) -> datetime | None:
        """Report that a window closes in an hour; return when, if it was opened anew.

        One that has ended while no server ran is not reported. Raises StoreUnavailable.
        """

        async def work(transaction: Transaction) -> datetime | None:
            try:
                thread = await lock_thread(transaction, UUID(timer.subject))
            except NoSuchThread:
                return None
            ends_at, now = thread.window_expires_at, self._now()
            if ends_at is None or ends_at <= now:
                return None
            if ends_at - CLOSING > now:
                return ends_at - CLOSING
            closing = WindowClosing(
                conversation_id=thread.id,
                agent_id=thread.agent_id,
                channel=thread.channel,
                our_number=thread.our_number,
                remote_number=thread.remote_number,
                window_expires_at=ends_at,
            )
            report(transaction, [closing], now=now, new_id=self._new_id)
            return None

        return await self._repo.write(timer.scope, work)
