"""Messages: their providers, the services over them, and what their timers are served by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ringline.domain import v1_limits
from ringline.domain.carriers import Carrier
from ringline.domain.timers import TimerKind
from ringline.messaging.providers import Providers
from ringline.messaging.sandbox import NAME
from ringline.ports import CarriedMessages, Clock
from ringline.services.carrier_intake import CarrierIntake
from ringline.services.id_generator import new_id
from ringline.services.inbound_messages import InboundMessages
from ringline.services.message_answers import MessageAnswers
from ringline.services.message_sending import MessageSending
from ringline.services.message_timers import SimulatedReceipts, WindowEnds
from ringline.services.messages import Messages
from ringline.services.repo import Repo
from ringline.services.text_turns import OpenAccount, TextTurns
from ringline.services.timers import Serve
from ringline.services.voices import Catalogue

#: When a message of the sandbox is delivered, at a clock scale of 1 (live streams, 1.9).
_RECEIPTS_AFTER = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Messaging:
    """The messages, and what serves their timers."""

    messages: Messages
    serve: Mapping[TimerKind, Serve]
    providers: Providers
    intake: CarrierIntake


def messaging_of(
    repo: Repo,
    catalogue: Catalogue,
    *,
    carriers: Sequence[Carrier],
    carried: CarriedMessages,
    receipts_url: Callable[[str], str],
    open_account: OpenAccount,
    now: Clock,
    sandbox_clock_scale: float,
) -> Messaging:
    """Return the services of messages over an open database.

    `receipts_url` returns where the receipts of a provider arrive, by its name.
    """
    providers = Providers(carriers, receipts_url)
    messages = Messages(repo, providers, now=now, new_id=new_id)
    sending = MessageSending(
        repo,
        messages,
        providers=providers,
        now=now,
        new_id=new_id,
        simulated=NAME,
        receipts_after=_RECEIPTS_AFTER * sandbox_clock_scale,
    )
    turns = TextTurns(
        catalogue, open_account, new_id=new_id, most_characters=v1_limits.MESSAGE_BODY.most
    )
    serve: dict[TimerKind, Serve] = {
        TimerKind.MESSAGE_SEND: sending.serve,
        TimerKind.MESSAGE_ANSWER: MessageAnswers(repo, messages, turns=turns, now=now).serve,
        TimerKind.MESSAGE_RECEIPT: SimulatedReceipts(messages).serve,
        TimerKind.WINDOW_CLOSING: WindowEnds(repo, now=now, new_id=new_id).serve,
    }
    inbound = InboundMessages(repo, messages)
    intake = CarrierIntake(carried, inbound, messages=messages)
    return Messaging(messages, serve, providers, intake)
