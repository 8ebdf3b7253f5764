"""The adapters over one database, opened and closed together."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from ringline.ports import Clock
from ringline.schema.names import ROLES, Roles
from ringline.storage.calls import PostgresCalls
from ringline.storage.carried_messages import PostgresCarriedMessages
from ringline.storage.credentials import PostgresCredentials
from ringline.storage.database import POOL_SIZE, Database
from ringline.storage.deletions import PostgresDeletions
from ringline.storage.event_log import PostgresEventLog
from ringline.storage.loans import LoanLimits
from ringline.storage.provider_credentials import PostgresProviderCredentials
from ringline.storage.recording_notes import PostgresRecordingNotes
from ringline.storage.records import PostgresRecords
from ringline.storage.sign_ins import PostgresSignIns
from ringline.storage.signing_secrets import PostgresSigningSecrets
from ringline.storage.timers import PostgresTimers
from ringline.storage.webhooks import PostgresDeliveries
from ringline.storage.workspaces import PostgresWorkspaces


def utc_now() -> datetime:
    """Return the time of day, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Stores:
    """A database and the adapters that serve the ports from it."""

    database: Database
    log: PostgresEventLog
    calls: PostgresCalls
    credentials: PostgresCredentials
    workspaces: PostgresWorkspaces
    records: PostgresRecords
    recordings: PostgresRecordingNotes
    provider_credentials: PostgresProviderCredentials
    signing_secrets: PostgresSigningSecrets
    deliveries: PostgresDeliveries
    timers: PostgresTimers
    deletions: PostgresDeletions
    carried: PostgresCarriedMessages
    sign_ins: PostgresSignIns

    @classmethod
    async def open(
        cls,
        dsn: str,
        server_id: UUID,
        *,
        claim: bool,
        pool_size: int = POOL_SIZE,
        roles: Roles = ROLES,
        loan_limits: LoanLimits | None = None,
        now: Clock = utc_now,
    ) -> Self:
        """Open a database: with `claim` for a server, without for a command.

        `now` says from when on webhooks may be sent what the events of a transaction owe them.
        Raises DatabaseRefused.
        """
        database = await Database.open(
            dsn,
            server_id=server_id,
            claim=claim,
            pool_size=pool_size,
            roles=roles,
            loan_limits=loan_limits,
        )
        return cls(
            database,
            PostgresEventLog(database, now),
            PostgresCalls(database),
            PostgresCredentials(database),
            PostgresWorkspaces(database),
            PostgresRecords(database, now),
            PostgresRecordingNotes(database),
            PostgresProviderCredentials(database),
            PostgresSigningSecrets(database),
            PostgresDeliveries(database),
            PostgresTimers(database),
            PostgresDeletions(database),
            PostgresCarriedMessages(database),
            PostgresSignIns(database),
        )

    async def close(self) -> None:
        """Release the database."""
        await self.database.close()
