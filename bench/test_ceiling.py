"""How fast could MobileNet-V2 be on this machine? Its multiply-accumulates at the highest rate that the engine reaches.

The rate is that of the fastest call of dense forms with many channels, which keep every core's arithmetic units busy;
networks of many small layers stay far below it. FORMFUNC_CEILING_S sets the time for which each form is called (5 s).
To use two cores of a larger machine: ``taskset -c 0,1 pytest bench/test_ceiling.py``.
"""

from __future__ import annotations

import os
import time
from statistics import median

import pytest
from laboratory import Laboratory

from pytest_formfunc.backends import backend_entry
from pytest_formfunc.cases import architecture_case, pattern_case

SECONDS = float(os.environ.get("FORMFUNC_CEILING_S", "5"))
DENSE = [pattern_case("plain", 4, 256), pattern_case("pointwise", 8, 512), pattern_case("residual", 2, 256)]
NETWORK = architecture_case("mobilenet_v2")
CLAIM_MS = 2.4
ENGINES = [name for name in ("openvino", "openvino-int8") if backend_entry(name).why_not_installed() is None]


def calls_s(laboratory: Laboratory, case, prepared, engine: str) -> list[float]:
    """Return the seconds of each call, for as many calls as fit into the time."""
    from pytest_formfunc.measure.schedule import Turn

    found: list[float] = []
    with laboratory.worker(case, prepared, engine) as (worker, _):
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            found += worker.ask(Turn(1, 5)).calls_s
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_ceiling(engine, tmp_path, capsys):
    """No call of the network is faster than its multiply-accumulates at that rate; else it is not the highest rate."""
    laboratory = Laboratory(tmp_path, servers=1)
    try:
        rates = {}
        for case in DENSE:
            prepared = laboratory.prepare(case, ("native", engine))
            quickest = min(calls_s(laboratory, case, prepared, engine))
            rates[case.id] = prepared.cost["macs"] / quickest / 1e9
        prepared = laboratory.prepare(NETWORK, ("native", engine))
        calls = calls_s(laboratory, NETWORK, prepared, engine)
    finally:
        laboratory.close()
    best = max(rates.values())
    gmacs = prepared.cost["macs"] / 1e9
    least_ms = 1e3 * gmacs / best
    typical_ms, quickest_ms = 1e3 * median(calls), 1e3 * min(calls)
    with capsys.disabled():
        print(f"\nceiling: {engine}, {laboratory.threads} threads")
        for name, rate in rates.items():
            print(f"ceiling:   {name}: {rate:.0f} GMAC/s at best")
        print(
            f"ceiling:   {NETWORK.id}: {gmacs:.3f} GMAC, so at least {least_ms:.2f} ms at {best:.0f} GMAC/s; "
            f"measured {typical_ms:.2f} ms (median), {quickest_ms:.2f} ms (least), "
            f"{1e3 * gmacs / typical_ms:.0f} GMAC/s"
        )
        print(f"ceiling:   {CLAIM_MS} ms would take {1e3 * gmacs / CLAIM_MS:.0f} GMAC/s")
    assert quickest_ms > least_ms
