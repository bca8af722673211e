"""What benches read from a run of the suite."""

import json
import math

from suite import claimed, read_records
from support.records import record

from pytest_formfunc.stats import Estimate

KEPT = Estimate(2.0, 1.9, 2.1, n=6)


def test_rows_that_claim_nothing_stay_in_the_count():
    """A contended row has no speedup, and one launch no interval."""
    rows = [
        record(0.001, case="right", speedup_memory_kept=KEPT),
        record(0.001, case="contended", speedup_memory_kept=None),
        record(0.001, case="once", speedup_memory_kept=Estimate(2.0, 0.0, math.inf, n=1)),
        record(0.001, case="right", backend="native", native=True, speedup_memory_kept=None),
    ]
    assert claimed(rows) == {"right on openvino": KEPT, "contended on openvino": None, "once on openvino": None}
    assert list(claimed(rows, "typical_s", native=True)) == ["right on native"]


def test_a_saved_run_is_read_as_its_records(tmp_path):
    rows = [record(0.001, speedup_memory_kept=KEPT), record(0.001, backend="native", native=True)]
    entries = [{"extra_info": {"formfunc": row.to_json()}} for row in rows]
    (tmp_path / "run.json").write_text(json.dumps({"benchmarks": entries}))
    found = read_records(tmp_path / "run.json")
    assert [one.backend for one in found] == ["openvino", "native"]
    assert found[0].speedup_memory_kept == KEPT
