"""pytest-benchmark's tables are for tests of others, and for who asks for them; the numbers are saved either way."""

import pytest

from pytest_formfunc.plugin.benchmark_tables import NOTE

OTHER = """
def test_other(benchmark):
    benchmark(sum, range(100))
"""


@pytest.mark.engine
def test_rows_of_ours_are_left_out_and_those_of_others_stay(bench):
    bench.write("test_other.py", OTHER)
    wanted = ("--formfunc-patterns=plain", "--formfunc-depths=1", "--formfunc-widths=8", ".")
    outcome = bench.measure(*wanted, "--benchmark-json=out.json")
    assert outcome.code == 0, outcome.text
    table, _, report = outcome.text.partition("= formfunc =")
    assert "test_other" in table
    assert "plain-d1-w8" not in table
    assert NOTE in report
    saved = (bench.folder / "out.json").read_text()
    assert "test_form[plain-d1-w8-1x3x32x32-openvino]" in saved
    assert "test_other" in saved
    asked = bench.measure(*wanted, "--benchmark-columns=min", "-k", "plain")
    assert "plain-d1-w8" in asked.text.partition("= formfunc =")[0]
    assert NOTE not in asked.text


@pytest.mark.engine
def test_quietly_there_is_the_headline_alone(bench):
    outcome = bench.measure(
        "--formfunc-patterns=plain", "--formfunc-depths=1", "--formfunc-widths=8", "--formfunc-quiet", "-q"
    )
    assert outcome.code == 0, outcome.text
    lines = outcome.text.partition("= formfunc =")[2].splitlines()[1:-1]
    assert len([line for line in lines if line.strip()]) == 1, outcome.text
    assert "plain-d1-w8" in lines[0] or "claims no speedup" in lines[0]
