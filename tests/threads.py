"""Messages over a real database, with a clock that is moved by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from ringline.bus.memory import MemoryBus
from ringline.domain.conversations import ConversationChannel, MessageType
from ringline.domain.events import EventData, StoredEvent
from ringline.domain.log import Environment, Scope
from ringline.domain.timers import LEASES, TimerKind
from ringline.messaging.providers import Providers
from ringline.messaging.sandbox import NAME
from ringline.ports import MessageProvider, MessageProviders, OutgoingMessage, Rows
from ringline.services.message_rows import Message
from ringline.services.message_sending import MessageSending
from ringline.services.message_timers import SimulatedReceipts, WindowEnds
from ringline.services.messages import InboundMessage, Messages, NewMessage
from ringline.services.repo import Repo
from ringline.services.timers import Serve
from ringline.storage.stores import Stores
from tests.clock import HandClock
from tests.database import make_log, new_id

OURS, THEIRS = "+2342013301234", "+2348031234567"
SMS, WHATSAPP = ConversationChannel.SMS, ConversationChannel.WHATSAPP

Told = TypeVar("Told", bound=EventData)


@dataclass(slots=True)
class OneProvider:
    """A provider that does what a test says, and remembers what it was handed."""

    answers: list[str | Exception] = field(default_factory=list[str | Exception])
    handed: list[OutgoingMessage] = field(default_factory=list[OutgoingMessage])
    name: str = "carrier"

    async def send(self, message: OutgoingMessage) -> str:
        self.handed.append(message)
        answer = self.answers.pop(0) if self.answers else str(message.id)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def find(
        self, scope: Scope, channel: ConversationChannel, *, from_number: str
    ) -> MessageProvider | None:
        return self


class Desk:
    """The services of messages of one log, and its timers."""

    def __init__(
        self, stores: Stores, scope: Scope, *, clock: HandClock, providers: MessageProviders
    ) -> None:
        self.stores = stores
        self.scope = scope
        self.clock = clock
        self.repo = Repo(stores.records, MemoryBus())
        self.messages = Messages(self.repo, providers, now=clock, new_id=new_id)
        sending = MessageSending(
            self.repo,
            self.messages,
            providers=providers,
            now=clock,
            new_id=new_id,
            simulated=NAME,
            receipts_after=timedelta(seconds=1),
        )
        self.serve: Mapping[TimerKind, Serve] = {
            TimerKind.MESSAGE_SEND: sending.serve,
            TimerKind.MESSAGE_RECEIPT: SimulatedReceipts(self.messages).serve,
            TimerKind.WINDOW_CLOSING: WindowEnds(self.repo, now=clock, new_id=new_id).serve,
        }

    @classmethod
    async def opened(
        cls,
        stores: Stores,
        clock: HandClock,
        *,
        environment: Environment = Environment.TEST,
        providers: MessageProviders | None = None,
    ) -> "Desk":
        """Return the desk of a new workspace."""
        scope = Scope((await make_log(stores)).workspace_id, environment)
        return cls(stores, scope, clock=clock, providers=providers or Providers())

    async def agent(self) -> UUID:
        agent = await self.stores.workspaces.first_agent(self.scope)
        assert agent is not None
        return agent.id

    async def send(
        self,
        text: str,
        *,
        channel: ConversationChannel = SMS,
        message_type: MessageType = MessageType.TEXT,
        to_number: str = THEIRS,
    ) -> Message:
        new = NewMessage(
            await self.agent(),
            channel,
            from_number=OURS,
            to_number=to_number,
            message_type=message_type,
            text=text,
        )
        return await self.messages.send(self.scope, new, also=_keep_nothing)

    async def receive(
        self,
        text: str,
        *,
        channel: ConversationChannel = SMS,
        provider_message_id: str | None = None,
    ) -> Message:
        inbound = InboundMessage(
            "carrier",
            provider_message_id,
            await self.agent(),
            channel,
            our_number=OURS,
            remote_number=THEIRS,
            message_type=MessageType.TEXT,
            text=text,
        )
        return await self.messages.receive(self.scope, inbound)

    async def serve_due(self) -> list[TimerKind]:
        """Serve every timer that is due, one after the other; return their kinds."""
        served: list[TimerKind] = []
        timers = self.stores.timers
        kinds = tuple(self.serve)
        while True:
            due = await timers.claim(
                self.clock(), kinds=kinds, lease=LEASES[TimerKind.MESSAGE_SEND], most=9
            )
            if not due:
                return served
            for timer in due:
                served.append(timer.kind)
                again = await self.serve[timer.kind](timer)
                await timers.settle(timer, again, now=self.clock())

    async def events(self) -> Sequence[StoredEvent]:
        page = await self.stores.log.page(self.scope, 0, limit=1000)
        return page.events

    async def told(self, kind: type[Told]) -> list[Told]:
        """Return what the events of a type say."""
        found = (stored.event.data for stored in await self.events())
        return [data for data in found if isinstance(data, kind)]

    async def types(self) -> list[str]:
        return [stored.event.type for stored in await self.events()]


async def _keep_nothing(rows: Rows, message: Message) -> None:
    pass
