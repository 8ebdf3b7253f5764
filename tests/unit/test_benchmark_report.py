"""The page of the benchmarks: a section is written in its old one's place."""

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.__main__ import BENCHMARKS
from benchmarks.report import Row, Section, percentile


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
