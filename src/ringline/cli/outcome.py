"""How a command ends: with a result on stdout, or one sentence on stderr.

Exit codes: 0 done, 1 could not be done, 2 was not understood, 130 interrupted.
"""

import json
import sys
from collections.abc import Coroutine, Mapping
from typing import Any, NoReturn, TypeVar

import uvloop

from ringline.app import StartRefused
from ringline.client.http import ApiProblem
from ringline.client.realtime import CallProblem
from ringline.client.sound import SoundProblem
from ringline.config import SettingsProblem
from ringline.ports import EntryRefused, StoreAway
from ringline.storage.data_directory import EmbeddedError
from ringline.storage.database_errors import DatabaseRefused
from ringline.storage.migrate import MigrationError

DONE = 0
FAILED = 1
MISUSED = 2
INTERRUPTED = 130

T = TypeVar("T")


class CommandProblem(Exception):
    """A command that cannot be carried out; its text is a sentence for the user."""


#: What is told as its sentence; anything else that is raised is a defect.
PROBLEMS = (
    ApiProblem,
    CallProblem,
    CommandProblem,
    DatabaseRefused,
    EmbeddedError,
    MigrationError,
    SettingsProblem,
    SoundProblem,
    StartRefused,
)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work on an event loop."""
    return uvloop.run(work)


def sentence(error: BaseException) -> str:
    """Return what the user is told of an error; '' if it is a defect."""
    match error:
        case StoreAway():
            return "The database does not answer; try again."
        case EntryRefused():
            return f"The database refused it (SQLSTATE {error})."
        case OSError() if error.strerror:
            place = f"{error.filename}: " if error.filename else ""
            return f"{place}{error.strerror.lower()}."
        case BaseExceptionGroup():
            told = [sentence(inner) for inner in error.exceptions]
            return told[0] if len(set(told)) == 1 else ""
        case _:
            return str(error) if isinstance(error, PROBLEMS) else ""


def show_json(value: Mapping[str, object]) -> None:
    """Print a result for programs: one line of JSON."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def say(text: str) -> None:
    """Tell the user something that is not the result."""
    print(text, file=sys.stderr, flush=True)


def refuse(text: str) -> NoReturn:
    """End the command with a sentence."""
    raise CommandProblem(text)
