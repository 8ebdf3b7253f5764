"""Recordings on a test's disk, with the calls that they belong to."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Scope
from ringline.domain.recording import RATE_HZ
from ringline.domain.records import CallRow
from ringline.storage.recording_files import DiskRecordings
from ringline.wire.wav import wav_header
from tests.call_rows import an_ended_call, set_recorded, store
from tests.database import TestDatabase


@dataclass(frozen=True)
class Stored:
    """A call with a recording, and the bytes of its file."""

    call: CallRow
    file: bytes

    @property
    def id(self) -> str:
        return format_id(Prefix.CALL, self.call.id)

    @property
    def path(self) -> str:
        """Return the recording's path below `/v1`."""
        return f"/calls/{self.id}/recording"

    def on_disk(self, data_dir: Path) -> Path:
        return data_dir / "recordings" / f"{self.call.id}.wav"


async def store_recording(
    database: TestDatabase,
    scope: Scope,
    data_dir: Path,
    *,
    size: int = 100_000,
    ended_at: datetime | None = None,
    call: CallRow | None = None,
) -> Stored:
    """Store a call that was recorded, with so many bytes of noise as its audio."""
    if call is None:
        ended_at = ended_at or datetime.now(UTC) - timedelta(hours=1)
        call = replace(an_ended_call(ended_at - timedelta(seconds=30)), ended_at=ended_at)
        await store(database, scope, [call])
    pcm = random.Random(size).randbytes(size // 4 * 4)
    recording = DiskRecordings(data_dir, 10**10, free_bytes=0).begin(call.id)
    recording.append(pcm)
    recording.close()
    await set_recorded(database, call)
    return Stored(call, wav_header(RATE_HZ, 2, size=len(pcm)) + pcm)
