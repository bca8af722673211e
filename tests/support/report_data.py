"""Results of a made-up run, for tests of reports: patterns over depths, widths and backends, with everything in them."""

from __future__ import annotations

import math
from dataclasses import replace

from pytest_formfunc.records.parts import Factor, ProcessRange, Verdict
from pytest_formfunc.results import Comparison, Results
from pytest_formfunc.stats import Estimate
from support.records import contended, native_record, record

PATTERNS = ("plain", "residual", "dense", "fire", "depthwise_separable", "attention")


def matrix(patterns=PATTERNS, depths=(2, 8), widths=(16, 64, 256), backends=("openvino", "onnxruntime"), compared=True):
    """Make results of a run of a matrix: one row in nine is contended; with verdicts if ``compared``."""
    results, number = Results(), 0
    for pattern_number, pattern in enumerate(patterns):
        for depth in depths:
            for width in widths:
                case = f"{pattern}-d{depth}-w{width}"
                form = {"kind": "pattern", "name": pattern, "depth": depth, "width": width}
                macs = int(9 * width * width * depth * 32 * 32 / (1 + pattern_number))
                common = {"case": case, "form": form, "cost": {"macs": macs}}
                native_s = 2e-4 * depth + macs / 4e10
                reuse = {"reuse": {"efficacy": 1 / (1 + width / 100), "touched_bytes": 4 * macs // 50 + 1}}
                native = native_record(native_s, **common)
                results.records[case, "native"] = replace(native, observations=reuse)
                for at, backend in enumerate(backends):
                    gain = (1.2 + 2.5 / (1 + pattern_number)) * (1 + 0.05 * math.log2(width)) / (1 + 0.5 * at)
                    made = record(native_s / gain, native_s, draw=number, backend=backend, **common)
                    made = replace(made, process_range=ProcessRange(gain * 0.9, gain * 1.1, 6), observations={
                        "roof": _roof(macs, native_s / gain), **reuse})  # fmt: skip
                    if compared:
                        made = replace(made, verdict=_verdict(made, number))
                    results.records[case, backend] = contended(made) if number % 9 == 4 else made
                    number += 1
    if compared:
        results.comparison = Comparison(title="main", false_alarm=0.01, asked=tuple(
            key for key, one in results.records.items() if not one.native))  # fmt: skip
    return results


def with_waterfall(results):
    """Give the first accelerated row the factors that its speedup is made of."""
    key = next(key for key, one in results.records.items() if not one.native)
    factors = (Factor("memory management", "native", "native with memory kept", Estimate(1.5, 1.4, 1.6)),)
    results.records[key] = replace(results.records[key], waterfall=factors)
    return results


def _roof(macs, seconds):
    def value(number):
        return {"value": number, "low": number * 0.97, "high": number * 1.03}

    intensity = 2 + 40 * (1 - math.exp(-macs / 1e8))
    roof = min(2e11, intensity * 2e10)
    return {
        "intensity": intensity, "achieved_flops": value(min(2 * macs / seconds, 0.9 * roof)), "peak_flops": value(2e11),
        "bandwidth": value(2e10), "bandwidth_inside": value(6e10), "share_of_roof": value(0.5),
    }  # fmt: skip


def _verdict(made, number):
    if number % 11 == 3:
        return Verdict("regressed", 0.1, Estimate(0.8, 0.76, 0.84), f"{made.title} lost 20% of its speedup")
    if number % 7 == 5:
        return Verdict("inconclusive", 0.1, Estimate(0.95, 0.82, 1.1), f"{made.title} may have lost")
    return Verdict("unchanged", 0.1, Estimate(1.0, 0.97, 1.03), f"{made.title} is as fast as it was")
