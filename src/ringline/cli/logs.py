"""Where logs go: to stderr, for eyes in a terminal and as lines of JSON elsewhere.

A server's logs hold ids and types; credentials and transcripts have no business in them.
What others chose all the same (a name in an error, an address) does not steer the terminal.
"""

import logging
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ringline.cli.terminal import visible

#: Values of several lines, as tracebacks are.
_LONG_VALUES = ("exception", "stack")
#: How many steps of the way to an error are told, the last ones.
_STEPS = 3


class _End(msgspec.Struct):
    event: str
    reason: str


#: The log's last line where a server ends unasked; `reason` is a sentence for its user.
_ENDED = "server_ended"


def log_like_a_server(level: str = "info") -> None:
    """Log what happens from now on, to stderr, from a level up."""
    least = logging.getLevelNamesMapping()[level.upper()]
    terminal = sys.stderr.isatty()
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer()
    )
    # Libraries that use `logging` tell what they fear; what they quote is theirs to choose,
    # so only their names and levels go on.
    quiet = logging.getLogger()
    quiet.handlers = [_NamesOnly()]
    quiet.setLevel(max(least, logging.WARNING))
    logging.captureWarnings(True)  # or Python would print them between the lines
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _place_failure,
            structlog.processors.format_exc_info,
            *((_show_values,) if terminal else ()),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def log_like_a_command() -> None:
    """Log nothing but errors: a command speaks for itself."""
    logging.getLogger().handlers = [logging.NullHandler()]
    logging.captureWarnings(False)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def log_end(reason: str) -> None:
    """Log why the server ends, in a sentence for its user."""
    structlog.get_logger().critical(_ENDED, reason=reason)


def reason_of_end(lines: Sequence[str]) -> str:
    """Return why a server ended, from the lines of its log; '' where none of them says so."""
    for line in reversed(lines):
        with suppress(msgspec.DecodeError):  # other lines have other members, or are cut off
            end = msgspec.json.decode(line, type=_End)
            if end.event == _ENDED:
                return end.reason
    return ""


def _place_failure(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Tell where an error came from, whose text may quote what is nobody's business."""
    error = sys.exc_info()[1]
    if method == "error" and error is not None:
        steps = [
            f"{frame.f_globals.get('__name__')}:{line}"
            for frame, line in traceback.walk_tb(error.__traceback__)
        ]
        event["at"] = " > ".join(steps[-_STEPS:])
    return event


def _show_values(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Make texts visible that the renderer for terminals would print as they are."""
    for name, value in event.items():
        if name in _LONG_VALUES:
            # Set in, so that a line of an error's text is never taken for one of the log.
            event[name] = "\n".join(f"  {visible(line)}" for line in str(value).split("\n"))
        elif isinstance(value, str):
            event[name] = visible(value)
    return event


class _NamesOnly(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        structlog.get_logger().warning("library_logged", library=record.name, error=error)
