"""The bounds of recordings: in memory, on the disk, in time.

`limits.py` says what a row means.
"""

from ringline.domain.limit import MIB, Limit

_NOT_RECORDED = "the call's recording ends, with `call.audit`; the call continues"

AHEAD_MS = Limit(
    "a caller's audio that is recorded, ahead of the call's clock", 60_000, "ms", "not recorded"
)
CALL_BYTES = Limit(
    "audio of one call waiting to be written to its recording", MIB, "bytes", _NOT_RECORDED
)
ALL_BYTES = Limit(
    "audio of all calls waiting to be written to recordings", 64 * MIB, "bytes", _NOT_RECORDED
)
FREE_BYTES = Limit(
    "the free disk space that recordings leave; none begins with less than twice as much",
    64 * MIB,
    "bytes",
    _NOT_RECORDED,
)
DAYS = Limit(
    "a recording; less if its workspace's `retention_days` are fewer",
    30,
    "days",
    "removed; before that, 404 `NOT_FOUND`",
)
DISK_GB = Limit("recordings on disk", 10, "GB", "the oldest are removed", "RECORDINGS_MAX_GB")

#: In the sequence of the page.
INSIDE = (CALL_BYTES, ALL_BYTES, FREE_BYTES, DAYS, DISK_GB)
