"""Where the rooms are joined: the only room that knows storage, bus and voices.

`server` starts everything in order and stops it in reverse; `voices` gathers the models,
`surfaces` what clients reach, `admin` opens a database for a command.
"""

from ringline.app.admin import (
    Admin,
    database_of,
    examine_database,
    find_recorded_call,
    open_admin,
    open_recording,
)
from ringline.app.server import Running, StartRefused, running, serve
from ringline.app.voices import missing_extra, read_voices
from ringline.storage.fitness import Condition
from ringline.storage.preparation import (
    DATABASE_PROBLEMS,
    check_data_dir,
    make_data_dir,
    migrate_database,
)
from ringline.storage.recording_files import StoredRecording
from ringline.storage.recording_notes import CallFound

#: What the command line uses of it, and of storage through it.
__all__ = [
    "DATABASE_PROBLEMS",
    "Admin",
    "CallFound",
    "Condition",
    "Running",
    "StartRefused",
    "StoredRecording",
    "check_data_dir",
    "database_of",
    "examine_database",
    "find_recorded_call",
    "make_data_dir",
    "migrate_database",
    "missing_extra",
    "open_admin",
    "open_recording",
    "read_voices",
    "running",
    "serve",
]
