"""The services that the routes under `/v1` use."""

from dataclasses import dataclass, replace

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
from ringline.services.thread_modes import ThreadModes
from ringline.services.trial_sends import TrialSends
from ringline.services.webhook_endpoints import WebhookEndpoints
from ringline.services.webhook_secrets import WebhookSecrets
from ringline.services.workspace_deletion import DeletedWorkspaces
from ringline.services.workspace_settings import SettingsOfWorkspaces


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one server, or of one caller."""

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

    def for_caller(self, check: Check) -> "Services":
        """Return these services for one caller; their repo checks the caller again."""
        repo = self.repo.for_caller(check)
        return replace(
            self,
            repo=repo,
            workspace=self.workspace.with_repo(repo),
            deleted_workspaces=self.deleted_workspaces.with_repo(repo),
            keys=self.keys.with_repo(repo),
            endpoints=self.endpoints.with_repo(repo),
            ledger=self.ledger.with_repo(repo),
            recovery=self.recovery.with_repo(repo),
            secrets=self.secrets.with_repo(repo),
            call_records=self.call_records.with_repo(repo),
            analytics=self.analytics.with_repo(repo),
            recordings=self.recordings.with_repo(repo),
            trials=self.trials.with_repo(repo),
            agents=self.agents.with_repo(repo),
            messages=self.messages.with_repo(repo),
            numbers=self.numbers.with_repo(repo),
            rules=self.rules.with_repo(repo),
            message_records=self.message_records.with_repo(repo),
            inbound_messages=self.inbound_messages.with_repo(repo),
            thread_modes=self.thread_modes.with_repo(repo),
            opt_outs=self.opt_outs.with_repo(repo),
        )
