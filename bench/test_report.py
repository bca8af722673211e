"""How large is a report, how long does it take to make, and how soon can one work with the page?

Made of 32, 320 and 3,200 made-up records in every format. A Chromium opens each page; without one its column is empty.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support import browser
from support.report_data import PATTERNS, matrix

from pytest_formfunc.option_specs import PICTURES, REPORT_FORMATS
from pytest_formfunc.report import charts
from pytest_formfunc.report.files import write_report

MOST_BYTES = 6_000_000
SIZES = (32, 320, 3200)
READY = "return { ready: view.performance.now(), drawn: page.documentElement.dataset.drawn };"


def made_up(rows):
    """Return results with so many accelerated records: patterns by two depths, two widths and two backends."""
    count = rows // 8
    names = [f"{PATTERNS[at % len(PATTERNS)]}{at // len(PATTERNS) or ''}" for at in range(count)]
    results = matrix(tuple(names), (2, 8), (16, 64))
    assert sum(not record.native for record in results.records.values()) == rows
    return results


@pytest.mark.parametrize("rows", SIZES)
def test_sizes_and_times(rows, tmp_path, capsys):
    """A page of any size is below six megabytes, and a browser draws it without an error."""
    results = made_up(rows)
    with capsys.disabled():
        print(f"\n{rows} records")
        for ending in (one for one in REPORT_FORMATS if one not in PICTURES or charts.are_possible()):
            folder = tmp_path / ending.strip(".")
            began = time.perf_counter()
            write_report(results, folder / f"out{ending}")
            seconds = time.perf_counter() - began
            size = sum(file.stat().st_size for file in folder.iterdir())
            print(f"  {ending:12} {size:>10,} bytes in {len([*folder.iterdir()])} files, {seconds:.1f} s")
            if ending == ".html":
                assert size < MOST_BYTES
                if browser.path() and charts.are_possible():
                    found = browser.look(folder / "out.html", tmp_path, READY)
                    print(f"  {'':12} drawn {found['ready']:.0f} ms after the browser began to load it")
                    assert found["problems"] == []
