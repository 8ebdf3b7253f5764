"""All that the process says: structlog, the standard library's logging, standard error."""

import logging

import pytest


class Everything(logging.Handler):
    """Keeps every record of every logger, formatted, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Said:
    """All that the process said since the test began."""

    def __init__(self, handler: Everything, capfd: pytest.CaptureFixture[str]) -> None:
        self._handler = handler
        self._capfd = capfd

    def text(self) -> str:
        out, err = self._capfd.readouterr()
        return "\n".join([*self._handler.lines, out, err])
