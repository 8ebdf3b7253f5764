"""The benchmarks: their page, and how they read what they measure."""

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.__main__ import BENCHMARKS
from benchmarks.load import whole_length
from benchmarks.pages import ranks
from benchmarks.queries import counted
from benchmarks.report import Grid, Row, Section, brief, percentile, ratios


def a_section(name: str, value: float) -> Section:
    return Section(name, f"About {name}", "How.", [Row("it", [value, 2 * value], "ms", "< 5")])


def test_a_section_takes_its_old_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("# Benchmarks\n\nWords.\n")
    monkeypatch.setattr(report, "PAGE", page)
    for name, value in (("one", 1.0), ("two", 2.0), ("one", 100.0)):
        report.write(a_section(name, value))
    text = page.read_text()
    assert text.startswith("# Benchmarks\n\nWords.\n\n<!-- benchmark: one -->\n## About one")
    assert text.count("## About one") == text.count("## About two") == 1
    assert text.index("## About one") < text.index("## About two")
    assert "| it | ms | 150 | 100 – 200 (2) | < 5 |" in text


def test_percentiles() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, percent) for percent in (0, 50, 99, 100)] == [1, 51, 100, 100]


def test_the_page_holds_every_benchmark() -> None:
    text = report.PAGE.read_text("utf-8")
    assert [name for name in BENCHMARKS if f"<!-- benchmark: {name} -->" not in text] == []


def test_a_grid_stands_before_the_rows() -> None:
    grid = Grid(("a", "b"), [("ours", ["1", "2"]), ("theirs", ["3", "4"])])
    text = Section("one", "One", "How.", [Row("it", [1.0], "ms")], grid).render()
    assert "|  | a | b |\n| --- | --- | --- |\n| ours | 1 | 2 |\n| theirs | 3 | 4 |" in text
    assert text.index("| theirs |") < text.index("| it |")


def test_ratios_are_paired() -> None:
    assert ratios([1.0, 30.0], [2.0, 10.0]) == [0.5, 3.0]
    assert brief([1.0, 30.0, 2.0]) == "2.00 (1.00 – 30.0)"
    assert brief([1.0]) == "1.00"


def test_the_length_of_an_answer_is_known_from_its_head() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\n"
    assert whole_length(head[:-1]) == 0
    assert whole_length(head + b"hel") == len(head) + 5


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", "answered 429"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "length"),
    ],
)
def test_an_answer_that_cannot_be_measured_ends_the_run(answer: bytes, said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        whole_length(answer)


def test_places_in_an_order_with_and_without_null() -> None:
    plain = {"middle": 500, "90%": 900}
    assert ranks(1000, 0, "-") == plain
    assert ranks(1000, 300, "") == {**plain, "without a value": 850, "border": 690}
    assert ranks(1000, 300, "++") == {**plain, "without a value": 150, "border": 290}


def test_statements_are_counted_in_the_log() -> None:
    at = "2026-03-01 12:00:00.000 UTC [42] LOG:  "
    lines = [
        f"{at}statement: BEGIN ; SELECT set_config('ringline.workspace_id', '…', true)",
        f"{at}execute __asyncpg_stmt_7__: SELECT id",
        "\tFROM ringline.calls",
        f"{at}execute <unnamed>: SELECT id FROM ringline.contacts",
        f"{at}statement: SELECT 1",
        f"{at}statement: COMMIT",
        f"{at}checkpoint starting: time",
    ]
    assert counted("\n".join(lines)) == (2, 2)
