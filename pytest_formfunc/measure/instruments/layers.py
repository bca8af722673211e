"""The time of each layer, native and accelerated, as an engine reports it in calls of which no latency is taken."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from pytest_formfunc.errors import MeasurementError, one_line
from pytest_formfunc.function.layer_times import LayerCost, cost_of, matched_share, seconds_of
from pytest_formfunc.function.layers import Operator, Row, Step, match_both, short
from pytest_formfunc.function.program_operators import operators_of, sizes_of
from pytest_formfunc.measure.instruments.base import Instrument, Launches, Seen, Subject, as_json, mean_of, ratio_of
from pytest_formfunc.stats import median

SECONDS = 0.4  # of each launch, half of them with a profile
FEWEST_CALLS = 3
BLOCKS = 4  # of calls with a profile and without, in turn


class Layers(Instrument):
    """Profiles of engines, and native's exported program run operator by operator."""

    def observe(self, subject: Subject) -> Seen:
        """Return the seconds of each step, and of a call with a profile and without."""
        program, why_none = _program_of(subject)
        assert subject.profiler is not None
        profiler = subject.profiler(program)
        plain: list[int] = []
        profiled: list[int] = []
        profiler.call()
        for _ in range(BLOCKS):
            for calls, call in ((plain, subject.timer), (profiled, lambda: _timed(profiler.call))):
                end, before = time.perf_counter() + SECONDS / BLOCKS / 2, len(calls)
                while len(calls) - before < FEWEST_CALLS or time.perf_counter() < end:
                    calls.append(call())
        seen: Seen = {
            "source": profiler.source,
            "resolution_s": profiler.resolution_s,
            "call_s": median(plain) / 1e9,
            "profiled_s": median(profiled) / 1e9,
        }
        if subject.earlier is None:  # what is executed is the same in each launch
            seen["steps"] = [asdict(step) for step in profiler.steps()]
        seen["times_s"] = dict(profiler.times_s())
        if subject.earlier is None and program is not None:
            seen["operators"] = [asdict(one) for one in operators_of(program)]
            seen["sizes"] = sizes_of(program)
        if why_none:
            seen["no_program"] = why_none
        return seen

    def sum_up(self, launches: Launches) -> dict[str, Any]:
        """Return the layers with their seconds on both sides, and what is not in any."""
        first = launches.own[0]
        found: dict[str, Any] = {
            "source": first["source"],
            "resolution_s": first["resolution_s"],
            "call_s": _mean([one["call_s"] for one in launches.own]),
            "profiled_over_plain": as_json(
                ratio_of([math.log(one["profiled_s"] / one["call_s"]) for one in launches.own])
            ),
            "unattributed_s": _mean([one["call_s"] - sum(one["times_s"].values()) for one in launches.own]),
        }
        if "no_program" in first:
            found["no_program"] = first["no_program"]
        rows = _rows(first, launches.native[0] if launches.native else first)
        operators = [one for row in rows for one in row.operators]
        found["layers"] = [_layer(row, launches, operators, first.get("sizes", {})) for row in rows]
        if operators and launches.native:
            for side, seen, others in (("accelerated", launches.own, False), ("native", launches.native, True)):
                found[f"matched_{side}"] = fmean(matched_share(rows, one["times_s"], others=others) for one in seen)
        return found


def _program_of(subject: Subject) -> tuple[Any, str]:
    """Return the exported program, which the first launch leaves to the others, or None and why there is none."""
    import torch

    path = None if subject.folder is None else subject.folder / "layers.pt2"
    if path is not None and path.is_file():
        return torch.export.load(path), ""
    try:
        program = subject.build().program
    except Exception as error:  # noqa: BLE001 - exporters raise many kinds
        return None, f"there is no exported program ({one_line(error)})"
    if path is not None:
        torch.export.save(program, path)
    return program, ""


def _timed(call: Any) -> int:
    started = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - started


def _rows(seen: Seen, native: Seen) -> list[Row]:
    """Return the rows of a participant beside native; without a program, its steps."""
    steps = [_step(one) for one in seen["steps"]]
    if "operators" not in seen:
        return [Row([], [step]) for step in steps]
    return match_both([_operator(one) for one in seen["operators"]], steps, [_step(one) for one in native["steps"]])


def _operator(found: Mapping[str, Any]) -> Operator:
    return Operator(**{**found, "inputs": tuple(found["inputs"])})


def _step(found: Mapping[str, Any]) -> Step:
    return Step(**{**found, "operators": tuple(found["operators"])})


def _mean(values: Sequence[float]) -> dict[str, Any]:
    if len(values) < 2:
        raise MeasurementError("a single launch gives no interval")
    return as_json(mean_of(values))


def _of_roof(cost: LayerCost, known: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Return the share of a layer's time that the engine's peak and the bandwidth need for it, and which of the two."""
    roof, reuse = known.get("roof", {}), known.get("reuse", {})
    if "peak_flops" not in roof or seconds <= 0 or not (cost.macs or cost.moved_bytes):
        return {}
    inside = cost.moved_bytes <= reuse.get("cache_bytes", 0)
    needs = {
        "peak": 2 * cost.macs / roof["peak_flops"]["value"],
        "cache" if inside else "memory": (
            cost.moved_bytes / roof["bandwidth_inside" if inside else "bandwidth"]["value"]
        ),
    }
    bound_by = max(needs, key=lambda name: needs[name])
    return {"share_of_roof": needs[bound_by] / seconds, "bound_by": bound_by}


def _layer(row: Row, launches: Launches, operators: Sequence[Operator], sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return a row of the account."""
    cost = cost_of(row, operators, sizes)
    layer: dict[str, Any] = {
        "layer": row.label,
        "operators": [one.name for one in row.operators],
        "members": [f"{one.module}: {short(one.kind)}" for one in row.operators if not one.is_free],
        "macs": cost.macs,
        "moved_bytes": cost.moved_bytes,
    }
    names = [step.name for step in row.steps]
    own = [seconds_of(names, one["times_s"]) for one in launches.own]
    if row.steps:
        layer |= {
            "steps": names,
            "kernels": [step.kernel for step in row.steps],
            "precisions": sorted({step.precision for step in row.steps} - {""}),
            "layouts": sorted({step.layout for step in row.steps} - {""}),
            "seconds": _mean(own),
            "launches_s": own,
            **_of_roof(cost, launches.known, fmean(own)),
        }
        if not row.operators and row.steps[0].before:
            layer["before"] = row.steps[0].before
    if row.others and launches.native and not launches.is_native:
        natives = [seconds_of([step.name for step in row.others], one["times_s"]) for one in launches.native]
        layer["native_seconds"] = _mean(natives)
        pairs = list(zip(natives, own, strict=False))
        if row.steps and all(one > 0 and other > 0 for one, other in pairs):
            layer["speedup"] = as_json(ratio_of([math.log(one / other) for one, other in pairs]))
    return layer
