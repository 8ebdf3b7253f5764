"""The services behind the routes of `/v1`."""

import secrets
from collections.abc import Callable

from ringline.ports import Clock, SendWebhook
from ringline.rest.context import Services
from ringline.services.agents import AgentRules, Agents
from ringline.services.analytics import CallAnalytics
from ringline.services.api_keys import ApiKeys
from ringline.services.call_records import CallRecords
from ringline.services.calls import Calls
from ringline.services.delivery_ledger import DeliveryLedger
from ringline.services.id_generator import new_id
from ringline.services.inbound_messages import InboundMessages
from ringline.services.message_records import MessageRecords
from ringline.services.messages import Messages
from ringline.services.numbers import Numbers
from ringline.services.opt_outs import OptOuts
from ringline.services.playback import PlaybackTokens
from ringline.services.playground import Playground
from ringline.services.recording_downloads import FindRecording, RecordingDownloads
from ringline.services.recordings import Recordings
from ringline.services.recovery import Recovery
from ringline.services.repo import Repo
from ringline.services.routing_rules import RoutingRules
from ringline.services.sandbox_calls import SandboxCalls
from ringline.services.sealer import Sealer
from ringline.services.stream_ledger import StreamLedger
from ringline.services.text_turns import OpenAccount
from ringline.services.thread_modes import ThreadModes
from ringline.services.trial_sends import TrialSends
from ringline.services.webhook_endpoints import WebhookEndpoints
from ringline.services.webhook_secrets import WebhookSecrets
from ringline.services.workspace_deletion import DeletedWorkspaces
from ringline.services.workspace_settings import SettingsOfWorkspaces


def build_rest(
    repo: Repo,
    sealer: Sealer,
    *,
    calls: Calls,
    keys: ApiKeys,
    sandbox: SandboxCalls,
    messages: Messages,
    send: SendWebhook,
    streams: StreamLedger,
    now: Clock,
    agent_rules: AgentRules,
    open_account: OpenAccount,
    secret_ended: Callable[[], None],
    recordings: Recordings,
    find_recording: FindRecording,
    signing_secret: str,
) -> Services:
    """Build the services; the rules say whether webhooks may go to private addresses.

    `secret_ended` is called when a key was rotated or revoked. `open_account` is for what costs
    outside of calls.
    """
    webhook_secrets = WebhookSecrets(
        repo,
        seal=sealer.seal,
        open_sealed=sealer.open_sealed,
        now=now,
        random_bytes=secrets.token_bytes,
    )
    return Services(
        repo,
        now,
        new_id,
        calls,
        sandbox,
        SettingsOfWorkspaces(repo, now),
        DeletedWorkspaces(repo, now, secret_ended=secret_ended),
        keys,
        WebhookEndpoints(
            repo, sealer.seal, now=now, new_id=new_id, random_bytes=secrets.token_bytes
        ),
        DeliveryLedger(repo, now),
        streams,
        Recovery(repo, now, new_id=new_id),
        webhook_secrets,
        CallRecords(repo, recordings, now=now),
        CallAnalytics(repo, now),
        RecordingDownloads(repo, find_recording, recordings=recordings, now=now),
        PlaybackTokens(signing_secret, now, new_id=new_id),
        TrialSends(repo, send, secrets=webhook_secrets, now=now, new_id=new_id),
        Agents(repo, agent_rules, now=now, new_id=new_id),
        Playground(agent_rules.catalogue, open_account, new_id=new_id),
        messages,
        Numbers(repo, now, new_id=new_id),
        RoutingRules(repo, now, new_id=new_id),
        MessageRecords(repo),
        InboundMessages(repo, messages),
        ThreadModes(repo, now=now, new_id=new_id),
        OptOuts(repo, now),
        allow_private=agent_rules.allow_private,
    )
