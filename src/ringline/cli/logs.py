"""Where logs go: to stderr, for eyes in a terminal and as lines of JSON elsewhere.

A server's logs hold ids and types; credentials and transcripts have no business in them.
"""

import logging
import sys

import structlog
from structlog.typing import Processor


def log_like_a_server() -> None:
    """Log what happens from now on, to stderr."""
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
    quiet.setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def log_like_a_command() -> None:
    """Log nothing but errors: a command speaks for itself."""
    logging.getLogger().handlers = [logging.NullHandler()]
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class _NamesOnly(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        structlog.get_logger().warning("library", library=record.name, error=error)
