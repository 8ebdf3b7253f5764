"""Logging to stderr: readable in a terminal, lines of JSON elsewhere.

A server's logs hold ids and types, never credentials or transcripts. Values that others
chose (a name in an error, an address) cannot control the terminal.
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

#: Values with several lines, such as tracebacks.
_LONG_VALUES = ("exception", "stack")
#: How many stack frames of an error are logged, counted from the innermost.
_STEPS = 3


class _End(msgspec.Struct):
    event: str
    reason: str


#: The log's last line if a server ends unexpectedly; `reason` is a sentence for its user.
_ENDED = "server_ended"


def log_like_a_server(level: str = "info") -> None:
    """Log to stderr from now on, from a level up."""
    least = logging.getLevelNamesMapping()[level.upper()]
    terminal = sys.stderr.isatty()
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer()
    )
    # Libraries that use `logging` may quote anything in their warnings, so only their names and #
    # levels are logged.
    quiet = logging.getLogger()
    quiet.handlers = [_NamesOnly()]
    quiet.setLevel(max(least, logging.WARNING))
    logging.captureWarnings(True)  # otherwise Python would print them between the lines
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
    """Log only errors: a command prints its own output."""
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
    """Return why a server ended, from the lines of its log; '' if unknown."""
    for line in reversed(lines):
        with suppress(msgspec.DecodeError):  # other lines have other members, or are truncated
            end = msgspec.json.decode(line, type=_End)
            if end.event == _ENDED:
                return end.reason
    return ""


def _place_failure(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Log where an error came from instead of its text, which may quote private data."""
    error = sys.exc_info()[1]
    if method == "error" and error is not None:
        steps = [
            f"{frame.f_globals.get('__name__')}:{line}"
            for frame, line in traceback.walk_tb(error.__traceback__)
        ]
        event["at"] = " > ".join(steps[-_STEPS:])
    return event


def _show_values(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Escape control characters that the terminal renderer would print as they are."""
    for name, value in event.items():
        if name in _LONG_VALUES:
            # Indented, so that a line of an error's text is never taken for a log line.
            event[name] = "\n".join(f"  {visible(line)}" for line in str(value).split("\n"))
        elif isinstance(value, str):
            event[name] = visible(value)
    return event


class _NamesOnly(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        structlog.get_logger().warning("library_logged", library=record.name, error=error)
