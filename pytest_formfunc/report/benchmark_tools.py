"""Speedups for tools that follow benchmarks over commits: Bencher, and github-action-benchmark."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from pytest_formfunc.records import Record
from pytest_formfunc.results import Results
from pytest_formfunc.text import printable


def render_bmf(results: Results) -> str:
    """Render Bencher Metric Format: for each row its speedup with its interval, and its latency in nanoseconds.

    Source: https://bencher.dev/docs/reference/bencher-metric-format/
    """
    found: dict[str, dict[str, Any]] = {}
    for record in _claimed(results):
        speedup = record.ranked_speedup
        assert speedup is not None
        measures = {"speedup": {"value": speedup.value, "lower_value": speedup.low, "upper_value": speedup.high}}
        if (typical := record.typical_s) is not None and math.isfinite(typical.high):
            ends = {"value": typical.value, "lower_value": typical.low, "upper_value": typical.high}
            measures["latency"] = {name: 1e9 * value for name, value in ends.items()}
        found[printable(record.title)] = measures
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def render_bigger(results: Results) -> str:
    """Render what github-action-benchmark reads as ``customBiggerIsBetter``: a speedup for each row.

    Source: https://github.com/benchmark-action/github-action-benchmark
    """
    found = []
    for record in _claimed(results):
        speedup = record.ranked_speedup
        assert speedup is not None
        found.append(
            {
                "name": printable(record.title),
                "unit": "x",
                "value": speedup.value,
                "range": f"{speedup.low:.4g} to {speedup.high:.4g}",
                "extra": f"over {record.native_engine}, {record.threads} threads, 95% interval",
            }
        )
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def _claimed(results: Results) -> Iterator[Record]:
    for record in results.records.values():
        if not record.native and record.ranked_speedup is not None and math.isfinite(record.ranked_speedup.high):
            yield record
