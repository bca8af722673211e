"""One definition of a median and of every other quantile, in the whole package."""

import ast
import re
import statistics
from pathlib import Path

import numpy as np
import pytest

from pytest_formfunc.stats import median, quantile

PACKAGE = Path(__file__).parents[2] / "pytest_formfunc"
# Scripts that are handed to others, who need not have this package.
HANDED_ON = {"issue/script.py", "backends/reproduction.py"}


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9, 48])
def test_a_median_is_pythons_and_pytest_benchmarks_to_the_last_digit(count):
    """So is the quantile of one half; numpy's own would differ in the last digit now and then."""
    generator = np.random.default_rng(count)
    for _ in range(200):
        values = generator.lognormal(-6, 1, count).tolist()
        assert median(values) == quantile(values, 0.5) == statistics.median(values)


@pytest.mark.parametrize("q", [0.0, 0.1, 0.25, 0.9, 0.99, 1.0])
def test_the_other_quantiles_interpolate_between_neighbours(q):
    """Of five values 0 to 4 the quantile is 4 q: Hyndman and Fan's type 7."""
    assert quantile([4, 2, 0, 3, 1], q) == pytest.approx(4 * q)


def test_infinite_values_have_their_place():
    """Half-widths of open intervals are infinite, and fewer than half of them are no hindrance."""
    assert median([float("inf"), 1.0, 2.0]) == 2.0
    assert median([float("inf"), 1.0]) == float("inf")


def test_an_impossible_quantile_is_refused():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        quantile([1.0, 2.0], 1.5)


def own_medians(source):
    """Return the lines where a source takes a median of its own making: Python's, or the middle of a list."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "statistics":
            found += [node.lineno for alias in node.names if alias.name.startswith(("median", "quantiles"))]
        elif isinstance(node, ast.Attribute) and re.match("median_|percentile|nanpercentile", node.attr):
            found.append(node.lineno)
        elif isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            found += [node.lineno] * bool(re.search(r"// 2\b", ast.unparse(node.slice)))
    return found


@pytest.mark.parametrize(
    "source",
    [
        "from statistics import median_low", "from statistics import fmean, median", "np.percentile(x, 50)",
        "statistics.median_high(x)", "sorted(x)[len(x) // 2]", "x.sort()\nx[len(x) // 2]",
    ],
)  # fmt: skip
def test_a_median_of_its_own_making_is_seen(source):
    assert own_medians(source)


def test_no_module_has_a_median_of_its_own():
    """All take it from `pytest_formfunc.stats`."""
    found = {
        str(path.relative_to(PACKAGE)): lines
        for path in sorted(PACKAGE.rglob("*.py"))
        if (lines := own_medians(path.read_text(encoding="utf-8")))
    }
    assert {name: lines for name, lines in found.items() if name not in HANDED_ON} == {}
