import json
import math
from dataclasses import replace

import pytest
from support.records import record

from pytest_formfunc.errors import BadInput
from pytest_formfunc.records import BaselineRecord, Parity
from pytest_formfunc.stats import Estimate


def test_what_is_written_is_read_back():
    """All that a comparison needs survives JSON."""
    made = record(0.0025)
    read = BaselineRecord.from_json(json.loads(json.dumps(made.to_json())))
    for name in ("case", "backend", "native", "input_shape", "seed", "precision", "threads", "speedup", "samples"):
        assert getattr(read, name) == getattr(made, name)
    assert read.native_samples == made.native_samples


def test_figures_that_are_not_finite_are_null():
    """JSON has no infinity: a perfect parity and an open interval are null there."""
    made = replace(record(0.0025), parity=Parity(True, 0.0, math.inf, 1.0), speedup=Estimate(2.0, 0.0, math.inf))
    out = made.to_json()
    assert out["parity"]["sqnr_db"] is None
    assert out["speedup"]["high"] is None
    json.dumps(out, allow_nan=False)


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"schema": 2}, "has formfunc schema 2, this version reads 1"),
        ({"schema": None}, "has formfunc schema None"),
        ({"samples": []}, "damaged"),
        ({"samples": [[0.0]]}, "damaged"),
        ({"samples": "abc"}, "damaged"),
        ({"threads": "two"}, "damaged"),
        ({"host": 3}, "damaged"),
        ({"speedup": {"value": 1}}, "damaged"),
    ],
)
def test_a_damaged_record_is_refused_in_a_clause(change, clause):
    """Whatever is wrong inside, a sentence can be made of it."""
    with pytest.raises(BadInput, match=clause):
        BaselineRecord.from_json({**record(0.0025).to_json(), **change})
