"""What Ringline needs from the world, as Protocols of at most seven methods.

Each docstring states the method's duty, its ordering and its failures. Adapters live in
`storage/`, `bus/` and `voices/`, where only `app` imports them, and in `legs/`, where only
the endpoint of that kind of leg does.
"""

from ringline.ports.bus import (
    ALL_LOGS,
    AllLogs,
    Bus,
    Subscriber,
    Unsubscribe,
)
from ringline.ports.media import (
    Leg,
    LegListener,
    NewResampler,
    OpenVoice,
    Resampler,
    Tap,
    Voice,
    VoiceListener,
    VoiceUnavailable,
)
from ringline.ports.storage import (
    AlreadyExists,
    CallStore,
    Check,
    Clock,
    CredentialStore,
    EntryRefused,
    EventLog,
    LogBusy,
    LogHead,
    LogPage,
    NewId,
    Portions,
    ProviderKeyStore,
    QueryTooSlow,
    Records,
    Row,
    Rows,
    StoreUnavailable,
    TicketStore,
    Transaction,
    Violation,
    WorkspaceStore,
)
from ringline.ports.webhooks import (
    SealedSecrets,
    SigningSecretStore,
)

__all__ = [
    "ALL_LOGS",
    "AllLogs",
    "AlreadyExists",
    "Bus",
    "CallStore",
    "Check",
    "Clock",
    "CredentialStore",
    "EntryRefused",
    "EventLog",
    "Leg",
    "LegListener",
    "LogBusy",
    "LogHead",
    "LogPage",
    "NewId",
    "NewResampler",
    "OpenVoice",
    "Portions",
    "ProviderKeyStore",
    "QueryTooSlow",
    "Records",
    "Resampler",
    "Row",
    "Rows",
    "SealedSecrets",
    "SigningSecretStore",
    "StoreUnavailable",
    "Subscriber",
    "Tap",
    "TicketStore",
    "Transaction",
    "Unsubscribe",
    "Violation",
    "Voice",
    "VoiceListener",
    "VoiceUnavailable",
    "WorkspaceStore",
]
