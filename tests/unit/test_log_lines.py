"""Every log call is in the table of log lines, and every row is used."""

import json
import re
from pathlib import Path

import pytest
import structlog

import ringline
from ringline.domain.log_lines import FIELDS, LOG_LINES, Level
from tests import log_lines
from tests.log_lines import ADDED, LINES, LogCall, Unreadable, calls_in, problem_of, problems_in

SOURCES = Path(ringline.__file__).parent
MODULES = sorted(path for path in SOURCES.rglob("*.py") if "structlog" in path.read_text("utf-8"))

HEAD = "import structlog\n_log = structlog.get_logger()\n"


def read(source: str) -> list[LogCall]:
    return list(calls_in(HEAD + source))


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCES))


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_every_call_is_in_the_table_with_its_level_and_fields(module: Path) -> None:
    for call in calls_in(module.read_text("utf-8")):
        problem = problem_of(call.event, call.level, call.fields)
        assert not problem, f"{name_of(module)}:{call.at}: {problem}"


def test_every_line_of_the_table_is_logged_somewhere() -> None:
    logged = {call.event for module in MODULES for call in calls_in(module.read_text("utf-8"))}
    assert logged == set(LINES)


def test_an_event_is_one_line() -> None:
    assert sum(map(len, LOG_LINES.values())) == len(LINES)


def test_events_and_fields_are_spelt_in_one_way() -> None:
    for event in LINES:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", event), event
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in FIELDS)


def test_every_field_is_described_once_and_used() -> None:
    used = {name for line in LINES.values() for name in line.fields}
    assert used == set(FIELDS)
    assert not used & ADDED
    for line in LINES.values():
        assert len(set(line.fields)) == len(line.fields), line.event


def test_a_defect_names_its_exception_and_is_an_error() -> None:
    for line in LOG_LINES["Defects"]:
        assert line.level == Level.ERROR, line.event
        assert "error" in line.fields, line.event


def test_meanings_are_sentences() -> None:
    for line in LINES.values():
        assert re.fullmatch(r"[A-Z].*\.", line.means), line.event


# -- that the check finds what it is for ------------------------------------------------------


def test_a_call_is_read_with_its_level_and_fields() -> None:
    (call,) = read("_log.error('it_failed', error=1, id=2)")
    assert call == LogCall(3, "it_failed", "error", frozenset({"error", "id"}))


def test_the_fields_of_a_bound_logger_count() -> None:
    source = "mine = _log.bind(id=1)\nits = mine.bind(kind=2)\nits.info('it_was', seconds=3)"
    (call,) = read(source)
    assert call.fields == {"id", "kind", "seconds"}


def test_a_logger_that_was_handed_in_is_one() -> None:
    source = "def log(to: structlog.typing.FilteringBoundLogger):\n    to.info('it_was', id=1)"
    (call,) = read(source)
    assert (call.event, call.fields) == ("it_was", {"id"})


def test_a_logger_without_a_name_is_one() -> None:
    (call,) = read("structlog.get_logger().critical('it_ended')")
    assert (call.event, call.level) == ("it_ended", "critical")


def test_an_event_may_be_a_constant_of_the_module() -> None:
    (call,) = read("EVENT = 'it_was'\n_log.info(EVENT)")
    assert call.event == "it_was"


def test_what_is_no_logger_is_left_alone() -> None:
    assert read("words.info('it_was')\nmath.log(2)\nself.error(1)\nnames = words.bind(a=1)") == []


@pytest.mark.parametrize(
    "source",
    [
        "_log.info(event)",
        "_log.info(f'it_{event}')",
        "_log.info('it_was', 'more')",
        "_log.info('it_was', **fields)",
        "logs = [structlog.get_logger()]",
        "from structlog import get_logger",
    ],
)
def test_a_call_that_hides_what_it_logs_is_refused(source: str) -> None:
    with pytest.raises(Unreadable, match=r"^line 3: "):
        read(source)


@pytest.mark.parametrize("method", ["exception", "warn", "msg", "log"])
def test_methods_without_a_level_of_the_table_are_found(method: str) -> None:
    (call,) = read(f"_log.{method}('ready', base_url=1)")
    assert problem_of(call.event, call.level, call.fields)


@pytest.mark.parametrize(
    ("event", "level", "fields", "problem"),
    [
        ("ready", "info", ["base_url"], ""),
        ("ready", "info", ["base_url", *ADDED], ""),
        ("it_was", "info", [], "it_was is not in the table of log lines"),
        ("ready", "debug", ["base_url"], "ready is logged as debug, in the table it is info"),
        ("ready", "info", [], "ready has the fields [], in the table ['base_url']"),
        ("stopping", "info", ["id"], "stopping has the fields ['id'], in the table []"),
    ],
)
def test_a_line_is_held_against_the_table(
    event: str, level: str, fields: list[str], problem: str
) -> None:
    assert problem_of(event, level, fields) == problem


def test_a_line_that_is_not_in_the_table_is_noted_while_tests_run() -> None:
    structlog.get_logger().info("stopping")
    assert log_lines.problems == []
    structlog.get_logger().info("it_was", id=1)
    assert log_lines.problems == ["it_was is not in the table of log lines"]
    log_lines.problems.clear()


def test_the_output_of_a_server_is_held_against_the_table() -> None:
    ready = {"event": "ready", "level": "info", "timestamp": "now", "base_url": "http://a"}
    lines = ["LOG:  database system is ready", "[]", "1", "{}", json.dumps(ready)]
    assert problems_in("\n".join(lines)) == []
    wrong = json.dumps({**ready, "event": "it_was"})
    assert problems_in("\n".join([*lines, wrong])) == ["it_was is not in the table of log lines"]
