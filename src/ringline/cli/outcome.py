"""How a command ends: with a result on stdout, or one sentence on stderr.

Exit codes: 0 success, 1 failure, 2 usage error, 130 interrupted.
"""

from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import uvloop

from ringline.cli.terminal import OutputClosed
from ringline.config import SettingsProblem
from ringline.ports import EntryRefused, StoreUnavailable

DONE = 0
FAILED = 1
MISUSED = 2
INTERRUPTED = 130

T = TypeVar("T")


class CommandProblem(Exception):
    """A command failed; the text is a sentence for the user."""


def run(work: Coroutine[Any, Any, T], *problems: type[Exception]) -> T:
    """Run a command's work on an event loop; `problems` end it with their texts."""
    with reporting(*problems):
        return uvloop.run(work)


@contextmanager
def reporting(*problems: type[Exception]) -> Generator[None]:
    """Turn exceptions whose text is a sentence for the user into CommandProblem."""
    try:
        yield
    except problems as error:
        raise CommandProblem(str(error)) from None
    except BaseExceptionGroup as group:
        if group.subgroup(OutputClosed):
            raise OutputClosed from None
        sentences = [sentence(error, *problems) for error in group.exceptions]
        if not all(sentences):
            raise
        raise CommandProblem(sentences[0]) from None


def sentence(error: BaseException, *problems: type[Exception]) -> str:
    """Return the sentence for an error; '' if it is a bug."""
    match error:
        case StoreUnavailable():
            return "The database does not answer; try again."
        case EntryRefused():
            why = f"SQLSTATE {error.sqlstate}" if error.sqlstate else error.violation
            return f"The database refused it ({why})."
        case OSError() if error.strerror:
            place = f"{error.filename}: " if error.filename else ""
            return f"{place}{error.strerror.lower()}."
        case _:
            is_known = isinstance(error, (CommandProblem, SettingsProblem, *problems))
            return str(error) if is_known else ""


def fail(text: str) -> NoReturn:
    """End the command with a sentence."""
    raise CommandProblem(text)
