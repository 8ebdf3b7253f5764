"""The services that the routes under `/v1` use."""

from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from ringline.ports import Check, Clock, NewId
from ringline.services.agents import Agents
from ringline.services.analytics import CallAnalytics
from ringline.services.api_keys import ApiKeys
from ringline.services.call_records import CallRecords
from ringline.services.calls import Calls
from ringline.services.delivery_ledger import DeliveryLedger
from ringline.services.inbound_messages import InboundMessages
from ringline.services.message_records import MessageRecords
from ringline.services.messages import Messages
from ringline.services.numbers import Numbers
from ringline.services.opt_outs import OptOuts
from ringline.services.playback import PlaybackTokens
from ringline.services.playground import Playground
from ringline.services.recording_downloads import RecordingDownloads
from ringline.services.recovery import Recovery
from ringline.services.repo import Repo
from ringline.services.routing_rules import RoutingRules
from ringline.services.sandbox_calls import SandboxCalls
from ringline.services.stream_ledger import StreamLedger
from ringline.services.thread_modes import ThreadModes
from ringline.services.trial_sends import TrialSends
from ringline.services.webhook_endpoints import WebhookEndpoints
from ringline.services.webhook_secrets import WebhookSecrets
from ringline.services.workspace_deletion import DeletedWorkspaces
from ringline.services.workspace_settings import SettingsOfWorkspaces


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one server."""

    repo: Repo
    now: Clock
    new_id: NewId
    calls: Calls
    sandbox: SandboxCalls
    workspace: SettingsOfWorkspaces
    deleted_workspaces: DeletedWorkspaces
    keys: ApiKeys
    endpoints: WebhookEndpoints
    ledger: DeliveryLedger
    streams: StreamLedger
    recovery: Recovery
    secrets: WebhookSecrets
    call_records: CallRecords
    analytics: CallAnalytics
    recordings: RecordingDownloads
    playback: PlaybackTokens
    trials: TrialSends
    agents: Agents
    playground: Playground
    messages: Messages
    numbers: Numbers
    rules: RoutingRules
    message_records: MessageRecords
    inbound_messages: InboundMessages
    thread_modes: ThreadModes
    opt_outs: OptOuts
    #: Whether webhooks may go to private addresses (`WEBHOOK_ALLOW_PRIVATE`).
    allow_private: bool = False

    def for_caller(self, check: Check) -> "CallerServices":
        """Return these services for one caller; their repo checks the caller again."""
        return CallerServices(self, self.repo.for_caller(check))


class _OverRepo(Protocol):
    def with_repo(self, repo: Repo) -> Self: ...


_Service = TypeVar("_Service", bound=_OverRepo)


class _Own(Generic[_Service]):
    """A service over the caller's repo, which is made when it is asked for.

    A route uses one or two, and to make all of them would take longer than its own work.
    """

    def __init__(self, kind: type[_Service]) -> None:
        pass

    def __set_name__(self, owner: object, name: str) -> None:
        self._name = name

    def __get__(self, services: "CallerServices", owner: object) -> _Service:
        service: _Service = getattr(services.house, self._name)
        return service.with_repo(services.repo)


class CallerServices:
    """The services of one caller: `house` has those that are the same for everybody."""

    __slots__ = ("house", "repo")

    def __init__(self, house: Services, repo: Repo) -> None:
        self.house = house
        self.repo = repo

    workspace = _Own(SettingsOfWorkspaces)
    deleted_workspaces = _Own(DeletedWorkspaces)
    keys = _Own(ApiKeys)
    endpoints = _Own(WebhookEndpoints)
    ledger = _Own(DeliveryLedger)
    recovery = _Own(Recovery)
    secrets = _Own(WebhookSecrets)
    call_records = _Own(CallRecords)
    analytics = _Own(CallAnalytics)
    recordings = _Own(RecordingDownloads)
    trials = _Own(TrialSends)
    agents = _Own(Agents)
    messages = _Own(Messages)
    numbers = _Own(Numbers)
    rules = _Own(RoutingRules)
    message_records = _Own(MessageRecords)
    inbound_messages = _Own(InboundMessages)
    thread_modes = _Own(ThreadModes)
    opt_outs = _Own(OptOuts)
